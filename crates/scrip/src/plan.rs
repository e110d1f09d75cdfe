//! Plans as the chain holds them.

use alloy::primitives::Address;
use serde::{Deserialize, Serialize};

use crate::{Error, PlanId, Result, Terms, abi::IScrip};

/// A plan: its terms, and what may change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Its id.
    pub id: PlanId,
    /// Who owns it.
    pub owner: Address,
    /// Who may accept its ownership.
    pub pending_owner: Option<Address>,
    /// Whether it can be ordered.
    pub open: bool,
    /// Orders so far; counted only where the terms limit orders in all.
    pub ordered: u32,
    /// Its terms.
    pub terms: Terms,
}

impl Plan {
    pub(crate) fn new(id: PlanId, plan: IScrip::Plan) -> Result<Self, Error> {
        Ok(Self {
            id,
            owner: plan.owner,
            pending_owner: (!plan.pendingOwner.is_zero()).then_some(plan.pendingOwner),
            open: plan.open,
            ordered: plan.ordered,
            terms: plan.terms.try_into()?,
        })
    }
}

/// An amount of credits with one expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Lot {
    /// The credits left in it.
    pub amount: u64,
    /// The first second in which they are gone, in unix time; none when they never expire.
    pub expiry: Option<u64>,
}

/// What an operator may do for a plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Permissions {
    /// Give credits.
    pub mint: bool,
    /// Redeem, where the terms let operators redeem.
    pub redeem: bool,
    /// Settle fiat payments, and take them back.
    pub settle: bool,
}

impl Permissions {
    const MINT: u8 = 1;
    const REDEEM: u8 = 2;
    const SETTLE: u8 = 4;

    /// May do nothing.
    pub const NONE: Self = Self { mint: false, redeem: false, settle: false };

    pub(crate) fn bits(self) -> u8 {
        let bit = |set, bit| if set { bit } else { 0 };
        bit(self.mint, Self::MINT) | bit(self.redeem, Self::REDEEM) | bit(self.settle, Self::SETTLE)
    }

    pub(crate) fn from_bits(bits: u8) -> Self {
        Self {
            mint: bits & Self::MINT != 0,
            redeem: bits & Self::REDEEM != 0,
            settle: bits & Self::SETTLE != 0,
        }
    }
}
