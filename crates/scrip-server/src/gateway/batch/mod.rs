//! Batches: what was served, redeemed on the chain many at a time.
//!
//! Which requests a batch has, and under which ids, is in the database before anything is signed. Redeeming it is an operation: done
//! once, and gone on with by another process when this one dies. That each request is redeemed once at most is the contract's promise, by
//! its id.

mod cut;
mod redeem;
mod vouchers;

use std::{sync::Arc, time::Duration};

use alloy::primitives::{Address, keccak256};
use scrip::PlanId;
use serde::{Deserialize, Serialize};
use sqlx::Row;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};

use crate::{
    extract::Repeat,
    problem::{Problem, ProblemKind},
    state::State,
    work::Work,
};

/// How often is looked what is to be redeemed.
const LOOK: Duration = Duration::from_millis(200);
/// How long ago something was served, in seconds, before it is redeemed for who waits for that.
const EARLY: u64 = 1;
/// How often what nobody asks for any more is taken out of the database.
const SWEEP: Duration = Duration::from_secs(300);

/// A batch that is to be redeemed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settlement {
    pub(crate) batch: String,
    pub(crate) plan: PlanId,
}

/// What of a plan one account redeems.
#[derive(Debug, Clone)]
struct Group {
    plan: PlanId,
    redeemer: Address,
    /// Whether that is done with vouchers.
    is_vouched: bool,
}

/// How many requests are redeemed with vouchers in one transaction at most: the signature of a wallet may take 500,000 gas, and a use
/// that is paid for a transfer to each payee, of the 16,777,216 that a transaction may have (EIP-7825).
const VOUCHED_AT_ONCE: u32 = 16;

/// Makes batches of what was served, and redeems them, for as long as it is not aborted.
pub(super) fn worker(state: &Arc<State>) -> JoinHandle<()> {
    let state = Arc::clone(state);
    tokio::spawn(async move {
        let mut swept = Instant::now();
        loop {
            sleep(LOOK).await;
            if let Err(problem) = state.settle_what_is_due().await {
                tracing::warn!(problem.detail, "what was served could not be put into batches yet");
            }
            if swept.elapsed() > SWEEP {
                swept = Instant::now();
                if let Err(problem) = state.forget_answers().await {
                    tracing::warn!(problem.detail, "old answers could not be removed");
                }
            }
        }
    })
}

impl State {
    async fn settle_what_is_due(self: &Arc<Self>) -> Result<(), Problem> {
        for group in self.due().await? {
            while self.cut_batch(&group).await? {}
        }
        let open = sqlx::query(
            "SELECT id, plan, redeemer FROM gateway_batches WHERE status = 'open' ORDER BY created_at",
        );
        for row in open.fetch_all(&self.db).await? {
            let (batch, plan, redeemer): (String, String, String) =
                (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            let redeemer: Address = redeemer.parse().map_err(|error| Problem::internal(&error))?;
            let settlement = Settlement { batch, plan: plan.parse()? };
            if self.gate.begin(&settlement.batch) {
                let state = Arc::clone(self);
                tokio::spawn(async move { state.settle_batch(redeemer, settlement).await });
            }
        }
        Ok(())
    }

    /// Asks for it, until it is done: here or, where another process has it, there.
    async fn settle_batch(self: Arc<Self>, redeemer: Address, settlement: Settlement) {
        let batch = settlement.batch.clone();
        // No header can say this.
        let key = format!("§ gateway {batch}");
        let repeat = Repeat { digest: keccak256(&key), key: Some(key) };
        if let Err(problem) = self.operate(redeemer, repeat, Work::SettleBatch(settlement)).await {
            tracing::warn!(problem.detail, batch, "what was served is not redeemed yet");
            // It is asked for again when it is looked for what is open.
            sleep(LOOK).await;
        }
        self.gate.end(&batch);
    }

    /// What is to be redeemed now: enough, long enough ago, too much at risk, or what is waited for.
    async fn due(&self) -> Result<Vec<Group>, Problem> {
        let settings = &self.gate.settings;
        let awaited = std::mem::take(&mut *self.gate.awaited());
        let rows = sqlx::query(
            "SELECT plan, redeemer, COUNT(*), MIN(settled_at), CAST(SUM(used) AS BIGINT), COUNT(session) \
             FROM gateway_requests \
             WHERE status = 'owed' AND batch IS NULL GROUP BY plan, redeemer",
        )
        .fetch_all(&self.db)
        .await?;
        let mut due = Vec::new();
        for row in rows {
            let (plan, redeemer): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            let number =
                |column| -> Result<u64, Problem> { Ok(crate::account::as_u64(row.try_get(column)?)) };
            let is_vouched = number(5)? > 0;
            let (plan, age): (PlanId, _) = (plan.parse()?, self.now().saturating_sub(number(3)?));
            // Whoever waits makes redeeming dearer for others, and does so once a second at most.
            let is_awaited = awaited.contains(&plan);
            if is_awaited && age < EARLY {
                self.gate.hurry(plan);
            }
            if is_awaited && age >= EARLY
                || number(2)? >= u64::from(self.most_at_once(is_vouched))
                || age >= settings.settle_after.as_secs()
                || number(4)? >= settings.at_risk / 2
            {
                let redeemer = redeemer.parse().map_err(|error| Problem::internal(&error))?;
                due.push(Group { plan, redeemer, is_vouched });
            }
        }
        Ok(due)
    }

    /// How many requests are redeemed in one transaction at most.
    fn most_at_once(&self, is_vouched: bool) -> u32 {
        let most = self.gate.settings.settle_count.max(1);
        if is_vouched { most.min(VOUCHED_AT_ONCE) } else { most }
    }

    /// What a request of a batch was refused for.
    fn unpaid(settlement: &Settlement, detail: &str) -> Problem {
        tracing::warn!(batch = settlement.batch, detail, "what was served could not be redeemed");
        ProblemKind::REFUSED.problem(detail)
    }
}
