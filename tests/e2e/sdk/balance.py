# What the subscriber has of a plan, by the SDK.
import os

from payments_py import Payments, PaymentOptions

payments = Payments.get_instance(
    PaymentOptions(nvm_api_key=os.environ["SUBSCRIBER_KEY"], environment="custom")
)
balance = payments.plans.get_plan_balance(plan_id=os.environ["PLAN"])
print(f"{balance.plan_name}: {balance.balance} {balance.is_subscriber}")
