//! The token that pays for a request.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::http::{HeaderMap, Method, header};

use super::service::Served;
use crate::{
    access_token::AccessToken,
    auth::bearer,
    extract::{agent_number, parse_agent},
    problem::{Problem, ProblemKind},
    state::State,
};

/// Tokens that were read, by their text: to check what was signed takes longer than most of what is done for a request.
#[derive(Default)]
pub(super) struct Tokens(Mutex<HashMap<String, Arc<AccessToken>>>);

/// How many are remembered, and how long they may be, in characters.
const MANY: usize = 4_096;
const LONG: usize = 2_048;

impl Tokens {
    fn read(&self) -> MutexGuard<'_, HashMap<String, Arc<AccessToken>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The token of a request: of the header `payment-signature`, or the bearer's.
pub(super) fn token(state: &State, headers: &HeaderMap) -> Result<Arc<AccessToken>, Problem> {
    let signature = headers.get("payment-signature").and_then(|value| value.to_str().ok());
    let bearer = headers.get(header::AUTHORIZATION).and_then(bearer);
    let text = signature.or(bearer).ok_or_else(|| {
        ProblemKind::MISSING_INPUT
            .problem("this is paid for with an access token, and there is none")
            .hint("order a plan, make an access token (POST /api/v1/x402/permissions), and send it as `Authorization: Bearer TOKEN`")
    })?;
    let tokens = &state.gate.tokens;
    if let Some(token) = tokens.read().get(text) {
        return Ok(Arc::clone(token));
    }
    let token = Arc::new(state.read_token(text)?);
    if text.len() <= LONG {
        let mut read = tokens.read();
        if read.len() >= MANY {
            read.clear();
        }
        read.insert(text.to_owned(), Arc::clone(&token));
    }
    Ok(token)
}

/// Makes sure that a token is for this: the service, what is asked of it, and now. Whether it was revoked is seen when it is used.
pub(super) fn check(
    state: &State,
    token: &AccessToken,
    served: &Served,
    (method, path, uri): (&Method, &str, &str),
) -> Result<(), Problem> {
    let says = token.authorization();
    if state.now() >= says.expires_at {
        return Err(ProblemKind::TOKEN_ENDED
            .problem(format!("this access token has ended at {}, in unix seconds", says.expires_at))
            .hint("ask the subscriber for a new one"));
    }
    let other = |detail: String| {
        Err(ProblemKind::INVALID_TOKEN
            .problem(detail)
            .hint("ask the subscriber for a token for what is asked"))
    };
    if !served.plans.contains(&token.plan()) {
        return other(format!(
            "the access token is for plan {}, which does not open agent {}",
            token.plan().0,
            agent_number(served.did)
        ));
    }
    let bound = &token.accepted.extra;
    if let Some(agent) = &bound.agent_id
        && parse_agent(agent)? != served.did
    {
        return other(format!("the access token is for agent {agent}, not for {}", agent_number(served.did)));
    }
    if let Some(verb) = bound.http_verb.as_deref().filter(|verb| !verb.eq_ignore_ascii_case(method.as_str()))
    {
        return other(format!("the access token is for {verb}, not for {method}"));
    }
    if let Some(resource) = &token.resource {
        // As it is asked for here, by its path there, or by where all reach it.
        let place = state.place.as_ref().map(|place| format!("{}{uri}", place.uri()));
        let is_it =
            [Some(path), Some(uri), place.as_deref()].into_iter().flatten().any(|url| resource.url == url);
        if !is_it {
            return other(format!("the access token is for {}, not for {uri}", resource.url));
        }
    }
    Ok(())
}
