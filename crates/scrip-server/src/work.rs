//! What accounts ask of the chain, and how it is done.

use std::time::Duration;

use alloy::primitives::{Address, TxHash, U256};
use scrip::{Done, Error, PlanId, RequestId, Terms};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::chain::Actor;

/// Something that an account asks of the chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Work {
    CreatePlan { terms: Box<Terms>, salt: U256 },
    SetOpen { plan: PlanId, open: bool },
    Order { plan: PlanId, quantity: u32 },
    Mint { plan: PlanId, holder: Address, amount: u64, lifetime: Option<u64> },
    Burn { plan: PlanId, amount: u64 },
    Redeem { plan: PlanId, holder: Address, amount: u64, request: U256 },
}

/// What became of it: the transaction, and the event of the contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) transaction: TxHash,
    pub(crate) event: Value,
}

impl Work {
    /// Does it, by a client that does it once.
    pub(crate) async fn perform(self, actor: &Actor) -> Result<Outcome, Error> {
        match self {
            Self::CreatePlan { terms, salt } => outcome(actor.create_plan_with_salt(&terms, salt).await?),
            Self::SetOpen { plan, open } => outcome(actor.set_open(plan, open).await?),
            Self::Order { plan, quantity } => outcome(actor.order(plan).quantity(quantity).await?.ordered),
            Self::Mint { plan, holder, amount, lifetime: None } => {
                outcome(actor.mint(plan, holder, amount).await?)
            }
            Self::Mint { plan, holder, amount, lifetime: Some(seconds) } => {
                let lifetime = Duration::from_secs(seconds);
                outcome(actor.mint_expirable(plan, holder, amount, lifetime).await?)
            }
            Self::Burn { plan, amount } => outcome(actor.burn(plan, amount).await?),
            Self::Redeem { plan, holder, amount, request } => {
                outcome(actor.redeem(plan, holder, amount, RequestId(request)).await?)
            }
        }
    }
}

fn outcome<E: Serialize>(done: Done<E>) -> Result<Outcome, Error> {
    let event = serde_json::to_value(&done.event).map_err(|error| Error::Journal(error.into()))?;
    Ok(Outcome { transaction: done.receipt.transaction, event })
}
