//! Who asks, and what that may.

use std::sync::Arc;

use alloy::primitives::{Address, B256};
use axum::{
    extract::FromRequestParts,
    http::{HeaderValue, header, request::Parts},
};

use crate::{
    problem::{Problem, ProblemKind},
    scope::{Scope, Scopes},
    session::Session,
    state::State,
};

/// Who asks, by an API key that was signed here, has not ended, and was not revoked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caller {
    pub(crate) account: Address,
    /// The key's id.
    pub(crate) key: B256,
    pub(crate) scopes: Scopes,
}

impl Caller {
    /// Who has logged in with a browser, which may do all that is its own. A session has no limits but the account's.
    pub(crate) fn of_session(session: &Session) -> Self {
        let key = session.id.parse().unwrap_or_default();
        Self { account: session.account, key, scopes: Scopes::ALL }
    }

    /// The account, if the key may be used for this.
    pub(crate) fn may(&self, scope: Scope) -> Result<Address, Problem> {
        if self.scopes.has(scope) {
            return Ok(self.account);
        }
        let detail = format!("this API key may be used for `{}`, and not for `{scope}`", self.scopes);
        Err(ProblemKind::OUT_OF_SCOPE.problem(detail).hint(format!("use a key with the scope `{scope}`")))
    }
}

impl FromRequestParts<Arc<State>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<State>) -> Result<Self, Problem> {
        let hint = "send it as `Authorization: Bearer KEY`";
        let header = parts
            .headers
            .get(header::AUTHORIZATION)
            .ok_or_else(|| ProblemKind::NO_KEY.problem("the request has no API key").hint(hint))?;
        let key = bearer(header).ok_or_else(|| {
            ProblemKind::NO_KEY.problem("the Authorization header has no bearer token").hint(hint)
        })?;
        let invalid = |detail: &str| ProblemKind::INVALID_KEY.problem(detail).hint("ask for a new key");
        let claims =
            state.keys.read(key).ok_or_else(|| invalid("this API key was not made by this server"))?;
        if state.now() >= claims.exp {
            return Err(invalid(&format!("this API key has ended at {}, in unix seconds", claims.exp)));
        }
        if !state.is_live_key(claims.jti).await? {
            return Err(invalid("this API key was revoked"));
        }
        Ok(Self { account: claims.sub, key: claims.jti, scopes: claims.scope })
    }
}

/// The bearer token of an Authorization header. Not by the strict syntax of RFC 6750, which has no colon; the SDKs' keys do.
pub(crate) fn bearer(header: &HeaderValue) -> Option<&str> {
    let (scheme, key) = header.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}
