//! Sessions: who has logged in with a browser, until it logs out or the session ends.
//!
//! A session's token is 32 random bytes, known to the browser alone; the database has its hash.

use alloy::primitives::{Address, hex};
use sha2::{Digest, Sha256};
use sqlx::{Row, any::AnyRow};

use crate::{
    account::{as_i64, as_u64},
    problem::Problem,
    state::State,
};

/// For how long a session lasts, in seconds: a week.
pub(crate) const LASTS: u64 = 7 * 86_400;

/// How somebody has logged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// With a wallet of its own.
    Wallet,
    /// By a code that was sent to its e-mail address.
    Email,
    /// By name, on a development server.
    Dev,
}

/// A session that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    /// A hash of its token.
    pub(crate) id: String,
    pub(crate) account: Address,
    /// `wallet`, `email` or `dev`.
    pub(crate) way: String,
    /// In unix seconds.
    pub(crate) created_at: u64,
    /// In unix seconds.
    pub(crate) expires_at: u64,
}

const COLUMNS: &str = "id, account, way, created_at, expires_at";

impl Way {
    const fn name(self) -> &'static str {
        match self {
            Self::Wallet => "wallet",
            Self::Email => "email",
            Self::Dev => "dev",
        }
    }
}

impl Session {
    fn read(row: &AnyRow) -> Result<Self, Problem> {
        let account: String = row.try_get(1)?;
        Ok(Self {
            id: row.try_get(0)?,
            account: account.parse().map_err(|error| Problem::internal(&error))?,
            way: row.try_get(2)?,
            created_at: as_u64(row.try_get(3)?),
            expires_at: as_u64(row.try_get(4)?),
        })
    }
}

impl State {
    /// Begins a session; its token, which is kept nowhere here.
    pub(crate) async fn begin_session(&self, account: Address, way: Way) -> Result<String, Problem> {
        sqlx::query("DELETE FROM sessions WHERE expires_at <= $1")
            .bind(self.now_i64())
            .execute(&mut *self.in_turn().await?)
            .await?;
        let token = hex::encode(rand::random::<[u8; 32]>());
        sqlx::query(
            "INSERT INTO sessions (id, account, way, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(id(&token))
        .bind(account.to_string())
        .bind(way.name())
        .bind(self.now_i64())
        .bind(as_i64(self.now() + LASTS))
        .execute(&mut *self.in_turn().await?)
        .await?;
        Ok(token)
    }

    /// The session of a token, if it is one that has not ended.
    pub(crate) async fn session(&self, token: &str) -> Result<Option<Session>, Problem> {
        let text = format!("SELECT {COLUMNS} FROM sessions WHERE id = $1 AND expires_at > $2");
        let row = sqlx::query(sqlx::AssertSqlSafe(text))
            .bind(id(token))
            .bind(self.now_i64())
            .fetch_optional(&self.db)
            .await?;
        row.as_ref().map(Session::read).transpose()
    }

    /// The sessions of an account that have not ended, the newest first.
    pub(crate) async fn sessions(&self, account: Address) -> Result<Vec<Session>, Problem> {
        let text = format!(
            "SELECT {COLUMNS} FROM sessions WHERE account = $1 AND expires_at > $2 ORDER BY created_at DESC, id LIMIT 100"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(text))
            .bind(account.to_string())
            .bind(self.now_i64())
            .fetch_all(&self.db)
            .await?;
        rows.iter().map(Session::read).collect()
    }

    /// Ends a session of an account, by its id; all of them without one.
    pub(crate) async fn end_sessions(&self, account: Address, id: Option<&str>) -> Result<(), Problem> {
        sqlx::query("DELETE FROM sessions WHERE account = $1 AND id = COALESCE($2, id)")
            .bind(account.to_string())
            .bind(id)
            .execute(&mut *self.in_turn().await?)
            .await?;
        if id.is_none() {
            // In widgets, too.
            sqlx::query("DELETE FROM widget_sessions WHERE account = $1")
                .bind(account.to_string())
                .execute(&mut *self.in_turn().await?)
                .await?;
        }
        Ok(())
    }
}

/// A token's hash. It has 256 random bits, so that a plain one serves.
fn id(token: &str) -> String {
    hex::encode(Sha256::digest(token))
}
