//! Plans.

use std::sync::Arc;

use alloy::primitives::{Address, TxHash};
use axum::{Json, extract};
use futures_util::future::try_join;
use scrip::Error;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Caller,
    extract::{Asked, Organisation, PathHolding, PathPlan, Repeat},
    problem::Problem,
    scope::Scope,
    state::State,
    wire::{
        number::Number,
        plan::{self, BalanceView},
        register::RegisterPlan,
    },
    work::{Work, created_plan},
};

/// A plan that is there now.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlanMade {
    success: bool,
    pub(crate) plan_id: Number,
    /// The transaction; none when the very same plan was there before.
    #[schema(value_type = Option<String>)]
    tx_hash: Option<TxHash>,
}

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(register)).routes(routes!(show)).routes(routes!(balance))
}

/// Creates a plan that the caller's account owns. The same body, nonce included, makes the same plan, once.
#[utoipa::path(post, path = "/api/v1/protocol/plans", tag = "plans",
    request_body = RegisterPlan, security(("key" = [])),
    responses((status = 200, body = PlanMade)))]
async fn register(
    state: extract::State<Arc<State>>,
    caller: Caller,
    org: Organisation,
    Asked { body: asked, repeat }: Asked<RegisterPlan>,
) -> Result<Json<PlanMade>, Problem> {
    let account = caller.may(Scope::Publish)?;
    create(&state, account, repeat, asked, org.0).await.map(Json)
}

/// Creates a plan for an account.
pub(crate) async fn create(
    state: &Arc<State>,
    account: Address,
    repeat: Repeat,
    asked: RegisterPlan,
    org: Option<String>,
) -> Result<PlanMade, Problem> {
    let outcome = state.operate(account, repeat, Work::CreatePlan(asked.into_new(org)?)).await?;
    let plan_id = Number(created_plan(&outcome)?.0);
    Ok(PlanMade { success: true, plan_id, tx_hash: outcome.transaction })
}

/// A plan: its terms, as the chain has them, and its page.
#[utoipa::path(get, path = "/api/v1/protocol/plans/{planId}", tag = "plans",
    responses((status = 200, body = Object)))]
async fn show(state: extract::State<Arc<State>>, PathPlan(plan): PathPlan) -> Result<Json<Value>, Problem> {
    let found = state.chain.scrip().plan(plan).await?;
    Ok(Json(plan::record(&found, &state.plan_page(plan).await?)))
}

/// What a holder has of a plan, as the chain has it now.
#[utoipa::path(get, path = "/api/v1/protocol/plans/{planId}/balance/{holder}", tag = "plans",
    responses((status = 200, body = BalanceView)))]
async fn balance(
    state: extract::State<Arc<State>>,
    PathHolding(plan, holder): PathHolding,
) -> Result<Json<BalanceView>, Problem> {
    let scrip = state.chain.scrip();
    let (balance, owner) =
        try_join(scrip.balance(plan, holder), async { Ok::<_, Error>(scrip.plan(plan).await?.owner) })
            .await?;
    let page = state.plan_page(plan).await?;
    Ok(Json(BalanceView::new(balance, owner, scrip.address(), &page)))
}
