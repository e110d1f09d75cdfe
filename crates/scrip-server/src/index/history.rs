//! What happened to whose credits.

use alloy::primitives::Address;
use scrip::{Event, PlanId, Record, Redeemed};
use sqlx::Row;

use crate::{
    paging::{Listed, Page},
    problem::Problem,
    state::State,
};

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
            filter.push(format!("index_entries.{column} = ${}", binds.len()));
        }
        let from = format!(
            "index_entries JOIN index_events ON index_events.block = index_entries.block \
             AND index_events.log = index_entries.log WHERE {}",
            filter.join(" AND ")
        );
        let order = ["block", "log", "part"].map(|column| format!("index_entries.{column} {}", page.order));
        let listed = Listed {
            columns: "index_entries.kind, index_entries.part, index_events.record",
            from: &from,
            order: &order.join(", "),
            binds: &binds,
        };
        let (total, rows) = self.page(page, listed).await?;
        let told = rows.iter().map(|row| {
            let (kind, part, text): (String, i64, String) =
                (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            let mut record: Record =
                serde_json::from_str(&text).map_err(|error| Problem::internal(&error))?;
            record.event = part_of(record.event, part);
            Ok(Told { kind, record })
        });
        Ok((total, told.collect::<Result<_, Problem>>()?))
    }
}

/// A part of a batch, as if it had been redeemed alone; any other event is a whole.
fn part_of(event: Event, part: i64) -> Event {
    let Event::BatchRedeemed(batch) = event else { return event };
    let one = usize::try_from(part).ok().and_then(|part| batch.uses.get(part));
    match one {
        Some(one) => Event::Redeemed(Redeemed {
            plan: batch.plan,
            holder: one.holder,
            redeemer: batch.redeemer,
            amount: one.amount,
            request: Some(one.request),
        }),
        None => Event::BatchRedeemed(batch),
    }
}
