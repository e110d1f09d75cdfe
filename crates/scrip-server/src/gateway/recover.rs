//! What processes that are gone have left: nothing of it is being delivered any more.

use std::sync::Arc;

use sqlx::{AnyConnection, Row};

use super::journal::Log;
use crate::{problem::Problem, state::State};

impl State {
    /// Takes over the logs of processes that are gone.
    pub(crate) async fn end_what_was_left(self: &Arc<Self>) -> Result<(), Problem> {
        let rows = sqlx::query(
            "SELECT instance FROM gateway_log l WHERE instance NOT IN (SELECT id FROM instances) AND entries <> '' \
               AND number = (SELECT MAX(number) FROM gateway_log WHERE instance = l.instance)",
        )
        .fetch_all(&self.db)
        .await?;
        for row in rows {
            let instance: String = row.try_get(0)?;
            if let Err(problem) = self.gate.journal.take_over(instance.clone()).await {
                tracing::warn!(
                    problem.detail,
                    instance,
                    "what a process has left could not be taken over yet"
                );
            }
        }
        Ok(())
    }
}

/// Empties all logs, as if nothing had been let in that is in no batch.
pub(crate) async fn forget_logs(db: &mut AnyConnection) -> Result<(), Problem> {
    for row in sqlx::query("SELECT DISTINCT instance FROM gateway_log").fetch_all(&mut *db).await? {
        let instance: String = row.try_get(0)?;
        Log::read(db, &instance).await?.uncounted().write(db).await?;
    }
    for forget in [
        "DELETE FROM gateway_log",
        "UPDATE holdings SET gateway_held = 0, gateway_owed = gateway_cut",
        "DELETE FROM gateway_keys WHERE ended_at IS NULL",
        "DELETE FROM gateway_tokens WHERE is_used = 0",
        // It may be paid since.
        "DELETE FROM gateway_unpaid WHERE session IS NOT NULL",
    ] {
        sqlx::query(forget).execute(&mut *db).await?;
    }
    Ok(())
}
