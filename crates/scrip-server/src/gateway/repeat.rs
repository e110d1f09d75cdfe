//! Requests that come again: answered from the first.

use alloy::primitives::{Address, keccak256};
use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use scrip::Did;
use sqlx::Row;

use super::{headers, journal::Answer};
use crate::{
    extract::idempotency_key,
    problem::{Problem, ProblemKind},
    state::State,
};

/// What a caller calls a request, and what is asked under it.
#[derive(Debug)]
pub(super) struct Key {
    /// A hash of whose it is and the name.
    name: String,
    /// A hash of what is asked. It is keyed, for that may hold secrets.
    digest: String,
}

/// How long an answer is kept, in seconds.
const KEPT: i64 = 86_400;

/// What a caller calls a request, if anything.
pub(super) fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    idempotency_key(headers)
}

impl Key {
    pub(super) fn new(
        state: &State,
        (service, holder, key): (Did, Address, &str),
        (method, uri, body): (&Method, &Uri, &Bytes),
    ) -> Self {
        let uri = uri.path_and_query().map_or("/", |uri| uri.as_str());
        let asked =
            [&*state.repeat_key, method.as_str().as_bytes(), &[0], uri.as_bytes(), &[0], body].concat();
        Self {
            name: keccak256(format!("{service} {holder} {key}")).to_string(),
            digest: keccak256(asked).to_string(),
        }
    }

    pub(super) fn binds(&self) -> (String, String) {
        (self.name.clone(), self.digest.clone())
    }
}

/// An answer, as it is kept.
pub(super) fn answer(status: StatusCode, headers: &HeaderMap, body: &Bytes) -> Answer {
    let pairs: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), BASE64_STANDARD.encode(value.as_bytes())))
        .collect();
    Answer {
        status: status.as_u16(),
        headers: serde_json::to_string(&pairs).unwrap_or_default(),
        body: BASE64_STANDARD.encode(body),
    }
}

impl State {
    /// Whether a request was let in before.
    pub(super) async fn is_repeated(&self, key: Option<&Key>) -> Result<bool, Problem> {
        let Some(key) = key else { return Ok(false) };
        let row = sqlx::query("SELECT 1 FROM gateway_keys WHERE name = $1")
            .bind(&key.name)
            .fetch_optional(&self.db)
            .await?;
        Ok(row.is_some())
    }

    /// The answer to a request that was let in before.
    pub(super) async fn answer_again(&self, key: Option<&Key>) -> Result<Response, Problem> {
        let key = key.ok_or_else(|| ProblemKind::INVALID_REQUEST.problem("a repetition without a key"))?;
        let row =
            sqlx::query("SELECT digest, ended_at, status, headers, body FROM gateway_keys WHERE name = $1")
                .bind(&key.name)
                .fetch_optional(&self.db)
                .await?;
        let under_way = || {
            ProblemKind::UNDER_WAY
                .problem("the same request is under way")
                .hint("send it again under the same Idempotency-Key: it is answered from the first")
        };
        // The first has been let go of meanwhile.
        let Some(row) = row else { return Err(under_way()) };
        if row.try_get::<String, _>(0)? != key.digest {
            return Err(ProblemKind::KEY_REUSED
                .problem("the Idempotency-Key stands for another request to this service")
                .hint("use a new key for a new request"));
        }
        if row.try_get::<Option<i64>, _>(1)?.is_none() {
            return Err(under_way());
        }
        let (Some(status), Some(kept), Some(body)) = (
            row.try_get::<Option<i64>, _>(2)?,
            row.try_get::<Option<String>, _>(3)?,
            row.try_get::<Option<String>, _>(4)?,
        ) else {
            return Err(ProblemKind::NOT_KEPT
                .problem(
                    "the same request was answered, and its answer was too long to be kept, or is too old",
                )
                .hint("use a new key to ask anew, which is paid for anew"));
        };
        let pairs: Vec<(String, String)> =
            serde_json::from_str(&kept).map_err(|error| Problem::internal(&error))?;
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            let value = BASE64_STANDARD.decode(value).unwrap_or_default();
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_bytes(&value)) {
                headers.append(name, value);
            }
        }
        headers.insert(headers::REPLAYED, HeaderValue::from_static("true"));
        let body = BASE64_STANDARD.decode(body).map_err(|error| Problem::internal(&error))?;
        let status = u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok());
        Ok((status.unwrap_or(StatusCode::OK), headers, Body::from(body)).into_response())
    }

    /// Forgets answers that are too old.
    pub(super) async fn forget_answers(&self) -> Result<(), Problem> {
        sqlx::query(
            "UPDATE gateway_keys SET headers = NULL, body = NULL WHERE body IS NOT NULL AND ended_at < $1",
        )
        .bind(self.now_i64() - KEPT)
        .execute(&mut *self.in_turn().await?)
        .await?;
        Ok(())
    }
}
