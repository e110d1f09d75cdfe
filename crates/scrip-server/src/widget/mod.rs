//! The widget: a page that others embed, in which a visitor logs in, buys what opens a service, and by which the page around it
//! is told the access token that it asks the service with.
//!
//! What would steal a token, and what stands against it:
//!
//! - *A page that embeds the widget of somebody else's service.* The service's owner names the origins that may; browsers show the
//!   frame in no other page (`frame-ancestors`, which is asked of every frame around it), and give messages to no other
//!   (`postMessage` names the origin).
//! - *A page that opens the window itself.* The window hands its grant to the server's own origin alone, and the widget takes one
//!   only from the window that it has opened. There is no code to be typed or confirmed, with which one could be talked into
//!   letting another in.
//! - *A page that talks to the widget.* All that it takes from the page around it is to look again what is left.
//! - *A click that was led astray.* The window, in which one logs in, buys and lets the app know, is in no frame at all.
//! - *Another service's widget.* A session is bound to its service; its tokens are for plans that are the service's owner's to
//!   redeem, whatever else the service says that opens it.
//! - *Who finds a token later.* It ends after a day, with the session's log-out, or when the holder revokes it. It buys nothing.

mod assets;
mod frame;
mod guard;
mod look;
mod offer;
mod origin;
mod session;
mod sign;
mod window;

use std::sync::Arc;

use axum::{
    Json, Router, extract,
    middleware::from_fn_with_state,
    routing::{get, post},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use scrip::Did;

use crate::{
    auth::Caller,
    extract::{Asked, PathAgent, agent_number},
    problem::{Problem, ProblemKind},
    routes::agents::service,
    scope::Scope,
    state::State,
};

pub(crate) use origin::Origin;

/// The widget, and the window that it opens.
pub(crate) fn pages(state: &Arc<State>) -> Router<Arc<State>> {
    Router::new()
        .route("/streamlit", get(frame::show))
        .route("/widget", get(frame::show))
        .route("/widget/{agentId}/look", post(look::look))
        .route("/widget/{agentId}/session", post(look::begin))
        .route("/widget/{agentId}/end", post(look::end))
        .route("/widget/{agentId}/window", get(window::show))
        .route("/widget/{agentId}/grant", post(window::grant))
        .route("/widget/{agentId}/order", post(window::order))
        .route("/widget/{agentId}/calls", post(window::calls))
        .route("/widget/{agentId}/card", post(window::card))
        .route("/widget/{agentId}/voucher", post(sign::ask))
        .route("/widget/{agentId}/signed", post(sign::take))
        .layer(from_fn_with_state(Arc::clone(state), guard::guard))
        .merge(assets::routes())
}

/// Where the window of a service is, in which one logs in and buys.
pub(crate) fn window_path(agent: Did) -> String {
    format!("/widget/{}/window", agent_number(agent))
}

/// The pages that may show an agent's widget.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Origins {
    /// Origins, as `https://app.example`: https, or of the builder's own machine.
    origins: Vec<String>,
}

/// What is kept of them for the builder to see and to change.
pub(crate) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(origins, set_origins))
}

/// The pages that may show an agent's widget, and are told its tokens, by their origins.
#[utoipa::path(get, path = "/api/v1/protocol/agents/{agentId}/origins", tag = "agents",
    responses((status = 200, body = Origins)))]
async fn origins(
    state: extract::State<Arc<State>>,
    PathAgent(agent): PathAgent,
) -> Result<Json<Origins>, Problem> {
    let service = service(&state, agent).await?;
    let origins = state.widget_origins(&service).await?;
    Ok(Json(Origins { origins: origins.iter().map(Origin::to_string).collect() }))
}

/// Names the pages that may show the widget of an agent of the caller's; no others may from now on.
#[utoipa::path(put, path = "/api/v1/protocol/agents/{agentId}/origins", tag = "agents",
    request_body = Origins, security(("key" = [])),
    responses((status = 200, body = Origins)))]
async fn set_origins(
    state: extract::State<Arc<State>>,
    caller: Caller,
    PathAgent(agent): PathAgent,
    Asked { body: asked, .. }: Asked<Origins>,
) -> Result<Json<Origins>, Problem> {
    let account = caller.may(Scope::Publish)?;
    let service = service(&state, agent).await?;
    if service.owner != account {
        return Err(ProblemKind::NOT_AGENT_OWNER.problem(format!(
            "agent {} is {}'s, not {account}'s",
            agent_number(agent),
            service.owner
        )));
    }
    let named = asked.origins.iter().map(|text| Origin::parse(text)).collect::<Result<_, _>>()?;
    let kept = state.keep_widget_origins(&service, named).await?;
    Ok(Json(Origins { origins: kept.iter().map(Origin::to_string).collect() }))
}
