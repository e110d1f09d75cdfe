//! Batches: what was served, redeemed on the chain many at a time.
//!
//! Which requests a batch has, and under which ids, is in the database before anything is signed. Redeeming it is an operation: done
//! once, and gone on with by another process when this one dies. That each request is redeemed once at most is the contract's promise, by
//! its id.

mod cut;
mod redeem;

use std::{sync::Arc, time::Duration};

use alloy::primitives::{Address, keccak256};
use scrip::PlanId;
use serde::{Deserialize, Serialize};
use sqlx::Row;
use tokio::{
    task::JoinHandle,
    time::{Instant, timeout},
};

use crate::{
    extract::Repeat,
    problem::{Problem, ProblemKind},
    state::State,
    work::Work,
};

/// How often is looked what is to be redeemed.
const LOOK: Duration = Duration::from_millis(200);
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
}

/// Makes batches of what was served, and redeems them, for as long as it is not aborted.
pub(super) fn worker(state: &Arc<State>) -> JoinHandle<()> {
    let state = Arc::clone(state);
    tokio::spawn(async move {
        let mut swept = Instant::now();
        loop {
            // Early, if more is at risk than is to be.
            let is_urgent = timeout(LOOK, state.gate.due.notified()).await.is_ok();
            if let Err(problem) = state.settle_what_is_due(is_urgent).await {
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
    async fn settle_what_is_due(self: &Arc<Self>, is_urgent: bool) -> Result<(), Problem> {
        for group in self.due(is_urgent).await? {
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
            tokio::time::sleep(LOOK).await;
        }
        self.gate.end(&batch);
    }

    /// What is to be redeemed now: enough, long enough ago, or too much at risk.
    async fn due(&self, is_urgent: bool) -> Result<Vec<Group>, Problem> {
        let settings = &self.gate.settings;
        let rows = sqlx::query(
            "SELECT plan, redeemer, COUNT(*), MIN(settled_at), CAST(SUM(used) AS BIGINT) FROM gateway_requests \
             WHERE status = 'owed' AND batch IS NULL GROUP BY plan, redeemer",
        )
        .fetch_all(&self.db)
        .await?;
        let mut due = Vec::new();
        for row in rows {
            let (plan, redeemer): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            let number =
                |column| -> Result<u64, Problem> { Ok(crate::account::as_u64(row.try_get(column)?)) };
            let age = self.now().saturating_sub(number(3)?);
            if is_urgent
                || number(2)? >= u64::from(settings.settle_count)
                || age >= settings.settle_after.as_secs()
                || number(4)? >= settings.at_risk / 2
            {
                let redeemer = redeemer.parse().map_err(|error| Problem::internal(&error))?;
                due.push(Group { plan: plan.parse()?, redeemer });
            }
        }
        Ok(due)
    }

    /// What a request of a batch was refused for.
    fn unpaid(settlement: &Settlement, detail: &str) -> Problem {
        tracing::warn!(batch = settlement.batch, detail, "what was served could not be redeemed");
        ProblemKind::REFUSED.problem(detail)
    }
}
