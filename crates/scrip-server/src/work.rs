//! What accounts ask of the chain, and how it is done.

use std::time::Duration;

use alloy::primitives::{Address, B256, TxHash, U256, keccak256};
use scrip::{Did, Done, Error, Item, PlanId, Receipt, RequestId, Services, Terms};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    agent_page::AgentPage, card::CardWork, chain::Actor, gateway::Settlement, holds::Capture, limit::Charge,
    plan_page::PlanPage, problem::Problem, state::State, top_up::TopUp,
};

/// Something that an account asks of the chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Work {
    /// Create a plan; the one that is there if it is.
    CreatePlan(NewPlan),
    /// Register a service, and before it the plan that opens it, if there is one to be created.
    CreateAgent {
        plan: Option<NewPlan>,
        page: AgentPage,
        plans: Vec<PlanId>,
    },
    /// List one more plan that opens a service.
    Link {
        agent: Did,
        plan: PlanId,
    },
    /// Take a plan off that list.
    Unlink {
        agent: Did,
        plan: PlanId,
    },
    Order {
        plan: PlanId,
        quantity: u32,
        charge: Option<Charge>,
    },
    Mint {
        plan: PlanId,
        holder: Address,
        amount: u64,
        lifetime: Option<u64>,
    },
    Burn {
        plan: PlanId,
        amount: u64,
    },
    Redeem {
        plan: PlanId,
        holder: Address,
        amount: u64,
        request: U256,
    },
    /// Settle a reservation: see [`State::settle`].
    Capture(Capture),
    /// Order more of a plan under a delegation.
    TopUp(TopUp),
    /// Settle a payment by card, or take back, as Stripe tells.
    Card(CardWork),
    /// Redeem what the gateway has served.
    SettleBatch(Settlement),
}

/// Credits that work takes from a holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spending {
    pub(crate) plan: PlanId,
    pub(crate) holder: Address,
    pub(crate) credits: u64,
}

/// A plan to be created.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct NewPlan {
    pub(crate) terms: Box<Terms>,
    /// Sets it apart from others of the same terms; none for one of its own.
    pub(crate) salt: Option<U256>,
    pub(crate) page: PlanPage,
}

/// What became of it: the transaction, if one was needed, and the event of the contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) transaction: Option<TxHash>,
    pub(crate) event: Value,
    /// The block, of what takes credits.
    #[serde(default)]
    pub(crate) block: Option<u64>,
}

impl Work {
    /// The key of the plan that an operation creates on its way.
    pub(crate) fn plan_key(id: &str) -> String {
        format!("{id} plan")
    }

    /// What kind of work it is, in a word.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::CreatePlan(_) => "create_plan",
            Self::CreateAgent { .. } => "create_agent",
            Self::Link { .. } => "link",
            Self::Unlink { .. } => "unlink",
            Self::Order { .. } => "order",
            Self::Mint { .. } => "mint",
            Self::Burn { .. } => "burn",
            Self::Redeem { .. } => "redeem",
            Self::Capture(_) => "capture",
            Self::TopUp(_) => "top_up",
            Self::Card(_) => "card",
            Self::SettleBatch(_) => "settle_batch",
        }
    }

    /// What credits it takes, other than those that are reserved for it.
    pub(crate) const fn spending(&self, account: Address) -> Option<Spending> {
        match *self {
            Self::Burn { plan, amount } => Some(Spending { plan, holder: account, credits: amount }),
            Self::Redeem { plan, holder, amount, .. } => Some(Spending { plan, holder, credits: amount }),
            _ => None,
        }
    }

    /// What it spends of an account's limits.
    pub(crate) const fn charge(&self) -> Option<Charge> {
        match self {
            Self::Order { charge, .. } => *charge,
            Self::TopUp(top_up) => Some(Charge { key: None, cents: top_up.cents }),
            _ => None,
        }
    }

    /// Does it, by a client that does it once. `id` is the operation's; each step of several has a key of its own.
    pub(crate) async fn perform(self, state: &State, actor: &Actor, id: &str) -> Result<Outcome, Failure> {
        let once = actor.once(id);
        Ok(match self {
            Self::CreatePlan(plan) => plan.create(state, actor, id).await?,
            Self::CreateAgent { plan, page, mut plans } => {
                if let Some(plan) = plan {
                    let created = plan.create(state, actor, &Self::plan_key(id)).await?;
                    plans.push(created_plan(&created)?);
                }
                let services = Services::connect(&once).await?;
                let (seed, owner) = (word(id), actor.signer());
                let agent = services.did(owner, seed);
                state.keep_agent_page(agent, owner, &page).await?;
                let created = services.create(seed, "", plans.iter().copied()).await?;
                state.list_agent(agent, owner, &plans, created.receipt).await;
                let event = json!({ "agent": agent, "plans": plans });
                Outcome { transaction: Some(created.receipt.transaction), event, block: None }
            }
            Self::Link { agent, plan } => {
                let done = Services::connect(&once).await?.add_plan(agent, plan).await?;
                state.list_link(agent, plan, true, done.receipt).await;
                outcome(done)?
            }
            Self::Unlink { agent, plan } => {
                let done = Services::connect(&once).await?.remove_plan(agent, plan).await?;
                state.list_link(agent, plan, false, done.receipt).await;
                outcome(done)?
            }
            Self::Order { plan, quantity, .. } => {
                let item = Item { quantity, ..Item::new(plan, actor.signer()) };
                let mut order = once.order(plan).quantity(quantity);
                let kept = state.chain.keep_gas(actor.signer(), &item, id).await?;
                if let Some((_turn, price)) = &kept {
                    // A contract may quote one price to who looks, and another to who orders.
                    order = order.at_most(*price);
                }
                let ordered = order.await?.ordered;
                state.list_order(plan, actor.signer(), ordered.receipt).await;
                outcome(ordered)?
            }
            Self::Mint { plan, holder, amount, lifetime: None } => {
                outcome(once.mint(plan, holder, amount).await?)?
            }
            Self::Mint { plan, holder, amount, lifetime: Some(seconds) } => {
                let lifetime = Duration::from_secs(seconds);
                outcome(once.mint_expirable(plan, holder, amount, lifetime).await?)?
            }
            Self::Burn { plan, amount } => outcome(once.burn(plan, amount).await?)?,
            Self::Redeem { plan, holder, amount, request } => {
                outcome(once.redeem(plan, holder, amount, RequestId(request)).await?)?
            }
            Self::Capture(capture) => state.capture(actor, id, capture).await?,
            Self::TopUp(top_up) => state.top_up(&once, id, top_up).await?,
            Self::Card(work) => state.card_step(&once, work).await?,
            Self::SettleBatch(settlement) => state.redeem_batch(actor, id, settlement).await?,
        })
    }
}

impl NewPlan {
    async fn create(self, state: &State, actor: &Actor, id: &str) -> Result<Outcome, Failure> {
        let salt = self.salt.unwrap_or_else(|| word(id).into());
        let owner = actor.signer();
        let plan = actor.plan_id(owner, &self.terms, salt).await?;
        // Before the plan is there, so that it is never without.
        state.keep_plan_page(plan, owner, &self.page).await?;
        let transaction = match actor.once(id).create_plan_with_salt(&self.terms, salt).await {
            Ok(created) => {
                state.list_plan(plan, owner, &self.terms, created.receipt).await;
                Some(created.receipt.transaction)
            }
            // What was asked for is there: an id commits to who created it, and to all of its terms.
            Err(error) if is_there(&error) => None,
            Err(error) => return Err(error.into()),
        };
        Ok(Outcome { transaction, event: json!({ "plan": plan, "owner": owner }), block: None })
    }
}

/// Why work was not done.
#[derive(Debug)]
pub(crate) enum Failure {
    /// By the client of the chain.
    Chain(Error),
    /// By the database.
    Here(Problem),
    /// What was signed may still come to be, or has, and this says nothing of it.
    Begun(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Chain(error)
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Here(problem)
    }
}

fn is_there(error: &Error) -> bool {
    matches!(error.refusal(), Some(scrip::abi::IScrip::IScripErrors::PlanExists(_)))
}

/// The plan of [`Work::CreatePlan`].
pub(crate) fn created_plan(outcome: &Outcome) -> Result<PlanId, Problem> {
    serde_json::from_value(outcome.event["plan"].clone()).map_err(|error| Problem::internal(&error))
}

/// A number of its own for each operation.
fn word(id: &str) -> B256 {
    keccak256(id)
}

pub(crate) fn outcome<E: Serialize>(done: Done<E>) -> Result<Outcome, Problem> {
    let event = serde_json::to_value(&done.event).map_err(|error| Problem::internal(&error))?;
    let Receipt { transaction, block, .. } = done.receipt;
    Ok(Outcome { transaction: Some(transaction), event, block: Some(block) })
}
