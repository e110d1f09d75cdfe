//! Agents: the services that plans open.

use std::sync::Arc;

use alloy::primitives::{Address, TxHash};
use axum::{Json, extract};
use scrip::{Did, PlanId, Service, Services};
use serde::{Serialize, de::IgnoredAny};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::DoneView;
use crate::{
    agent_page::AgentPage,
    auth::Caller,
    extract::{Asked, Organisation, PathAgent, PathLink, Repeat, agent_number},
    gateway::check_api,
    problem::{Problem, ProblemKind},
    scope::Scope,
    state::State,
    wire::{
        agent::{self, AgentBody, RegisterAgent, RegisterAgentAndPlan},
        number::Number,
        register::RegisterPlan,
    },
    work::{Outcome, Work},
};

/// An agent that is there now.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AgentMade {
    success: bool,
    pub(crate) agent_id: Number,
    #[schema(value_type = Option<String>)]
    tx_hash: Option<TxHash>,
    data: AgentIds,
}

/// What was made.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AgentIds {
    agent_id: Number,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan_id: Option<Number>,
    #[schema(value_type = Option<String>)]
    tx_hash: Option<TxHash>,
}

/// The most plans that open an agent.
const PLANS: usize = 32;

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new()
        .routes(routes!(register))
        .routes(routes!(register_with_plan))
        .routes(routes!(show, update))
        .routes(routes!(link, unlink))
}

/// Registers an agent that the caller's account owns.
#[utoipa::path(post, path = "/api/v1/protocol/agents", tag = "agents",
    request_body = RegisterAgent, security(("key" = [])),
    responses((status = 200, body = AgentMade)))]
async fn register(
    state: extract::State<Arc<State>>,
    caller: Caller,
    Asked { body: asked, repeat }: Asked<RegisterAgent>,
) -> Result<Json<AgentMade>, Problem> {
    create(&state, caller.may(Scope::Publish)?, repeat, asked).await.map(Json)
}

/// Registers an agent for an account.
pub(crate) async fn create(
    state: &Arc<State>,
    account: Address,
    repeat: Repeat,
    asked: RegisterAgent,
) -> Result<AgentMade, Problem> {
    if asked.plans.len() > PLANS {
        return Err(ProblemKind::INVALID_REQUEST
            .problem(format!("{} plans, {PLANS} at most open an agent", asked.plans.len())));
    }
    let plans = asked.plans.iter().map(|plan| PlanId(plan.0)).collect();
    let page = page(state, account, asked.into())?;
    let outcome = state.operate(account, repeat, Work::CreateAgent { plan: None, page, plans }).await?;
    made(&outcome, false)
}

/// Registers an agent that the caller's account owns, and creates the plan that opens it.
#[utoipa::path(post, path = "/api/v1/protocol/agents/plans", tag = "agents",
    request_body = RegisterAgentAndPlan, security(("key" = [])),
    responses((status = 200, body = AgentMade)))]
async fn register_with_plan(
    state: extract::State<Arc<State>>,
    caller: Caller,
    org: Organisation,
    Asked { body: asked, repeat }: Asked<RegisterAgentAndPlan>,
) -> Result<Json<AgentMade>, Problem> {
    let account = caller.may(Scope::Publish)?;
    let plan = RegisterPlan::from(asked.plan).into_new(org.0)?;
    let page = page(&state, account, asked.agent)?;
    let work = Work::CreateAgent { plan: Some(plan), page, plans: Vec::new() };
    let outcome = state.operate(account, repeat, work).await?;
    made(&outcome, true).map(Json)
}

/// An agent: its owner and the plans that open it, as the chain has them, and its page.
#[utoipa::path(get, path = "/api/v1/protocol/agents/{agentId}", tag = "agents",
    responses((status = 200, body = Object)))]
async fn show(
    state: extract::State<Arc<State>>,
    PathAgent(agent): PathAgent,
) -> Result<Json<Value>, Problem> {
    let service = service(&state, agent).await?;
    Ok(Json(agent::record(&service, &state.agent_page(agent).await?, &state.proxy_url(agent))))
}

/// Changes what an agent of the caller's says of itself.
#[utoipa::path(put, path = "/api/v1/protocol/agents/{agentId}", tag = "agents",
    request_body = AgentBody, security(("key" = [])),
    responses((status = 200, body = Object)))]
async fn update(
    state: extract::State<Arc<State>>,
    caller: Caller,
    PathAgent(agent): PathAgent,
    Asked { body: asked, .. }: Asked<AgentBody>,
) -> Result<Json<Value>, Problem> {
    change(&state, caller.may(Scope::Publish)?, agent, asked).await?;
    Ok(Json(json!({ "success": true, "agentId": agent_number(agent).to_string() })))
}

/// Changes what an agent of an account says of itself.
pub(crate) async fn change(
    state: &State,
    account: Address,
    agent: Did,
    asked: AgentBody,
) -> Result<(), Problem> {
    let owner = service(state, agent).await?.owner;
    if owner != account {
        return Err(ProblemKind::NOT_AGENT_OWNER
            .problem(format!("agent {} is {owner}'s, not {account}'s", agent_number(agent))));
    }
    state.keep_agent_page(agent, owner, &page(state, account, asked)?).await
}

/// Lets one more plan open an agent of the caller's.
#[utoipa::path(post, path = "/api/v1/protocol/agents/{agentId}/plan/{planId}", tag = "agents", security(("key" = [])),
    responses((status = 200, body = DoneView)))]
async fn link(
    state: extract::State<Arc<State>>,
    caller: Caller,
    PathLink(agent, plan): PathLink,
    asked: Asked<Option<IgnoredAny>>,
) -> Result<Json<DoneView>, Problem> {
    let account = caller.may(Scope::Publish)?;
    let outcome = state.operate(account, asked.repeat, Work::Link { agent, plan }).await?;
    Ok(Json(DoneView::new("the plan opens the agent", outcome)))
}

/// Lets a plan open an agent of the caller's no longer.
#[utoipa::path(delete, path = "/api/v1/protocol/agents/{agentId}/plan/{planId}", tag = "agents", security(("key" = [])),
    responses((status = 200, body = DoneView)))]
async fn unlink(
    state: extract::State<Arc<State>>,
    caller: Caller,
    PathLink(agent, plan): PathLink,
    asked: Asked<Option<IgnoredAny>>,
) -> Result<Json<DoneView>, Problem> {
    let account = caller.may(Scope::Publish)?;
    let outcome = state.operate(account, asked.repeat, Work::Unlink { agent, plan }).await?;
    Ok(Json(DoneView::new("the plan opens the agent no longer", outcome)))
}

/// An agent, as the chain has it.
pub(crate) async fn service(state: &State, agent: Did) -> Result<Service, Problem> {
    Ok(Services::connect(state.chain.scrip()).await?.service(agent).await?)
}

fn page(state: &State, owner: Address, body: AgentBody) -> Result<AgentPage, Problem> {
    check_api(&body.agent_api_attributes)?;
    AgentPage::new(state, owner, body.metadata_attributes, body.agent_api_attributes)
}

fn made(outcome: &Outcome, with_plan: bool) -> Result<AgentMade, Problem> {
    let read = |value: &Value| serde_json::from_value::<Did>(value.clone());
    let agent = read(&outcome.event["agent"]).map_err(|error| Problem::internal(&error))?;
    let plan_id = if with_plan {
        let plan = serde_json::from_value::<PlanId>(outcome.event["plans"][0].clone());
        Some(Number(plan.map_err(|error| Problem::internal(&error))?.0))
    } else {
        None
    };
    let (agent_id, tx_hash) = (Number(agent_number(agent)), outcome.transaction);
    Ok(AgentMade { success: true, agent_id, tx_hash, data: AgentIds { agent_id, plan_id, tx_hash } })
}
