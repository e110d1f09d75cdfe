//! The database: one file of SQLite, or Postgres.

use std::str::FromStr;

use sqlx::{
    AnyConnection, AnyPool, Executor,
    any::{AnyConnectOptions, AnyPoolOptions},
    migrate::Migrator,
};

use crate::state::State;

static MIGRATIONS: Migrator = sqlx::migrate!();

/// How many connections are kept to Postgres, and readers of SQLite.
const CONNECTIONS: u32 = 16;

/// A fresh id: 16 random bytes, in hex.
pub(crate) fn fresh_id() -> String {
    alloy::primitives::hex::encode(rand::random::<[u8; 16]>())
}

pub(crate) fn is_sqlite(url: &str) -> bool {
    url.starts_with("sqlite:")
}

/// A connection of its own, whose commits are on the disk, or only with the operating system: then a loss of power, and of
/// Postgres itself, may lose the last of them, and the death of this process does not.
pub(crate) async fn connect(state: &State, outlives_power: bool) -> Result<AnyConnection, sqlx::Error> {
    let mut connection = state.db.acquire().await?.detach();
    let setting = match (connection.backend_name() == "SQLite", outlives_power) {
        (true, true) => "PRAGMA synchronous = FULL",
        (true, false) => "PRAGMA synchronous = NORMAL",
        (false, true) => "SET synchronous_commit = on",
        (false, false) => "SET synchronous_commit = off",
    };
    connection.execute(setting).await?;
    Ok(connection)
}

/// Opens a database by its URL, and brings its tables up to date.
pub(crate) async fn open(url: &str) -> Result<AnyPool, sqlx::Error> {
    sqlx::any::install_default_drivers();
    let is_sqlite = is_sqlite(url);
    let options = AnyConnectOptions::from_str(url)?;
    let pool = AnyPoolOptions::new()
        .max_connections(CONNECTIONS)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                if is_sqlite {
                    // Readers beside one writer; on the disk when committed.
                    // What is written is copied into the file beside the writers (`State::copy_over`); by one of them, who holds up
                    // the others, only when that is far behind.
                    let settings = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                                    PRAGMA wal_autocheckpoint = 10000; \
                                    PRAGMA busy_timeout = 30000; PRAGMA foreign_keys = ON;";
                    connection.execute(settings).await?;
                } else {
                    // A process that is cut off holds no rows locked for longer than the others wait.
                    let settings = "SET idle_in_transaction_session_timeout = '15s'";
                    connection.execute(settings).await?;
                }
                Ok(())
            })
        })
        .connect_with(options)
        .await?;
    MIGRATIONS.run(&pool).await?;
    Ok(pool)
}
