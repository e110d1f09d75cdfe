//! Delegations, and how an account pays.

use std::sync::Arc;

use alloy::primitives::{Address, U256};
use axum::{
    Json, extract,
    http::{HeaderMap, header},
};
use scrip::PlanId;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Caller,
    database::fresh_id,
    delegation::Delegation,
    extract::{Asked, AskedQuery, PathText},
    problem::{Problem, ProblemKind},
    scope::Scope,
    state::State,
    wire::x402::{DelegationConfig, DelegationView, PaymentMethod},
};

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new()
        .routes(routes!(make))
        .routes(routes!(list))
        .routes(routes!(show, revoke))
        .routes(routes!(payment_methods))
}

/// The currencies whose cents are counted.
const CURRENCIES: [&str; 4] = ["usd", "usdc", "eur", "eurc"];
/// How long a delegation lasts unless it says, in seconds: a week.
const LASTS: u64 = 7 * 86_400;

/// Lets more be bought with the account's money when a token needs more credits than there are, within limits.
#[utoipa::path(post, path = "/api/v1/delegation/create", tag = "x402",
    request_body = DelegationConfig, security(("key" = [])),
    responses((status = 200, body = Object)))]
async fn make(
    state: extract::State<Arc<State>>,
    caller: Caller,
    Asked { body: asked, .. }: Asked<DelegationConfig>,
) -> Result<Json<Value>, Problem> {
    let id = delegate(&state, &caller, &asked).await?;
    Ok(Json(json!({ "delegationId": id, "delegationToken": null })))
}

/// Makes a delegation; its id.
pub(super) async fn delegate(
    state: &State,
    caller: &Caller,
    limits: &DelegationConfig,
) -> Result<String, Problem> {
    let account = caller.may(Scope::Order)?;
    // It can only buy for who signs here.
    state.signer(account).await?;
    state.check_unlimited(caller, "delegation").await?;
    let new = read(account, limits, state.now())?;
    state.create_delegation(&new).await?;
    Ok(new.id)
}

fn read(account: Address, limits: &DelegationConfig, now: u64) -> Result<Delegation, Problem> {
    let invalid = |detail: String| ProblemKind::INVALID_REQUEST.problem(detail);
    if let Some(other) = limits.provider.as_deref().filter(|provider| *provider != "erc4337") {
        return Err(invalid(format!("a delegation cannot be made of `{other}`"))
            .hint("make one of the account's own wallet: `erc4337`"));
    }
    if limits.api_key_id.is_some() {
        return Err(invalid("a delegation cannot be one API key's: it is the account's".to_owned())
            .hint("leave apiKeyId out"));
    }
    let limit =
        limits.spending_limit_cents.ok_or_else(|| invalid("there is no spendingLimitCents".to_owned()))?;
    let limit_cents = u64::from(limit.to_u32("a spending limit")?);
    let duration = match limits.duration_secs {
        Some(duration) => u64::from(duration.to_u32("a duration")?),
        None => LASTS,
    };
    let most = limits.max_transactions.map(|most| most.to_u32("a number of transactions")).transpose()?;
    if duration == 0 || most == Some(0) || limit.0 == U256::ZERO {
        return Err(invalid("a delegation for no time, no money or no transactions".to_owned())
            .hint("give more than 0 of each"));
    }
    let currency = limits.currency.as_deref().unwrap_or("usdc").to_ascii_lowercase();
    if !CURRENCIES.contains(&currency.as_str()) {
        return Err(invalid(format!("cents of `{currency}` are not counted here"))
            .hint(format!("give one of {}", CURRENCIES.join(", "))));
    }
    Ok(Delegation {
        id: fresh_id(),
        account,
        plan: limits.plan_id.map(|plan| PlanId(plan.0)),
        currency,
        limit_cents,
        spent_cents: 0,
        transactions: 0,
        max_transactions: most.map(u64::from),
        duration,
        created_at: now,
        expires_at: now + duration,
        revoked_at: None,
    })
}

/// The account's delegations, the newest first: a list for the Python SDK, and for all others an object that has it.
#[utoipa::path(get, path = "/api/v1/delegation", tag = "x402", security(("key" = [])),
    responses((status = 200, body = Object)))]
async fn list(
    state: extract::State<Arc<State>>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let account = caller.may(Scope::Read)?;
    let all = state.list_delegations(account).await?;
    let all: Vec<_> = all.into_iter().map(|one| DelegationView::new(one, state.now())).collect();
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    Ok(Json(if agent.is_some_and(|agent| agent.starts_with("python-requests")) {
        json!(all)
    } else {
        json!({ "totalResults": all.len(), "page": 1, "offset": all.len(), "delegations": all })
    }))
}

/// One of the account's delegations.
#[utoipa::path(get, path = "/api/v1/delegation/{delegationId}", tag = "x402", security(("key" = [])),
    responses((status = 200, body = DelegationView)))]
async fn show(
    state: extract::State<Arc<State>>,
    caller: Caller,
    PathText(id): PathText,
) -> Result<Json<DelegationView>, Problem> {
    let one = state.delegation(caller.may(Scope::Read)?, &id).await?;
    Ok(Json(DelegationView::new(one, state.now())))
}

/// Ends one of the account's delegations, at once.
#[utoipa::path(delete, path = "/api/v1/delegation/{delegationId}", tag = "x402", security(("key" = [])),
    responses((status = 200, body = Object)))]
async fn revoke(
    state: extract::State<Arc<State>>,
    caller: Caller,
    PathText(id): PathText,
) -> Result<Json<Value>, Problem> {
    let account = caller.may(Scope::Order)?;
    if !state.revoke_delegation(account, &id).await? {
        // None of this account, or one that was revoked before.
        state.delegation(account, &id).await?;
    }
    Ok(Json(json!({ "success": true, "delegationId": id })))
}

/// Which of the ways to pay.
#[derive(Debug, Deserialize)]
struct Ways {
    provider: Option<String>,
}

/// How the account pays: by its own wallet.
#[utoipa::path(get, path = "/api/v1/payment-methods", tag = "x402", security(("key" = [])), params(("provider" = Option<String>, Query)),
    responses((status = 200, body = [PaymentMethod])))]
async fn payment_methods(
    caller: Caller,
    AskedQuery(ways): AskedQuery<Ways>,
) -> Result<Json<Vec<PaymentMethod>>, Problem> {
    let account = caller.may(Scope::Read)?;
    let is_asked = ways.provider.is_none_or(|provider| provider == "erc4337");
    Ok(Json(if is_asked { vec![PaymentMethod::wallet(account)] } else { Vec::new() }))
}
