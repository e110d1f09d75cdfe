//! Forgetting what nobody can ask for any more.

use crate::{account::as_i64, problem::Problem, state::State};

/// How long what has ended is kept all the same, in seconds: a day.
const KEPT: i64 = 86_400;
/// How many are forgotten at once, so that nobody waits for long.
const AT_ONCE: i64 = 500;

impl State {
    /// Forgets old reservations: what was not settled, a day after its time was over, for it is reserved anew like any other; and
    /// what was settled, or begun, a day after its access token has ended, under which it could be asked for.
    pub(crate) async fn forget_holds(&self) -> Result<u64, Problem> {
        let mut forgotten = 0;
        loop {
            let ended = sqlx::query(
                "DELETE FROM holds WHERE (plan, holder, request) IN (\
                   SELECT plan, holder, request FROM holds WHERE status <> 'capturing' AND expires_at < $1 \
                   AND (status = 'held' AND attempts = 0 OR NOT EXISTS (SELECT 1 FROM permissions \
                     WHERE permissions.hash = holds.token AND permissions.expires_at > $1)) LIMIT $2)",
            )
            .bind(self.now_i64() - KEPT)
            .bind(AT_ONCE)
            .execute(&mut *self.in_turn().await?)
            .await?
            .rows_affected();
            forgotten += ended;
            if as_i64(ended) < AT_ONCE {
                return Ok(forgotten);
            }
        }
    }
}
