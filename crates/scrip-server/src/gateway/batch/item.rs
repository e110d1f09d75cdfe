//! What a batch has, as it stands in the database.

use alloy::primitives::{Address, U256};
use scrip::{PlanId, RequestId, Use};
use serde::{Deserialize, Serialize};
use sqlx::Row;

use crate::{
    gateway::{
        journal::{Holding, Owed},
        voucher::SessionOf,
    },
    problem::Problem,
    state::State,
};

/// A request of a batch. It stays in it, with what has become of it; where that is of none, it is redeemed once the batch is done.
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

/// A batch that is open, as it was read. Whoever changes what it has begins another attempt.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) id: String,
    pub(super) plan: PlanId,
    pub(super) redeemer: Address,
    base: U256,
    pub(super) attempt: i64,
    pub(super) items: Vec<Item>,
}

impl Item {
    pub(in crate::gateway) fn of(owed: &Owed, number: i64) -> Self {
        let Owed { id, holder, credits, session, .. } = owed;
        Self { id: id.clone(), holder: *holder, credits: *credits, number, session: *session, became: None }
    }
}

impl Open {
    /// What of it is owed.
    pub(super) fn owed(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| item.became.is_none())
    }

    pub(super) const fn holding(&self, item: &Item) -> Holding {
        Holding { plan: self.plan, holder: item.holder }
    }

    pub(super) fn session(&self, item: &Item) -> Option<SessionOf> {
        item.session.map(|number| SessionOf { redeemer: self.redeemer, number })
    }

    /// What the chain is told of a request.
    pub(super) fn on_chain(&self, item: &Item) -> Use {
        let number = U256::from(item.number.unsigned_abs());
        Use { holder: item.holder, amount: item.credits, request: RequestId(self.base + number) }
    }
}

impl State {
    /// A batch, if it is open.
    pub(super) async fn open_batch(&self, id: &str) -> Result<Option<Open>, Problem> {
        let row = sqlx::query(
            "SELECT plan, redeemer, base, attempts, items FROM gateway_batches WHERE id = $1 AND status = 'open'",
        )
        .bind(id)
        .fetch_optional(&self.db)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let [plan, redeemer, base, items]: [String; 4] =
            [row.try_get(0)?, row.try_get(1)?, row.try_get(2)?, row.try_get(4)?];
        Ok(Some(Open {
            id: id.to_owned(),
            plan: plan.parse()?,
            redeemer: redeemer.parse().map_err(|error| Problem::internal(&error))?,
            base: base.parse().map_err(|error| Problem::internal(&error))?,
            attempt: row.try_get(3)?,
            items: read(&items)?,
        }))
    }
}

pub(super) fn read(items: &str) -> Result<Vec<Item>, Problem> {
    serde_json::from_str(items).map_err(|error| Problem::internal(&error))
}

pub(in crate::gateway) fn written(items: &[Item]) -> Result<String, Problem> {
    serde_json::to_string(items).map_err(|error| Problem::internal(&error))
}
