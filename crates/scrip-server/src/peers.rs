//! The processes that share the database: each says again and again that it is there, by a number that grows. No clock is
//! compared with another's: a process is gone when its number has stayed the same for as long as it takes by the clock of who
//! looks.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sqlx::{AnyPool, Row};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};

use crate::{problem::Problem, state::State};

/// How often a process says that it is there, and looks after what others have left.
const BEAT: Duration = Duration::from_secs(1);
/// How long a process may be silent.
const GONE: Duration = Duration::from_secs(5);
/// How often is looked whether another has said something.
const LOOK: Duration = Duration::from_millis(100);
/// How often it is looked for what can be forgotten, in beats: every ten minutes.
const TIDIES: u64 = 600;

/// What was last heard of each process, and when.
#[derive(Debug, Default)]
pub(crate) struct Peers(Mutex<HashMap<String, (i64, Instant)>>);

impl Peers {
    /// Takes down what each process has said; who has said nothing new for too long is told.
    fn silent(&self, said: Vec<(String, i64)>) -> Vec<(String, i64)> {
        let now = Instant::now();
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let former = std::mem::take(&mut *heard);
        let mut silent = Vec::new();
        for (id, beats) in said {
            let since = match former.get(&id) {
                Some((before, since)) if *before == beats => *since,
                _ => now,
            };
            heard.insert(id.clone(), (beats, since));
            if now.duration_since(since) >= GONE {
                silent.push((id, beats));
            }
        }
        silent
    }
}

async fn said(db: &AnyPool) -> Result<Vec<(String, i64)>, sqlx::Error> {
    let rows = sqlx::query("SELECT id, beats FROM instances").fetch_all(db).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
}

impl State {
    /// Says that this process is there, and looks after what others have left.
    pub(crate) async fn beat(self: &Arc<Self>) -> Result<(), Problem> {
        self.let_go().await?;
        sqlx::query(
            "INSERT INTO instances (id, beats) VALUES ($1, 1) \
             ON CONFLICT (id) DO UPDATE SET beats = instances.beats + 1",
        )
        .bind(&self.instance)
        .execute(&mut *self.in_turn().await?)
        .await?;
        for (id, beats) in self.peers.silent(said(&self.db).await?) {
            sqlx::query("DELETE FROM instances WHERE id = $1 AND beats = $2")
                .bind(id)
                .bind(beats)
                .execute(&mut *self.in_turn().await?)
                .await?;
        }
        self.end_what_was_left().await?;
        self.take_over().await
    }

    /// Does so for as long as it is not aborted.
    pub(crate) fn go_on_beating(self: &Arc<Self>) -> JoinHandle<()> {
        let state = Arc::clone(self);
        tokio::spawn(async move {
            for beat in 0_u64.. {
                sleep(BEAT).await;
                if let Err(problem) = state.beat().await {
                    tracing::warn!(problem.detail, "this process could not look after the others");
                }
                if beat.is_multiple_of(TIDIES) {
                    // By itself, for it may take longer than a process may be silent.
                    let state = Arc::clone(&state);
                    tokio::spawn(async move { state.tidy().await });
                }
            }
        })
    }

    async fn tidy(&self) {
        match self.forget_holds().await {
            Ok(forgotten) => tracing::debug!(forgotten, "old reservations are forgotten"),
            Err(problem) => tracing::warn!(problem.detail, "old reservations could not be forgotten"),
        }
    }

    /// The others need not wait until they take this process for gone.
    pub(crate) async fn leave(&self) -> Result<(), sqlx::Error> {
        sqlx::query("DELETE FROM instances WHERE id = $1")
            .bind(&self.instance)
            .execute(&mut *self.in_turn().await?)
            .await?;
        Ok(())
    }

    /// Waits until each of some processes has let go of what it did before, and has said so, or is gone: one beat may have been
    /// under way, the second began after this.
    pub(crate) async fn hear_of(&self, others: &[String]) -> Result<(), Problem> {
        let before: HashMap<_, _> = said(&self.db).await?.into_iter().collect();
        loop {
            let now: HashMap<_, _> = said(&self.db).await?.into_iter().collect();
            let is_silent = |id: &String| match (before.get(id), now.get(id)) {
                // One that was taken for gone meanwhile begins to count anew.
                (Some(before), Some(now)) => (*before..before + 2).contains(now),
                _ => false,
            };
            if !others.iter().any(is_silent) {
                return Ok(());
            }
            sleep(LOOK).await;
        }
    }
}
