//! A request of a batch, as it stands in the database.

use alloy::primitives::{Address, U256};
use scrip::{RequestId, Use};
use serde::{Deserialize, Serialize};

use crate::gateway::{journal::Owed, voucher::SessionOf};

/// A request of a batch. It stays in it, with what has become of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::gateway) struct Item {
    pub(super) id: String,
    pub(super) holder: Address,
    pub(super) credits: u64,
    /// What is added to the batch's base for its id on the chain.
    pub(super) number: i64,
    /// In which session it is redeemed, where the plan requires vouchers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) session: Option<U256>,
    /// None while it is owed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) became: Option<Became>,
}

/// What has become of what was owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Became {
    Redeemed,
    /// It could not be.
    Unpaid,
    /// It is in another batch, under the same number.
    Moved,
}

impl Item {
    pub(in crate::gateway) fn of(owed: &Owed, number: i64) -> Self {
        let Owed { id, holder, credits, session, .. } = owed;
        Self { id: id.clone(), holder: *holder, credits: *credits, number, session: *session, became: None }
    }

    pub(super) fn session(&self, redeemer: Address) -> Option<SessionOf> {
        self.session.map(|number| SessionOf { redeemer, number })
    }

    /// What the chain is told of it.
    pub(super) fn on_chain(&self, base: U256) -> Use {
        let number = U256::from(self.number.unsigned_abs());
        Use { holder: self.holder, amount: self.credits, request: RequestId(base + number) }
    }
}
