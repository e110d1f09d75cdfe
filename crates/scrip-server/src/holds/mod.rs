//! Reservations: credits that are kept for a request until it is settled, or until the time for that is over.
//!
//! Credits are reserved in the database and spent on the chain. What can be reserved is what a holder can spend at the end of
//! the reservation, as the chain has it in some block, less all that is not in that block yet: live reservations, and what
//! redemptions and burns that were begun here have taken since or will take. A row of the database for each (plan, holder) is
//! locked meanwhile, so that any number of requests and processes together reserve no more than there is. Whoever spends
//! credits without this server, by a contract's other redeemers or with an own wallet, is not held up: the settlement then
//! fails.

mod capture;
mod chain;
mod forget;
mod reserve;
mod spend;

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Mutex as SyncMutex, MutexGuard as SyncMutexGuard, PoisonError},
};

use alloy::primitives::Address;
use scrip::PlanId;
use sqlx::{AnyConnection, Row, any::AnyRow};
use tokio::sync::{Mutex, MutexGuard};

pub(crate) use capture::{Capture, Settled};
pub(crate) use chain::{PerUse, View};
pub(crate) use reserve::{Ask, Kept, Reserved};

use self::reserve::Job;
use crate::{
    account::as_u64,
    problem::{Problem, ProblemKind},
    shared::Shared,
    state::State,
};

/// How long a reservation lasts unless the plan's page says otherwise, in seconds.
const LASTS: u64 = 600;
/// The longest that a page may say, in seconds.
const LONGEST: u64 = 86_400;
/// For how long credits must outlive a reservation, in seconds: what is settled at the last moment is still to be mined.
pub(crate) const MINED_WITHIN: u64 = 60;

/// A reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hold {
    /// The request's name, of this plan and holder.
    pub(crate) request: String,
    /// The access token's hash, if there is one.
    pub(crate) token: Option<String>,
    /// The credits; 0 on a time plan.
    pub(crate) amount: u64,
    pub(crate) status: Status,
    /// In unix seconds.
    pub(crate) expires_at: u64,
    /// Who has reserved it.
    reserver: Option<String>,
    redeemer: Option<String>,
    attempts: u64,
    /// What was answered when it was settled.
    receipt: Option<String>,
}

/// What has become of a reservation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// Live until it ends.
    Held,
    /// Its credits are being redeemed, however long that takes.
    Capturing,
    /// They were.
    Settled,
}

/// Lets those who reserve for the same holder here ask the chain together, and come to the database one after another, each with
/// all who wait.
#[derive(Debug)]
pub(crate) struct Turns {
    views: Shared<(PlanId, Address, Option<u64>), View>,
    redeemers: Shared<(PlanId, Address, Address, u64), Option<Problem>>,
    waiting: SyncMutex<HashMap<(PlanId, Address), Vec<Job>>>,
    hasher: RandomState,
    turns: [Mutex<()>; 64],
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            views: Shared::default(),
            redeemers: Shared::default(),
            waiting: SyncMutex::default(),
            hasher: RandomState::new(),
            turns: std::array::from_fn(|_| Mutex::default()),
        }
    }
}

impl Turns {
    fn waiting(&self) -> SyncMutexGuard<'_, HashMap<(PlanId, Address), Vec<Job>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn queue(&self, plan: PlanId, holder: Address, job: Job) {
        self.waiting().entry((plan, holder)).or_default().push(job);
    }

    fn take(&self, plan: PlanId, holder: Address) -> Vec<Job> {
        self.waiting().remove(&(plan, holder)).unwrap_or_default()
    }

    async fn wait(&self, plan: PlanId, holder: Address) -> MutexGuard<'_, ()> {
        let place = self.hasher.hash_one((plan, holder)) % self.turns.len() as u64;
        self.turns[place as usize].lock().await
    }
}

/// With what the names of requests begin that a holder serves itself.
const OWN: &str = "own:";

/// A request's name among those of a plan and a holder, for who redeems it. Where holders may redeem what they hold, what one has
/// named, and settled for nothing, it may be, is never what a seller is asked to serve.
pub(crate) fn request_name(redeemer: Address, holder: Address, name: &str) -> Result<String, Problem> {
    match (redeemer == holder, name.starts_with(OWN)) {
        (true, false) => Ok(format!("{OWN}{name}")),
        (false, true) => Err(ProblemKind::INVALID_REQUEST
            .problem(format!("`{name}` is the name of a request that its holder serves itself"))
            .hint("name the request otherwise")),
        _ => Ok(name.to_owned()),
    }
}

const COLUMNS: &str = "request, token, amount, status, expires_at, redeemer, attempts, receipt, reserver";

impl Hold {
    fn read(row: &AnyRow) -> Result<Self, Problem> {
        let status: String = row.try_get(3)?;
        Ok(Self {
            request: row.try_get(0)?,
            token: row.try_get(1)?,
            amount: as_u64(row.try_get(2)?),
            status: match status.as_str() {
                "settled" => Status::Settled,
                "capturing" => Status::Capturing,
                _ => Status::Held,
            },
            expires_at: as_u64(row.try_get(4)?),
            redeemer: row.try_get(5)?,
            attempts: as_u64(row.try_get(6)?),
            receipt: row.try_get(7)?,
            reserver: row.try_get(8)?,
        })
    }

    /// Whether its credits are still kept.
    pub(crate) const fn is_live(&self, now: u64) -> bool {
        match self.status {
            Status::Held => now < self.expires_at,
            Status::Capturing | Status::Settled => true,
        }
    }

    async fn find(
        db: &mut AnyConnection,
        plan: PlanId,
        holder: Address,
        request: &str,
    ) -> Result<Option<Self>, Problem> {
        let one = format!("SELECT {COLUMNS} FROM holds WHERE plan = $1 AND holder = $2 AND request = $3");
        let row = sqlx::query(sqlx::AssertSqlSafe(one))
            .bind(plan.to_string())
            .bind(holder.to_string())
            .bind(request)
            .fetch_optional(db)
            .await?;
        row.as_ref().map(Self::read).transpose()
    }
}

/// What was bought for a holder of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bought {
    /// How often.
    times: i64,
    /// In which block the last time, if that is known.
    block: Option<u64>,
}

/// Locks the row of a plan and a holder until the transaction ends, and says what was bought for it. It must be the first
/// statement of a transaction: SQLite lets nobody write who has read before others wrote.
async fn lock(db: &mut AnyConnection, plan: PlanId, holder: Address) -> Result<Bought, Problem> {
    let row = sqlx::query(
        "INSERT INTO holdings (plan, holder, turn, purchases) VALUES ($1, $2, 0, 0) \
         ON CONFLICT (plan, holder) DO UPDATE SET turn = holdings.turn + 1 RETURNING purchases, bought_in",
    )
    .bind(plan.to_string())
    .bind(holder.to_string())
    .fetch_one(db)
    .await?;
    Ok(Bought { times: row.try_get(0)?, block: row.try_get::<Option<i64>, _>(1)?.map(as_u64) })
}

impl State {
    /// A reservation.
    pub(crate) async fn hold(
        &self,
        plan: PlanId,
        holder: Address,
        request: &str,
    ) -> Result<Option<Hold>, Problem> {
        Hold::find(&mut *self.db.acquire().await?, plan, holder, request).await
    }

    /// How long a plan's reservations last, in seconds: what its page says as `reservationSecs`, or ten minutes.
    pub(crate) async fn reservation_lasts(&self, plan: PlanId) -> Result<u64, Problem> {
        let page = self.plan_page(plan).await?;
        let said = page.metadata.get("reservationSecs").and_then(|said| match said {
            serde_json::Value::String(text) => text.parse().ok(),
            said => said.as_u64(),
        });
        Ok(said.map_or(LASTS, |said: u64| said.clamp(1, LONGEST)))
    }

    /// The reservation that a settlement without an id has taken before, or that is of its name. `claim` is its name.
    pub(crate) async fn claimed(&self, token: &str, claim: &str) -> Result<Option<String>, Problem> {
        claimed(&mut *self.db.acquire().await?, token, claim).await
    }

    /// The reservation that a settlement without an id takes: the one that it took before, or the token's oldest live one that none
    /// has taken, and that this redeemer, who may redeem the plan, may settle. `claim` is the settlement's name, and its
    /// request's if there is none.
    pub(crate) async fn claim_oldest(
        &self,
        (plan, holder): (PlanId, Address),
        redeemer: Address,
        token: &str,
        claim: &str,
    ) -> Result<Option<String>, Problem> {
        let mut db = self.write().await?;
        lock(&mut db, plan, holder).await?;
        if let Some(before) = claimed(&mut db, token, claim).await? {
            return Ok(Some(before));
        }
        let row = sqlx::query(
            "UPDATE holds SET claimed_by = $1 WHERE claimed_by IS NULL AND (plan, holder, request) = (\
               SELECT plan, holder, request FROM holds \
               WHERE token = $2 AND status = 'held' AND expires_at > $3 AND claimed_by IS NULL \
               AND (holder <> $4 OR reserver = $4) ORDER BY created_at, request LIMIT 1) RETURNING request",
        )
        .bind(claim)
        .bind(token)
        .bind(self.now_i64())
        .bind(redeemer.to_string())
        .fetch_optional(&mut *db)
        .await?;
        db.commit().await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }

    /// Lets another settlement without an id take what one has taken and not settled.
    pub(crate) async fn let_go_of_claim(&self, token: &str, claim: &str) -> Result<(), Problem> {
        sqlx::query(
            "UPDATE holds SET claimed_by = NULL WHERE token = $1 AND claimed_by = $2 AND status = 'held'",
        )
        .bind(token)
        .bind(claim)
        .execute(&mut *self.in_turn().await?)
        .await?;
        Ok(())
    }
}

async fn claimed(db: &mut AnyConnection, token: &str, claim: &str) -> Result<Option<String>, Problem> {
    let row = sqlx::query("SELECT request FROM holds WHERE token = $1 AND (claimed_by = $2 OR request = $2)")
        .bind(token)
        .bind(claim)
        .fetch_optional(db)
        .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}
