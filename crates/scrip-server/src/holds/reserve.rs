//! Reserving.

use alloy::primitives::Address;
use scrip::PlanId;
use sqlx::{AnyConnection, Row};
use tokio::sync::oneshot;

use super::{
    Bought, Hold, Status,
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
    /// Who reserves: a redeemer of the plan.
    pub(crate) reserver: Address,
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
#[derive(Debug)]
enum Attempt {
    Done(Reserved),
    /// Some live reservation ends later than was looked at, or more was bought since.
    Later(u64),
    /// What is being redeemed counts until it is known to be in the block: these are.
    Doubt(Vec<Underway>),
}

/// Somebody who waits to reserve.
#[derive(Debug)]
pub(super) struct Job {
    ask: Ask,
    view: View,
    /// By when what is reserved ends, in unix seconds, as the view was taken.
    end: u64,
    may_doubt: bool,
    answer: oneshot::Sender<Result<Attempt, Problem>>,
}

/// How often what was looked at may change before it is taken for what it is.
pub(super) const ATTEMPTS: usize = 4;

/// By how many seconds another reservation may end later than was looked at: those who come after each other within seconds need
/// not look again, for credits outlive a reservation by [`MINED_WITHIN`](super::MINED_WITHIN).
const SLACK: u64 = 5;

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
            match self.attempt(ask, view, end, attempt < ATTEMPTS).await? {
                Attempt::Done(reserved) => return Ok(reserved),
                Attempt::Later(later) => end = later,
                Attempt::Doubt(doubted) => underway = doubted,
            }
        }
        unreachable!("the last attempt is done")
    }

    /// Whoever's turn it is does it for all who wait, in one transaction.
    async fn attempt(&self, ask: &Ask, view: View, end: u64, may_doubt: bool) -> Result<Attempt, Problem> {
        let (plan, holder) = (ask.plan, ask.holder);
        loop {
            let (answer, mut answered) = oneshot::channel();
            let job = Job { ask: ask.clone(), view: view.clone(), end, may_doubt, answer };
            self.turns.queue(plan, holder, job);
            let _turn = self.turns.wait(plan, holder).await;
            if let Ok(attempt) = answered.try_recv() {
                return attempt;
            }
            self.attempt_all(plan, holder).await;
            if let Ok(attempt) = answered.try_recv() {
                return attempt;
            }
            // Who was to do it went in the middle of it, and nothing was done.
        }
    }

    async fn attempt_all(&self, plan: PlanId, holder: Address) {
        let jobs = self.turns.take(plan, holder);
        // Nothing is reserved for who has gone.
        let jobs: Vec<_> = jobs.into_iter().filter(|job| !job.answer.is_closed()).collect();
        let attempts = self.try_reserve(&jobs, plan, holder).await;
        match attempts {
            Ok(attempts) => {
                for (job, attempt) in jobs.into_iter().zip(attempts) {
                    // Who has gone meanwhile has a reservation that nobody settles, until it ends.
                    let _ = job.answer.send(Ok(attempt));
                }
            }
            Err(problem) => {
                for job in jobs {
                    let _ = job.answer.send(Err(problem.clone()));
                }
            }
        }
    }

    async fn try_reserve(
        &self,
        jobs: &[Job],
        plan: PlanId,
        holder: Address,
    ) -> Result<Vec<Attempt>, Problem> {
        let mut db = self.write().await?;
        let bought = lock(&mut db, plan, holder).await?;
        if let Some(block) = bought.block {
            self.chain.tell(block);
        }
        let now = self.now();
        let (mut attempts, mut known) = (Vec::with_capacity(jobs.len()), None);
        for job in jobs {
            attempts.push(job.attempt(&mut db, bought, now, &mut known).await?);
        }
        db.commit().await?;
        Ok(attempts)
    }
}

/// What is kept, as of a block.
type Known = Option<(u64, Kept)>;

impl Job {
    async fn attempt(
        &self,
        db: &mut AnyConnection,
        bought: Bought,
        now: u64,
        known: &mut Known,
    ) -> Result<Attempt, Problem> {
        let Self { ask, view, .. } = self;
        if ask.is_single_use && is_used(db, ask, now).await? {
            return Ok(Attempt::Done(Reserved::Used));
        }
        if !ask.is_new
            && let Some(hold) = Hold::find(db, ask.plan, ask.holder, &ask.request).await?
            && hold.status != Status::Held
        {
            return Ok(Attempt::Done(Reserved::Held(hold)));
        }
        // What is asked for the first time is in nobody's way: those who ask so as of one block count once for all.
        let kept = match known.take() {
            Some((block, kept)) if ask.is_new && view.redeemed.is_empty() && block == view.block => kept,
            _ => Kept::read(db, (ask.plan, ask.holder, &ask.request), view, now).await?,
        };
        let attempt = self.decide(db, bought, now, kept);
        let (attempt, kept) = attempt.await?;
        if ask.is_new && view.redeemed.is_empty() {
            *known = Some((view.block, kept));
        }
        Ok(attempt)
    }

    async fn decide(
        &self,
        db: &mut AnyConnection,
        bought: Bought,
        now: u64,
        mut kept: Kept,
    ) -> Result<(Attempt, Kept), Problem> {
        let Self { ask, view, end, may_doubt, .. } = self;
        if kept.ends > *end + SLACK && !ask.is_time {
            return Ok((Attempt::Later(kept.ends), kept));
        }
        let available = match ask.is_time {
            true => view.balance,
            false => view.balance.saturating_sub(kept.credits),
        };
        let needed = if ask.is_time { 1 } else { ask.amount };
        if needed > available {
            // Before what was bought last: it is looked again, and then the node is waited for.
            let is_old = bought.block.is_some_and(|block| view.block < block);
            let attempt = if is_old {
                Attempt::Later(*end)
            } else if *may_doubt && !kept.underway.is_empty() {
                Attempt::Doubt(kept.underway.clone())
            } else {
                Attempt::Done(Reserved::Short { available, purchases: bought.times })
            };
            return Ok((attempt, kept));
        }
        let hold = Hold {
            request: ask.request.clone(),
            token: ask.token.clone(),
            amount: if ask.is_time { 0 } else { ask.amount },
            status: Status::Held,
            expires_at: (now + ask.lasts).min(*end),
            reserver: Some(ask.reserver.to_string()),
            redeemer: None,
            attempts: 0,
            receipt: None,
        };
        hold.keep(db, ask, now).await?;
        kept.held += hold.amount;
        kept.credits += hold.amount;
        kept.ends = kept.ends.max(hold.expires_at);
        Ok((Attempt::Done(Reserved::Held(hold)), kept))
    }
}

impl Hold {
    async fn keep(&self, db: &mut AnyConnection, ask: &Ask, now: u64) -> Result<(), Problem> {
        sqlx::query(
            "INSERT INTO holds \
               (plan, holder, request, token, amount, status, attempts, created_at, expires_at, reserver) \
             VALUES ($1, $2, $3, $4, $5, 'held', 0, $6, $7, $8) ON CONFLICT (plan, holder, request) \
             DO UPDATE SET token = $4, amount = $5, expires_at = $7",
        )
        .bind(ask.plan.to_string())
        .bind(ask.holder.to_string())
        .bind(&self.request)
        .bind(&self.token)
        .bind(as_i64(self.amount))
        .bind(as_i64(now))
        .bind(as_i64(self.expires_at))
        .bind(&self.reserver)
        .execute(db)
        .await?;
        Ok(())
    }
}

/// What of a holder's credits is not to be reserved again.
pub(crate) struct Kept {
    /// What of it live reservations keep, and the gateway.
    pub(super) held: u64,
    /// What of it the gateway keeps: what it holds, and what it has served and not redeemed.
    pub(crate) gateway: u64,
    /// As many: of live reservations, and what is not in the block that was looked at.
    pub(crate) credits: u64,
    /// When the last live reservation ends, in unix seconds.
    ends: u64,
    /// Which requests are being redeemed, and are not known to be in that block.
    pub(super) underway: Vec<Underway>,
}

impl Kept {
    /// What is kept for other requests than one.
    pub(crate) async fn read(
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
               (SELECT COUNT(*) FROM holds WHERE plan = $1 AND holder = $2 AND status = 'capturing'), \
               CAST(COALESCE((SELECT gateway_held + gateway_owed FROM holdings WHERE plan = $1 AND holder = $2), 0) \
                 AS BIGINT), \
               CAST(COALESCE((SELECT SUM(credits) FROM gateway_redeemed WHERE plan = $1 AND holder = $2 \
                 AND block > $5), 0) AS BIGINT)",
        )
        .bind(&plan)
        .bind(&holder)
        .bind(as_i64(now))
        .bind(request)
        .bind(as_i64(view.block))
        .fetch_one(&mut *db)
        .await?;
        let number = |column| -> Result<u64, Problem> { Ok(as_u64(row.try_get(column)?)) };
        let gateway = number(6)?;
        let held = number(0)?.saturating_add(gateway);
        let mut kept = Self { held, gateway, credits: 0, ends: number(1)?, underway: Vec::new() };
        for column in [0, 2, 3, 4, 6, 7] {
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
        "SELECT 1 FROM holds WHERE token = $1 AND request <> $2 AND (status <> 'held' OR expires_at > $3) \
         UNION ALL SELECT 1 FROM gateway_tokens WHERE hash = $1 LIMIT 1",
    )
    .bind(&ask.token)
    .bind(&ask.request)
    .bind(as_i64(now))
    .fetch_optional(db)
    .await?;
    Ok(row.is_some())
}
