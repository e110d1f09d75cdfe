//! API keys.

use std::sync::Arc;

use alloy::primitives::{Address, B256};
use axum::{Json, extract};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    account::KeyRecord,
    auth::Caller,
    extract::{Asked, PathText},
    limit::Limits,
    problem::{Problem, ProblemKind},
    scope::{Scope, Scopes},
    state::State,
    wire::{address::HexAddress, name::Name, object::object},
};

/// A key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewKey {
    /// What to know it by.
    name: Name,
    /// What it may be used for; no more than the key that makes it.
    scopes: Vec<Scope>,
    /// When it ends, in seconds from now; a year without, and ten years at most.
    #[serde(default = "year")]
    #[schema(minimum = 1, maximum = 315_360_000)]
    expires_in: u64,
    /// What it may spend; a key that has limits makes no other keys and no delegations.
    #[serde(default, deserialize_with = "object")]
    limits: Limits,
}

/// A key as it is listed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyView {
    #[schema(value_type = String)]
    id: B256,
    #[schema(value_type = HexAddress)]
    account: Address,
    name: String,
    scopes: Vec<Scope>,
    limits: Limits,
    /// In unix seconds.
    created_at: u64,
    /// In unix seconds.
    expires_at: u64,
    /// In unix seconds.
    revoked_at: Option<u64>,
}

/// A key that was made.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MadeKey {
    #[serde(flatten)]
    record: KeyView,
    /// The key itself, shown this once.
    key: String,
}

/// A year, in seconds.
pub(crate) const YEAR: u64 = 365 * 86_400;

/// The longest that a key lasts, in seconds.
const LONGEST: u64 = 10 * YEAR;

fn year() -> u64 {
    YEAR
}

impl From<KeyRecord> for KeyView {
    fn from(record: KeyRecord) -> Self {
        let KeyRecord { id, account, name, scopes, limits, created_at, expires_at, revoked_at } = record;
        let scopes = Scope::ALL.into_iter().filter(|&scope| scopes.has(scope)).collect();
        Self { id, account, name, scopes, limits, created_at, expires_at, revoked_at }
    }
}

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(make, list)).routes(routes!(revoke))
}

/// Makes a key for the caller's account.
#[utoipa::path(post, path = "/api/v1/api-keys", tag = "keys", request_body = NewKey, security(("key" = [])),
    responses((status = 200, body = MadeKey)))]
async fn make(
    state: extract::State<Arc<State>>,
    caller: Caller,
    Asked { body: asked, .. }: Asked<NewKey>,
) -> Result<Json<MadeKey>, Problem> {
    let account = caller.may(Scope::Keys)?;
    state.check_unlimited(&caller, "keys").await?;
    let scopes: Scopes = asked.scopes.into_iter().collect();
    if !caller.scopes.include(scopes) {
        return Err(ProblemKind::OUT_OF_SCOPE
            .problem(format!("a key for `{}` cannot make one for `{scopes}`", caller.scopes))
            .hint("ask for fewer scopes"));
    }
    if !(1..=LONGEST).contains(&asked.expires_in) {
        return Err(ProblemKind::INVALID_REQUEST
            .problem(format!("a key cannot end in {} seconds", asked.expires_in))
            .hint(format!("give 1 to {LONGEST} seconds, which are ten years")));
    }
    let expires_at = state.now().saturating_add(asked.expires_in);
    let (record, key) = state.create_key(account, &asked.name, scopes, asked.limits, expires_at).await?;
    Ok(Json(MadeKey { record: record.into(), key }))
}

/// The keys of the caller's account, the newest first.
#[utoipa::path(get, path = "/api/v1/api-keys", tag = "keys", security(("key" = [])),
    responses((status = 200, body = [KeyView])))]
async fn list(state: extract::State<Arc<State>>, caller: Caller) -> Result<Json<Vec<KeyView>>, Problem> {
    let keys = state.list_keys(caller.may(Scope::Keys)?).await?;
    Ok(Json(keys.into_iter().map(KeyView::from).collect()))
}

/// Ends a key of the caller's account, at once.
#[utoipa::path(delete, path = "/api/v1/api-keys/{id}", tag = "keys", security(("key" = [])),
    responses((status = 200, body = Object)))]
async fn revoke(
    state: extract::State<Arc<State>>,
    caller: Caller,
    PathText(id): PathText,
) -> Result<Json<serde_json::Value>, Problem> {
    let account = caller.may(Scope::Keys)?;
    let missing = || {
        ProblemKind::NO_ROUTE
            .problem(format!("there is no live key `{id}` of this account"))
            .hint("list the keys")
    };
    let key = id.parse().map_err(|_| missing())?;
    if state.revoke_key(account, key).await? {
        Ok(Json(serde_json::json!({ "success": true })))
    } else {
        Err(missing())
    }
}
