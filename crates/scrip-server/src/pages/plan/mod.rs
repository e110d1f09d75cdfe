//! Plans: making one, step by step, and what became of those that there are.

mod form;
mod new;
mod show;
mod template;
pub(super) mod words;

use std::sync::Arc;

use axum::{Router, routing::get};

use crate::state::State;

pub(super) fn routes() -> Router<Arc<State>> {
    Router::new()
        .route("/new/plan", get(new::choose))
        .route("/new/plan/details", get(new::details).post(new::filled_in))
        .route("/new/plan/review", get(new::review).post(new::confirmed))
        .route("/my/plans", get(show::list))
        .route("/my/plans/{plan}", get(show::show))
}

pub(super) use show::own_plan;
pub(crate) use words::{grant, price};
