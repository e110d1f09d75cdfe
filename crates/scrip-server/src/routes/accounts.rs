//! Accounts.

use std::sync::Arc;

use alloy::primitives::Address;
use axum::{Json, extract};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Caller,
    extract::{Asked, PathText, parse_address},
    limit::Limits,
    problem::{Problem, ProblemKind},
    routes::keys::YEAR,
    scope::{Scope, Scopes},
    state::State,
    wire::{address::HexAddress, name::Name, object::object},
};

/// An account to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewAccount {
    /// What to know it by.
    name: Name,
    /// What it may spend.
    #[serde(default, deserialize_with = "object")]
    limits: Limits,
}

/// An account that was made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MadeAccount {
    /// Its address. This server signs for it.
    #[schema(value_type = HexAddress)]
    address: Address,
    /// A key for all that is its own, which ends after a year; shown this once.
    key: String,
}

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(make)).routes(routes!(limit))
}

/// Makes a managed account, and its first key. For who runs the server.
#[utoipa::path(post, path = "/api/v1/accounts", tag = "accounts", request_body = NewAccount, security(("key" = [])),
    responses((status = 200, body = MadeAccount)))]
async fn make(
    state: extract::State<Arc<State>>,
    caller: Caller,
    Asked { body: asked, .. }: Asked<NewAccount>,
) -> Result<Json<MadeAccount>, Problem> {
    caller.may(Scope::Admin)?;
    let address = state.create_account(&asked.name).await?;
    state.set_limits(address, asked.limits).await?;
    let (_, key) =
        state.create_key(address, &asked.name, Scopes::ALL, Limits::default(), state.now() + YEAR).await?;
    Ok(Json(MadeAccount { address, key }))
}

/// Says anew what an account may spend; its keys may have limits of their own. For who runs the server.
#[utoipa::path(put, path = "/api/v1/accounts/{address}/limits", tag = "accounts", request_body = Limits,
    security(("key" = [])), responses((status = 200, body = Limits)))]
async fn limit(
    state: extract::State<Arc<State>>,
    caller: Caller,
    PathText(address): PathText,
    Asked { body: limits, .. }: Asked<Limits>,
) -> Result<Json<Limits>, Problem> {
    caller.may(Scope::Admin)?;
    let account = parse_address(&address)?;
    if state.set_limits(account, limits).await? {
        return Ok(Json(limits));
    }
    Err(ProblemKind::NO_ACCOUNT.problem(format!("there is no account {account}")))
}
