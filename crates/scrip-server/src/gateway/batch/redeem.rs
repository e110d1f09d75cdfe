//! Redeeming a batch.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use alloy::{
    primitives::{Address, U256},
    transports::RpcError,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use scrip::{Batch, Error, PlanId, Use};
use serde_json::json;
use sqlx::{AnyConnection, Row};
use tokio::time::sleep;

use super::{
    LOOK, Settlement,
    item::{self, Became},
};
use crate::{
    account::as_i64,
    chain::Actor,
    database::fresh_id,
    gateway::{
        journal::{Counters, Holding, lock_all},
        voucher::SessionOf,
    },
    problem::Problem,
    sql::{Bind, change_rows},
    state::State,
    work::{Failure, Outcome},
};

/// How often is asked at once whether something is redeemed.
const AT_ONCE: usize = 8;
/// How often it is waited for twice as long before what is refused for no reason that shows is sent again.
const MOST_TIMES: u32 = 11;

/// A request of a batch that is to be redeemed.
#[derive(Debug, Clone)]
pub(super) struct Item {
    id: String,
    number: i64,
    pub(super) one: Use,
    /// In which session, where the plan requires vouchers.
    pub(super) session: Option<SessionOf>,
}

/// What has become of some requests of a batch.
struct Settled<'a> {
    items: &'a [Item],
    became: Became,
    /// The block as of which that is so.
    block: u64,
    attempt: i64,
}

impl State {
    /// Redeems a batch, however often that takes. See [`Work::SettleBatch`](crate::work::Work::SettleBatch).
    pub(crate) async fn redeem_batch(
        &self,
        actor: &Actor,
        id: &str,
        settlement: Settlement,
    ) -> Result<Outcome, Failure> {
        loop {
            match self.try_batch(actor, id, &settlement).await {
                Ok(Some(outcome)) => return Ok(outcome),
                Ok(None) => {}
                // Nothing is certain but what is in a block: it is looked at again, for as long as this process lives.
                Err(Failure::Chain(error)) => {
                    tracing::warn!(%error, batch = settlement.batch, "a batch is not redeemed yet");
                    sleep(LOOK * 5).await;
                }
                Err(Failure::Here(problem)) if problem.retryable => sleep(LOOK * 5).await,
                Err(failure) => return Err(failure),
            }
        }
    }

    async fn try_batch(
        &self,
        actor: &Actor,
        id: &str,
        settlement: &Settlement,
    ) -> Result<Option<Outcome>, Failure> {
        let Settlement { batch, plan } = settlement;
        let (items, attempt) = self.batch_items(batch).await?;
        let outcome = |transaction, block| Outcome { transaction, event: json!({ "batch": batch }), block };
        if items.is_empty() {
            self.end_batch(batch).await?;
            return Ok(Some(outcome(None, None)));
        }
        // Each attempt is another write, of other requests.
        let once = actor.once(format!("{id} {attempt}"));
        let done = if items.iter().any(|item| item.session.is_some()) {
            let vouchers = self.vouchers_of(settlement, (&items, attempt)).await?;
            let calls = items.iter().map(|item| vouchers.call(actor, *plan, item));
            let calls = calls.collect::<Result<_, _>>()?;
            once.multicall(calls, false).await.map(|done| done.receipt)
        } else {
            let uses = items.iter().map(|item| item.one).collect();
            once.redeem_many(&[Batch { plan: *plan, uses }]).await.map(|done| done.receipt)
        };
        let sorted_out = match done {
            Ok(receipt) => {
                let block = receipt.block;
                let settled = Settled { items: &items, became: Became::Redeemed, block, attempt };
                self.take_down_settled(settlement, settled).await?;
                return Ok(Some(outcome(Some(receipt.transaction), Some(block))));
            }
            Err(error @ (Error::Refused(_) | Error::MinedRevert { .. } | Error::Reverted(_))) => {
                tracing::warn!(%error, batch, attempt, "a batch is refused");
                self.sort_out(actor, settlement, &items, attempt).await
            }
            Err(error) => Err(error.into()),
        };
        match sorted_out {
            Err(Failure::Chain(error)) if items.len() > 1 && may_be_too_much(&error) => {
                tracing::warn!(%error, batch, attempt, "a batch is halved");
                self.halve_batch(batch, &items).await?;
            }
            sorted_out => sorted_out?,
        }
        Ok(None)
    }

    /// Puts the second half of a batch into one of its own, under the ids that it has.
    async fn halve_batch(&self, batch: &str, items: &[Item]) -> Result<(), Problem> {
        let moved: HashSet<_> = items[items.len() / 2..].iter().map(|item| item.number).collect();
        let mut db = self.write().await?;
        let mut all = lock_items(&mut db, batch).await?;
        let mut half = Vec::new();
        for item in all.iter_mut().filter(|item| item.became.is_none()) {
            if moved.contains(&item.number) {
                half.push(item.clone());
                item.became = Some(Became::Moved);
            }
        }
        // What was begun with all of it is another write.
        sqlx::query(
            "UPDATE gateway_batches SET attempts = attempts + 1, vouchers = NULL, items = $1 WHERE id = $2",
        )
        .bind(written(&all)?)
        .bind(batch)
        .execute(&mut *db)
        .await?;
        sqlx::query(
            "INSERT INTO gateway_batches (id, plan, redeemer, base, status, attempts, created_at, items, redeemed) \
             SELECT $1, plan, redeemer, base, 'open', 0, created_at, $2, 0 FROM gateway_batches WHERE id = $3",
        )
        .bind(fresh_id())
        .bind(written(&half)?)
        .bind(batch)
        .execute(&mut *db)
        .await?;
        Ok(db.commit().await?)
    }

    /// What is redeemed already, by an attempt that was given up, is taken down; what is refused is taken out; and the rest is tried
    /// again.
    async fn sort_out(
        &self,
        actor: &Actor,
        settlement: &Settlement,
        items: &[Item],
        attempt: i64,
    ) -> Result<(), Failure> {
        let (plan, redeemer) = (settlement.plan, actor.signer());
        let scrip = self.chain.scrip();
        let ask = |item: Item| async move {
            let is_redeemed = scrip.instance().isRedeemed(plan.0, redeemer, item.one.request.0).call().await;
            Ok::<_, Error>((is_redeemed?, item))
        };
        let asked: Vec<_> = items.iter().cloned().map(ask).collect();
        let asked: Vec<(bool, Item)> = stream::iter(asked).buffered(AT_ONCE).try_collect().await?;
        // No earlier one than that in which it was.
        let block = self.chain.block().await?;
        let (redeemed, left): (Vec<_>, Vec<_>) = asked.into_iter().partition(|(is_redeemed, _)| *is_redeemed);
        let only = |some: Vec<(bool, Item)>| some.into_iter().map(|(_, item)| item).collect::<Vec<_>>();
        let (redeemed, left) = (only(redeemed), only(left));
        // Newer vouchers may have come than those of this attempt.
        let vouchers = self.choose_vouchers(plan, &left).await?;
        let calls = left.iter().map(|item| vouchers.call(actor, plan, item));
        let mut unpaid = Vec::new();
        if !left.is_empty() {
            let forecasts = actor.try_multicall(calls.collect::<Result<_, _>>()?).await?;
            for (item, forecast) in left.iter().zip(forecasts) {
                // By somebody who goes on with it, too: it is looked at again.
                if let Err(error) = forecast
                    && !error.is_already_redeemed()
                {
                    let detail = format!("request {} of {}: {error}", item.id, item.one.holder);
                    let _ = Self::unpaid(settlement, &detail);
                    unpaid.push(item.clone());
                }
            }
        }
        // First, for what is left is another write than that of this attempt.
        let next = sqlx::query("UPDATE gateway_batches SET attempts = attempts + 1, vouchers = NULL WHERE id = $1 AND attempts = $2")
            .bind(&settlement.batch)
            .bind(attempt)
            .execute(&self.db)
            .await
            .map_err(Problem::from)?;
        // Another process has gone further.
        if next.rows_affected() == 0 {
            return Ok(());
        }
        for (items, became) in [(&redeemed, Became::Redeemed), (&unpaid, Became::Unpaid)] {
            let settled = Settled { items, became, block, attempt };
            self.take_down_settled(settlement, settled).await?;
        }
        if redeemed.is_empty() && unpaid.is_empty() {
            // What was refused passes now. If it is refused again and again in blocks, that has its price.
            let times = u32::try_from(attempt).map_or(MOST_TIMES, |times| times.min(MOST_TIMES));
            sleep(LOOK * 2_u32.pow(times)).await;
        }
        Ok(())
    }

    /// What of a batch is not settled yet, and how often it was tried.
    async fn batch_items(&self, batch: &str) -> Result<(Vec<Item>, i64), Problem> {
        let row = sqlx::query("SELECT base, attempts, redeemer, items FROM gateway_batches WHERE id = $1");
        let row = row.bind(batch).fetch_one(&self.db).await?;
        let (base, attempts): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
        let base: U256 = base.parse().map_err(|error| Problem::internal(&error))?;
        let redeemer: String = row.try_get(2)?;
        let redeemer: Address = redeemer.parse().map_err(|error| Problem::internal(&error))?;
        let owed = read(&row.try_get::<String, _>(3)?)?.into_iter().filter(|item| item.became.is_none());
        let item = |item: item::Item| {
            let (one, session) = (item.on_chain(base), item.session(redeemer));
            Item { id: item.id, number: item.number, one, session }
        };
        Ok((owed.map(item).collect(), attempts))
    }

    async fn end_batch(&self, batch: &str) -> Result<(), Problem> {
        sqlx::query("UPDATE gateway_batches SET status = 'done' WHERE id = $1")
            .bind(batch)
            .execute(&self.db)
            .await?;
        Ok(())
    }

    /// Takes it down, once: what is owed no longer, and from which block on the chain's balance is without it.
    async fn take_down_settled(&self, settlement: &Settlement, settled: Settled<'_>) -> Result<(), Problem> {
        let Settled { items, became, block, attempt } = settled;
        if items.is_empty() {
            return Ok(());
        }
        let Settlement { batch, plan } = settlement;
        let holding = |item: &Item| Holding { plan: *plan, holder: item.one.holder };
        let holdings: BTreeSet<_> = items.iter().map(holding).collect();
        let mut db = self.write().await?;
        // What is known of these holders counts no longer.
        lock_all(&mut db, holdings.iter(), true).await?;
        let mut all = lock_items(&mut db, batch).await?;
        let settled: HashSet<_> = items.iter().map(|item| item.number).collect();
        let mut ended = HashSet::new();
        for item in all.iter_mut().filter(|item| item.became.is_none()) {
            if settled.contains(&item.number) {
                item.became = Some(became);
                ended.insert(item.number);
            }
        }
        let mut credits = BTreeMap::<_, u64>::new();
        for item in items.iter().filter(|item| ended.contains(&item.number)) {
            *credits.entry(holding(item)).or_default() += item.one.amount;
        }
        let changes = credits
            .iter()
            .map(|(of, credits)| {
                let [plan, holder] = of.binds();
                let less = Bind::Number(-as_i64(*credits));
                vec![plan, holder, Bind::Number(0), Bind::Number(0), less.clone(), less]
            })
            .collect();
        change_rows(
            &mut db,
            "INSERT INTO holdings (plan, holder, turn, purchases, gateway_owed, gateway_cut) VALUES ROWS \
             ON CONFLICT (plan, holder) DO UPDATE SET gateway_owed = holdings.gateway_owed + excluded.gateway_owed, \
               gateway_cut = holdings.gateway_cut + excluded.gateway_cut",
            changes,
        )
        .await?;
        if became == Became::Unpaid {
            let unpaid: Vec<_> = items.iter().filter(|item| ended.contains(&item.number)).collect();
            self.take_down_unpaid(&mut db, *plan, &unpaid, batch).await?;
        }
        let mut redeemed = 0;
        if became == Became::Redeemed {
            redeemed = ended.len() as i64;
            let taken = credits
                .iter()
                .map(|(of, credits)| {
                    let [plan, holder] = of.binds();
                    vec![
                        plan,
                        holder,
                        batch.as_str().into(),
                        attempt.into(),
                        as_i64(block).into(),
                        as_i64(*credits).into(),
                    ]
                })
                .collect();
            change_rows(
                &mut db,
                "INSERT INTO gateway_redeemed (plan, holder, batch, attempt, block, credits) VALUES ROWS \
                 ON CONFLICT (plan, holder, batch, attempt) DO UPDATE SET credits = gateway_redeemed.credits + excluded.credits",
                taken,
            )
            .await?;
        }
        let status = if all.iter().any(|item| item.became.is_none()) { "open" } else { "done" };
        sqlx::query(
            "UPDATE gateway_batches SET status = $1, items = $2, redeemed = redeemed + $3 WHERE id = $4",
        )
        .bind(status)
        .bind(written(&all)?)
        .bind(redeemed)
        .bind(batch)
        .execute(&mut *db)
        .await?;
        Ok(db.commit().await?)
    }

    /// What could not be redeemed is taken down, and counts in its session no longer.
    async fn take_down_unpaid(
        &self,
        db: &mut AnyConnection,
        plan: PlanId,
        items: &[&Item],
        batch: &str,
    ) -> Result<(), Problem> {
        let row = sqlx::query("SELECT redeemer FROM gateway_batches WHERE id = $1").bind(batch.to_owned());
        let redeemer: String = row.fetch_one(&mut *db).await?.try_get(0)?;
        let row = |item: &Item| {
            vec![
                item.id.as_str().into(),
                plan.to_string().into(),
                item.one.holder.to_string().into(),
                redeemer.as_str().into(),
                item.session.map(|session| session.number.to_string()).into(),
                as_i64(item.one.amount).into(),
                self.now_i64().into(),
            ]
        };
        for item in items {
            // More may have been owed of one after others had let go of it.
            change_rows(
                &mut *db,
                "INSERT INTO gateway_unpaid (id, plan, holder, redeemer, session, credits, found_at) VALUES ROWS \
                 ON CONFLICT (id) DO UPDATE SET credits = gateway_unpaid.credits + excluded.credits, session = excluded.session",
                vec![row(item)],
            )
            .await?;
        }
        let counted = items.iter().filter_map(|item| {
            Some((Holding { plan, holder: item.one.holder }, item.session?, item.one.amount))
        });
        let counted: Vec<_> = counted.collect();
        let mut counters = Counters::default();
        for (of, session, credits) in &counted {
            counters.take(of, *session, *credits);
        }
        counters.write(db).await?;
        super::vouchers::doubt(db, &counted).await
    }
}

/// Whether less may do: a block has no room for it, or the node does not take or try as much.
fn may_be_too_much(error: &Error) -> bool {
    match error {
        Error::TooMuchGas { .. } => true,
        Error::Transport(RpcError::ErrorResp(answer)) => !answer.is_retry_err(),
        _ => false,
    }
}

/// What a batch has, which nobody else changes until this transaction ends.
async fn lock_items(db: &mut AnyConnection, batch: &str) -> Result<Vec<item::Item>, Problem> {
    let row = sqlx::query("UPDATE gateway_batches SET redeemed = redeemed WHERE id = $1 RETURNING items");
    read(&row.bind(batch.to_owned()).fetch_one(db).await?.try_get::<String, _>(0)?)
}

pub(super) fn read(items: &str) -> Result<Vec<item::Item>, Problem> {
    serde_json::from_str(items).map_err(|error| Problem::internal(&error))
}

fn written(items: &[item::Item]) -> Result<String, Problem> {
    serde_json::to_string(items).map_err(|error| Problem::internal(&error))
}
