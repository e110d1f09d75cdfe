//! Orders.

use std::sync::Arc;

use axum::{Json, extract};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::DoneView;
use crate::{
    auth::Caller,
    extract::{Asked, PathPlan},
    problem::Problem,
    scope::Scope,
    state::State,
    work::Work,
};

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(order))
}

/// Orders a plan for the caller's account, which pays.
#[utoipa::path(post, path = "/api/v1/protocol/plans/{planId}/order", tag = "plans", security(("key" = [])),
    responses((status = 200, body = DoneView)))]
async fn order(
    state: extract::State<Arc<State>>,
    caller: Caller,
    PathPlan(plan): PathPlan,
    asked: Asked<Option<serde::de::IgnoredAny>>,
) -> Result<Json<DoneView>, Problem> {
    let account = caller.may(Scope::Order)?;
    let charge = state.charge(&caller, plan, 1).await?;
    let outcome = state.operate(account, asked.repeat, Work::Order { plan, quantity: 1, charge }).await?;
    Ok(Json(DoneView::new("the plan was ordered", outcome)))
}
