//! The database: one file of SQLite, or Postgres.

use std::str::FromStr;

use sqlx::{
    AnyPool, Executor,
    any::{AnyConnectOptions, AnyPoolOptions},
    migrate::Migrator,
};

static MIGRATIONS: Migrator = sqlx::migrate!();

/// How many connections are kept to Postgres, and readers of SQLite.
const CONNECTIONS: u32 = 16;

/// A fresh id: 16 random bytes, in hex.
pub(crate) fn fresh_id() -> String {
    alloy::primitives::hex::encode(rand::random::<[u8; 16]>())
}

/// Opens a database by its URL, and brings its tables up to date.
pub(crate) async fn open(url: &str) -> Result<AnyPool, sqlx::Error> {
    sqlx::any::install_default_drivers();
    let is_sqlite = url.starts_with("sqlite:");
    let options = AnyConnectOptions::from_str(url)?;
    let pool = AnyPoolOptions::new()
        .max_connections(CONNECTIONS)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                if is_sqlite {
                    // Readers beside one writer; on the disk when committed.
                    let settings = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
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
