//! Accounts.

use std::sync::Arc;

use alloy::primitives::Address;
use axum::{Json, extract};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Caller,
    extract::Asked,
    problem::Problem,
    routes::keys::YEAR,
    scope::{Scope, Scopes},
    state::State,
    wire::{address::HexAddress, name::Name},
};

/// An account to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewAccount {
    /// What to know it by.
    name: Name,
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
    OpenApiRouter::new().routes(routes!(make))
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
    let (_, key) = state.create_key(address, &asked.name, Scopes::ALL, state.now() + YEAR).await?;
    Ok(Json(MadeAccount { address, key }))
}
