//! Logging in, and out.

use std::sync::Arc;

use alloy::primitives::{Address, Bytes};
use axum::{
    Json, Router, extract,
    http::HeaderMap,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::Row;

use super::{
    answer::Instead,
    form::Filled,
    layout::{Frame, page},
    visitor::{Cookie, cookie, encoded, session},
};
use crate::{
    extract::{Asked, AskedQuery, parse_address},
    problem::{Problem, ProblemKind},
    session::Way,
    state::State,
};

/// Where who has logged in goes.
const HOME: &str = "/my/agents";

/// How many accounts a development server offers.
const OFFERED: u32 = 20;

#[derive(Debug, Deserialize)]
struct Next {
    next: Option<String>,
}

#[derive(Debug, Deserialize)]
struct EmailAsked {
    email: String,
    #[serde(default)]
    next: String,
}

#[derive(Debug, Deserialize)]
struct CodeGiven {
    id: String,
    code: String,
    #[serde(default)]
    next: String,
}

#[derive(Debug, Deserialize)]
struct WalletGiven {
    message: String,
    signature: Bytes,
    #[serde(default)]
    next: String,
}

#[derive(Debug, Deserialize)]
struct NameGiven {
    account: String,
    #[serde(default)]
    next: String,
}

pub(super) fn routes() -> Router<Arc<State>> {
    Router::new()
        .route("/login", get(show))
        .route("/login/email", post(ask_for_code))
        .route("/login/code", post(by_code))
        .route("/login/wallet", post(by_wallet))
        .route("/login/dev", post(by_name))
        .route("/logout", post(log_out))
}

/// A path of this server, as it was given; home otherwise. Browsers take `//` and `/\` for another host.
fn path(next: &str) -> &str {
    let mut letters = next.chars();
    let is_path = letters.next() == Some('/') && !matches!(letters.next(), Some('/' | '\\'));
    if is_path && next.bytes().all(|byte| byte.is_ascii_graphic()) { next } else { HOME }
}

async fn show(
    state: extract::State<Arc<State>>,
    AskedQuery(Next { next }): AskedQuery<Next>,
) -> Result<Markup, Instead> {
    let next = path(next.as_deref().unwrap_or_default());
    let accounts = if state.pages.dev_log_in { state.managed_accounts().await? } else { Vec::new() };
    let nothing = !state.sends_codes() && state.place.is_none() && accounts.is_empty();
    let body = html! {
        h1 { "Log in" }
        @if nothing {
            p { "Nobody can log in yet: the server has no mail server, and was not told where all reach it." }
        }
        @if state.sends_codes() {
            section {
                h2 { "By e-mail" }
                p { "We send you a code. The first time, an account is made for you, for which this server signs." }
                form method="post" action="/login/email" {
                    input type="hidden" name="next" value=(next);
                    label { "E-mail address"
                        input type="email" name="email" autocomplete="email" maxlength="254" required;
                    }
                    button { "Send me a code" }
                }
            }
        }
        @if state.place.is_some() {
            section {
                h2 { "With a wallet" }
                p { "Your wallet signs a message, which costs nothing. This server never signs for you." }
                button type="button" hidden data-log-in=(next) { "Log in with a wallet" }
                noscript { p { "This needs a script, as wallets do." } }
                p role="status" data-said="" {}
            }
        }
        @if !accounts.is_empty() {
            section {
                h2 { "On this development server" }
                @for (address, name) in &accounts {
                    form method="post" action="/login/dev" {
                        input type="hidden" name="next" value=(next);
                        input type="hidden" name="account" value=(address);
                        button { "Log in as " (name) }
                    }
                }
            }
        }
    };
    Ok(page(&Frame::plain("Log in").with_script(), body))
}

async fn ask_for_code(
    state: extract::State<Arc<State>>,
    Filled(EmailAsked { email, next }): Filled<EmailAsked>,
) -> Result<Markup, Instead> {
    let id = state.send_code(&email).await?;
    Ok(code_page(&id, path(&next), None))
}

/// Where a code is entered; once more after a wrong one.
fn code_page(id: &str, next: &str, wrong: Option<&Problem>) -> Markup {
    let body = html! {
        h1 { "Enter the code" }
        @if let Some(wrong) = wrong {
            p.wrong role="alert" { (wrong.detail) "." }
        }
        p { "We have sent you six digits, which can be used within ten minutes." }
        form method="post" action="/login/code" {
            input type="hidden" name="id" value=(id);
            input type="hidden" name="next" value=(next);
            label { "Code"
                input name="code" inputmode="numeric" autocomplete="one-time-code" pattern="[0-9]{6}" maxlength="6" required autofocus;
            }
            button { "Log in" }
        }
        p { a href="/login" { "Send another code" } }
    };
    page(&Frame::plain("Enter the code"), body)
}

async fn by_code(
    state: extract::State<Arc<State>>,
    headers: HeaderMap,
    Filled(CodeGiven { id, code, next }): Filled<CodeGiven>,
) -> Result<Response, Instead> {
    match state.use_code(&id, &code).await {
        Ok(account) => Ok(enter(&state, &headers, account, Way::Email, &next).await?.into_response()),
        Err(wrong) if wrong.code == ProblemKind::WRONG_CODE.code() => {
            let again = code_page(&id, path(&next), Some(&wrong));
            Ok((axum::http::StatusCode::BAD_REQUEST, again).into_response())
        }
        Err(problem) => Err(problem.into()),
    }
}

/// What the script sends that has asked a wallet.
async fn by_wallet(
    state: extract::State<Arc<State>>,
    headers: HeaderMap,
    Asked { body: WalletGiven { message, signature, next }, .. }: Asked<WalletGiven>,
) -> Result<(Cookie, Json<Value>), Problem> {
    let account = state.sign_in(&message, signature).await?;
    let token = begin(&state, &headers, account, Way::Wallet).await?;
    Ok((cookie(&state, Some(&token)), Json(json!({ "next": path(&next) }))))
}

async fn by_name(
    state: extract::State<Arc<State>>,
    headers: HeaderMap,
    Filled(NameGiven { account, next }): Filled<NameGiven>,
) -> Result<impl IntoResponse, Instead> {
    let account = state.dev_account(&account).await?;
    enter(&state, &headers, account, Way::Dev, &next).await
}

/// Begins a session, and goes on to where somebody was going.
async fn enter(
    state: &State,
    headers: &HeaderMap,
    account: Address,
    way: Way,
    next: &str,
) -> Result<(Cookie, Redirect), Instead> {
    let token = begin(state, headers, account, way).await?;
    Ok((cookie(state, Some(&token)), Redirect::to(path(next))))
}

/// Begins a session in the place of the one that the browser has had.
async fn begin(state: &State, headers: &HeaderMap, account: Address, way: Way) -> Result<String, Problem> {
    if let Some(old) = session(state, headers).await? {
        state.end_sessions(old.account, Some(&old.id)).await?;
    }
    state.begin_session(account, way).await
}

/// Where who has logged out logs in again to go on: at home without.
async fn log_out(
    state: extract::State<Arc<State>>,
    headers: HeaderMap,
    Filled(Next { next }): Filled<Next>,
) -> Result<impl IntoResponse, Instead> {
    if let Some(session) = session(&state, &headers).await? {
        state.end_sessions(session.account, Some(&session.id)).await?;
    }
    let next = next.map(|next| format!("?next={}", encoded(path(&next)))).unwrap_or_default();
    Ok((cookie(&state, None), Redirect::to(&format!("/login{next}"))))
}

impl State {
    /// The oldest managed accounts, and their names.
    pub(crate) async fn managed_accounts(&self) -> Result<Vec<(String, String)>, Problem> {
        let text = format!(
            "SELECT address, name FROM accounts WHERE sealed_key IS NOT NULL ORDER BY created_at, name LIMIT {OFFERED}"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(text)).fetch_all(&self.db).await?;
        rows.iter().map(|row| Ok((row.try_get(0)?, row.try_get(1)?))).collect()
    }

    /// An account as which anyone logs in on a development server, by its address.
    pub(crate) async fn dev_account(&self, account: &str) -> Result<Address, Problem> {
        if !self.pages.dev_log_in {
            return Err(ProblemKind::NOT_SET_UP
                .problem("nobody logs in by a name here: this is no development server"));
        }
        let account = parse_address(account)?;
        if self.signs_for(account).await? {
            return Ok(account);
        }
        Err(ProblemKind::NO_ACCOUNT.problem(format!("there is no managed account {account}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere() {
        for next in ["/my/plans", "/plans/1?a=b&c", "/"] {
            assert_eq!(path(next), next);
        }
        for next in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "my",
            "/\n/evil.example",
            "/a\r\nb",
        ] {
            assert_eq!(path(next), HOME, "{next}");
        }
    }
}
