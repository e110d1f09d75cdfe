//! What processes that are gone have left: nothing of it is being delivered any more.

use std::sync::Arc;

use sqlx::Row;

use super::{
    journal::{End, Holding},
    voucher::SessionOf,
};
use crate::{account::as_u64, problem::Problem, state::State};

/// How many are ended at once.
const AT_ONCE: i64 = 1_000;

impl State {
    /// Lets go of what processes that are gone have held. What of a stream they had taken down as delivered is owed.
    pub(crate) async fn end_what_was_left(self: &Arc<Self>) -> Result<(), Problem> {
        loop {
            let rows = sqlx::query(
                "SELECT id, plan, holder, held, used, redeemer, session FROM gateway_requests \
                 WHERE status = 'held' AND instance NOT IN (SELECT id FROM instances) LIMIT $1",
            )
            .bind(AT_ONCE)
            .fetch_all(&self.db)
            .await?;
            let is_all = (rows.len() as i64) < AT_ONCE;
            let mut ends = Vec::with_capacity(rows.len());
            for row in rows {
                let (id, plan, holder): (String, String, String) =
                    (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
                let holder = holder.parse().map_err(|error| Problem::internal(&error))?;
                let used = Some(as_u64(row.try_get(4)?)).filter(|used| *used > 0);
                let held = as_u64(row.try_get(3)?);
                tracing::info!(request = id, used, "a request that was left is ended");
                let session = SessionOf::read(&row.try_get::<String, _>(5)?, row.try_get(6)?)?;
                let of = Holding { plan: plan.parse()?, holder };
                ends.push(End { id, of, session, held, used, answer: None });
            }
            self.gate.journal.all_ended(ends).await;
            if is_all {
                return Ok(());
            }
        }
    }
}
