//! A copy of what exists nowhere else: the whole database.

use std::{
    fs, io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    str::FromStr,
};

use sqlx::{AnyConnection, Connection, any::AnyConnectOptions};

use crate::{gateway, problem::ProblemKind};

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// It is no SQLite.
    #[error(
        "only SQLite is backed up so: of Postgres pg_dump makes a copy while it is used, and pg_restore restores it"
    )]
    NotSqlite,
    /// The database cannot be read.
    #[error("the database cannot be backed up: {0}")]
    Database(sqlx::Error),
    /// What the gateway has written cannot be read.
    #[error("the database cannot be backed up, for its gateway's log cannot be read: {0}")]
    Content(String),
    /// The file is there already, or cannot be written.
    #[error("the backup cannot be written to {}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
}

impl From<sqlx::Error> for BackupError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

/// Copies a database of SQLite, by its URL, as it is at one moment, into a file that is not there yet and that only its owner
/// reads; safely while a server uses it. To restore it, the server is started with that file. What was asked for and not signed
/// yet is given up in it, for it may be done by then.
///
/// # Errors
///
/// [`BackupError`] when there is no such database, when it is no SQLite, or when the file is there already or cannot be written.
/// Then there is no such file, or it is what it was.
pub async fn back_up(database: &str, to: &Path) -> Result<(), BackupError> {
    if !database.starts_with("sqlite:") {
        return Err(BackupError::NotSqlite);
    }
    sqlx::any::install_default_drivers();
    // Nothing is made where there is nothing to be copied.
    let place = database.split('?').next().unwrap_or_default();
    let options = AnyConnectOptions::from_str(&format!("{place}?mode=rw"))?;
    let mut db = AnyConnection::connect_with(&options).await?;
    let failed = |error| BackupError::File { path: to.to_owned(), error };
    // SQLite fills an empty file, and makes one that others read.
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(failed)?;
    let copied = copy(&mut db, to).await.and_then(|()| file.sync_all().map_err(failed));
    if copied.is_err() {
        // What is left of it is no backup. That it stays is not worse than why there is none.
        let _ = fs::remove_file(to);
    }
    copied
}

async fn copy(db: &mut AnyConnection, to: &Path) -> Result<(), BackupError> {
    let path = to.to_str().ok_or_else(|| {
        let error = io::Error::new(io::ErrorKind::InvalidInput, "its name is not UTF-8");
        BackupError::File { path: to.to_owned(), error }
    })?;
    sqlx::query("PRAGMA busy_timeout = 30000").execute(&mut *db).await?;
    sqlx::query("VACUUM INTO $1").bind(path).execute(&mut *db).await?;
    let options = AnyConnectOptions::from_str(&format!("sqlite://{path}?mode=rw"))?;
    let mut saved = AnyConnection::connect_with(&options).await?;
    give_up(&mut saved).await?;
    Ok(saved.close().await?)
}

/// Gives up, in the copy, what was asked for and not signed: it is done, it may be, by whom the copy was made of, and would be done
/// again. What was signed is done once, whoever sends it. Nobody is logged in with a browser.
async fn give_up(saved: &mut AnyConnection) -> Result<(), BackupError> {
    let detail = "this was under way when the database was saved from which it was restored, and may have been done since";
    let problem =
        ProblemKind::BUSY.problem(detail).hint("see whether it was done, and ask for it again if not");
    let outcome = serde_json::to_string(&problem).unwrap_or_default();
    let unsigned = "UPDATE operations SET status = 'failed', outcome = $1 WHERE status = 'open' AND NOT EXISTS (\
                      SELECT 1 FROM scrip_journal WHERE once_key = operations.id \
                      OR once_key LIKE operations.id || ' %' AND once_key <> operations.id || ' gas')";
    sqlx::query(unsigned).bind(outcome).execute(&mut *saved).await?;
    // Who has logged out since would be logged in again.
    for past in [
        "DELETE FROM sessions",
        "DELETE FROM email_codes",
        "DELETE FROM widget_sessions",
        "DELETE FROM widget_grants",
    ] {
        sqlx::query(past).execute(&mut *saved).await?;
    }
    give_up_uncut(saved).await
}

/// The same of what the gateway has let in and put into no batch yet: it may be redeemed since under an id that is not in the copy.
/// Batches go on under their ids, which the contract takes once; those to come begin with others.
async fn give_up_uncut(saved: &mut AnyConnection) -> Result<(), BackupError> {
    let there = sqlx::query("SELECT 1 FROM sqlite_master WHERE name = 'gateway_log'");
    if there.fetch_optional(&mut *saved).await?.is_none() {
        return Ok(());
    }
    gateway::forget_logs(saved).await.map_err(|problem| BackupError::Content(problem.detail.clone()))?;
    sqlx::query("DELETE FROM gateway_numbers").execute(saved).await?;
    Ok(())
}
