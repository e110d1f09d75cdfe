//! What requests carry, and what is said when they carry it wrong.

use std::{convert::Infallible, sync::Arc};

use alloy::primitives::{Address, B256, U256, keccak256};
use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Query, Request},
    http::{HeaderMap, request::Parts},
};
use scrip::{Did, PlanId};
use serde::de::DeserializeOwned;

use crate::{
    problem::{Problem, ProblemKind},
    state::State,
    wire::address::HexAddress,
};

/// A write that is asked for: its body of JSON, whatever its content type, and what tells whether it is asked for again.
#[derive(Debug)]
pub(crate) struct Asked<T> {
    pub(crate) body: T,
    pub(crate) repeat: Repeat,
}

/// What tells whether a request is a repetition of another.
#[derive(Debug, Clone)]
pub(crate) struct Repeat {
    /// What the caller calls it.
    pub(crate) key: Option<String>,
    /// A hash of all that is asked. It is keyed, for that may hold secrets.
    pub(crate) digest: B256,
}

impl<T: DeserializeOwned> FromRequest<Arc<State>> for Asked<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &Arc<State>) -> Result<Self, Problem> {
        let key = idempotency_key(request.headers())?;
        let mut asked = state.repeat_key.to_vec();
        asked.extend_from_slice(request.method().as_str().as_bytes());
        asked.extend_from_slice(request.uri().path().as_bytes());
        asked.push(0);
        let body = body(request, state).await?;
        asked.extend_from_slice(&body);
        let repeat = Repeat { key, digest: keccak256(asked) };
        let text: &[u8] = if body.is_empty() { b"null" } else { &body };
        // What is derived for a struct reads an array as well, member after member.
        if text.trim_ascii_start().starts_with(b"[") {
            return Err(
                ProblemKind::INVALID_REQUEST.problem("the body is an array, and this takes an object")
            );
        }
        let body = serde_json::from_slice(text).map_err(|error| {
            let kind = if error.to_string().contains("is no whole number") {
                ProblemKind::INVALID_NUMBER
            } else {
                ProblemKind::INVALID_REQUEST
            };
            kind.problem(format!("the body is not what this takes: {error}"))
                .hint("see /openapi.json for what it takes")
        })?;
        Ok(Self { body, repeat })
    }
}

/// A body as it was sent, which is signed.
#[derive(Debug, Clone)]
pub(crate) struct Signed(pub(crate) String);

impl FromRequest<Arc<State>> for Signed {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &Arc<State>) -> Result<Self, Problem> {
        match String::from_utf8(body(request, state).await?.into()) {
            Ok(text) => Ok(Self(text)),
            Err(_) => Err(ProblemKind::INVALID_REQUEST.problem("the body is not UTF-8")),
        }
    }
}

async fn body(request: Request, state: &Arc<State>) -> Result<Bytes, Problem> {
    Bytes::from_request(request, state).await.map_err(|rejected| {
        let kind = match rejected.status().as_u16() {
            413 => ProblemKind::TOO_LARGE,
            _ => ProblemKind::INVALID_REQUEST,
        };
        kind.problem(rejected.body_text())
    })
}

/// The most bytes of an idempotency key.
const KEY: usize = 255;

pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(None) };
    match key.to_str() {
        Ok(key) if !key.is_empty() && key.len() <= KEY => Ok(Some(key.to_owned())),
        _ => Err(ProblemKind::INVALID_REQUEST
            .problem("the header Idempotency-Key is not 1 to 255 visible characters")
            .hint("send a UUID, for example")),
    }
}

/// The organisation for which something is asked, if one is named.
#[derive(Debug, Clone)]
pub(crate) struct Organisation(pub(crate) Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for Organisation {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let named = parts.headers.get("x-current-org-id").and_then(|org| org.to_str().ok());
        Ok(Self(named.map(str::to_owned)))
    }
}

/// Texts of the path, whatever they are: one, or a tuple.
#[derive(Debug, Clone)]
pub(crate) struct PathText<T = String>(pub(crate) T);

/// What stands behind the question mark.
#[derive(Debug, Clone)]
pub(crate) struct AskedQuery<T>(pub(crate) T);

/// A plan, by the id in the path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PathPlan(pub(crate) PlanId);

/// A plan and a holder, by the path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PathHolding(pub(crate) PlanId, pub(crate) Address);

/// An agent, by the id in the path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PathAgent(pub(crate) Did);

/// An agent and a plan, by the path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PathLink(pub(crate) Did, pub(crate) PlanId);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for PathText<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        path(parts, state).await.map(Self)
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for AskedQuery<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(read)) => Ok(Self(read)),
            Err(rejected) => Err(ProblemKind::INVALID_REQUEST.problem(rejected.body_text())),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PathPlan {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let id: String = path(parts, state).await?;
        parse_plan(&id).map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PathHolding {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let (plan, holder): (String, String) = path(parts, state).await?;
        Ok(Self(parse_plan(&plan)?, parse_address(&holder)?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PathAgent {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let id: String = path(parts, state).await?;
        parse_agent(&id).map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PathLink {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let (agent, plan): (String, String) = path(parts, state).await?;
        Ok(Self(parse_agent(&agent)?, parse_plan(&plan)?))
    }
}

async fn path<T: DeserializeOwned + Send>(
    parts: &mut Parts,
    state: &(impl Send + Sync),
) -> Result<T, Problem> {
    match Path::from_request_parts(parts, state).await {
        Ok(Path(read)) => Ok(read),
        Err(rejected) => Err(ProblemKind::INVALID_REQUEST.problem(rejected.body_text())),
    }
}

/// A plan's id, in decimal digits or in hex.
pub(crate) fn parse_plan(id: &str) -> Result<PlanId, Problem> {
    Ok(id.parse()?)
}

/// An agent's id, in decimal digits, as the SDKs have it, or in hex.
pub(crate) fn parse_agent(id: &str) -> Result<Did, Problem> {
    let number = id.parse::<PlanId>().map(|number| Did(number.0.into()));
    number.map_err(|_| {
        ProblemKind::AGENT_NOT_FOUND
            .problem(format!("`{id}` is no id of an agent: it is a number, or 0x and up to 64 hex digits"))
            .hint("list your agents")
    })
}

/// An agent's id, as the SDKs have it.
pub(crate) fn agent_number(agent: Did) -> U256 {
    agent.0.into()
}

/// An address, in hex.
pub(crate) fn parse_address(text: &str) -> Result<Address, Problem> {
    let read = text.parse::<HexAddress>();
    read.map(|address| address.0).map_err(|error| {
        ProblemKind::INVALID_REQUEST.problem(error.to_string()).hint("write it as 0x and 40 hex digits")
    })
}
