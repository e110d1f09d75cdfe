//! Delegations: what accounts let be bought for them, so that a token does not run out of credits.

use alloy::primitives::Address;
use scrip::PlanId;
use sqlx::{Row, any::AnyRow};

use crate::{
    account::{as_i64, as_u64},
    paging::{Listed, Page},
    problem::{Problem, ProblemKind},
    state::State,
};

/// A delegation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delegation {
    pub(crate) id: String,
    pub(crate) account: Address,
    /// The one plan that may be bought; any without.
    pub(crate) plan: Option<PlanId>,
    /// `usd`, `usdc`, `eur` or `eurc`.
    pub(crate) currency: String,
    /// The most that may be spent, in cents.
    pub(crate) limit_cents: u64,
    /// What was spent, and what is being spent, in cents.
    pub(crate) spent_cents: u64,
    /// How often.
    pub(crate) transactions: u64,
    /// The most that it may be.
    pub(crate) max_transactions: Option<u64>,
    /// In seconds.
    pub(crate) duration: u64,
    /// In unix seconds.
    pub(crate) created_at: u64,
    /// In unix seconds.
    pub(crate) expires_at: u64,
    /// In unix seconds.
    pub(crate) revoked_at: Option<u64>,
}

const COLUMNS: &str = "id, account, plan, currency, limit_cents, spent_cents, transactions, max_transactions, duration, \
                       created_at, expires_at, revoked_at";

impl Delegation {
    fn read(row: &AnyRow) -> Result<Self, Problem> {
        let (account, plan): (String, Option<String>) = (row.try_get(1)?, row.try_get(2)?);
        let number = |column| -> Result<u64, Problem> { Ok(as_u64(row.try_get(column)?)) };
        Ok(Self {
            id: row.try_get(0)?,
            account: account.parse().map_err(|error| Problem::internal(&error))?,
            plan: plan.map(|plan| plan.parse()).transpose()?,
            currency: row.try_get(3)?,
            limit_cents: number(4)?,
            spent_cents: number(5)?,
            transactions: number(6)?,
            max_transactions: row.try_get::<Option<i64>, _>(7)?.map(as_u64),
            duration: number(8)?,
            created_at: number(9)?,
            expires_at: number(10)?,
            revoked_at: row.try_get::<Option<i64>, _>(11)?.map(as_u64),
        })
    }

    /// In the SDKs' words.
    pub(crate) fn status(&self, now: u64) -> &'static str {
        if self.revoked_at.is_some() {
            "Revoked"
        } else if now >= self.expires_at {
            "Expired"
        } else if self.spent_cents >= self.limit_cents
            || self.max_transactions.is_some_and(|most| self.transactions >= most)
        {
            "Exhausted"
        } else {
            "Active"
        }
    }

    /// Why nothing more can be bought under it; for so many cents.
    pub(crate) fn check(&self, plan: PlanId, cents: u64, now: u64) -> Result<(), Problem> {
        let Self { id, .. } = self;
        let new = "make a new delegation, and a token under it";
        if self.revoked_at.is_some() {
            return Err(ProblemKind::DELEGATION_ENDED
                .problem(format!("delegation {id} was revoked"))
                .hint(new));
        }
        if now >= self.expires_at {
            let detail = format!("delegation {id} has ended at {}, in unix seconds", self.expires_at);
            return Err(ProblemKind::DELEGATION_ENDED.problem(detail).hint(new));
        }
        if let Some(only) = self.plan.filter(|&only| only != plan) {
            let detail = format!("delegation {id} is for plan {}, not for {}", only.0, plan.0);
            return Err(ProblemKind::DELEGATION_OTHER.problem(detail).hint(new));
        }
        if self.max_transactions.is_some_and(|most| self.transactions >= most) {
            let detail = format!("delegation {id} was used {} times, as often as it may", self.transactions);
            return Err(ProblemKind::DELEGATION_SPENT.problem(detail).hint(new));
        }
        if self.spent_cents.saturating_add(cents) > self.limit_cents {
            let (spent, limit) = (self.spent_cents, self.limit_cents);
            let detail =
                format!("delegation {id} has {spent} of {limit} cents spent, and {cents} more are needed");
            return Err(ProblemKind::DELEGATION_SPENT.problem(detail).hint(new));
        }
        Ok(())
    }
}

impl State {
    pub(crate) async fn create_delegation(&self, new: &Delegation) -> Result<(), Problem> {
        sqlx::query(
            "INSERT INTO delegations (id, account, plan, currency, limit_cents, spent_cents, transactions, \
               max_transactions, duration, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, 0, 0, $6, $7, $8, $9)",
        )
        .bind(&new.id)
        .bind(new.account.to_string())
        .bind(new.plan.map(|plan| plan.to_string()))
        .bind(&new.currency)
        .bind(as_i64(new.limit_cents))
        .bind(new.max_transactions.map(as_i64))
        .bind(as_i64(new.duration))
        .bind(as_i64(new.created_at))
        .bind(as_i64(new.expires_at))
        .execute(&mut *self.in_turn().await?)
        .await?;
        Ok(())
    }

    /// A page of the account's delegations, and how many there are in all.
    pub(crate) async fn list_delegations(
        &self,
        account: Address,
        page: Page<100>,
    ) -> Result<(u64, Vec<Delegation>), Problem> {
        let listed = Listed {
            columns: COLUMNS,
            from: "delegations WHERE account = $1",
            order: &format!("created_at {}, id", page.order),
            binds: &[account.to_string()],
        };
        let (total, rows) = self.page(page, listed).await?;
        Ok((total, rows.iter().map(Delegation::read).collect::<Result<_, _>>()?))
    }

    /// One of the account's.
    pub(crate) async fn delegation(&self, account: Address, id: &str) -> Result<Delegation, Problem> {
        let one = format!("SELECT {COLUMNS} FROM delegations WHERE account = $1 AND id = $2");
        let row = sqlx::query(sqlx::AssertSqlSafe(one))
            .bind(account.to_string())
            .bind(id)
            .fetch_optional(&self.db)
            .await?;
        let missing = || {
            ProblemKind::DELEGATION_NOT_FOUND
                .problem(format!("{account} has no delegation `{id}`"))
                .hint("list the delegations, or make one")
        };
        Delegation::read(&row.ok_or_else(missing)?)
    }

    /// Ends one of the account's; whether there was one that had not been ended.
    pub(crate) async fn revoke_delegation(&self, account: Address, id: &str) -> Result<bool, Problem> {
        let ended = sqlx::query(
            "UPDATE delegations SET revoked_at = $1 WHERE id = $2 AND account = $3 AND revoked_at IS NULL",
        )
        .bind(self.now_i64())
        .bind(id)
        .bind(account.to_string())
        .execute(&mut *self.in_turn().await?)
        .await?;
        Ok(ended.rows_affected() == 1)
    }

    /// Counts what an operation is about to spend, once, if the delegation allows it; whether it does.
    pub(crate) async fn count_spend(
        &self,
        operation: &str,
        delegation: &Delegation,
        cents: u64,
    ) -> Result<bool, Problem> {
        let mut db = self.write().await?;
        let counted = sqlx::query(
            "INSERT INTO delegation_spends (operation, delegation, cents) VALUES ($1, $2, $3) \
             ON CONFLICT (operation) DO NOTHING",
        )
        .bind(operation)
        .bind(&delegation.id)
        .bind(as_i64(cents))
        .execute(&mut *db)
        .await?;
        if counted.rows_affected() == 0 {
            return Ok(true);
        }
        let allowed = sqlx::query(
            "UPDATE delegations SET spent_cents = spent_cents + $1, transactions = transactions + 1 \
             WHERE id = $2 AND revoked_at IS NULL AND expires_at > $3 AND spent_cents + $1 <= limit_cents \
             AND (max_transactions IS NULL OR transactions < max_transactions)",
        )
        .bind(as_i64(cents))
        .bind(&delegation.id)
        .bind(self.now_i64())
        .execute(&mut *db)
        .await?;
        if allowed.rows_affected() == 0 {
            return Ok(false);
        }
        db.commit().await?;
        Ok(true)
    }

    /// Takes back what was counted for an operation that has spent nothing.
    pub(crate) async fn give_back(&self, operation: &str) -> Result<(), Problem> {
        let mut db = self.write().await?;
        let counted =
            sqlx::query("DELETE FROM delegation_spends WHERE operation = $1 RETURNING delegation, cents")
                .bind(operation)
                .fetch_optional(&mut *db)
                .await?;
        if let Some(row) = counted {
            let (delegation, cents): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
            sqlx::query(
                "UPDATE delegations SET spent_cents = spent_cents - $1, transactions = transactions - 1 \
                 WHERE id = $2",
            )
            .bind(cents)
            .bind(delegation)
            .execute(&mut *db)
            .await?;
        }
        Ok(db.commit().await?)
    }
}
