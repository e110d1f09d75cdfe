//! x402 as the SDKs write and read it.

use alloy::primitives::{Address, B256, TxHash};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    number::Number,
    object::{object, object_or_null, objects},
};
use crate::{delegation::Delegation, permission::Permission};

/// An access token to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PermissionAsked {
    #[serde(deserialize_with = "object")]
    pub(crate) accepted: AcceptedAsked,
    #[serde(default, deserialize_with = "object_or_null")]
    pub(crate) delegation_config: Option<DelegationConfig>,
    /// 2, or 3 for a token for one use.
    #[serde(default)]
    pub(crate) token_version: Option<u8>,
    /// What a token for one use is bound to.
    #[serde(default, deserialize_with = "object_or_null")]
    pub(crate) resource: Option<ResourceAsked>,
}

/// What the token pays for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AcceptedAsked {
    #[serde(default)]
    pub(crate) scheme: Option<String>,
    #[serde(default)]
    pub(crate) network: Option<String>,
    pub(crate) plan_id: Number,
    #[serde(default, deserialize_with = "object_or_null")]
    pub(crate) extra: Option<ExtraAsked>,
}

/// Of which agent, and how it is called.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExtraAsked {
    #[serde(default)]
    pub(crate) agent_id: Option<String>,
    #[serde(default)]
    pub(crate) http_verb: Option<String>,
}

/// A resource that is paid for.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct ResourceAsked {
    #[serde(default)]
    pub(crate) url: Option<String>,
}

/// A delegation that is there, or what one allows that is to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DelegationConfig {
    /// The one that is there.
    #[serde(default)]
    pub(crate) delegation_id: Option<String>,
    /// `erc4337`: the account's own wallet.
    #[serde(default)]
    pub(crate) provider: Option<String>,
    #[serde(default)]
    pub(crate) spending_limit_cents: Option<Number>,
    #[serde(default)]
    pub(crate) duration_secs: Option<Number>,
    #[serde(default)]
    pub(crate) max_transactions: Option<Number>,
    /// `usd`, `usdc`, `eur` or `eurc`; `usdc` without.
    #[serde(default)]
    pub(crate) currency: Option<String>,
    /// The one plan that may be bought; any without.
    #[serde(default)]
    pub(crate) plan_id: Option<Number>,
    /// Not known here: delegations are the whole account's.
    #[serde(default)]
    pub(crate) api_key_id: Option<String>,
}

/// Something that is to be verified or settled.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PaymentAsked {
    #[serde(default, deserialize_with = "object_or_null")]
    pub(crate) payment_required: Option<PaymentRequired>,
    #[serde(default)]
    pub(crate) x402_access_token: Option<String>,
    /// How many credits; to verify, the least that the plan takes without it; to settle, what was reserved.
    #[serde(default)]
    pub(crate) max_amount: Option<Number>,
    /// To settle: the id that was given when it was verified.
    #[serde(default)]
    pub(crate) agent_request_id: Option<String>,
}

/// What a seller asks for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PaymentRequired {
    #[serde(default, deserialize_with = "object_or_null")]
    pub(crate) resource: Option<ResourceAsked>,
    /// What pays for it. What is no plan's is somebody else's way of paying.
    #[serde(default, deserialize_with = "objects")]
    pub(crate) accepts: Vec<Offered>,
}

/// A way to pay.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Offered {
    #[serde(default)]
    pub(crate) plan_id: Option<Number>,
    #[serde(default, deserialize_with = "object_or_null")]
    pub(crate) extra: Option<ExtraAsked>,
}

/// It is paid for: the credits are reserved.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Verified {
    pub(crate) is_valid: bool,
    #[schema(value_type = String)]
    pub(crate) payer: Address,
    pub(crate) network: String,
    /// The request under which they are.
    pub(crate) agent_request_id: String,
    /// The endpoint that was matched; empty where the agent names none.
    pub(crate) url_matching: String,
    #[schema(value_type = Object)]
    pub(crate) agent_request: Value,
}

/// It was paid.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SettledView {
    pub(crate) success: bool,
    #[schema(value_type = String)]
    pub(crate) payer: Address,
    /// The redemption; empty where nothing was to be taken.
    pub(crate) transaction: String,
    pub(crate) network: String,
    pub(crate) credits_redeemed: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) remaining_balance: Option<String>,
    /// The order that was made first, if there was one.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) order_tx: Option<TxHash>,
}

/// An access token that was made.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PermissionMade {
    pub(crate) access_token: String,
    /// By which it is listed and revoked.
    #[schema(value_type = String)]
    pub(crate) hash: B256,
    /// In unix seconds.
    pub(crate) expires_at: u64,
}

/// An access token, as it is listed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PermissionView {
    #[schema(value_type = String)]
    hash: B256,
    plan_id: Number,
    agent_id: Option<String>,
    delegation_id: Option<String>,
    token_version: u8,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
}

impl From<Permission> for PermissionView {
    fn from(one: Permission) -> Self {
        Self {
            hash: one.hash,
            plan_id: Number(one.plan.0),
            agent_id: one.agent,
            delegation_id: one.delegation,
            token_version: if one.is_single_use { 3 } else { 2 },
            created_at: time(one.created_at),
            expires_at: time(one.expires_at),
            revoked_at: one.revoked_at.map(time),
        }
    }
}

/// A delegation, in the words of both SDKs.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DelegationView {
    id: String,
    delegation_id: String,
    provider: &'static str,
    /// The account's wallet.
    #[schema(value_type = String)]
    provider_payment_method_id: Address,
    /// `Active`, `Expired`, `Revoked` or `Exhausted`.
    status: &'static str,
    spending_limit_cents: String,
    amount_spent_cents: String,
    spent_cents: String,
    remaining_budget_cents: String,
    currency: String,
    plan_id: Option<Number>,
    transaction_count: u64,
    max_transactions: Option<u64>,
    duration_secs: u64,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    api_key_id: Option<String>,
}

impl DelegationView {
    pub(crate) fn new(one: Delegation, now: u64) -> Self {
        Self {
            status: one.status(now),
            delegation_id: one.id.clone(),
            id: one.id,
            provider: "erc4337",
            provider_payment_method_id: one.account,
            spending_limit_cents: one.limit_cents.to_string(),
            amount_spent_cents: one.spent_cents.to_string(),
            spent_cents: one.spent_cents.to_string(),
            remaining_budget_cents: one.limit_cents.saturating_sub(one.spent_cents).to_string(),
            currency: one.currency,
            plan_id: one.plan.map(|plan| Number(plan.0)),
            transaction_count: one.transactions,
            max_transactions: one.max_transactions,
            duration_secs: one.duration,
            created_at: time(one.created_at),
            expires_at: time(one.expires_at),
            api_key_id: None,
        }
    }
}

/// How an account pays.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PaymentMethod {
    /// The wallet.
    #[schema(value_type = String)]
    id: Address,
    #[serde(rename = "type")]
    kind: &'static str,
    brand: &'static str,
    last4: String,
    exp_month: u8,
    exp_year: u16,
    provider: &'static str,
    status: &'static str,
    alias: Option<String>,
}

impl PaymentMethod {
    /// The account's own wallet.
    pub(crate) fn wallet(account: Address) -> Self {
        let shown = account.to_string();
        Self {
            id: account,
            kind: "crypto_wallet",
            brand: "ethereum",
            last4: shown[shown.len() - 4..].to_owned(),
            exp_month: 0,
            exp_year: 0,
            provider: "erc4337",
            status: "Active",
            alias: None,
        }
    }
}

fn time(seconds: u64) -> Timestamp {
    let seconds = seconds.try_into().unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
}
