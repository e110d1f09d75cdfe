//! Who writes to the database, and when.

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
    time::Duration,
};

use alloy::primitives::Bytes;
use async_trait::async_trait;
use scrip::{Account, Entry, Inserted, Journal, JournalResult, Outcome, SqlJournal};
use sqlx::{Any, AnyConnection, Connection, Row, Transaction, pool::PoolConnection};
use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    task::JoinHandle,
    time::sleep,
};

use crate::state::State;

/// How often SQLite's log is copied into its file.
const COPIED_OVER: Duration = Duration::from_secs(1);
/// How many pages it has before it begins anew.
const LONG: i64 = 4_000;

/// Whose turn it is to write to SQLite. It lets one write at a time, and has the others sleep and try again, whoever came first:
/// here they wait in the order in which they came, and no longer than they have to.
#[derive(Debug, Default, Clone)]
pub(crate) struct Turn(Option<Arc<Mutex<()>>>);

/// A connection for one statement that writes, in its turn.
#[derive(Debug)]
pub(crate) struct InTurn {
    db: PoolConnection<Any>,
    _turn: Option<OwnedMutexGuard<()>>,
}

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

    /// Waits for it; there are none on Postgres.
    pub(crate) async fn take(&self) -> Option<OwnedMutexGuard<()>> {
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

    /// For one statement that writes by itself.
    pub(crate) async fn in_turn(&self) -> Result<InTurn, sqlx::Error> {
        let turn = self.turn.take().await;
        Ok(InTurn { db: self.db.acquire().await?, _turn: turn })
    }

    /// Copies what was written from SQLite's log into its file while others write; and where the log is long, what they have written
    /// meanwhile in a turn, so that it begins anew. Neither waits for who reads.
    async fn copy_over(&self) -> Result<(), sqlx::Error> {
        let copy = "PRAGMA wal_checkpoint(PASSIVE)";
        let copied = sqlx::query(copy).fetch_one(&self.db).await?;
        // The second column: https://sqlite.org/pragma.html#pragma_wal_checkpoint
        if copied.try_get::<i64, _>(1)? < LONG {
            return Ok(());
        }
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

/// The client's journal, whose writes wait for their turn as all others do.
#[derive(Debug)]
pub(crate) struct JournalInTurn {
    pub(crate) journal: SqlJournal,
    pub(crate) turn: Turn,
}

#[async_trait]
impl Journal for JournalInTurn {
    async fn find(&self, account: Account, key: &str) -> JournalResult<Option<Entry>> {
        self.journal.find(account, key).await
    }

    async fn at(&self, account: Account, nonce: u64) -> JournalResult<Option<Entry>> {
        self.journal.at(account, nonce).await
    }

    async fn since(&self, account: Account, nonce: u64, most: usize) -> JournalResult<Vec<Entry>> {
        self.journal.since(account, nonce, most).await
    }

    async fn last_nonce(&self, account: Account) -> JournalResult<Option<u64>> {
        self.journal.last_nonce(account).await
    }

    async fn insert(&self, entry: &Entry) -> JournalResult<Inserted> {
        let _turn = self.turn.take().await;
        self.journal.insert(entry).await
    }

    async fn replace(&self, account: Account, nonce: u64, transaction: &Bytes) -> JournalResult<()> {
        let _turn = self.turn.take().await;
        self.journal.replace(account, nonce, transaction).await
    }

    async fn settle(&self, account: Account, nonce: u64, outcome: Outcome) -> JournalResult<()> {
        let _turn = self.turn.take().await;
        self.journal.settle(account, nonce, outcome).await
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

impl Deref for InTurn {
    type Target = AnyConnection;

    fn deref(&self) -> &AnyConnection {
        &self.db
    }
}

impl DerefMut for InTurn {
    fn deref_mut(&mut self) -> &mut AnyConnection {
        &mut self.db
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
