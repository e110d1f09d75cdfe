//! The routes, one file for each resource.

pub(crate) mod accounts;
pub(crate) mod agents;
pub(crate) mod credits;
pub(crate) mod delegations;
pub(crate) mod fiat;
pub(crate) mod health;
pub(crate) mod info;
pub(crate) mod keys;
pub(crate) mod lists;
pub(crate) mod orders;
pub(crate) mod permissions;
pub(crate) mod plans;
pub(crate) mod sign_in;
pub(crate) mod x402;

use std::sync::Arc;

use alloy::primitives::TxHash;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use crate::{state::State, work::Outcome};

/// A write that was done, as the SDKs read it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DoneView {
    success: bool,
    message: &'static str,
    /// The transaction; none when there was nothing left to do.
    #[schema(value_type = Option<String>)]
    tx_hash: Option<TxHash>,
    /// The same.
    #[schema(value_type = Option<String>)]
    transaction: Option<TxHash>,
    http_status: u16,
    /// What the contract said.
    #[schema(value_type = Object)]
    data: Value,
    #[schema(value_type = String, format = DateTime)]
    when: Timestamp,
}

impl DoneView {
    pub(crate) fn new(message: &'static str, Outcome { transaction, event, .. }: Outcome) -> Self {
        Self {
            success: true,
            message,
            tx_hash: transaction,
            transaction,
            http_status: 200,
            data: event,
            when: Timestamp::now(),
        }
    }
}

/// All of them.
pub(crate) fn all() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new()
        .merge(info::routes())
        .merge(health::routes())
        .merge(accounts::routes())
        .merge(keys::routes())
        .merge(lists::routes())
        .merge(sign_in::routes())
        .merge(plans::routes())
        .merge(agents::routes())
        .merge(orders::routes())
        .merge(credits::routes())
        .merge(permissions::routes())
        .merge(delegations::routes())
        .merge(x402::routes())
        .merge(fiat::routes())
        .merge(crate::widget::routes())
}
