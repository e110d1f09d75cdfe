//! The page in the frame.

use std::sync::Arc;

use axum::{
    extract,
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use maud::{DOCTYPE, Markup, html};
use scrip::Did;
use serde::Deserialize;

use super::{
    assets::{FRAME_SCRIPT, WIDGET_STYLE},
    offer::Offer,
    origin::{Origin, parse_did},
};
use crate::{
    extract::{AskedQuery, agent_number},
    pages::{Instead, STYLE_PATH},
    problem::Problem,
    state::State,
};

/// Which service's widget.
#[derive(Debug, Deserialize)]
pub(super) struct Which {
    /// The service: `did:nv:` and 64 hex digits.
    did: Option<String>,
}

/// Shows the widget of a service to the pages that its owner has named; to no other.
pub(super) async fn show(
    state: extract::State<Arc<State>>,
    AskedQuery(which): AskedQuery<Which>,
) -> Result<Response, Instead> {
    let agent = parse_did(which.did.as_deref().unwrap_or_default())?;
    let offer = state.offer(agent).await?;
    let origins = state.widget_origins(&offer.service).await?;
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy(&origins)?);
    Ok((headers, page(&offer, agent, &origins)).into_response())
}

/// As strict as for all pages, but for who may have it in a frame.
fn policy(origins: &[Origin]) -> Result<HeaderValue, Problem> {
    let mut around = "'none'".to_owned();
    if !origins.is_empty() {
        around = origins.iter().map(Origin::to_string).collect::<Vec<_>>().join(" ");
    }
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; \
         frame-ancestors {around}"
    );
    policy.parse().map_err(|error| Problem::internal(&error))
}

fn page(offer: &Offer, agent: Did, origins: &[Origin]) -> Markup {
    let origins: Vec<_> = origins.iter().map(Origin::to_string).collect();
    let origins = serde_json::json!(origins).to_string();
    html! {
        (DOCTYPE)
        html.widget lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (offer.title()) " · Scrip" }
                link rel="stylesheet" href=(*STYLE_PATH);
                link rel="stylesheet" href=(*WIDGET_STYLE);
                script src=(*FRAME_SCRIPT) defer {}
            }
            body {
                main data-agent=(agent_number(agent)) data-origins=(origins) {
                    h1 { (offer.title()) }
                    p #status role="status" { "Looking…" }
                    div #body {}
                    noscript { p { "This needs a script: it tells the page around it that you are logged in." } }
                }
            }
        }
    }
}
