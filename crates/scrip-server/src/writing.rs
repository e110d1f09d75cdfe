//! Transactions that write.

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
    time::Duration,
};

use sqlx::{Any, AnyConnection, Connection, Transaction};
use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    task::JoinHandle,
    time::sleep,
};

use crate::state::State;

/// How often SQLite's log is copied into its file.
const COPIED_OVER: Duration = Duration::from_secs(1);

/// Whose turn it is to write to SQLite. It lets one write at a time, and has the others sleep and try again, whoever came first:
/// here they wait in the order in which they came, and no longer than they have to.
#[derive(Debug, Default)]
pub(crate) struct Turn(Option<Arc<Mutex<()>>>);

/// A transaction that writes, in its turn. Dropped, nothing of it is written.
#[derive(Debug)]
pub(crate) struct Writing<'c> {
    // Ends before the turn does.
    db: Transaction<'c, Any>,
    _turn: Option<OwnedMutexGuard<()>>,
}

impl Turn {
    pub(crate) fn new(is_sqlite: bool) -> Self {
        Self(is_sqlite.then(Arc::default))
    }

    async fn take(&self) -> Option<OwnedMutexGuard<()>> {
        match &self.0 {
            Some(turn) => Some(Arc::clone(turn).lock_owned().await),
            None => None,
        }
    }
}

impl State {
    /// Begins a transaction.
    pub(crate) async fn write(&self) -> Result<Writing<'static>, sqlx::Error> {
        let turn = self.turn.take().await;
        Ok(Writing { db: self.db.begin().await?, _turn: turn })
    }

    /// Copies what was written from SQLite's log into its file, so that the log begins anew: most of it while others write, and what
    /// they have written meanwhile in a turn. Neither waits for who reads.
    async fn copy_over(&self) -> Result<(), sqlx::Error> {
        let copy = "PRAGMA wal_checkpoint(PASSIVE)";
        sqlx::query(copy).fetch_optional(&self.db).await?;
        let _turn = self.turn.take().await;
        sqlx::query(copy).fetch_optional(&self.db).await?;
        Ok(())
    }

    /// Begins a transaction on a connection of its own.
    pub(crate) async fn write_with<'c>(&self, db: &'c mut AnyConnection) -> Result<Writing<'c>, sqlx::Error> {
        let turn = self.turn.take().await;
        Ok(Writing { db: db.begin().await?, _turn: turn })
    }
}

/// Keeps SQLite's log short, for as long as it is not aborted. Postgres does so itself.
pub(crate) fn worker(state: &Arc<State>) -> Option<JoinHandle<()>> {
    state.turn.0.as_ref()?;
    let state = Arc::clone(state);
    Some(tokio::spawn(async move {
        loop {
            sleep(COPIED_OVER).await;
            if let Err(error) = state.copy_over().await {
                tracing::warn!(%error, "the database's log could not be copied into its file");
            }
        }
    }))
}

impl Writing<'_> {
    pub(crate) async fn commit(self) -> Result<(), sqlx::Error> {
        self.db.commit().await
    }

    pub(crate) async fn rollback(self) -> Result<(), sqlx::Error> {
        self.db.rollback().await
    }
}

impl Deref for Writing<'_> {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.db
    }
}

impl DerefMut for Writing<'_> {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.db
    }
}
