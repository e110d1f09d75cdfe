# The other snippets of the reference's page ("Order payment plans"), in its order. Each stands as it does there, but for the
# keys, the environment, and the ids and addresses for which the page has words like "your-plan-id".
import os

from payments_py import Payments, PaymentOptions
from payments_py.common.types import PlanMetadata
from payments_py.plans import (
    get_erc20_price_config,
    get_fiat_price_config,
    get_fixed_credits_config,
)

builder = Payments.get_instance(
    PaymentOptions(nvm_api_key=os.environ["BUILDER_KEY"], environment="custom")
)
subscriber_address = os.environ["SUBSCRIBER_ADDRESS"]
your_plan_id = builder.plans.register_credits_plan(
    plan_metadata=PlanMetadata(name="Premium Plan"),
    price_config=get_erc20_price_config(20, os.environ["ERC20_TOKEN"], builder.account_address),
    credits_config=get_fixed_credits_config(100),
)["planId"]

fiat_plan_id = builder.plans.register_credits_plan(
    plan_metadata=PlanMetadata(name="Card Plan"),
    price_config=get_fiat_price_config(9_990_000, builder.account_address),
    credits_config=get_fixed_credits_config(100),
)["planId"]

# Check Plan Balance
from payments_py import Payments, PaymentOptions

payments = Payments.get_instance(
    PaymentOptions(nvm_api_key=os.environ["SUBSCRIBER_KEY"], environment="custom")
)

# Check balance for current user
balance = payments.plans.get_plan_balance(plan_id=your_plan_id)

print(f"Plan ID: {balance.plan_id}")
print(f"Plan Name: {balance.plan_name}")
print(f"Plan Type: {balance.plan_type}")
print(f"Balance: {balance.balance}")
print(f"Is Subscriber: {balance.is_subscriber}")
print(f"Price per Credit: {balance.price_per_credit}")
print(f"Holder Address: {balance.holder_address}")

# Check Balance for Another User
balance = payments.plans.get_plan_balance(
    plan_id=your_plan_id,
    account_address=os.environ["OTHER_ADDRESS"]
)
print(f"Other's: {balance.holder_address} {balance.balance}")

# Order with Crypto: order a plan (requires sufficient token balance)
result = payments.plans.order_plan(plan_id=your_plan_id)

print(f"Success: {result['success']}")
print(f"Order details: {result}")

# Order Fiat Plans: get Stripe checkout session
checkout = payments.plans.order_fiat_plan(plan_id=fiat_plan_id)

print(f"Checkout URL: {checkout['checkoutUrl']}")
print(f"Session ID: {checkout['sessionId']}")
print(f"Fiat plan: {fiat_plan_id}")

# Mint Credits (Plan Owners): mint credits to a user
payments = builder
result = payments.plans.mint_plan_credits(
    plan_id=your_plan_id,
    credits_amount=50,
    credits_receiver=subscriber_address
)

print(f"Minted: {result}")
balance = payments.plans.get_plan_balance(plan_id=your_plan_id, account_address=subscriber_address)
print(f"After the mint: {balance.balance}")

# Mint Expirable Credits
result = payments.plans.mint_plan_expirable(
    plan_id=your_plan_id,
    credits_amount=100,
    credits_receiver=subscriber_address,
    credits_duration=86400  # 1 day in seconds
)
print(f"Minted for a day: {result['success']}")
balance = payments.plans.get_plan_balance(plan_id=your_plan_id, account_address=subscriber_address)
print(f"After the expirable mint: {balance.balance}")

# Burn Credits (Plan Owners): the caller's own, so that the owner needs some
payments.plans.mint_plan_credits(
    plan_id=your_plan_id, credits_amount=10, credits_receiver=builder.account_address
)
result = payments.plans.burn_credits(
    plan_id=your_plan_id,
    credits_amount="10"
)

print(f"Burned: {result}")
balance = payments.plans.get_plan_balance(plan_id=your_plan_id)
print(f"The owner's after the burn: {balance.balance}")

# Redeem Credits
result = payments.plans.redeem_credits(
    agent_request_id="request-123",
    plan_id=your_plan_id,
    redeem_from=subscriber_address,
    credits_amount_to_redeem="5"
)
print(f"Redeemed: {result['success']}")
balance = payments.plans.get_plan_balance(plan_id=your_plan_id, account_address=subscriber_address)
print(f"After the redemption: {balance.balance}")
