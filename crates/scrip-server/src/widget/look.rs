//! What a widget shows: who is logged in, the plans, what is left of them, and the access token that the page around it is told.

use std::sync::Arc;

use alloy::primitives::{Address, B256};
use axum::{
    Json, extract,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use scrip::{Did, PlanId};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    offer::{Offer, PlanView},
    session::{LASTS as SESSION_LASTS, cookie_name},
};
use crate::{
    access_token::NewToken,
    extract::{Asked, PathAgent, agent_number},
    gateway::PATH,
    problem::Problem,
    routes::fiat::origin,
    state::State,
    wire::number::Number,
};

/// How long a token lasts that a page is told, in seconds: a day, and a new one comes when a quarter of it is left.
const LASTS: u64 = 86_400;

/// What a widget has that asks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Has {
    /// The token that the page was told last.
    token: Option<B256>,
}

/// What a window has handed on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Handed {
    grant: String,
}

/// What a widget shows.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Look {
    /// Who is logged in.
    account: Option<Address>,
    plans: Vec<PlanView>,
    /// The plan that opens the service now.
    plan: Option<Number>,
    /// A new token, unless what the widget has is good.
    token: Option<TokenView>,
    /// Where the service is asked.
    proxy_url: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct TokenView {
    access_token: String,
    hash: B256,
}

/// Looks.
pub(super) async fn look(
    state: extract::State<Arc<State>>,
    PathAgent(agent): PathAgent,
    headers: HeaderMap,
    asked: Asked<Has>,
) -> Result<Response, Problem> {
    let offer = state.offer(agent).await?;
    let account = state.widget_account(&headers, agent).await?;
    let plans = state.plan_views(&offer, account).await?;
    let chosen = match account {
        Some(account) => state.choose(&plans, account, asked.body.token, agent).await?,
        None => None,
    };
    let token = match (&chosen, account) {
        (Some(Chosen { plan, has_token: false }), Some(account)) => {
            Some(state.widget_token(account, &offer, *plan).await?)
        }
        _ => None,
    };
    let look = Look {
        account,
        plans,
        plan: chosen.map(|chosen| Number(chosen.plan.0)),
        token,
        proxy_url: proxy_url(&origin(&state, &headers), agent),
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(look)).into_response())
}

/// Begins a session for a grant.
pub(super) async fn begin(
    state: extract::State<Arc<State>>,
    PathAgent(agent): PathAgent,
    asked: Asked<Handed>,
) -> Result<Response, Problem> {
    let token = state.begin_widget_session(&asked.body.grant, agent).await?;
    let cookie = set_cookie(agent, &token, SESSION_LASTS)?;
    let headers =
        [(header::SET_COOKIE, cookie), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((headers, Json(json!({ "session": token }))).into_response())
}

/// Logs out: the session ends, and the token that the page was told.
pub(super) async fn end(
    state: extract::State<Arc<State>>,
    PathAgent(agent): PathAgent,
    headers: HeaderMap,
    asked: Asked<Has>,
) -> Result<Response, Problem> {
    if let (Some(account), Some(token)) = (state.widget_account(&headers, agent).await?, asked.body.token) {
        state.revoke_permission(account, token).await?;
    }
    state.end_widget_session(&headers, agent).await?;
    let cookie = set_cookie(agent, "", 0)?;
    Ok(([(header::SET_COOKIE, cookie)], Json(json!({}))).into_response())
}

fn set_cookie(agent: Did, token: &str, seconds: u64) -> Result<HeaderValue, Problem> {
    let name = cookie_name(agent);
    // Browsers take `Secure` from http of this machine, too; from elsewhere by http they keep nothing.
    let cookie =
        format!("{name}={token}; Max-Age={seconds}; Path=/; Secure; HttpOnly; SameSite=None; Partitioned");
    cookie.parse().map_err(|error| Problem::internal(&error))
}

/// The plan whose token a page is to have.
struct Chosen {
    plan: PlanId,
    /// Whether the page has a good one already.
    has_token: bool,
}

impl State {
    /// The plan of the token that the page has, while anything is left of it; otherwise the one that begins to end first.
    async fn choose(
        &self,
        plans: &[PlanView],
        account: Address,
        token: Option<B256>,
        agent: Did,
    ) -> Result<Option<Chosen>, Problem> {
        let opening = || plans.iter().filter(|plan| plan.opens());
        let has = match token {
            Some(hash) => self.permission(account, hash).await?,
            None => None,
        };
        if let Some(has) = has
            && has.agent.as_deref() == Some(&agent_number(agent).to_string())
            && let Some(plan) = opening().find(|plan| plan.id.0 == has.plan.0)
        {
            let is_good = has.revoked_at.is_none() && has.expires_at.saturating_sub(self.now()) > LASTS / 4;
            return Ok(Some(Chosen { plan: PlanId(plan.id.0), has_token: is_good }));
        }
        let first = opening().min_by_key(|plan| plan.ends_at.unwrap_or(u64::MAX));
        Ok(first.map(|plan| Chosen { plan: PlanId(plan.id.0), has_token: false }))
    }

    async fn widget_token(&self, holder: Address, offer: &Offer, plan: PlanId) -> Result<TokenView, Problem> {
        let now = self.now();
        let new = NewToken {
            holder,
            plan,
            scheme: "nvm:erc4337".to_owned(),
            network: format!("eip155:{}", self.chain.scrip().chain_id()),
            agent_id: Some(agent_number(offer.service.did).to_string()),
            http_verb: None,
            resource: None,
            delegation: None,
            is_single_use: false,
            issued_at: now,
            expires_at: now + LASTS,
        };
        let (token, access_token) = self.create_token(new).await?;
        Ok(TokenView { access_token, hash: token.authorization().hash })
    }
}

/// Where a service is asked, behind the gateway.
fn proxy_url(place: &str, agent: Did) -> String {
    format!("{place}{PATH}/{}", agent_number(agent))
}
