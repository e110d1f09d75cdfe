# The SDK's lists: plans and agents of the caller, agents of a plan, plans of an agent.
import os

from payments_py import Payments, PaymentOptions
from payments_py.common.payments_error import PaymentsError
from payments_py.common.types import AgentAPIAttributes, AgentMetadata, PaginationOptions, PlanMetadata
from payments_py.plans import get_erc20_price_config, get_fixed_credits_config


def of(key):
    return Payments.get_instance(PaymentOptions(nvm_api_key=os.environ[key], environment="custom"))


def names(listed, of):
    return [one["metadata"]["main"]["name"] for one in listed[of]]


builder, subscriber = of("BUILDER_KEY"), of("SUBSCRIBER_KEY")
first, _ = [
    builder.plans.register_credits_plan(
        plan_metadata=PlanMetadata(name=name),
        price_config=get_erc20_price_config(20, os.environ["ERC20_TOKEN"], builder.account_address),
        credits_config=get_fixed_credits_config(100),
    )["planId"]
    for name in ("First", "Second")
]
agent = builder.agents.register_agent(
    agent_metadata=AgentMetadata(name="Agent"), agent_api=AgentAPIAttributes(endpoints=[]), payment_plans=[first]
)["agentId"]

listed = builder.plans.get_user_plans()
print(listed["total"], listed["page"], listed["offset"], names(listed, "plans"))
listed = builder.plans.get_user_plans(pagination=PaginationOptions(page=2, offset=1, sort_by="created"))
print(listed["total"], listed["page"], listed["offset"], names(listed, "plans"))
listed = subscriber.plans.get_user_plans()
print(listed["total"], names(listed, "plans"))
listed = builder.agents.get_user_agents()
print(listed["total"], names(listed, "agents"))
listed = subscriber.plans.get_agents_associated_to_plan(first)
print(listed["total"], names(listed, "agents"))
listed = subscriber.agents.get_agent_plans(agent)
print(listed["total"], names(listed, "plans"))
try:
    subscriber.plans.get_agents_associated_to_plan("11111")
except PaymentsError as error:
    print("Plan not found:", "BCK.PROTOCOL.0003" in str(error))
