//! The builder's pages: made here, whole, for a browser. Forms do all that needs no wallet; what a wallet signs is asked of it by
//! one script.
//!
//! A page does what the API's routes do, by the same functions. Who has logged in is known by a cookie that scripts cannot read
//! and that other sites' forms do not carry; what writes must besides come from a page of this server.

mod answer;
mod assets;
mod draft;
mod form;
mod guard;
mod layout;
mod log_in;
mod made;
mod plan;
mod profile;
mod sales;
mod service;
mod text;
mod transactions;
mod visitor;

use std::sync::Arc;

use alloy::primitives::Address;
use axum::{Router, middleware::from_fn_with_state};

use crate::{mail::Mail, state::State};

pub(crate) use answer::Instead;
pub(crate) use assets::{JAVASCRIPT, STYLE_PATH, asset, versioned};
pub(crate) use form::Filled;
pub(crate) use guard::comes_from_here;
pub(crate) use layout::wait_script;
pub(crate) use plan::{grant, price};
pub(crate) use visitor::{Visitor, encoded};

/// The builder's pages.
#[derive(Debug, Clone, Default)]
pub struct Pages {
    /// Who sends the codes with which accounts log in by e-mail; nobody does so without.
    pub mail: Option<Mail>,
    /// Whether anyone logs in as any managed account, by its name: for development alone.
    pub dev_log_in: bool,
    /// The tokens that are offered first to whoever prices a plan.
    pub tokens: Vec<Address>,
}

pub(crate) fn routes(state: &Arc<State>) -> Router<Arc<State>> {
    Router::new()
        .merge(log_in::routes())
        .merge(profile::routes())
        .merge(plan::routes())
        .merge(service::routes())
        .merge(sales::routes())
        .merge(transactions::routes())
        .layer(from_fn_with_state(Arc::clone(state), guard::guard))
        .merge(assets::routes())
}
