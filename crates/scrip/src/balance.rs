//! What a holder has.

use alloy::primitives::Address;
use serde::{Deserialize, Serialize};

use crate::{Grant, Plan, PlanId, Price};

/// What a holder has of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Balance {
    /// The plan.
    pub plan_id: PlanId,
    /// Its name.
    pub plan_name: String,
    /// What its orders give.
    pub plan_type: PlanType,
    /// The credits that can be spent now; on a time plan 1 while access lasts.
    pub balance: u128,
    /// Whether the balance is more than 0.
    pub is_subscriber: bool,
    /// The holder.
    pub holder_address: Address,
    /// The price of one credit, of one period of access or of one use, in base units of the plan's token, or in millionths of
    /// its currency; none where each order is quoted. For showing: it is rounded.
    pub price_per_credit: Option<f64>,
}

/// What a plan's orders give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlanType {
    /// Credits.
    Credits,
    /// Access for a time.
    Time,
}

impl Balance {
    pub(crate) fn new(plan: Plan, holder: Address, balance: u128) -> Self {
        let price = match plan.terms.price {
            Price::Free => Some(0),
            Price::Fixed { amount, .. } | Price::Fiat { amount, .. } | Price::PerUse { amount, .. } => {
                Some(amount)
            }
            Price::Quoted { .. } => None,
        };
        let (plan_type, credits) = match plan.terms.grant {
            // A plan paid per use grants none.
            Grant::Credits { amount, .. } => (PlanType::Credits, amount.max(1)),
            Grant::Time { .. } => (PlanType::Time, 1),
        };
        Self {
            plan_id: plan.id,
            plan_name: plan.terms.name,
            plan_type,
            balance,
            is_subscriber: balance > 0,
            holder_address: holder,
            price_per_credit: price.map(|price| price as f64 / credits as f64),
        }
    }
}
