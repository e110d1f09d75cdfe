//! Who follows the chain: one process at a time.
//!
//! The one that follows beats; another that sees no beat for some seconds takes its place. No clock is compared with another: who
//! waits counts its own seconds. Nor does it matter who is right about them: each write says under which term it is made, and
//! the database takes it only under the latest.

use std::time::Duration;

use sqlx::{AnyConnection, Row};
use tokio::time::Instant;

use super::follow::Halt;
use crate::{problem::Problem, state::State};

/// How often who follows says so, and who waits looks.
pub(super) const BEAT: Duration = Duration::from_secs(1);
/// How long who follows may be silent before another takes its place.
const SILENCE: Duration = Duration::from_secs(5);

/// The right to write, as long as nobody has taken it over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Term(i64);

/// What who waits has last seen of the one that follows, and since when.
#[derive(Debug, Default)]
pub(super) struct Watch {
    seen: Option<(i64, i64, Instant)>,
}

impl Watch {
    /// Takes the place of who follows, if nobody does, or nothing was heard of it for long.
    pub(super) async fn take(&mut self, state: &State) -> Result<Option<Term>, Problem> {
        let row = sqlx::query("SELECT leader, term, beats FROM index_state WHERE id = 1")
            .fetch_one(&state.db)
            .await?;
        let (leader, term, beats): (Option<String>, i64, i64) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let since = match self.seen {
            Some((seen_term, seen_beats, since)) if (seen_term, seen_beats) == (term, beats) => since,
            _ => Instant::now(),
        };
        self.seen = Some((term, beats, since));
        if leader.is_some() && since.elapsed() < SILENCE {
            return Ok(None);
        }
        let taken = sqlx::query(
            "UPDATE index_state SET leader = $1, term = term + 1, beats = 0 \
             WHERE id = 1 AND term = $2 AND beats = $3",
        )
        .bind(&state.instance)
        .bind(term)
        .bind(beats)
        .execute(&mut *state.in_turn().await?)
        .await?;
        Ok((taken.rows_affected() == 1).then_some(Term(term + 1)))
    }
}

impl Term {
    /// Begins a write: makes sure that it may still be made, and keeps others from taking over until it is. The first statement
    /// of its transaction.
    pub(super) async fn write(self, db: &mut AnyConnection) -> Result<(), Halt> {
        let beat = sqlx::query("UPDATE index_state SET beats = beats + 1 WHERE id = 1 AND term = $1")
            .bind(self.0)
            .execute(db)
            .await?;
        if beat.rows_affected() == 1 { Ok(()) } else { Err(Halt::Superseded) }
    }
}

impl State {
    /// Lets another process follow at once, if it was this one that did.
    pub(crate) async fn stop_leading(&self) -> Result<(), Problem> {
        sqlx::query("UPDATE index_state SET leader = NULL, term = term + 1 WHERE id = 1 AND leader = $1")
            .bind(&self.instance)
            .execute(&mut *self.in_turn().await?)
            .await?;
        Ok(())
    }
}
