//! What happened to whose credits.

use alloy::primitives::Address;
use scrip::{Event, PlanId, Record, Redeemed, Use};
use sqlx::Row;

use crate::{account::as_u64, paging::Page, problem::Problem, state::State};

/// Something that happened to a holder's credits.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) kind: String,
    pub(crate) record: Record,
}

impl State {
    /// What happened to credits: of a plan, of a holder, or of both.
    pub(crate) async fn history(
        &self,
        plan: Option<PlanId>,
        holder: Option<Address>,
        page: Page,
    ) -> Result<(u64, Vec<Told>), Problem> {
        let mut filter = Vec::new();
        let mut binds = Vec::new();
        for (column, text) in
            [("plan", plan.map(|plan| plan.to_string())), ("holder", holder.map(|holder| holder.to_string()))]
        {
            let Some(text) = text else { continue };
            binds.push(text);
            filter.push(format!("{column} = ${}", binds.len()));
        }
        let (entries, order) = (format!("index_entries WHERE {}", filter.join(" AND ")), page.order);
        let skipped = u64::from(page.number - 1) * u64::from(page.size);
        let end = skipped + u64::from(page.size);
        // An event is as many lines as its entries say: those that have a line on the page are read.
        let (count, rows) = (
            format!("SELECT CAST(COALESCE(SUM(lines), 0) AS BIGINT) FROM {entries}"),
            format!(
                "SELECT told.kind, CAST(told.reached - told.lines AS BIGINT), index_events.record FROM (\
                   SELECT block, log, MIN(kind) AS kind, SUM(lines) AS lines, \
                     SUM(SUM(lines)) OVER (ORDER BY block {order}, log {order}) AS reached \
                   FROM {entries} GROUP BY block, log) AS told \
                 JOIN index_events ON index_events.block = told.block AND index_events.log = told.log \
                 WHERE told.reached > {skipped} AND told.reached - told.lines < {end} \
                 ORDER BY told.block {order}, told.log {order}"
            ),
        );
        let (mut count, mut rows) =
            (sqlx::query(sqlx::AssertSqlSafe(count)), sqlx::query(sqlx::AssertSqlSafe(rows)));
        for bind in &binds {
            count = count.bind(bind);
            rows = rows.bind(bind);
        }
        let total: i64 = count.fetch_one(&self.db).await?.try_get(0)?;
        let mut told = Vec::new();
        for row in rows.fetch_all(&self.db).await? {
            let (kind, before, text): (String, i64, String) =
                (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            let mut record: Record =
                serde_json::from_str(&text).map_err(|error| Problem::internal(&error))?;
            let mut lines = lines_of(&record.event, holder);
            if order == "DESC" {
                lines.reverse();
            }
            // Of the first event of a page, some may be on the page before.
            for (place, event) in (as_u64(before)..end).zip(lines) {
                if place >= skipped {
                    record.event = event;
                    told.push(Told { kind: kind.clone(), record: record.clone() });
                }
            }
        }
        Ok((as_u64(total), told))
    }
}

/// What an event tells of a holder, or of all: the parts of a batch, each as if it had been redeemed alone; any other is a whole.
fn lines_of(event: &Event, holder: Option<Address>) -> Vec<Event> {
    let Event::BatchRedeemed(batch) = event else { return vec![event.clone()] };
    let asked = batch.uses.iter().filter(|one| holder.is_none_or(|holder| one.holder == holder));
    let line = |one: &Use| {
        Event::Redeemed(Redeemed {
            plan: batch.plan,
            holder: one.holder,
            redeemer: batch.redeemer,
            amount: one.amount,
            request: Some(one.request),
        })
    };
    asked.map(line).collect()
}
