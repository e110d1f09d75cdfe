//! What stands before every page: which origin writes may come from, and what browsers are told.

use std::sync::Arc;

use axum::{
    extract::{Request, State as Shared},
    http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::answer::Instead;
use crate::{problem::ProblemKind, state::State};

/// No script, style or frame but this server's own, and nobody frames its pages. Pictures may be anywhere: covers are.
const CONTENT: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https: data:; connect-src 'self'; \
                       form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

const TOLD: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
];

/// Parts a page from whoever has opened it. Not where one logs in: the widget's window comes by there, and is to know the widget.
const PARTED: (HeaderName, &str) =
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin-allow-popups");

/// Lets only what this server's own pages send write, and tells browsers to be strict.
pub(super) async fn guard(Shared(state): Shared<Arc<State>>, request: Request, next: Next) -> Response {
    let is_log_in = request.uri().path().starts_with("/login");
    let mut response = if is_read(request.method()) || comes_from_here(&state, request.headers()) {
        next.run(request).await
    } else {
        Instead::from(ProblemKind::FOREIGN_ORIGIN.problem("this was not sent from a page of this server"))
            .into_response()
    };
    for (name, value) in TOLD.into_iter().chain((!is_log_in).then_some(PARTED)) {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// Whether the browser says that a page of this server has sent something. Every browser says so of what is posted.
pub(crate) fn comes_from_here(state: &State, headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(origin) = text("origin") else { return text("sec-fetch-site") == Some("same-origin") };
    let place = state.place.as_ref().and_then(|place| place.uri().parse().ok());
    let is_place = place.is_some_and(|place: Uri| origin.eq_ignore_ascii_case(&origin_of(&place)));
    // As it was asked for, where no proxy has changed that.
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    is_place || authority.is_some() && authority == text("host")
}

fn origin_of(uri: &Uri) -> String {
    let (scheme, authority) = (uri.scheme_str().unwrap_or_default(), uri.authority());
    format!("{scheme}://{}", authority.map_or("", |authority| authority.as_str()))
}
