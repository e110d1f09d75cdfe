//! The database: one file of SQLite, or Postgres.

use std::str::FromStr;

use sqlx::{
    AnyConnection, AnyPool, Connection, Executor,
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
    // Made here, so that it is looked after by the threads that use it.
    let mut connection = AnyConnection::connect_with(&state.db.connect_options()).await?;
    connection.execute(settings(connection.backend_name() == "SQLite")).await?;
    let setting = match (connection.backend_name() == "SQLite", outlives_power) {
        (true, true) => "PRAGMA synchronous = FULL",
        (true, false) => "PRAGMA synchronous = NORMAL",
        (false, true) => "SET synchronous_commit = on",
        (false, false) => "SET synchronous_commit = off",
    };
    connection.execute(setting).await?;
    Ok(connection)
}

/// How every connection is set.
const fn settings(is_sqlite: bool) -> &'static str {
    if is_sqlite {
        // Readers beside one writer; on the disk when committed.
        // What is written is copied into the file beside the writers (`State::copy_over`); by one of them, who holds up the others, only
        // when that is far behind.
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 10000; \
         PRAGMA busy_timeout = 30000; PRAGMA foreign_keys = ON;"
    } else {
        // A process that is cut off holds no rows locked for longer than the others wait.
        "SET idle_in_transaction_session_timeout = '15s'"
    }
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
                connection.execute(settings(is_sqlite)).await?;
                Ok(())
            })
        })
        .connect_with(options)
        .await?;
    MIGRATIONS.run(&pool).await?;
    Ok(pool)
}
