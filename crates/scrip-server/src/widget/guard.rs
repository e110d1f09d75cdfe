//! What stands before the widget and its window: which origin writes may come from, and what browsers are told.

use std::sync::Arc;

use axum::{
    extract::{Request, State as Shared},
    http::{HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{pages::comes_from_here, problem::ProblemKind, state::State};

/// As for all pages; the frame says by itself who may show it. No `Cross-Origin-Opener-Policy`: the window is to know who has
/// opened it.
const TOLD: [(HeaderName, &str); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; \
         frame-ancestors 'none'; base-uri 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
];

/// Lets only what this server's own pages send write, and tells browsers to be strict.
pub(super) async fn guard(Shared(state): Shared<Arc<State>>, request: Request, next: Next) -> Response {
    let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
    let mut response = if is_read || comes_from_here(&state, request.headers()) {
        next.run(request).await
    } else {
        ProblemKind::FOREIGN_ORIGIN.problem("this was not sent from a page of this server").into_response()
    };
    for (name, value) in TOLD {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
