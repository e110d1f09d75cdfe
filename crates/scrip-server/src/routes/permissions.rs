//! Access tokens.

use std::sync::Arc;

use axum::{Json, extract};
use scrip::{PlanId, Services};
use serde_json::{Value, json};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::delegations::delegate;
use crate::{
    access_token::NewToken,
    auth::Caller,
    extract::{Asked, PathText, agent_number, parse_agent, parse_plan},
    paging::{Page, PageAsked},
    problem::{Problem, ProblemKind},
    scope::Scope,
    state::State,
    wire::x402::{PermissionAsked, PermissionMade, PermissionView},
};

/// How long a token lasts without a delegation, and at most with one, in seconds: 30 days.
const LASTS: u64 = 30 * 86_400;
/// The longest text that a token takes over.
const LONGEST: usize = 2_048;

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(make, list)).routes(routes!(show, revoke)).routes(routes!(legacy))
}

/// Makes an access token, with which who redeems a plan spends the caller's credits of it. It ends after 30 days, or with its
/// delegation. Version 3 is for one use, bound to a resource and a verb if they are named.
#[utoipa::path(post, path = "/api/v1/x402/permissions", tag = "x402",
    request_body = PermissionAsked, security(("key" = [])),
    responses((status = 200, body = PermissionMade)))]
async fn make(
    state: extract::State<Arc<State>>,
    caller: Caller,
    Asked { body: asked, .. }: Asked<PermissionAsked>,
) -> Result<Json<PermissionMade>, Problem> {
    let holder = caller.may(Scope::Access)?;
    let PermissionAsked { accepted, delegation_config, token_version, resource } = asked;
    let is_single_use = match token_version {
        None | Some(2) => false,
        Some(3) => true,
        Some(version) => {
            return Err(ProblemKind::INVALID_REQUEST
                .problem(format!("there are tokens of version 2 and 3, not {version}"))
                .hint("ask for version 3 for a token for one use"));
        }
    };
    let plan = PlanId(accepted.plan_id.0);
    state.chain.terms(plan).await?;
    let extra = accepted.extra.unwrap_or_default();
    if let Some(agent) = &extra.agent_id {
        opens(&state, plan, agent).await?;
    }
    let delegation = match delegation_config {
        None => None,
        Some(config) => match &config.delegation_id {
            Some(id) => Some(id.clone()),
            // As older clients do: one that is made on the way.
            None if config.spending_limit_cents.is_some() => Some(delegate(&state, &caller, &config).await?),
            None => None,
        },
    };
    let now = state.now();
    let mut expires_at = now + LASTS;
    if let Some(id) = &delegation {
        // What is bought under it is not counted for the key.
        state.check_unlimited(&caller, "access token under a delegation").await?;
        let delegation = state.delegation(holder, id).await?;
        delegation.check(plan, 0, now)?;
        expires_at = expires_at.min(delegation.expires_at);
    }
    let resource = resource.and_then(|resource| resource.url).filter(|_| is_single_use);
    let new = NewToken {
        holder,
        plan,
        scheme: short(accepted.scheme, "nvm:erc4337")?,
        network: short(accepted.network, "eip155:84532")?,
        agent_id: extra.agent_id,
        http_verb: extra.http_verb.filter(|_| is_single_use).map(|verb| short(Some(verb), "")).transpose()?,
        resource: resource.map(|url| short(Some(url), "")).transpose()?,
        delegation,
        is_single_use,
        issued_at: now,
        expires_at,
    };
    let (token, access_token) = state.create_token(new).await?;
    Ok(Json(PermissionMade { access_token, hash: token.authorization().hash, expires_at }))
}

/// Makes an access token as older clients ask for it.
#[utoipa::path(get, path = "/api/v1/protocol/token/{planId}/{agentId}", tag = "x402", security(("key" = [])),
    responses((status = 200, body = PermissionMade)))]
async fn legacy(
    state: extract::State<Arc<State>>,
    caller: Caller,
    PathText((plan, agent)): PathText<(String, String)>,
) -> Result<Json<PermissionMade>, Problem> {
    let holder = caller.may(Scope::Access)?;
    let plan = parse_plan(&plan)?;
    state.chain.terms(plan).await?;
    opens(&state, plan, &agent).await?;
    let now = state.now();
    let new = NewToken {
        holder,
        plan,
        scheme: "nvm:erc4337".to_owned(),
        network: "eip155:84532".to_owned(),
        agent_id: Some(agent),
        http_verb: None,
        resource: None,
        delegation: None,
        is_single_use: false,
        issued_at: now,
        expires_at: now + LASTS,
    };
    let (token, access_token) = state.create_token(new).await?;
    let says = token.authorization();
    Ok(Json(PermissionMade { access_token, hash: says.hash, expires_at: says.expires_at }))
}

/// Makes sure that a plan opens an agent.
async fn opens(state: &State, plan: PlanId, agent: &str) -> Result<(), Problem> {
    let agent = parse_agent(agent)?;
    let service = Services::connect(state.chain.scrip()).await?.service(agent).await?;
    if service.plans.contains(&plan) {
        return Ok(());
    }
    Err(ProblemKind::PLAN_NOT_OF_AGENT
        .problem(format!("plan {} does not open agent {}", plan.0, agent_number(agent)))
        .hint("ask for one of the agent's plans"))
}

/// A text that a token takes over.
fn short(text: Option<String>, otherwise: &str) -> Result<String, Problem> {
    let text = text.unwrap_or_else(|| otherwise.to_owned());
    if text.len() > LONGEST {
        return Err(ProblemKind::INVALID_REQUEST
            .problem(format!("a text of {} bytes, and a token takes {LONGEST} at most", text.len())));
    }
    Ok(text)
}

/// The access tokens of the caller's account, the newest first, a hundred at once: never the tokens themselves.
#[utoipa::path(get, path = "/api/v1/x402/permissions", tag = "x402", security(("key" = [])), params(PageAsked),
    responses((status = 200, body = [PermissionView])))]
async fn list(
    state: extract::State<Arc<State>>,
    caller: Caller,
    page: Page<100>,
) -> Result<Json<Vec<PermissionView>>, Problem> {
    let all = state.list_permissions(caller.may(Scope::Access)?, page).await?;
    Ok(Json(all.into_iter().map(PermissionView::from).collect()))
}

/// One of the account's access tokens.
#[utoipa::path(get, path = "/api/v1/x402/permissions/{hash}", tag = "x402", security(("key" = [])),
    responses((status = 200, body = PermissionView)))]
async fn show(
    state: extract::State<Arc<State>>,
    caller: Caller,
    PathText(text): PathText,
) -> Result<Json<PermissionView>, Problem> {
    let account = caller.may(Scope::Access)?;
    let hash = text.parse().map_err(|_| missing(&text))?;
    let one = state.permission(account, hash).await?;
    one.map(|one| Json(one.into())).ok_or_else(|| missing(&text))
}

/// Ends one of the account's access tokens, at once. What is reserved under it can still be settled.
#[utoipa::path(delete, path = "/api/v1/x402/permissions/{hash}", tag = "x402", security(("key" = [])),
    responses((status = 200, body = Object)))]
async fn revoke(
    state: extract::State<Arc<State>>,
    caller: Caller,
    PathText(text): PathText,
) -> Result<Json<Value>, Problem> {
    let account = caller.may(Scope::Access)?;
    let hash = text.parse().map_err(|_| missing(&text))?;
    if state.revoke_permission(account, hash).await? {
        Ok(Json(json!({ "success": true })))
    } else {
        Err(missing(&text))
    }
}

fn missing(hash: &str) -> Problem {
    ProblemKind::PERMISSION_NOT_FOUND
        .problem(format!("there is no live access token `{hash}` of this account"))
        .hint("list the access tokens")
}
