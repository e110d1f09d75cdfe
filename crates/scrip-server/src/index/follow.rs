//! The chain, followed.

use std::{sync::Arc, time::Duration};

use futures_util::StreamExt;
use scrip::{Change, Cursor, Error, Update};
use sqlx::Row;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::{
    apply::Step,
    lead::{BEAT, Term, Watch},
};
use crate::{problem::Problem, state::State};

/// After how many entries of histories they are written: others wait to write meanwhile.
const AT_ONCE: usize = 500;
/// How long until what went wrong is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// Why a process follows no longer.
#[derive(Debug)]
pub(super) enum Halt {
    /// Another process follows now, or the index was emptied.
    Superseded,
    /// The index cannot be gone on with, and has to be made from nothing.
    Broken(String),
    /// Something failed, and may go well when it is tried again.
    Failed(String),
}

impl From<Problem> for Halt {
    fn from(problem: Problem) -> Self {
        Self::Failed(problem.detail.clone())
    }
}

impl From<sqlx::Error> for Halt {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            // What is told once is here before it was told.
            sqlx::Error::Database(refused) if refused.is_unique_violation() => {
                Self::Broken(error.to_string())
            }
            error => Self::Failed(error.to_string()),
        }
    }
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        match error {
            Error::ReorgTooDeep { .. } | Error::OtherCursor { .. } | Error::InvalidCursor(_) => {
                Self::Broken(error.to_string())
            }
            error => Self::Failed(error.to_string()),
        }
    }
}

/// Follows the chain whenever no other process does, for ever.
pub(crate) async fn follow(state: Arc<State>) {
    let mut watch = Watch::default();
    loop {
        let halt = match watch.take(&state).await {
            Ok(Some(term)) => {
                tracing::info!("this process keeps the index");
                lead(&state, term).await
            }
            Ok(None) => {
                sleep(BEAT).await;
                continue;
            }
            Err(problem) => problem.into(),
        };
        match halt {
            Halt::Superseded => tracing::info!("another process keeps the index, or it begins anew"),
            Halt::Failed(detail) => {
                tracing::warn!(detail, "the index could not be kept");
                if let Err(problem) = state.stop_leading().await {
                    tracing::warn!(problem.detail, "nor could it be left to another process");
                }
            }
            Halt::Broken(detail) => {
                tracing::warn!(detail, "the index is made anew from nothing");
                if let Err(problem) = state.empty_index().await {
                    tracing::warn!(problem.detail, "the index could not be emptied");
                }
            }
        }
        sleep(AGAIN).await;
    }
}

/// Follows the chain until that fails, or another process does.
async fn lead(state: &State, term: Term) -> Halt {
    match try_lead(state, term).await {
        Ok(()) => Halt::Failed("the history has ended".to_owned()),
        Err(halt) => halt,
    }
}

async fn try_lead(state: &State, term: Term) -> Result<(), Halt> {
    let row = sqlx::query("SELECT cursor FROM index_state WHERE id = 1").fetch_one(&state.db).await?;
    let cursor: Option<String> = row.try_get(0)?;
    let cursor = cursor.map(|text| text.parse::<Cursor>()).transpose()?;
    let indexing = &state.indexing;
    let history = state.chain.scrip().history().confirmations(indexing.confirmations).every(indexing.every);
    let history = match cursor {
        Some(cursor) => history.from_cursor(cursor),
        None => history.from_block(indexing.from_block),
    };
    let mut updates = history.updates();
    let mut beat = interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut steps, mut entries) = (Vec::<Step>::new(), 0);
    let mut is_troubled = false;
    loop {
        let update = tokio::select! {
            update = updates.next() => update,
            _ = beat.tick() => {
                term.write(&mut *state.in_turn().await?).await?;
                continue;
            }
        };
        let Some(update) = update else { return Ok(()) };
        let Update { change, cursor, .. } = match update {
            Ok(update) => update,
            Err(error) => match Halt::from(error) {
                // It goes on where it was.
                Halt::Failed(detail) => {
                    if !is_troubled {
                        tracing::warn!(detail, "the chain cannot be read for the index");
                    }
                    is_troubled = true;
                    continue;
                }
                halt => return Err(halt),
            },
        };
        is_troubled = false;
        let (step, reached) = match change {
            Change::Happened(record) => (Some(Step::Happened(record)), None),
            Change::Removed(position) => (Some(Step::Removed(position)), None),
            Change::Reached(block) => (None, Some(block)),
            _ => (None, None),
        };
        entries += step.as_ref().map_or(0, Step::weight);
        steps.extend(step);
        let is_enough = entries >= AT_ONCE;
        if reached.is_none() && !is_enough {
            continue;
        }
        if is_enough {
            tracing::info!(block = cursor.block().number, "the index has come to this block");
        }
        state.write_batch(term, &steps, &cursor, reached).await?;
        steps.clear();
        entries = 0;
        if let Some(block) = reached {
            // However long a node takes over it, another process does not take this one for gone.
            tokio::select! {
                read = state.read_services(term, block) => read?,
                halt = go_on_beating(state, term) => return Err(halt),
            }
        }
    }
}

/// Says that this process follows, until it may not any more.
async fn go_on_beating(state: &State, term: Term) -> Halt {
    loop {
        sleep(BEAT).await;
        let beaten = async { term.write(&mut *state.in_turn().await?).await };
        if let Err(halt) = beaten.await {
            return halt;
        }
    }
}
