//! Operations: what was asked of the chain, taken down before it is begun, and done once.
//!
//! An operation belongs to the database, not to the request that asked for it. Its id is its key in the client's journal, so
//! that whoever goes on with it after a crash does it once. A caller who did not get the answer, because the connection or
//! the server broke, and asks the same again within [`REMEMBERED`] seconds, gets the operation that there is; a caller with
//! an idempotency key gets it always.

use std::{sync::Arc, time::Duration};

use alloy::primitives::Address;
use scrip::Error;
use sqlx::{
    Any, Row,
    any::{AnyArguments, AnyRow},
    query::Query,
};
use tokio::time::{Instant, sleep, timeout_at};

use crate::{
    account::as_i64,
    database::fresh_id,
    extract::Repeat,
    limit::Charge,
    problem::{Problem, ProblemKind},
    state::State,
    work::{Failure, Outcome, Spending, Work},
};

/// How long an answer that nobody got is kept for who asks the same again, in seconds.
const REMEMBERED: i64 = 600;
/// How long a caller waits. The SDKs give up after 30 seconds.
const ANSWERED_WITHIN: Duration = Duration::from_secs(25);
/// How often an operation of another process is looked at.
const LOOK: Duration = Duration::from_millis(200);
/// How often one of this process is, whose end is told.
const SELDOM: Duration = Duration::from_secs(2);
/// The most credits that one operation counts as spent, so that many can be summed.
const MOST_SPENT: i64 = i64::MAX >> 16;
/// How long until what is not known is looked at again.
const AGAIN: Duration = Duration::from_secs(1);

/// An operation, as it is known.
struct Operation {
    status: String,
    outcome: Option<String>,
}

/// What an operation takes of what is counted here: credits that may be reserved, or money to which there are limits.
#[derive(Debug, Clone, Copy)]
struct Cost {
    spending: Option<Spending>,
    charge: Option<Charge>,
}

/// What is asked for.
#[derive(Debug)]
struct Wanted {
    account: Address,
    /// What tells it from all else.
    digest: String,
    /// The work, as it is kept.
    work: String,
    cost: Cost,
}

/// Lets go of an operation when its caller has gone without an answer.
struct Waiter {
    state: Arc<State>,
    id: Option<String>,
}

impl Waiter {
    /// The caller is being answered.
    fn answered(mut self) {
        self.id = None;
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let Some(id) = self.id.take() else { return };
        self.state.running.leave(id);
        let state = Arc::clone(&self.state);
        tokio::spawn(async move {
            if let Err(problem) = state.let_go().await {
                tracing::warn!(problem.detail, "an operation could not be let go of yet");
            }
        });
    }
}

impl State {
    /// Does something for an account, and waits for it.
    pub(crate) async fn operate(
        self: &Arc<Self>,
        account: Address,
        repeat: Repeat,
        work: Work,
    ) -> Result<Outcome, Problem> {
        if !self.signs_for(account).await? {
            return Err(self.hand_out(account, repeat.key.as_deref(), work).await);
        }
        // Whoever asks may go at any moment: what is begun for it has an end all the same.
        let entered = tokio::spawn(Arc::clone(self).enter(account, repeat, work)).await;
        let waiter = entered.map_err(|error| Problem::internal(&error))??;
        let id = waiter.id.clone().unwrap_or_default();
        let answer = self.wait(&id).await?;
        // Whoever waits stays named: if this breaks, it is known whose to let go of it is.
        sqlx::query("UPDATE operations SET heard = 1 WHERE id = $1")
            .bind(&id)
            .execute(&mut *self.in_turn().await?)
            .await?;
        waiter.answered();
        answer
    }

    /// Lets go of the operations whose callers have gone without an answer. Whoever looks for such an operation does this first,
    /// and what the database did not take is let go of later.
    pub(crate) async fn let_go(&self) -> Result<(), Problem> {
        // One after the other: who comes second finds what the first has let go of.
        let _turn = self.running.letting_go().await;
        while let Some(id) = self.running.first_left() {
            // The database may have it as heard, where the connection broke as that was written.
            sqlx::query("UPDATE operations SET waiter = NULL, heard = 0 WHERE id = $1 AND waiter = $2")
                .bind(&id)
                .bind(&self.instance)
                .execute(&mut *self.in_turn().await?)
                .await?;
            self.running.forget_first_left();
        }
        Ok(())
    }

    /// Finds the operation that a request is about, or begins it.
    async fn enter(self: Arc<Self>, account: Address, repeat: Repeat, work: Work) -> Result<Waiter, Problem> {
        let wanted = Wanted {
            account,
            digest: repeat.digest.to_string(),
            work: serde_json::to_string(&work).map_err(|error| Problem::internal(&error))?,
            cost: Cost { spending: work.spending(account), charge: work.charge() },
        };
        let id = match repeat.key.as_deref() {
            Some(key) => self.begin_with_key(key, &wanted).await?,
            None => match self.left(account, &wanted.digest).await? {
                Some(id) => id,
                None => self.begin(None, &wanted).await?.unwrap_or_default(),
            },
        };
        Ok(Waiter { state: self, id: Some(id) })
    }

    /// The same request whose answer nobody got, if there is one: also of a process that may be gone, once that is known.
    async fn left(&self, account: Address, digest: &str) -> Result<Option<String>, Problem> {
        self.let_go().await?;
        if let Some(id) = self.adopt(account, digest).await? {
            return Ok(Some(id));
        }
        let rows = sqlx::query(
            "SELECT DISTINCT waiter FROM operations WHERE account = $1 AND digest = $2 AND heard = 0 \
             AND request_key IS NULL AND waiter <> $3 AND status <> 'failed' AND created_at > $4",
        )
        .bind(account.to_string())
        .bind(digest)
        .bind(&self.instance)
        .bind(self.now_i64() - REMEMBERED)
        .fetch_all(&self.db)
        .await?;
        if rows.is_empty() {
            return Ok(None);
        }
        let elsewhere: Vec<String> = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
        self.hear_of(&elsewhere).await?;
        self.adopt(account, digest).await
    }

    /// The same request whose answer nobody got, if there is one.
    async fn adopt(&self, account: Address, digest: &str) -> Result<Option<String>, Problem> {
        let row = sqlx::query(
            "UPDATE operations SET waiter = $1 \
             WHERE (waiter IS NULL OR waiter NOT IN (SELECT id FROM instances)) AND id = (\
               SELECT id FROM operations WHERE account = $2 AND digest = $3 AND heard = 0 \
               AND (waiter IS NULL OR waiter NOT IN (SELECT id FROM instances)) \
               AND request_key IS NULL AND (status = 'open' OR status = 'done' AND created_at > $4) ORDER BY created_at LIMIT 1) \
             RETURNING id",
        )
        .bind(&self.instance)
        .bind(account.to_string())
        .bind(digest)
        .bind(self.now_i64() - REMEMBERED)
        .fetch_optional(&mut *self.in_turn().await?)
        .await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }

    /// Takes an operation down and begins it, unless its key is taken.
    async fn begin(
        self: &Arc<Self>,
        request_key: Option<&str>,
        wanted: &Wanted,
    ) -> Result<Option<String>, Problem> {
        let Wanted { account, digest, work, cost } = wanted;
        let (id, Cost { spending, charge }) = (fresh_id(), *cost);
        let take_down = sqlx::query(
            "INSERT INTO operations \
               (id, account, request_key, digest, work, status, worker, waiter, heard, created_at, \
                spends_plan, spends_holder, spends, cents, api_key) \
             VALUES ($1, $2, $3, $4, $5, 'open', $6, $6, 0, $7, $8, $9, $10, $11, $12) ON CONFLICT (account, request_key) DO NOTHING",
        )
        .bind(&id)
        .bind(account.to_string())
        .bind(request_key)
        .bind(digest)
        .bind(work)
        .bind(&self.instance)
        .bind(self.now_i64())
        .bind(spending.map(|spending| spending.plan.to_string()))
        .bind(spending.map(|spending| spending.holder.to_string()))
        .bind(spending.map(|spending| as_i64(spending.credits).min(MOST_SPENT)))
        .bind(charge.map(|charge| charge.columns().0))
        .bind(charge.and_then(|charge| charge.columns().1));
        let taken_down = self.take_down(*account, take_down, *cost).await?;
        if !taken_down {
            return Ok(None);
        }
        self.go_on(id.clone(), *account, work)?;
        Ok(Some(id))
    }

    /// Writes one row; where credits or money are to be spent, while it is certain that these are not reserved, and that this is
    /// within the limits. Whether it was written.
    async fn take_down(
        &self,
        account: Address,
        row: Query<'_, Any, AnyArguments>,
        cost: Cost,
    ) -> Result<bool, Problem> {
        let mut db = match cost {
            Cost { spending: Some(spending), .. } => self.begin_spending(spending).await?,
            Cost { charge: Some(charge), .. } => self.begin_charging(account, charge).await?,
            _ => return Ok(row.execute(&mut *self.in_turn().await?).await?.rows_affected() > 0),
        };
        let written = row.execute(&mut *db).await?;
        db.commit().await?;
        Ok(written.rows_affected() > 0)
    }

    async fn begin_with_key(self: &Arc<Self>, key: &str, wanted: &Wanted) -> Result<String, Problem> {
        // What was done before is not judged anew.
        if let Some(id) = self.repeat(key, wanted).await? {
            return Ok(id);
        }
        if let Some(id) = self.begin(Some(key), wanted).await? {
            return Ok(id);
        }
        // The same came at the same time.
        Ok(self.repeat(key, wanted).await?.unwrap_or_default())
    }

    /// The operation that a key stands for, if there is one.
    async fn repeat(self: &Arc<Self>, key: &str, wanted: &Wanted) -> Result<Option<String>, Problem> {
        let Wanted { account, digest, work, cost } = wanted;
        let row =
            sqlx::query("SELECT id, digest, status FROM operations WHERE account = $1 AND request_key = $2")
                .bind(account.to_string())
                .bind(key)
                .fetch_optional(&self.db)
                .await?;
        let Some(row) = row else { return Ok(None) };
        let (id, stands_for, status): (String, String, String) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        if stands_for != *digest {
            return Err(ProblemKind::KEY_REUSED
                .problem(format!("the idempotency key `{key}` stands for another request"))
                .hint("use a new key for a new request"));
        }
        // What was not done may be tried again. It is spent now, by who asks now, and of what is asked inside the server it is
        // what is asked now: whoever goes on with it does that.
        if status == "failed" {
            let again = sqlx::query(
                "UPDATE operations SET status = 'open', outcome = NULL, worker = $1, waiter = $1, heard = 0, \
                   work = $2, created_at = $3, cents = $4, api_key = $5 WHERE id = $6 AND status = 'failed'",
            )
            .bind(&self.instance)
            .bind(work)
            .bind(self.now_i64())
            .bind(cost.charge.map(|charge| charge.columns().0))
            .bind(cost.charge.and_then(|charge| charge.columns().1))
            .bind(&id);
            if self.take_down(*account, again, *cost).await? {
                self.go_on(id.clone(), *account, work)?;
            }
        }
        Ok(Some(id))
    }

    /// Goes on with the operations of processes that are gone, and lets go of those whose callers are.
    pub(crate) async fn take_over(self: &Arc<Self>) -> Result<(), Problem> {
        sqlx::query(
            "UPDATE operations SET waiter = NULL WHERE waiter IS NOT NULL \
             AND waiter NOT IN (SELECT id FROM instances)",
        )
        .execute(&mut *self.in_turn().await?)
        .await?;
        let taken = sqlx::query(
            "UPDATE operations SET worker = $1 WHERE status = 'open' \
             AND worker NOT IN (SELECT id FROM instances) RETURNING id, account, work",
        )
        .bind(&self.instance)
        .fetch_all(&mut *self.in_turn().await?)
        .await?;
        for row in taken {
            let (id, account, work): (String, String, String) =
                (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            tracing::info!(operation = id, "going on with an operation that was left");
            let account = account.parse().map_err(|error| Problem::internal(&error));
            let gone_on = account.and_then(|account| self.go_on(id.clone(), account, &work));
            if gone_on.is_err() {
                // It may be of a later version, and is left to a process that knows it. The others are gone on with.
                tracing::error!(operation = id, "an operation that was left cannot be read");
                sqlx::query("UPDATE operations SET worker = '' WHERE id = $1 AND worker = $2")
                    .bind(&id)
                    .bind(&self.instance)
                    .execute(&mut *self.in_turn().await?)
                    .await?;
            }
        }
        Ok(())
    }

    /// Does an operation, whatever becomes of who asked for it.
    fn go_on(self: &Arc<Self>, id: String, account: Address, work: &str) -> Result<(), Problem> {
        let work: Work = serde_json::from_str(work).map_err(|error| Problem::internal(&error))?;
        let state = Arc::clone(self);
        let running = self.running.begin(id.clone());
        tokio::spawn(async move {
            let name = work.name();
            let done = state.carry_out(&id, account, work).await;
            if let Ok(Outcome { block: Some(block), .. }) = done {
                state.chain.tell(block);
            }
            let (status, block, outcome) = match done {
                Ok(outcome) => ("done", outcome.block, serde_json::to_string(&outcome)),
                Err(problem) => ("failed", None, serde_json::to_string(&problem)),
            };
            let outcome = outcome.unwrap_or_default();
            // Until it is kept: nobody else goes on with it while this process is there. Who has taken it over may have come first.
            let keep = async || {
                let end = "UPDATE operations SET status = $1, outcome = $2, block = $3 WHERE id = $4 AND status = 'open'";
                let end = sqlx::query(end).bind(status).bind(&outcome).bind(block.map(as_i64)).bind(&id);
                end.execute(&mut *state.in_turn().await?).await
            };
            while let Err(error) = keep().await {
                tracing::error!(%error, operation = id, "what became of an operation cannot be kept yet");
                if state.db.is_closed() {
                    return;
                }
                sleep(AGAIN).await;
            }
            state.metrics.ended(name, status == "done");
            drop(running);
        });
        Ok(())
    }

    async fn carry_out(&self, id: &str, account: Address, work: Work) -> Result<Outcome, Problem> {
        loop {
            let error = match self.try_out(id, account, work.clone()).await {
                Ok(outcome) => return Ok(outcome),
                // The same of the database, or a fault of ours: it says nothing of what was signed.
                Err(Failure::Here(problem)) if problem.status >= 500 && self.is_begun(id, account).await => {
                    tracing::warn!(problem.detail, operation = id, "not known yet");
                    sleep(AGAIN).await;
                    continue;
                }
                Err(Failure::Here(problem)) => return Err(problem),
                Err(Failure::Chain(error)) => error,
                Err(Failure::Begun(detail)) => {
                    tracing::warn!(detail, operation = id, "not known yet");
                    sleep(AGAIN).await;
                    continue;
                }
            };
            let is_certain = match &error {
                Error::Pending { .. } => false,
                error if says_nothing(error) => !self.is_begun(id, account).await,
                _ => true,
            };
            if is_certain {
                return Err(error.into());
            }
            tracing::warn!(%error, operation = id, "not known yet");
            sleep(AGAIN).await;
        }
    }

    async fn try_out(&self, id: &str, account: Address, work: Work) -> Result<Outcome, Failure> {
        let signer = self.signer(account).await?;
        if let Err(error) = self.chain.fund(account, id).await {
            // What was signed before needs nothing more of the fund.
            if !self.is_begun(id, account).await {
                return Err(error.into());
            }
            tracing::warn!(%error, operation = id, "no gas can be given");
        }
        let actor = self.chain.actor(signer).await?;
        work.perform(self, &actor, id).await
    }

    /// Whether anything of an operation may have been signed.
    async fn is_begun(&self, id: &str, account: Address) -> bool {
        for key in [id, &Work::plan_key(id)] {
            if self.may_be_signed(account, key).await {
                return true;
            }
        }
        false
    }

    /// Whether something may have been signed under a key.
    pub(crate) async fn may_be_signed(&self, account: Address, key: &str) -> bool {
        self.chain.has_signed(account, key).await.unwrap_or(true)
    }

    /// Waits until an operation has ended, here or in another process.
    async fn wait(&self, id: &str) -> Result<Result<Outcome, Problem>, Problem> {
        let deadline = Instant::now() + ANSWERED_WITHIN;
        loop {
            let end = self.running.end_of(id);
            let Operation { status, outcome } = self.operation(id).await?;
            let outcome = outcome.unwrap_or_default();
            match status.as_str() {
                "done" => return read(&outcome).map(Ok),
                "failed" => return read(&outcome).map(Err),
                _ if Instant::now() >= deadline => {
                    return Err(ProblemKind::PENDING
                        .problem(format!("operation {id} is not known to be done or refused yet"))
                        .hint("send the same request again: it is not done twice"));
                }
                _ => {
                    let look = deadline.min(Instant::now() + if end.is_here() { SELDOM } else { LOOK });
                    // Either way it is looked at again.
                    let _ = timeout_at(look, end.wait()).await;
                }
            }
        }
    }

    async fn operation(&self, id: &str) -> Result<Operation, Problem> {
        let row: AnyRow = sqlx::query("SELECT status, outcome FROM operations WHERE id = $1")
            .bind(id)
            .fetch_one(&self.db)
            .await?;
        Ok(Operation { status: row.try_get(0)?, outcome: row.try_get(1)? })
    }
}

/// Whether an error is only of the try that met it: nothing was signed in it, but an earlier one, by a process that is gone, may
/// have signed.
pub(crate) const fn says_nothing(error: &Error) -> bool {
    matches!(
        error,
        Error::Transport(_)
            | Error::Contract(_)
            | Error::Journal(_)
            | Error::UnexpectedAnswer(_)
            | Error::WrongChain { .. }
            | Error::NotScrip { .. }
    )
}

fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, Problem> {
    serde_json::from_str(text).map_err(|error| Problem::internal(&error))
}
