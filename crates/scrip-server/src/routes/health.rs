//! Whether the server lives, and whether it can serve.

use std::sync::Arc;

use alloy::providers::Provider;
use axum::{
    Json, extract,
    http::{HeaderName, header},
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{auth::Caller, metrics::TEXT, problem::Problem, scope::Scope, state::State};

/// The server can serve.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ready {
    /// The chain's latest block.
    block: u64,
    /// Up to which block lists and histories are told; none before any is.
    indexed_block: Option<u64>,
}

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(live)).routes(routes!(ready)).routes(routes!(figures))
}

/// Whether the process answers at all.
#[utoipa::path(get, path = "/livez", tag = "server", responses((status = 200, body = String, content_type = "application/json")))]
async fn live() -> Json<&'static str> {
    Json("alive")
}

/// Whether the database and the chain can be asked.
#[utoipa::path(get, path = "/readyz", tag = "server", responses((status = 200, body = Ready)))]
async fn ready(state: extract::State<Arc<State>>) -> Result<Json<Ready>, Problem> {
    let block = state.chain.scrip().provider().get_block_number().await.map_err(scrip::Error::from)?;
    let indexed_block = state.indexed_block().await?;
    Ok(Json(Ready { block, indexed_block }))
}

/// The server's figures, as Prometheus reads them: requests by route and status and how long they took, operations that ended
/// and are open, how far the index is behind the chain, the database's connections. For an admin's key.
#[utoipa::path(get, path = "/metrics", tag = "server", security(("key" = [])),
    responses((status = 200, body = String, content_type = TEXT)))]
async fn figures(
    state: extract::State<Arc<State>>,
    caller: Caller,
) -> Result<([(HeaderName, &'static str); 1], String), Problem> {
    caller.may(Scope::Admin)?;
    Ok(([(header::CONTENT_TYPE, TEXT)], state.metrics().await?))
}
