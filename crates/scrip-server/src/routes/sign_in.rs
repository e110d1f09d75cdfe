//! Logging in with an own wallet.

use std::sync::Arc;

use alloy::primitives::{Address, Bytes};
use axum::{Json, extract};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    extract::Asked, limit::Limits, problem::Problem, scope::Scopes, state::State, wire::address::HexAddress,
};

/// For how long a key lasts that a wallet has logged in for, in seconds: a week.
const LASTS: u64 = 7 * 86_400;

/// What a wallet is to sign, as ERC-4361 names it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ToSign {
    domain: String,
    uri: String,
    version: &'static str,
    chain_id: u64,
    nonce: String,
    /// Until when it is to be signed, in unix seconds.
    expires_at: u64,
}

/// What a wallet has signed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignedIn {
    /// The message, as it was signed.
    message: String,
    /// Its signature by `personal_sign`: a key's, or a contract wallet's by ERC-1271 or ERC-6492.
    #[schema(value_type = String, pattern = "^0x([0-9a-fA-F]{2})*$")]
    signature: Bytes,
}

/// Who has logged in.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LoggedIn {
    /// The wallet's address. This server does not sign for it, unless it did before.
    #[schema(value_type = HexAddress)]
    address: Address,
    /// A key for all that is its own, shown this once.
    key: String,
    /// When the key ends, in unix seconds.
    expires_at: u64,
}

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(ask)).routes(routes!(sign_in))
}

/// What a wallet is to sign to log in: a message of ERC-4361 with these fields, once, within ten minutes.
#[utoipa::path(post, path = "/api/v1/auth/siwe/nonce", tag = "keys", responses((status = 200, body = ToSign)))]
async fn ask(state: extract::State<Arc<State>>) -> Result<Json<ToSign>, Problem> {
    let asked = state.ask_to_sign_in()?;
    let crate::sign_in::Asked { domain, uri, chain_id, nonce, expires_at } = asked;
    Ok(Json(ToSign { domain, uri, version: "1", chain_id, nonce, expires_at }))
}

/// Logs in with an own wallet: a key for a week, for an account that this server never signs for. What such an account asks the
/// chain for is answered with what its wallet is to send, as `calls` of the problem `SCRIP.ACCOUNT.OWN_WALLET`.
#[utoipa::path(post, path = "/api/v1/auth/siwe", tag = "keys", request_body = SignedIn,
    responses((status = 200, body = LoggedIn)))]
async fn sign_in(
    state: extract::State<Arc<State>>,
    Asked { body: SignedIn { message, signature }, .. }: Asked<SignedIn>,
) -> Result<Json<LoggedIn>, Problem> {
    let address = state.sign_in(&message, signature).await?;
    let expires_at = state.now() + LASTS;
    let (_, key) = state.create_key(address, "logged in", Scopes::ALL, Limits::default(), expires_at).await?;
    Ok(Json(LoggedIn { address, key, expires_at }))
}
