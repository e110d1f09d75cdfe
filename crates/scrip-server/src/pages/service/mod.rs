//! Services: making one, step by step, and those that there are.

mod cover;
mod describe;
mod edit;
mod form;
mod offer;
mod openapi;
mod origins;
mod show;
mod upload;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};
use serde::Deserialize;

use crate::state::State;

const TITLE: &str = "Create Content";

#[derive(Debug, Default, Deserialize)]
struct Drafted {
    draft: Option<String>,
    /// The plan from whose page one has come.
    plan: Option<String>,
}

pub(super) fn routes() -> Router<Arc<State>> {
    Router::new()
        .route("/new/service", get(describe::describe).post(describe::described))
        .route("/new/service/api", get(describe::api).post(describe::api_given))
        .route("/new/service/plan", get(offer::plan).post(offer::plan_chosen))
        .route("/new/service/review", get(offer::review).post(offer::confirmed))
        .route("/my/agents", get(show::list))
        .route("/my/agents/{agent}", get(show::show))
        .route("/my/agents/{agent}/edit", get(edit::show).post(edit::save))
        .route("/my/agents/{agent}/plan", post(show::link))
        .route("/my/agents/{agent}/origins", post(origins::name))
        .merge(cover::routes())
}
