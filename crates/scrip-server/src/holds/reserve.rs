//! Reserving.

use alloy::primitives::Address;
use scrip::PlanId;
use sqlx::{AnyConnection, Row};

use super::{
    Hold, Status,
    chain::{Underway, View},
    lock,
};
use crate::{
    account::{as_i64, as_u64},
    problem::Problem,
    state::State,
};

/// What is to be reserved.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) plan: PlanId,
    pub(crate) holder: Address,
    /// For which request; one that has a reservation gets this one instead.
    pub(crate) request: String,
    /// Whether nobody can have asked for it before.
    pub(crate) is_new: bool,
    /// How many credits.
    pub(crate) amount: u64,
    /// Whether the plan grants time: then access is looked at, and nothing is reserved.
    pub(crate) is_time: bool,
    /// For how long, in seconds.
    pub(crate) lasts: u64,
    /// Under which access token.
    pub(crate) token: Option<String>,
    /// Whether that may be used once.
    pub(crate) is_single_use: bool,
}

/// What has become of it.
#[derive(Debug)]
pub(crate) enum Reserved {
    /// It is kept.
    Held(Hold),
    /// There are fewer credits than that to reserve.
    Short {
        /// So many.
        available: u64,
        /// How often was bought before this was found.
        purchases: i64,
    },
    /// The token, which may be used once, was.
    Used,
}

/// One attempt.
enum Attempt {
    Done(Reserved),
    /// Some live reservation ends later than was looked at.
    Later(u64),
    /// What is being redeemed counts until it is known to be in the block: these are.
    Doubt(Vec<Underway>),
}

/// How often what was looked at may change before it is taken for what it is.
pub(super) const ATTEMPTS: usize = 4;

impl State {
    /// Reserves credits, all of them or none.
    pub(crate) async fn reserve(&self, ask: &Ask) -> Result<Reserved, Problem> {
        let (mut end, mut underway) = (self.now() + ask.lasts, Vec::new());
        for attempt in 1.. {
            let now = self.now();
            end = end.max(now + ask.lasts);
            let until = (!ask.is_time).then_some(end);
            // Before the lock, for asking the chain takes its time. What is in later blocks is known to the database.
            let view = self.view(ask.plan, ask.holder, (now, until), &underway).await?;
            let turn = self.turns.wait(ask.plan, ask.holder).await;
            let tried = self.try_reserve(ask, &view, end, attempt < ATTEMPTS).await?;
            drop(turn);
            match tried {
                Attempt::Done(reserved) => return Ok(reserved),
                Attempt::Later(later) => end = later,
                Attempt::Doubt(doubted) => underway = doubted,
            }
        }
        unreachable!("the last attempt is done")
    }

    async fn try_reserve(
        &self,
        ask: &Ask,
        view: &View,
        end: u64,
        may_doubt: bool,
    ) -> Result<Attempt, Problem> {
        let mut db = self.db.begin().await?;
        let purchases = lock(&mut db, ask.plan, ask.holder).await?;
        let now = self.now();
        if ask.is_single_use && is_used(&mut db, ask, now).await? {
            return Ok(Attempt::Done(Reserved::Used));
        }
        if !ask.is_new
            && let Some(hold) = Hold::find(&mut db, ask.plan, ask.holder, &ask.request).await?
            && hold.status != Status::Held
        {
            return Ok(Attempt::Done(Reserved::Held(hold)));
        }
        let kept = Kept::read(&mut db, (ask.plan, ask.holder, &ask.request), view, now).await?;
        if kept.ends > end && !ask.is_time {
            return Ok(Attempt::Later(kept.ends));
        }
        let available = match ask.is_time {
            true => view.balance,
            false => view.balance.saturating_sub(kept.credits),
        };
        let needed = if ask.is_time { 1 } else { ask.amount };
        if needed > available {
            if may_doubt && !kept.underway.is_empty() {
                return Ok(Attempt::Doubt(kept.underway));
            }
            return Ok(Attempt::Done(Reserved::Short { available, purchases }));
        }
        let hold = Hold {
            request: ask.request.clone(),
            token: ask.token.clone(),
            amount: if ask.is_time { 0 } else { ask.amount },
            status: Status::Held,
            expires_at: now + ask.lasts,
            redeemer: None,
            attempts: 0,
            receipt: None,
        };
        hold.keep(&mut db, ask, now).await?;
        db.commit().await?;
        Ok(Attempt::Done(Reserved::Held(hold)))
    }
}

impl Hold {
    async fn keep(&self, db: &mut AnyConnection, ask: &Ask, now: u64) -> Result<(), Problem> {
        sqlx::query(
            "INSERT INTO holds (plan, holder, request, token, amount, status, attempts, claimed, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, 'held', 0, 0, $6, $7) ON CONFLICT (plan, holder, request) \
             DO UPDATE SET token = $4, amount = $5, expires_at = $7",
        )
        .bind(ask.plan.to_string())
        .bind(ask.holder.to_string())
        .bind(&self.request)
        .bind(&self.token)
        .bind(as_i64(self.amount))
        .bind(as_i64(now))
        .bind(as_i64(self.expires_at))
        .execute(db)
        .await?;
        Ok(())
    }
}

/// What of a holder's credits is not to be reserved again.
pub(super) struct Kept {
    /// What of it live reservations keep.
    pub(super) held: u64,
    /// As many: of live reservations, and what is not in the block that was looked at.
    pub(super) credits: u64,
    /// When the last live reservation ends, in unix seconds.
    ends: u64,
    /// Which requests are being redeemed, and are not known to be in that block.
    pub(super) underway: Vec<Underway>,
}

impl Kept {
    /// What is kept for other requests than one.
    pub(super) async fn read(
        db: &mut AnyConnection,
        (plan, holder, request): (PlanId, Address, &str),
        view: &View,
        now: u64,
    ) -> Result<Self, Problem> {
        let (plan, holder) = (plan.to_string(), holder.to_string());
        // Postgres sums to NUMERIC, which is no type of ours.
        let row = sqlx::query(
            "SELECT CAST(COALESCE((SELECT SUM(amount) FROM holds WHERE plan = $1 AND holder = $2 \
                 AND status = 'held' AND expires_at > $3 AND request <> $4), 0) AS BIGINT), \
               CAST(COALESCE((SELECT MAX(expires_at) FROM holds WHERE plan = $1 AND holder = $2 \
                 AND status = 'held' AND expires_at > $3), 0) AS BIGINT), \
               CAST(COALESCE((SELECT SUM(amount) FROM holds WHERE plan = $1 AND holder = $2 \
                 AND block > $5), 0) AS BIGINT), \
               CAST(COALESCE((SELECT SUM(spends) FROM operations WHERE spends_plan = $1 AND spends_holder = $2 \
                 AND status = 'open'), 0) AS BIGINT), \
               CAST(COALESCE((SELECT SUM(spends) FROM operations WHERE spends_plan = $1 AND spends_holder = $2 \
                 AND block > $5), 0) AS BIGINT), \
               (SELECT COUNT(*) FROM holds WHERE plan = $1 AND holder = $2 AND status = 'capturing')",
        )
        .bind(&plan)
        .bind(&holder)
        .bind(as_i64(now))
        .bind(request)
        .bind(as_i64(view.block))
        .fetch_one(&mut *db)
        .await?;
        let number = |column| -> Result<u64, Problem> { Ok(as_u64(row.try_get(column)?)) };
        let mut kept = Self { held: number(0)?, credits: 0, ends: number(1)?, underway: Vec::new() };
        for column in [0, 2, 3, 4] {
            kept.credits = kept.credits.saturating_add(number(column)?);
        }
        if number(5)? == 0 {
            return Ok(kept);
        }
        let rows = sqlx::query(
            "SELECT request, amount, redeemer FROM holds WHERE plan = $1 AND holder = $2 AND status = 'capturing'",
        )
        .bind(&plan)
        .bind(&holder)
        .fetch_all(db)
        .await?;
        for row in rows {
            let request: String = row.try_get(0)?;
            if view.redeemed.contains(&request) {
                continue;
            }
            kept.credits = kept.credits.saturating_add(as_u64(row.try_get(1)?));
            let redeemer: String = row.try_get::<Option<_>, _>(2)?.unwrap_or_default();
            let redeemer = redeemer.parse().map_err(|error| Problem::internal(&error))?;
            kept.underway.push(Underway { request, redeemer });
        }
        Ok(kept)
    }
}

/// Whether a token for one use is in use, or was used, for another request.
async fn is_used(db: &mut AnyConnection, ask: &Ask, now: u64) -> Result<bool, Problem> {
    let row = sqlx::query(
        "SELECT 1 FROM holds WHERE token = $1 AND request <> $2 AND (status <> 'held' OR expires_at > $3) LIMIT 1",
    )
    .bind(&ask.token)
    .bind(&ask.request)
    .bind(as_i64(now))
    .fetch_optional(db)
    .await?;
    Ok(row.is_some())
}
