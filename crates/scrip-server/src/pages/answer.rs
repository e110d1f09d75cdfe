//! What a page answers when something is wrong.

use axum::{
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use maud::html;

use super::layout::{Frame, page};
use crate::problem::Problem;

/// A page that was not made.
#[derive(Debug)]
pub(crate) enum Instead {
    /// Something is wrong, and the page says what.
    Problem(Problem),
    /// The browser is to go elsewhere: where it logs in, mostly.
    Elsewhere(String),
}

impl<E: Into<Problem>> From<E> for Instead {
    fn from(error: E) -> Self {
        Self::Problem(error.into())
    }
}

impl IntoResponse for Instead {
    fn into_response(self) -> Response {
        let problem = match self {
            Self::Problem(problem) => problem,
            Self::Elsewhere(path) => return Redirect::to(&path).into_response(),
        };
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = html! {
            h1 { (problem.title) }
            p { (problem.detail) }
            p { "What to do: " (problem.hint) "." }
            p { a href="/my/agents" { "Back to my area" } }
        };
        (status, page(&Frame::plain(&problem.title), body)).into_response()
    }
}
