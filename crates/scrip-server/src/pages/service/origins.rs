//! The pages that show an agent's widget: their origins, which its builder names.

use std::sync::Arc;

use axum::{
    extract,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use scrip::Did;
use serde::Deserialize;

use super::{
    describe::said,
    show::{Made, own_agent, whole},
};
use crate::{
    extract::PathAgent,
    pages::{answer::Instead, form::Filled, visitor::Visitor},
    problem::Problem,
    state::State,
    widget::Origin,
};

#[derive(Debug, Deserialize)]
pub(super) struct Named {
    /// One a line.
    origins: String,
}

/// Where they are named.
pub(super) fn form(agent: Did, named: &str, wrong: Option<&Problem>) -> Markup {
    html! {
        (said(wrong))
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
    headers: HeaderMap,
    Filled(given): Filled<Named>,
) -> Result<Response, Instead> {
    let service = own_agent(&state, me.account, agent).await?;
    let named: Result<_, _> = given.origins.split_whitespace().map(Origin::parse).collect();
    let kept = match named {
        Ok(named) => state.keep_widget_origins(&service, named).await,
        Err(wrong) => Err(wrong),
    };
    match kept {
        Ok(_) => Ok(Redirect::to(&format!("/my/agents/{agent}#widget")).into_response()),
        Err(wrong) if wrong.status == 400 => {
            let form = form(agent, &given.origins, Some(&wrong));
            let again = whole(&state, &service, &headers, &Made::default(), form).await?;
            Ok((StatusCode::BAD_REQUEST, again).into_response())
        }
        Err(problem) => Err(problem.into()),
    }
}
