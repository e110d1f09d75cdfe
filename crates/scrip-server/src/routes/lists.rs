//! Lists of plans and agents, and what happened to credits: from the index.

use std::sync::Arc;

use alloy::primitives::U256;
use axum::{Json, extract};
use scrip::{Plan, Service, Services};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Caller,
    extract::{AskedQuery, PathAgent, PathPlan},
    paging::{Page, PageAsked},
    problem::Problem,
    scope::Scope,
    state::State,
    wire::{
        agent,
        history::{HistoryEntry, HistoryPage},
        number::Number,
        plan,
    },
};

/// A page of plans.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PlansPage {
    /// How many there are in all.
    total: u64,
    page: u32,
    /// The size of a page.
    offset: u32,
    #[schema(value_type = Vec<Object>)]
    plans: Vec<Value>,
}

/// A page of agents.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AgentsPage {
    /// How many there are in all.
    total: u64,
    page: u32,
    /// The size of a page.
    offset: u32,
    #[schema(value_type = Vec<Object>)]
    agents: Vec<Value>,
}

/// Which plans.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfOrganisation {
    org_id: Option<String>,
}

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new()
        .routes(routes!(plans))
        .routes(routes!(bought))
        .routes(routes!(agents))
        .routes(routes!(agents_of_plan))
        .routes(routes!(plans_of_agent))
        .routes(routes!(history))
        .routes(routes!(history_of_plan))
}

/// The plans that the caller's account owns.
#[utoipa::path(get, path = "/api/v1/protocol/plans", tag = "plans", security(("key" = [])),
    params(PageAsked, ("orgId" = Option<String>, Query, description = "Only those of this organisation")),
    responses((status = 200, body = PlansPage)))]
async fn plans(
    state: extract::State<Arc<State>>,
    caller: Caller,
    page: Page,
    AskedQuery(of): AskedQuery<OfOrganisation>,
) -> Result<Json<PlansPage>, Problem> {
    let owner = caller.may(Scope::Read)?;
    let (total, found) = state.plans_of(owner, of.org_id, page).await?;
    Ok(Json(plans_page(&state, page, total, &found).await?))
}

/// The plans of which the caller's account was ever given something, by an order or a mint, and what it has of each now, as the
/// chain has it.
#[utoipa::path(get, path = "/api/v1/protocol/plans/bought", tag = "plans", security(("key" = [])), params(PageAsked),
    responses((status = 200, body = PlansPage)))]
async fn bought(
    state: extract::State<Arc<State>>,
    caller: Caller,
    page: Page,
) -> Result<Json<PlansPage>, Problem> {
    let holder = caller.may(Scope::Read)?;
    let (total, found) = state.plans_given_to(holder, page).await?;
    let mut listed = plans_page(&state, page, total, &found).await?;
    let pairs: Vec<_> = found.iter().map(|plan| (plan.id, holder)).collect();
    let holdings = state.chain.lens().await?.holdings(&pairs).await?.holdings;
    for (record, holding) in listed.plans.iter_mut().zip(holdings) {
        let (balance, is_subscriber, access_end) =
            holding.map_or((0, false, None), |it| (it.balance, it.is_subscriber, it.access_end));
        record["holderAddress"] = json!(holder);
        record["balance"] = json!(Number(U256::from(balance)));
        record["isSubscriber"] = json!(is_subscriber);
        record["accessEnd"] = json!(access_end);
    }
    Ok(Json(listed))
}

/// The agents that the caller's account owns.
#[utoipa::path(get, path = "/api/v1/protocol/agents", tag = "agents", security(("key" = [])), params(PageAsked),
    responses((status = 200, body = AgentsPage)))]
async fn agents(
    state: extract::State<Arc<State>>,
    caller: Caller,
    page: Page,
) -> Result<Json<AgentsPage>, Problem> {
    let (total, found) = state.agents_of(caller.may(Scope::Read)?, page).await?;
    Ok(Json(agents_page(&state, page, total, &found).await?))
}

/// The agents that a plan opens, of the plan's owner and its operators.
#[utoipa::path(get, path = "/api/v1/protocol/plans/{planId}/agents", tag = "plans", params(PageAsked),
    responses((status = 200, body = AgentsPage)))]
async fn agents_of_plan(
    state: extract::State<Arc<State>>,
    PathPlan(plan): PathPlan,
    page: Page,
) -> Result<Json<AgentsPage>, Problem> {
    let (total, found) = state.agents_opened_by(plan, page).await?;
    if total == 0 {
        // It has none, or there is no such plan.
        state.chain.terms(plan).await?;
    }
    Ok(Json(agents_page(&state, page, total, &found).await?))
}

/// The plans that open an agent.
#[utoipa::path(get, path = "/api/v1/protocol/agents/{agentId}/plans", tag = "agents", params(PageAsked),
    responses((status = 200, body = PlansPage)))]
async fn plans_of_agent(
    state: extract::State<Arc<State>>,
    PathAgent(agent): PathAgent,
    page: Page,
) -> Result<Json<PlansPage>, Problem> {
    let (total, found) = state.plans_that_open(agent, page).await?;
    if total == 0 {
        Services::connect(state.chain.scrip()).await?.service(agent).await?;
    }
    Ok(Json(plans_page(&state, page, total, &found).await?))
}

/// What happened to the caller's credits, of all plans.
#[utoipa::path(get, path = "/api/v1/protocol/history", tag = "credits", security(("key" = [])), params(PageAsked),
    responses((status = 200, body = HistoryPage)))]
async fn history(
    state: extract::State<Arc<State>>,
    caller: Caller,
    page: Page,
) -> Result<Json<HistoryPage>, Problem> {
    let told = state.history(None, Some(caller.may(Scope::Read)?), page).await?;
    history_page(&state, page, told).await
}

/// What happened to the credits of a plan: all of it for its owner and those who redeem for it, and for a holder its own.
#[utoipa::path(get, path = "/api/v1/protocol/plans/{planId}/history", tag = "plans", security(("key" = [])), params(PageAsked),
    responses((status = 200, body = HistoryPage)))]
async fn history_of_plan(
    state: extract::State<Arc<State>>,
    caller: Caller,
    PathPlan(plan): PathPlan,
    page: Page,
) -> Result<Json<HistoryPage>, Problem> {
    let account = caller.may(Scope::Read)?;
    let scrip = state.chain.scrip();
    let sees_all = scrip.plan(plan).await?.owner == account || scrip.permissions(plan, account).await?.redeem;
    let told = state.history(Some(plan), (!sees_all).then_some(account), page).await?;
    history_page(&state, page, told).await
}

async fn plans_page(state: &State, page: Page, total: u64, found: &[Plan]) -> Result<PlansPage, Problem> {
    let mut plans = Vec::with_capacity(found.len());
    for one in found {
        plans.push(plan::record(one, &state.plan_page(one.id).await?));
    }
    Ok(PlansPage { total, page: page.number, offset: page.size, plans })
}

async fn agents_page(
    state: &State,
    page: Page,
    total: u64,
    found: &[Service],
) -> Result<AgentsPage, Problem> {
    let mut agents = Vec::with_capacity(found.len());
    for one in found {
        agents.push(agent::record(one, &state.agent_page(one.did).await?, &state.proxy_url(one.did)));
    }
    Ok(AgentsPage { total, page: page.number, offset: page.size, agents })
}

async fn history_page(
    state: &State,
    page: Page,
    (total, told): (u64, Vec<crate::index::Told>),
) -> Result<Json<HistoryPage>, Problem> {
    let block = state.indexed_block().await?;
    let history = told.into_iter().map(HistoryEntry::from).collect();
    Ok(Json(HistoryPage { total, page: page.number, offset: page.size, block, history }))
}
