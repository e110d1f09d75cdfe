//! What this server stands before.

use std::{collections::BTreeMap, sync::Arc};

use alloy::primitives::Address;
use axum::{
    Json, extract,
    http::{HeaderMap, header},
    response::{IntoResponse, Redirect, Response},
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{state::State, wire::register::PAY_AS_YOU_GO};

/// What the SDKs want to know of a deployment.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Info {
    deployment: Deployment,
}

/// Where it is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Deployment {
    version: &'static str,
    chain_id: u64,
    /// Names of the reference's contracts. All are Scrip here, but for the word that says that a plan is paid per use.
    #[schema(value_type = std::collections::BTreeMap<String, String>)]
    contracts: BTreeMap<&'static str, Address>,
}

/// The names that the Python SDK insists on.
const NAMES: [&str; 19] = [
    "AccessManager",
    "AgreementsStore",
    "AssetsRegistry",
    "DistributePaymentsCondition",
    "FiatPaymentTemplate",
    "FiatSettlementCondition",
    "FixedPaymentTemplate",
    "LinearPricing",
    "LockPaymentCondition",
    "NFT1155Credits",
    "NFT1155ExpirableCredits",
    "NFT1155ExpirableCreditsV2",
    "NVMConfig",
    "OneTimeCreatorHook",
    "PayAsYouGoTemplate",
    "PaymentsVault",
    "ProtocolStandardFees",
    "TokenUtils",
    "TransferCreditsCondition",
];

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(info))
}

/// Where Scrip is.
#[utoipa::path(get, path = "/", tag = "server", responses((status = 200, body = Info)))]
async fn info(state: extract::State<Arc<State>>, headers: HeaderMap) -> Response {
    // Whoever comes with a browser looks for the pages. Programs name JSON, or nothing.
    let accepts = headers.get(header::ACCEPT).and_then(|accepts| accepts.to_str().ok());
    if accepts.is_some_and(|accepts| accepts.contains("text/html")) {
        return Redirect::to("/my/agents").into_response();
    }
    let scrip = state.chain.scrip();
    let mut contracts: BTreeMap<_, _> = NAMES.into_iter().map(|name| (name, scrip.address())).collect();
    contracts.insert("PayAsYouGoTemplate", PAY_AS_YOU_GO);
    contracts.insert("Scrip", scrip.address());
    let version = env!("CARGO_PKG_VERSION");
    Json(Info { deployment: Deployment { version, chain_id: scrip.chain_id(), contracts } }).into_response()
}
