//! Limits: what an account, and each of its API keys, may spend on an order and within a day.
//!
//! They are counted in cents, of dollars and euros alike, over the operations of the last 24 hours that have not failed, in the
//! transaction that takes the next one down: nothing is signed before. What is sold for something that nobody here knows the
//! worth of is not ordered under a limit.

use alloy::primitives::{Address, B256};
use scrip::PlanId;
use serde::{Deserialize, Serialize};
use sqlx::{AnyConnection, Row, any::AnyRow};
use utoipa::ToSchema;

use crate::{
    account::{as_i64, as_u64},
    auth::Caller,
    problem::{Problem, ProblemKind},
    state::State,
    writing::Writing,
};

/// A day, in seconds.
const DAY: i64 = 86_400;

/// What may be spent; as much as there is where nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Limits {
    /// The most that one order may cost, in cents of a dollar or a euro.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>, maximum = 4_294_967_295_u32)]
    per_order_cents: Option<u32>,
    /// The most that is spent within 24 hours, in cents of dollars and euros together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>, maximum = 4_294_967_295_u32)]
    per_day_cents: Option<u32>,
}

/// What an operation spends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Charge {
    /// By which API key; none of what was delegated.
    pub(crate) key: Option<B256>,
    pub(crate) cents: u64,
}

impl Limits {
    pub(crate) const fn is_none(&self) -> bool {
        self.per_order_cents.is_none() && self.per_day_cents.is_none()
    }

    /// As the database has them in two columns, the order's first.
    pub(crate) fn read(row: &AnyRow, column: usize) -> Result<Self, sqlx::Error> {
        let cents = |column| -> Result<Option<u32>, sqlx::Error> {
            let cents: Option<i64> = row.try_get(column)?;
            Ok(cents.map(|cents| cents.clamp(0, u32::MAX.into()) as u32))
        };
        Ok(Self { per_order_cents: cents(column)?, per_day_cents: cents(column + 1)? })
    }

    /// As the database takes them: of an order, and of a day.
    pub(crate) fn columns(&self) -> (Option<i64>, Option<i64>) {
        (self.per_order_cents.map(i64::from), self.per_day_cents.map(i64::from))
    }

    /// Why an operation of so many cents is beyond them, `whose` has spent so many within a day.
    fn check(&self, whose: &str, cents: u64, spent: u64) -> Result<(), Problem> {
        let beyond = |detail| Err(ProblemKind::BEYOND_LIMIT.problem(detail));
        if let Some(most) = self.per_order_cents.filter(|&most| cents > most.into()) {
            return beyond(format!("the order costs {cents} cents, and {whose} may spend {most} on one"));
        }
        if let Some(most) = self.per_day_cents.filter(|&most| spent.saturating_add(cents) > most.into()) {
            return beyond(format!(
                "the order costs {cents} cents, and {whose} has spent {spent} of the {most} of 24 hours"
            ));
        }
        Ok(())
    }
}

async fn of(db: &mut AnyConnection, table: &str, subject: (&str, String)) -> Result<Limits, Problem> {
    let (column, subject) = subject;
    let limits = format!("SELECT per_order_cents, per_day_cents FROM {table} WHERE {column} = $1");
    let row = sqlx::query(sqlx::AssertSqlSafe(limits)).bind(subject).fetch_optional(db).await?;
    Ok(row.map(|row| Limits::read(&row, 0)).transpose()?.unwrap_or_default())
}

impl State {
    /// The limits of a key.
    pub(crate) async fn key_limits(&self, key: B256) -> Result<Limits, Problem> {
        of(&mut *self.db.acquire().await?, "api_keys", ("id", key.to_string())).await
    }

    /// Makes sure that a key has no limits, for they would not be those of what it makes.
    pub(crate) async fn check_unlimited(&self, caller: &Caller, makes: &str) -> Result<(), Problem> {
        if self.key_limits(caller.key).await?.is_none() {
            return Ok(());
        }
        Err(ProblemKind::OUT_OF_SCOPE
            .problem(format!("this API key has limits to what it spends, and makes no {makes}"))
            .hint("use a key of the account without limits"))
    }

    /// Changes an account's limits; whether there is one.
    pub(crate) async fn set_limits(&self, account: Address, limits: Limits) -> Result<bool, Problem> {
        let (per_order, per_day) = limits.columns();
        let set =
            sqlx::query("UPDATE accounts SET per_order_cents = $1, per_day_cents = $2 WHERE address = $3")
                .bind(per_order)
                .bind(per_day)
                .bind(account.to_string())
                .execute(&mut *self.in_turn().await?)
                .await?;
        Ok(set.rows_affected() == 1)
    }

    /// What an order is counted as, where there are limits to it.
    pub(crate) async fn charge(
        &self,
        caller: &Caller,
        plan: PlanId,
        quantity: u32,
    ) -> Result<Option<Charge>, Problem> {
        let account = self.account_limits(caller.account).await?;
        if account.is_none() && self.key_limits(caller.key).await?.is_none() {
            return Ok(None);
        }
        let terms = self.chain.terms(plan).await?;
        let cents = self.cents(&terms, quantity, &["USD", "EUR"]).await?.map_err(|detail| {
            ProblemKind::BEYOND_LIMIT
                .problem(detail)
                .hint("under a limit, order plans of a fixed price in a token of dollars or euros")
        })?;
        Ok(Some(Charge { key: Some(caller.key), cents }))
    }

    pub(crate) async fn account_limits(&self, account: Address) -> Result<Limits, Problem> {
        of(&mut *self.db.acquire().await?, "accounts", ("address", account.to_string())).await
    }

    /// Begins a transaction in which it is to be taken down that an account spends.
    pub(crate) async fn begin_charging(
        &self,
        account: Address,
        charge: Charge,
    ) -> Result<Writing<'static>, Problem> {
        let mut db = self.write().await?;
        let address = account.to_string();
        // Whoever spends for this account waits until this is over.
        sqlx::query("UPDATE accounts SET name = name WHERE address = $1")
            .bind(&address)
            .execute(&mut *db)
            .await?;
        let since = self.now_i64() - DAY;
        let limits = of(&mut db, "accounts", ("address", address.clone())).await?;
        if !limits.is_none() {
            let spent = spent(&mut db, "account", address, since).await?;
            limits.check(&format!("account {account}"), charge.cents, spent)?;
        }
        if let Some(key) = charge.key {
            let limits = of(&mut db, "api_keys", ("id", key.to_string())).await?;
            let spent = spent(&mut db, "api_key", key.to_string(), since).await?;
            limits.check("this API key", charge.cents, spent)?;
        }
        Ok(db)
    }
}

/// The cents that were spent, and are being spent, since a time.
async fn spent(db: &mut AnyConnection, column: &str, of: String, since: i64) -> Result<u64, Problem> {
    // Postgres sums to NUMERIC, which is no type of ours.
    let sum = format!(
        "SELECT CAST(COALESCE(SUM(cents), 0) AS BIGINT) FROM operations \
         WHERE {column} = $1 AND created_at > $2 AND status <> 'failed'"
    );
    let row = sqlx::query(sqlx::AssertSqlSafe(sum)).bind(of).bind(since).fetch_one(db).await?;
    Ok(as_u64(row.try_get(0)?))
}

impl Charge {
    /// As the database has it: the cents and the key.
    pub(crate) fn columns(self) -> (i64, Option<String>) {
        (as_i64(self.cents), self.key.map(|key| key.to_string()))
    }
}
