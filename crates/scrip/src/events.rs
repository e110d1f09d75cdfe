//! What happened on chain, typed.

use alloy::primitives::{Address, U256};
use serde::{Deserialize, Serialize};

use crate::{Permissions, PlanId, RequestId, abi::IScrip, client::some_time};

/// A plan was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Created {
    /// The plan.
    pub plan: PlanId,
    /// Who created and owns it.
    pub owner: Address,
}

/// Orders of a plan were stopped or restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenSet {
    /// The plan.
    pub plan: PlanId,
    /// Whether it can be ordered now.
    pub open: bool,
}

/// The ownership of a plan was offered, or an offer taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnershipOffered {
    /// The plan.
    pub plan: PlanId,
    /// Who owns it still.
    pub owner: Address,
    /// Who may accept; nobody when an offer was taken back.
    pub pending_owner: Option<Address>,
}

/// The ownership of a plan was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnershipAccepted {
    /// The plan.
    pub plan: PlanId,
    /// Who owned it.
    pub former_owner: Address,
    /// Who owns it now.
    pub owner: Address,
}

/// An operator's permissions were set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorSet {
    /// The plan.
    pub plan: PlanId,
    /// The operator.
    pub operator: Address,
    /// What it may do now.
    pub permissions: Permissions,
}

/// A plan was ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ordered {
    /// The plan.
    pub plan: PlanId,
    /// Who paid.
    pub payer: Address,
    /// Who got the grant.
    pub holder: Address,
    /// How many orders at once.
    pub quantity: u32,
    /// The token of the price; zero for the native coin and for nothing.
    pub token: Address,
    /// What was paid in all, in base units of the token.
    pub paid: U256,
    /// The credits granted; 0 on a time plan.
    pub credits: u64,
    /// When they expire, if they do; on a time plan the new end of access. In unix seconds.
    pub expiry: Option<u64>,
}

/// Credits, or periods of access, were minted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Minted {
    /// The plan.
    pub plan: PlanId,
    /// Who got them.
    pub holder: Address,
    /// How many.
    pub amount: u64,
    /// When they expire, if they do; on a time plan the new end of access. In unix seconds.
    pub expiry: Option<u64>,
}

/// Credits, or periods of access, were burned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Burned {
    /// The plan.
    pub plan: PlanId,
    /// Whose they were.
    pub holder: Address,
    /// Who burned them.
    pub burner: Address,
    /// How many.
    pub amount: u64,
}

/// Credits were redeemed. On a time plan nothing was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redeemed {
    /// The plan.
    pub plan: PlanId,
    /// Whose they were.
    pub holder: Address,
    /// Who redeemed them.
    pub redeemer: Address,
    /// How many.
    pub amount: u64,
    /// For which request; none when redeemed without an id.
    pub request: Option<RequestId>,
}

impl From<IScrip::PlanCreated> for Created {
    fn from(event: IScrip::PlanCreated) -> Self {
        Self { plan: PlanId(event.planId), owner: event.owner }
    }
}

impl From<IScrip::OpenSet> for OpenSet {
    fn from(event: IScrip::OpenSet) -> Self {
        Self { plan: PlanId(event.planId), open: event.open }
    }
}

impl From<IScrip::OwnershipOffered> for OwnershipOffered {
    fn from(event: IScrip::OwnershipOffered) -> Self {
        let pending_owner = (!event.pendingOwner.is_zero()).then_some(event.pendingOwner);
        Self { plan: PlanId(event.planId), owner: event.owner, pending_owner }
    }
}

impl From<IScrip::OwnershipAccepted> for OwnershipAccepted {
    fn from(event: IScrip::OwnershipAccepted) -> Self {
        Self { plan: PlanId(event.planId), former_owner: event.formerOwner, owner: event.owner }
    }
}

impl From<IScrip::OperatorSet> for OperatorSet {
    fn from(event: IScrip::OperatorSet) -> Self {
        let permissions = Permissions::from_bits(event.permissions);
        Self { plan: PlanId(event.planId), operator: event.operator, permissions }
    }
}

impl From<IScrip::PlanOrdered> for Ordered {
    fn from(event: IScrip::PlanOrdered) -> Self {
        Self {
            plan: PlanId(event.planId),
            payer: event.payer,
            holder: event.holder,
            quantity: event.quantity,
            token: event.token,
            paid: event.paid,
            credits: event.credits,
            expiry: some_time(event.expiry.to()),
        }
    }
}

impl From<IScrip::CreditsMinted> for Minted {
    fn from(event: IScrip::CreditsMinted) -> Self {
        let expiry = some_time(event.expiry.to());
        Self { plan: PlanId(event.planId), holder: event.holder, amount: event.amount, expiry }
    }
}

impl From<IScrip::CreditsBurned> for Burned {
    fn from(event: IScrip::CreditsBurned) -> Self {
        Self { plan: PlanId(event.planId), holder: event.holder, burner: event.burner, amount: event.amount }
    }
}

impl From<IScrip::CreditsRedeemed> for Redeemed {
    fn from(event: IScrip::CreditsRedeemed) -> Self {
        Self {
            plan: PlanId(event.planId),
            holder: event.holder,
            redeemer: event.redeemer,
            amount: event.amount,
            request: Some(RequestId(event.requestId)),
        }
    }
}

impl From<IScrip::CreditsRedeemedWithoutId> for Redeemed {
    fn from(event: IScrip::CreditsRedeemedWithoutId) -> Self {
        Self {
            plan: PlanId(event.planId),
            holder: event.holder,
            redeemer: event.redeemer,
            amount: event.amount,
            request: None,
        }
    }
}
