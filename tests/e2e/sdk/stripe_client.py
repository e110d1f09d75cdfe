# Stripe's own library asks the stand-in what the server asks Stripe, and reads what it answers.
import os

import stripe

stripe.api_key = "sk_test_stand_in"
stripe.api_base = os.environ["STRIPE_API_BASE"]
stripe.max_network_retries = 0

asked = dict(
    mode="payment",
    client_reference_id="p",
    success_url="https://example.com",
    line_items=[
        {
            "quantity": 1,
            "price_data": {
                "currency": "usd",
                "unit_amount": 500,
                "product_data": {"name": "Plan"},
            },
        }
    ],
)
opened = stripe.checkout.Session.create(**asked, idempotency_key="k")
again = stripe.checkout.Session.create(**asked, idempotency_key="k")
print(f"Opened: {opened.status} {opened.amount_total} {opened.currency}, the same again: {opened.id == again.id}")
try:
    stripe.checkout.Session.create(**{**asked, "client_reference_id": "q"}, idempotency_key="k")
except stripe.IdempotencyError as error:
    print(f"Another under that key: {error.http_status}")
try:
    stripe.checkout.Session.create(**asked, surprise="1")
except stripe.InvalidRequestError as error:
    print(f"With a surprise: {error.user_message}")
try:
    stripe.checkout.Session.retrieve("cs_none")
except stripe.InvalidRequestError as error:
    print(f"None: {error.http_status}")

session = stripe.checkout.Session.retrieve(
    os.environ["SESSION"], expand=["payment_intent.latest_charge"]
)
charge = session.payment_intent.latest_charge
print(f"Session: {session.status} {session.payment_status}, charged {charge.amount}, refunded {charge.amount_refunded}")
disputes = stripe.Dispute.list(payment_intent=session.payment_intent.id)
print(f"Disputes: {[dispute.status for dispute in disputes.auto_paging_iter()]}")
refund = stripe.Refund.create(payment_intent=session.payment_intent.id, idempotency_key="r")
print(f"Refund: {refund.status} {refund.amount}")
try:
    stripe.Refund.create(payment_intent=session.payment_intent.id)
except stripe.InvalidRequestError as error:
    print(f"Once more: {error.user_message}")

account = stripe.Account.create(
    type="express",
    email="b@example.com",
    country="ES",
    capabilities={"card_payments": {"requested": True}, "transfers": {"requested": True}},
)
link = stripe.AccountLink.create(
    account=account.id,
    return_url="https://example.com",
    refresh_url="https://example.com",
    type="account_onboarding",
)
print(f"Account: {account.type} {account.country}, {link.expires_at - link.created} s")
