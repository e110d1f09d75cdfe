//! Who is logged in in a widget.
//!
//! A frame of another site has no cookies of ours, and a wallet does not reach into it: so one logs in in a window of the
//! server's own, which hands a *grant* to the frame that opened it, by `postMessage` to the server's own origin alone. The frame
//! gets a session for it, once and within a minute. That session is bound to one service: it is made access tokens of that
//! service, and can neither buy nor log in elsewhere. The browser keeps it in a cookie that is partitioned by the site that shows
//! the widget (CHIPS), so that no other site's frame has it; where cookies are not kept, the frame's memory does.

use alloy::primitives::{Address, hex};
use axum::http::{HeaderMap, header};
use scrip::Did;
use sha2::{Digest, Sha256};
use sqlx::Row;

use crate::{
    account::as_i64,
    problem::{Problem, ProblemKind},
    state::State,
};

/// For how long a grant is good, in seconds.
const GRANTED: u64 = 60;
/// For how long a session lasts, in seconds: a week.
pub(super) const LASTS: u64 = 7 * 86_400;
/// What carries a session's token where there is no cookie.
pub(super) const HEADER: &str = "scrip-widget-session";

/// The cookie of a service's session: each has its own, for several may be shown on one site.
pub(super) fn cookie_name(agent: Did) -> String {
    let id = agent.to_string();
    format!("__Host-scrip-widget-{}", id.trim_start_matches("0x").get(..16).unwrap_or_default())
}

impl State {
    /// Lets the widget that is handed this begin a session.
    pub(super) async fn grant_widget(&self, account: Address, agent: Did) -> Result<String, Problem> {
        sqlx::query("DELETE FROM widget_grants WHERE expires_at <= $1")
            .bind(self.now_i64())
            .execute(&mut *self.in_turn().await?)
            .await?;
        let grant = fresh_token();
        sqlx::query("INSERT INTO widget_grants (id, account, agent, expires_at) VALUES ($1, $2, $3, $4)")
            .bind(id(&grant))
            .bind(account.to_string())
            .bind(agent.to_string())
            .bind(as_i64(self.now() + GRANTED))
            .execute(&mut *self.in_turn().await?)
            .await?;
        Ok(grant)
    }

    /// Begins a session for a grant, which is used up by that; the session's token, which is kept nowhere here.
    pub(super) async fn begin_widget_session(&self, grant: &str, agent: Did) -> Result<String, Problem> {
        let mut db = self.write().await?;
        sqlx::query("DELETE FROM widget_sessions WHERE expires_at <= $1")
            .bind(self.now_i64())
            .execute(&mut *db)
            .await?;
        let used = sqlx::query(
            "DELETE FROM widget_grants WHERE id = $1 AND agent = $2 AND expires_at > $3 RETURNING account",
        )
        .bind(id(grant))
        .bind(agent.to_string())
        .bind(self.now_i64())
        .fetch_optional(&mut *db)
        .await?;
        let row = used.ok_or_else(|| {
            ProblemKind::INVALID_KEY
                .problem("this grant was not made for this widget, was used, or has ended")
                .hint("log in again")
        })?;
        let token = fresh_token();
        sqlx::query(
            "INSERT INTO widget_sessions (id, account, agent, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(id(&token))
        .bind(row.try_get::<String, _>(0)?)
        .bind(agent.to_string())
        .bind(self.now_i64())
        .bind(as_i64(self.now() + LASTS))
        .execute(&mut *db)
        .await?;
        db.commit().await?;
        Ok(token)
    }

    /// Who is logged in by what a request carries, in this service's widget.
    pub(super) async fn widget_account(
        &self,
        headers: &HeaderMap,
        agent: Did,
    ) -> Result<Option<Address>, Problem> {
        let Some(token) = carried(headers, agent) else { return Ok(None) };
        let row = sqlx::query(
            "SELECT account FROM widget_sessions WHERE id = $1 AND agent = $2 AND expires_at > $3",
        )
        .bind(id(&token))
        .bind(agent.to_string())
        .bind(self.now_i64())
        .fetch_optional(&self.db)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let account: String = row.try_get(0)?;
        account.parse().map(Some).map_err(|error| Problem::internal(&error))
    }

    /// Ends the session that a request carries.
    pub(super) async fn end_widget_session(&self, headers: &HeaderMap, agent: Did) -> Result<(), Problem> {
        let Some(token) = carried(headers, agent) else { return Ok(()) };
        sqlx::query("DELETE FROM widget_sessions WHERE id = $1")
            .bind(id(&token))
            .execute(&mut *self.in_turn().await?)
            .await?;
        Ok(())
    }
}

/// The session's token: the frame's own word comes before what the browser has kept.
fn carried(headers: &HeaderMap, agent: Did) -> Option<String> {
    if let Some(token) = headers.get(HEADER) {
        return token.to_str().ok().map(str::to_owned);
    }
    let name = cookie_name(agent);
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    let mut pairs =
        cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(found, _)| *found == name).map(|(_, token)| token.to_owned())
}

fn fresh_token() -> String {
    hex::encode(rand::random::<[u8; 32]>())
}

/// A token's hash. It has 256 random bits, so that a plain one serves.
fn id(token: &str) -> String {
    hex::encode(Sha256::digest(token))
}
