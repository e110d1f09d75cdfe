//! What requests carry, and what is said when they carry it wrong.

use std::{str::FromStr, sync::Arc};

use alloy::primitives::Address;
use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, Path, Request},
    http::request::Parts,
};
use scrip::PlanId;
use serde::de::DeserializeOwned;

use crate::{
    problem::{Problem, ProblemKind},
    state::State,
};

/// A body of JSON, whatever its content type.
#[derive(Debug)]
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Arc<State>> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &Arc<State>) -> Result<Self, Problem> {
        let body = Bytes::from_request(request, state).await.map_err(|rejected| {
            let kind = match rejected.status().as_u16() {
                413 => ProblemKind::TOO_LARGE,
                _ => ProblemKind::INVALID_REQUEST,
            };
            kind.problem(rejected.body_text())
        })?;
        serde_json::from_slice(&body).map(Self).map_err(|error| {
            let kind = if error.to_string().contains("is no whole number") {
                ProblemKind::INVALID_NUMBER
            } else {
                ProblemKind::INVALID_REQUEST
            };
            kind.problem(format!("the body is not what this takes: {error}"))
                .hint("see /openapi.json for what it takes")
        })
    }
}

/// A plan, by the id in the path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PathPlan(pub(crate) PlanId);

impl<S: Send + Sync> FromRequestParts<S> for PathPlan {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(id) = path::<String>(parts, state).await?;
        parse_plan(&id).map(Self)
    }
}

/// A plan and a holder, by the path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PathHolding(pub(crate) PlanId, pub(crate) Address);

impl<S: Send + Sync> FromRequestParts<S> for PathHolding {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path((plan, holder)) = path::<(String, String)>(parts, state).await?;
        Ok(Self(parse_plan(&plan)?, parse_address(&holder)?))
    }
}

async fn path<T: DeserializeOwned + Send>(
    parts: &mut Parts,
    state: &(impl Send + Sync),
) -> Result<Path<T>, Problem> {
    Path::from_request_parts(parts, state)
        .await
        .map_err(|rejected| ProblemKind::INVALID_REQUEST.problem(rejected.body_text()))
}

/// What the client calls a request of its own, so that it may be repeated.
#[derive(Debug, Clone)]
pub(crate) struct IdempotencyKey(Option<String>);

impl IdempotencyKey {
    pub(crate) fn as_deref(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

/// The most bytes of an idempotency key.
const KEY: usize = 255;

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(key) = parts.headers.get("idempotency-key") else { return Ok(Self(None)) };
        match key.to_str() {
            Ok(key) if !key.is_empty() && key.len() <= KEY => Ok(Self(Some(key.to_owned()))),
            _ => Err(ProblemKind::INVALID_REQUEST
                .problem("the header Idempotency-Key is not 1 to 255 visible characters")
                .hint("send a UUID, for example")),
        }
    }
}

/// A plan's id, in decimal digits or in hex.
pub(crate) fn parse_plan(id: &str) -> Result<PlanId, Problem> {
    Ok(id.parse()?)
}

/// An address, in hex.
pub(crate) fn parse_address(text: &str) -> Result<Address, Problem> {
    Address::from_str(text).map_err(|_| {
        ProblemKind::INVALID_REQUEST
            .problem(format!("`{text}` is no address"))
            .hint("write it as 0x and 40 hex digits")
    })
}
