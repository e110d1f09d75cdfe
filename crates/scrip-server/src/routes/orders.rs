//! Orders.

use std::sync::Arc;

use axum::{Json, extract};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::DoneView;
use crate::{
    auth::Caller,
    extract::{IdempotencyKey, PathPlan},
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
    params(("planId" = String, Path)),
    responses((status = 200, body = DoneView), (status = "4XX", body = Problem, content_type = "application/problem+json"),
              (status = "5XX", body = Problem, content_type = "application/problem+json")))]
async fn order(
    state: extract::State<Arc<State>>,
    caller: Caller,
    key: IdempotencyKey,
    PathPlan(plan): PathPlan,
) -> Result<Json<DoneView>, Problem> {
    let account = caller.may(Scope::Order)?;
    let outcome = state.operate(account, key.as_deref(), Work::Order { plan, quantity: 1 }).await?;
    Ok(Json(DoneView::new("the plan was ordered", outcome)))
}
