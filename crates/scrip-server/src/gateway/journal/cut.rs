//! Cutting batches: which requests they have, and under which ids.

use std::{collections::BTreeMap, time::Duration};

use alloy::primitives::{U256, keccak256};
use scrip::PlanId;
use sqlx::{AnyConnection, Row};

use super::log::{Group, Line, Log, Queue};
use crate::{
    account::as_i64,
    database::fresh_id,
    gateway::batch::{Item, written},
    problem::Problem,
    sql::{Bind, change_rows},
    state::State,
};

/// How long ago something was served before it is redeemed for who waits for that: redeeming little is dear.
const EARLY: Duration = Duration::from_secs(1);

/// Puts what is to be redeemed now into a batch: where there is enough of it, it was served long enough ago, too much is at risk, or
/// somebody waits for what was served before. Whether there was any.
pub(super) async fn cut_what_is_due(
    state: &State,
    db: &mut AnyConnection,
    log: &mut Log,
    awaited: &BTreeMap<PlanId, u64>,
) -> Result<bool, Problem> {
    let settings = &state.gate.settings;
    let now = state.now();
    let is_due = |(group, queue): &(&Group, &Queue)| {
        let Some(first) = queue.owed.front() else { return false };
        let age = now.saturating_sub(first.since);
        let is_awaited = awaited.get(&group.plan).is_some_and(|since| *since >= first.since);
        queue.owed.len() >= state.most_at_once(group.is_vouched)
            || age >= settings.settle_after.as_secs()
            || queue.credits >= settings.at_risk / 2
            || is_awaited && age >= EARLY.as_secs()
    };
    let Some((&group, _)) = log.queues.iter().find(is_due) else { return Ok(false) };
    cut(state, db, log, group).await?;
    Ok(true)
}

/// Puts what was served first into a batch.
async fn cut(state: &State, db: &mut AnyConnection, log: &mut Log, group: Group) -> Result<(), Problem> {
    let Some(queue) = log.queues.get(&group) else { return Ok(()) };
    let count = queue.owed.len().min(state.most_at_once(group.is_vouched));
    let mut owed: Vec<_> = queue.owed.range(..count).collect();
    // Uses of one holder that follow one another are taken at once by the contract.
    owed.sort_by_key(|one| one.holder);
    let mut credits = BTreeMap::<_, u64>::new();
    for one in &owed {
        *credits.entry(one.of()).or_default() += one.credits;
    }
    let mut db = state.write_with(db).await?;
    let changes = credits.iter().map(|(of, credits)| {
        let [plan, holder] = of.binds();
        vec![plan, holder, Bind::Number(0), Bind::Number(0), as_i64(*credits).into()]
    });
    change_rows(
        &mut db,
        "INSERT INTO holdings (plan, holder, turn, purchases, gateway_cut) VALUES ROWS \
         ON CONFLICT (plan, holder) DO UPDATE SET gateway_cut = holdings.gateway_cut + excluded.gateway_cut",
        changes.collect(),
    )
    .await?;
    // Whoever else cuts a batch of these waits here. The first number is one that nobody has used: ids that stand close together
    // are cheap to keep, and others' are elsewhere.
    let row = sqlx::query(
        "INSERT INTO gateway_numbers (plan, redeemer, base, next) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (plan, redeemer) DO UPDATE SET next = gateway_numbers.next + $4 RETURNING base, next",
    )
    .bind(group.plan.to_string())
    .bind(group.redeemer.to_string())
    .bind(fresh_base().to_string())
    .bind(count as i64)
    .fetch_one(&mut *db)
    .await?;
    let (base, next): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
    let items: Vec<_> =
        (next - count as i64..).zip(owed).map(|(number, one)| Item::of(one, number)).collect();
    sqlx::query(
        "INSERT INTO gateway_batches (id, plan, redeemer, base, status, attempts, created_at, items, redeemed) \
         VALUES ($1, $2, $3, $4, 'open', 0, $5, $6, 0)",
    )
    .bind(fresh_id())
    .bind(group.plan.to_string())
    .bind(group.redeemer.to_string())
    .bind(base)
    .bind(state.now_i64())
    .bind(written(&items)?)
    .execute(&mut *db)
    .await?;
    let added = log.add(&mut db, &state.instance, vec![Line::Cut { group, count }]).await?;
    db.commit().await?;
    log.apply(added);
    Ok(())
}

/// A number with room for all that can be counted behind it.
fn fresh_base() -> U256 {
    U256::from_be_bytes(keccak256(fresh_id()).0) << 64
}
