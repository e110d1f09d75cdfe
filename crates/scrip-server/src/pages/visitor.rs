//! Who looks at a page.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, HeaderValue, Method, header, request::Parts},
};

use super::answer::Instead;
use crate::{
    problem::Problem,
    session::{LASTS, Session},
    state::State,
};

/// A cookie, as a header that sets it.
pub(super) type Cookie = [(HeaderName, HeaderValue); 1];

/// Who has logged in; whoever has not is sent to where it can.
#[derive(Debug, Clone)]
pub(crate) struct Visitor(pub(crate) Session);

impl FromRequestParts<Arc<State>> for Visitor {
    type Rejection = Instead;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<State>) -> Result<Self, Instead> {
        if let Some(session) = session(state, &parts.headers).await? {
            return Ok(Self(session));
        }
        let asked = parts.uri.path_and_query().map_or("", |asked| asked.as_str());
        // A form that was filled in is lost; the page that it was on is elsewhere.
        let next =
            if parts.method == Method::GET { format!("?next={}", encoded(asked)) } else { String::new() };
        Err(Instead::Elsewhere(format!("/login{next}")))
    }
}

/// The session of a request's cookie, if there is one.
pub(super) async fn session(state: &State, headers: &HeaderMap) -> Result<Option<Session>, Problem> {
    let name = name(state);
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    let token = cookies.flat_map(|cookies| cookies.split("; ")).find_map(|cookie| {
        let (found, token) = cookie.split_once('=')?;
        (found == name).then_some(token)
    });
    match token {
        Some(token) => state.session(token).await,
        None => Ok(None),
    }
}

/// Gives a browser the token of its session; takes it away without one.
pub(super) fn cookie(state: &State, token: Option<&str>) -> Cookie {
    let (token, age) = token.map_or(("", 0), |token| (token, LASTS));
    let secure = if is_secure(state) { "; Secure" } else { "" };
    let cookie = format!("{}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{secure}", name(state));
    // A name of ours, and hex digits.
    [(header::SET_COOKIE, HeaderValue::try_from(cookie).unwrap_or(HeaderValue::from_static("")))]
}

/// What begins with `__Host-` no other host of the domain can set, and no connection that others read carries.
fn name(state: &State) -> &'static str {
    if is_secure(state) { "__Host-scrip" } else { "scrip" }
}

fn is_secure(state: &State) -> bool {
    state.place.as_ref().is_some_and(|place| place.uri().starts_with("https://"))
}

/// A text as it stands in a query.
pub(crate) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                encoded.push(byte.into())
            }
            byte => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
