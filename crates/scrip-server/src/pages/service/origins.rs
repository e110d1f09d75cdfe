//! The pages that show an agent's widget: their origins, which its builder names.

use std::sync::Arc;

use axum::{extract, response::Redirect};
use maud::{Markup, html};
use scrip::Did;
use serde::Deserialize;

use super::show::own_agent;
use crate::{
    extract::PathAgent,
    pages::{answer::Instead, form::Filled, visitor::Visitor},
    state::State,
    widget::Origin,
};

#[derive(Debug, Deserialize)]
pub(super) struct Named {
    /// One a line.
    origins: String,
}

/// Where they are named.
pub(super) fn form(agent: Did, origins: &[Origin]) -> Markup {
    let named = origins.iter().map(Origin::to_string).collect::<Vec<_>>().join("\n");
    html! {
        form method="post" action={ "/my/agents/" (agent) "/origins" } {
            label { "Where your app is: origins such as https://app.example, one a line"
                textarea name="origins" rows="3" spellcheck="false" { (named) }
            }
            p.faint { "The widget shows itself in pages of these origins alone, and tells no others a visitor's token." }
            button.quiet { "Allow these origins" }
        }
    }
}

/// Names them anew.
pub(super) async fn name(
    state: extract::State<Arc<State>>,
    Visitor(me): Visitor,
    PathAgent(agent): PathAgent,
    Filled(given): Filled<Named>,
) -> Result<Redirect, Instead> {
    let service = own_agent(&state, me.account, agent).await?;
    let named = given.origins.split_whitespace().map(Origin::parse).collect::<Result<_, _>>()?;
    state.keep_widget_origins(&service, named).await?;
    Ok(Redirect::to(&format!("/my/agents/{agent}#widget")))
}
