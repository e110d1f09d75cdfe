# A seller verifies and settles with the SDK; a buyer delegates, so that more is bought when there are too few credits. It
# prints what both see, one line a fact.
import os

from payments_py import Payments, PaymentOptions
from payments_py.common.payments_error import PaymentsError
from payments_py.x402.helpers import build_payment_required
from payments_py.x402.types import CreateDelegationPayload, DelegationConfig, X402TokenOptions

PLAN = os.environ["PLAN"]


def payments(key):
    return Payments.get_instance(PaymentOptions(nvm_api_key=os.environ[key], environment="custom"))


buyer, seller = payments("SUBSCRIBER_KEY"), payments("BUILDER_KEY")
offer = build_payment_required(plan_id=PLAN, endpoint="/ask", http_verb="POST")


def refused(call):
    try:
        call()
    except PaymentsError as error:
        return error.code
    return "not refused"


def verify(token, credits):
    return seller.facilitator.verify_permissions(offer, token, str(credits))


def settle(token, credits, request=None):
    return seller.facilitator.settle_permissions(offer, token, str(credits), request)


wallet = buyer.delegation.list_payment_methods(provider="erc4337")[0]
print(f"Wallet: {wallet.type}, {wallet.brand}, mine: {wallet.id.lower() == buyer.account_address.lower()}")
delegation = buyer.delegation.create_delegation(
    CreateDelegationPayload(provider="erc4337", spending_limit_cents=4_500, duration_secs=3_600, currency="usdc")
)
options = X402TokenOptions(delegation_config=DelegationConfig(delegation_id=delegation.delegation_id))
token = buyer.x402.get_x402_access_token(PLAN, token_options=options)
print(f"Token of version {token['tokenVersion']}")
token = token["accessToken"]

verified = verify(token, 60)
print(f"Verified: {verified.is_valid}, payer is the buyer: {verified.payer.lower() == buyer.account_address.lower()}")
settled = settle(token, 60, verified.agent_request_id)
print(f"Settled: {settled.success}, {settled.credits_redeemed} credits, {settled.remaining_balance} left")
again = settle(token, 60, verified.agent_request_id)
print(f"Again: {again == settled}")
settled = settle(token, 90)
print(f"Topped up: {bool(settled.order_tx)}, {settled.remaining_balance} left")
print(f"Beyond the limit: {refused(lambda: verify(token, 51))}")
listed = buyer.delegation.list_delegations()[0]
print(f"Spent: {listed.spent_cents} of {listed.spending_limit_cents} cents, {listed.status}")
print(f"Forged: {refused(lambda: verify(token[:-8] + 'AAAAAAAA', 1))}")

single = X402TokenOptions(token_version=3, resource="/ask", http_verb="POST")
single = buyer.x402.get_x402_access_token(PLAN, token_options=single)
print(f"Token of version {single['tokenVersion']}")
verified = verify(single["accessToken"], 1)
print(f"Twice: {refused(lambda: verify(single['accessToken'], 1))}")
settle(single["accessToken"], 1, verified.agent_request_id)
print(f"Spent: {refused(lambda: settle(single['accessToken'], 1))}")
print(f"Balance: {buyer.plans.get_plan_balance(PLAN).balance}")
