//! The tables of a journal, which it makes.

use std::time::Duration;

use sqlx::{AnyPool, Executor};

use super::super::JournalResult;

/// What makes the tables of each version from those before it. Only ever added to.
const VERSIONS: [&str; 1] = ["CREATE TABLE scrip_journal (
    chain_id BIGINT NOT NULL,
    address TEXT NOT NULL,
    nonce BIGINT NOT NULL,
    once_key TEXT,
    intent TEXT NOT NULL,
    transactions TEXT NOT NULL,
    outcome TEXT NOT NULL,
    transaction_hash TEXT,
    block BIGINT,
    block_hash TEXT,
    insertion TEXT NOT NULL,
    PRIMARY KEY (chain_id, address, nonce),
    UNIQUE (chain_id, address, once_key)
)"];

/// How often, and how long apart, the log is asked for while others have the file open.
const TRIES: u32 = 300;
const PAUSE: Duration = Duration::from_millis(100);

/// Makes the tables, or renews them, by one process at a time.
pub(super) async fn make(pool: &AnyPool) -> JournalResult<()> {
    let mut connection = pool.acquire().await?;
    let is_sqlite = connection.backend_name() == "SQLite";
    let mut transaction =
        sqlx::Connection::begin_with(&mut *connection, if is_sqlite { "BEGIN IMMEDIATE" } else { "BEGIN" })
            .await?;
    if !is_sqlite {
        // Until the transaction ends; the number is only this journal's.
        let lock = "DO $$ BEGIN PERFORM pg_advisory_xact_lock(7165065861825654388); END $$";
        transaction.execute(lock).await?;
    }
    transaction.execute("CREATE TABLE IF NOT EXISTS scrip_journal_version (version BIGINT NOT NULL)").await?;
    let version: Option<(i64,)> =
        sqlx::query_as("SELECT version FROM scrip_journal_version").fetch_optional(&mut *transaction).await?;
    let made = version.map_or(Ok(0), |(version,)| usize::try_from(version))?;
    let missing = VERSIONS.get(made..).ok_or_else(|| {
        format!("the journal is of version {made}, this program knows {} at most", VERSIONS.len())
    })?;
    if !missing.is_empty() {
        for statement in missing {
            transaction.execute(*statement).await?;
        }
        transaction.execute("DELETE FROM scrip_journal_version").await?;
        sqlx::query("INSERT INTO scrip_journal_version (version) VALUES ($1)")
            .bind(i64::try_from(VERSIONS.len())?)
            .execute(&mut *transaction)
            .await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// Has SQLite write a log ahead, so that who reads and who writes do not wait for each other. It needs the file for itself for a
/// moment, for which SQLite does not wait.
pub(super) async fn log_ahead(pool: &AnyPool) -> JournalResult<()> {
    let mut tries = 1;
    loop {
        match pool.execute("PRAGMA journal_mode = WAL").await {
            Ok(_) => return Ok(()),
            Err(error) if tries == TRIES || error.as_database_error().is_none() => return Err(error.into()),
            Err(_) => {}
        }
        tokio::time::sleep(PAUSE).await;
        tries += 1;
    }
}
