//! The tables of a journal, which it makes.

use std::time::Duration;

use sqlx::{AnyConnection, AnyPool, Connection, Executor};

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
    let mut transaction = connection.begin_with(if is_sqlite { "BEGIN IMMEDIATE" } else { "BEGIN" }).await?;
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
/// moment, for which SQLite does not wait; what is no database is found out here.
pub(super) async fn log_ahead(url: &str) -> JournalResult<()> {
    let mut tries = 1;
    loop {
        let mut connection = AnyConnection::connect(url).await?;
        let asked = connection.execute("PRAGMA journal_mode = WAL").await;
        connection.close().await?;
        match asked {
            Ok(_) => return Ok(()),
            Err(error) => {
                // 5 is SQLITE_BUSY, whatever is in the bits above.
                let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
                if tries == TRIES || code.is_none_or(|code| code & 0xff != 5) {
                    return Err(error.into());
                }
            }
        }
        tokio::time::sleep(PAUSE).await;
        tries += 1;
    }
}
