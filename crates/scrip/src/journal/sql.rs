//! A journal in a database.

mod rows;
mod tables;

use std::time::Duration;

use alloy::primitives::Bytes;
use async_trait::async_trait;
use sqlx::{
    AnyPool, Executor,
    any::{AnyPoolOptions, install_default_drivers},
};

use tokio::time::timeout;

use self::rows::Rows;
use super::{Account, Entry, Inserted, Journal, JournalResult, Outcome};

/// How long the database may take for anything.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);

/// A journal in a database, SQLite or Postgres, that any number of processes may share: servers that write as one account do.
///
/// It is in the tables `scrip_journal` and `scrip_journal_version`, which it makes. An entry is as durable as what the database
/// commits: leave `synchronous_commit` of Postgres on, and let it write to a primary only.
#[derive(Debug, Clone)]
pub struct SqlJournal {
    rows: Rows,
}

impl SqlJournal {
    /// Opens the database of a URL, `sqlite:path/to/file` or `postgres://user@host/name`, and makes or renews the tables there. A
    /// file of SQLite is made if it is not there, and writes to the disk before it answers.
    ///
    /// # Errors
    ///
    /// When the database cannot be opened or written, when this build has no driver for it (features `sqlite` and `postgres`), and
    /// when a later version of this crate has made the tables.
    pub async fn connect(url: &str) -> JournalResult<Self> {
        install_default_drivers();
        let mut url = url.to_owned();
        let mut options = AnyPoolOptions::new();
        if url.starts_with("sqlite:") {
            if !url.contains("mode=") {
                url += if url.contains('?') { "&mode=rwc" } else { "?mode=rwc" };
            }
            tables::log_ahead(&url).await?;
            // Writes wait for each other anyway; in the pool they do so in turn. It is kept, for a database in memory goes with it.
            options = options.max_connections(1).idle_timeout(None).max_lifetime(None);
            options = options.after_connect(|connection, _| {
                Box::pin(async move {
                    connection.execute("PRAGMA busy_timeout = 30000; PRAGMA synchronous = FULL").await?;
                    Ok(())
                })
            });
        }
        Self::new(options.connect(&url).await?).await
    }

    /// Opens a file of SQLite, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// As [`SqlJournal::connect`].
    #[cfg(feature = "sqlite")]
    pub async fn open(path: impl AsRef<std::path::Path>) -> JournalResult<Self> {
        let path = path.as_ref();
        let name = path.to_str().ok_or_else(|| format!("the name of {} is not UTF-8", path.display()))?;
        Self::connect(&format!("sqlite:{}", name.replace('%', "%25").replace('?', "%3F"))).await
    }

    /// In a database that is open already; makes or renews the tables there. With SQLite it is for who opens it to have
    /// `synchronous` at `FULL`, and a `busy_timeout`.
    ///
    /// # Errors
    ///
    /// When the database cannot be written, and when a later version of this crate has made the tables.
    pub async fn new(pool: AnyPool) -> JournalResult<Self> {
        tables::make(&pool).await?;
        Ok(Self { rows: Rows(pool) })
    }

    /// Has the database do something in a task of its own. A future that is not polled any more would keep its connection from all
    /// others; and what has been begun is done, even when nobody waits for it.
    async fn apart<T, F>(&self, work: impl FnOnce(Rows) -> F) -> JournalResult<T>
    where
        T: Send + 'static,
        F: Future<Output = JournalResult<T>> + Send + 'static,
    {
        // A database whose machine has gone never says so.
        let answer = timeout(ANSWERED_WITHIN, tokio::spawn(work(self.rows.clone()))).await;
        answer.map_err(|_| {
            format!("the database has not answered in {} seconds", ANSWERED_WITHIN.as_secs())
        })??
    }
}

#[async_trait]
impl Journal for SqlJournal {
    async fn find(&self, account: Account, key: &str) -> JournalResult<Option<Entry>> {
        let key = key.to_owned();
        self.apart(|rows| async move { rows.find(account, &key).await }).await
    }

    async fn at(&self, account: Account, nonce: u64) -> JournalResult<Option<Entry>> {
        self.apart(|rows| async move { rows.at(account, nonce).await }).await
    }

    async fn since(&self, account: Account, nonce: u64, most: usize) -> JournalResult<Vec<Entry>> {
        self.apart(|rows| async move { rows.since(account, nonce, most).await }).await
    }

    async fn last_nonce(&self, account: Account) -> JournalResult<Option<u64>> {
        self.apart(|rows| async move { rows.last_nonce(account).await }).await
    }

    async fn insert(&self, entry: &Entry) -> JournalResult<Inserted> {
        let entry = entry.clone();
        self.apart(|rows| async move { rows.insert(&entry).await }).await
    }

    async fn replace(&self, account: Account, nonce: u64, transaction: &Bytes) -> JournalResult<()> {
        let transaction = transaction.clone();
        self.apart(|rows| async move { rows.replace(account, nonce, &transaction).await }).await
    }

    async fn settle(&self, account: Account, nonce: u64, outcome: Outcome) -> JournalResult<()> {
        self.apart(|rows| async move { rows.settle(account, nonce, outcome).await }).await
    }
}
