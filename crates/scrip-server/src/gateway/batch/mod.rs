//! Batches: what was served, redeemed on the chain many at a time.
//!
//! Which requests a batch has, and under which ids, is in the database before anything is signed. Redeeming it is an operation: done
//! once, and gone on with by another process when this one dies. That each request is redeemed once at most is the contract's promise, by
//! its id.

mod became;
mod item;
mod redeem;
mod vouchers;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use alloy::primitives::{Address, keccak256};
use scrip::PlanId;
use serde::{Deserialize, Serialize};
use sqlx::Row;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};

pub(super) use self::item::{Item, written};
use crate::{
    account::{as_i64, as_u64},
    extract::Repeat,
    problem::Problem,
    sql::change_rows,
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

/// How many requests are redeemed with vouchers in one transaction at most: the signature of a wallet may take 500,000 gas, and a use
/// that is paid for a transfer to each payee, of the 16,777,216 that a transaction may have (EIP-7825).
const VOUCHED_AT_ONCE: usize = 16;

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
        self.gate.journal.cut(self.awaited().await?).await?;
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

    /// Of what plans somebody waits until what was served is redeemed, here or at another process, and since when.
    async fn awaited(&self) -> Result<BTreeMap<PlanId, u64>, Problem> {
        // In one order, so that nobody who does the same waits for ever.
        let hurried: BTreeSet<_> = self.gate.awaited().iter().copied().collect();
        if !hurried.is_empty() {
            let now = self.now_i64();
            let rows = hurried.iter().map(|plan| vec![plan.to_string().into(), now.into()]).collect();
            let mut db = self.write().await?;
            change_rows(
                &mut db,
                "INSERT INTO gateway_awaited (plan, asked_at) VALUES ROWS \
                 ON CONFLICT (plan) DO UPDATE SET asked_at = excluded.asked_at",
                rows,
            )
            .await?;
            db.commit().await?;
            self.gate.awaited().retain(|plan| !hurried.contains(plan));
        }
        // What was served before is redeemed for its age.
        let since = self.now().saturating_sub(self.gate.settings.settle_after.as_secs());
        let rows = sqlx::query("SELECT plan, asked_at FROM gateway_awaited WHERE asked_at >= $1")
            .bind(as_i64(since))
            .fetch_all(&self.db)
            .await?;
        let awaited = rows.iter().map(|row| {
            let plan: String = row.try_get(0)?;
            Ok((plan.parse()?, as_u64(row.try_get(1)?)))
        });
        awaited.collect()
    }

    /// How many requests are redeemed in one transaction at most.
    pub(super) fn most_at_once(&self, is_vouched: bool) -> usize {
        let most = self.gate.settings.settle_count.max(1) as usize;
        if is_vouched { most.min(VOUCHED_AT_ONCE) } else { most }
    }
}
