//! Mints, burns and redemptions.

use std::sync::Arc;

use alloy::primitives::{Address, U256, keccak256};
use axum::{Json, extract};
use scrip::{Grant, PlanId};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::DoneView;
use crate::{
    auth::Caller,
    extract::Asked,
    holds::{Capture, request_name},
    problem::{Problem, ProblemKind},
    scope::Scope,
    state::State,
    wire::{address::HexAddress, number::Number},
    work::{Outcome, Work},
};

/// Credits to be minted, which never expire.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MintAsked {
    plan_id: Number,
    amount: Number,
    credits_receiver: HexAddress,
}

/// Credits to be minted, which expire.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MintExpirableAsked {
    plan_id: Number,
    credits_amount: Number,
    credits_receiver: HexAddress,
    /// In seconds; 0 for never.
    #[serde(default)]
    credits_duration: Number,
}

/// Credits of the caller's account to be destroyed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BurnAsked {
    plan_id: Number,
    credits_amount: Number,
}

/// A holder's credits to be spent for a request.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RedeemAsked {
    /// The request, which is redeemed once for each holder.
    agent_request_id: String,
    plan_id: Number,
    redeem_from: HexAddress,
    amount: Number,
}

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new()
        .routes(routes!(mint))
        .routes(routes!(mint_expirable))
        .routes(routes!(burn))
        .routes(routes!(redeem))
}

/// Gives a holder credits of a plan of the caller's, which never expire.
#[utoipa::path(post, path = "/api/v1/protocol/plans/mint", tag = "credits",
    request_body = MintAsked, security(("key" = [])),
    responses((status = 200, body = DoneView)))]
async fn mint(
    state: extract::State<Arc<State>>,
    caller: Caller,
    Asked { body: asked, repeat }: Asked<MintAsked>,
) -> Result<Json<DoneView>, Problem> {
    let account = caller.may(Scope::Mint)?;
    let amount = some_credits(asked.amount)?;
    let (plan, holder) = (PlanId(asked.plan_id.0), asked.credits_receiver.0);
    let work = Work::Mint { plan, holder, amount, lifetime: None };
    let outcome = state.operate(account, repeat, work).await?;
    Ok(Json(DoneView::new("the credits were minted", outcome)))
}

/// Gives a holder credits of a plan of the caller's, which expire.
#[utoipa::path(post, path = "/api/v1/protocol/plans/mintExpirable", tag = "credits",
    request_body = MintExpirableAsked, security(("key" = [])),
    responses((status = 200, body = DoneView)))]
async fn mint_expirable(
    state: extract::State<Arc<State>>,
    caller: Caller,
    Asked { body: asked, repeat }: Asked<MintExpirableAsked>,
) -> Result<Json<DoneView>, Problem> {
    let account = caller.may(Scope::Mint)?;
    let amount = some_credits(asked.credits_amount)?;
    let seconds = asked.credits_duration.to_u32("a duration")?;
    let (plan, holder) = (PlanId(asked.plan_id.0), asked.credits_receiver.0);
    let lifetime = (seconds > 0).then(|| seconds.into());
    let work = Work::Mint { plan, holder, amount, lifetime };
    let outcome = state.operate(account, repeat, work).await?;
    Ok(Json(DoneView::new("the credits were minted", outcome)))
}

/// Destroys credits of the caller's account.
#[utoipa::path(post, path = "/api/v1/protocol/plans/burn", tag = "credits",
    request_body = BurnAsked, security(("key" = [])),
    responses((status = 200, body = DoneView)))]
async fn burn(
    state: extract::State<Arc<State>>,
    caller: Caller,
    Asked { body: asked, repeat }: Asked<BurnAsked>,
) -> Result<Json<DoneView>, Problem> {
    let account = caller.may(Scope::Order)?;
    let amount = some_credits(asked.credits_amount)?;
    let work = Work::Burn { plan: PlanId(asked.plan_id.0), amount };
    let outcome = state.operate(account, repeat, work).await?;
    Ok(Json(DoneView::new("the credits were burned", outcome)))
}

/// Spends a holder's credits for a request, once.
#[utoipa::path(post, path = "/api/v1/protocol/plans/redeem", tag = "credits",
    request_body = RedeemAsked, security(("key" = [])),
    responses((status = 200, body = DoneView)))]
async fn redeem(
    state: extract::State<Arc<State>>,
    caller: Caller,
    Asked { body: asked, repeat }: Asked<RedeemAsked>,
) -> Result<Json<DoneView>, Problem> {
    let account = caller.may(Scope::Redeem)?;
    let amount = some_credits(asked.amount)?;
    let holder = asked.redeem_from.0;
    let (plan, name) = (PlanId(asked.plan_id.0), asked.agent_request_id);
    let reserved = request_name(account, holder, &name)?;
    if state.hold(plan, holder, &reserved).await?.is_some() {
        return redeem_reserved(&state, account, (plan, holder), reserved, amount).await;
    }
    // Before it counts as spent: nobody else makes a holder's credits look so.
    state.check_redeemer(account, (plan, holder), amount).await?;
    let work = Work::Redeem { plan, holder, amount, request: request_id(holder, &name) };
    let outcome = state.operate(account, repeat, work).await?;
    Ok(Json(DoneView::new("the credits were redeemed", outcome)))
}

/// Settles what was reserved for a request when that was verified, if it still is.
async fn redeem_reserved(
    state: &Arc<State>,
    account: Address,
    (plan, holder): (PlanId, Address),
    request: String,
    amount: u64,
) -> Result<Json<DoneView>, Problem> {
    let is_time = matches!(state.chain.terms(plan).await?.grant, Grant::Time { .. });
    state.check_redeemer(account, (plan, holder), amount).await?;
    state.prolong(plan, holder, &request, if is_time { 0 } else { amount }).await?;
    let settled = state.settle(account, Capture { plan, holder, request, amount, is_time }).await?;
    let event = serde_json::to_value(&settled).map_err(|error| Problem::internal(&error))?;
    let outcome = Outcome { transaction: settled.transaction, event, block: None };
    Ok(Json(DoneView::new("the credits were redeemed", outcome)))
}

/// The contract's id of a request that a client has named: of one holder, so that nobody else's use of the name is in its way.
pub(crate) fn request_id(holder: Address, name: &str) -> U256 {
    U256::from_be_bytes(keccak256([holder.as_slice(), name.as_bytes()].concat()).0)
}

fn some_credits(amount: Number) -> Result<u64, Problem> {
    match amount.to_u64("an amount")? {
        0 => Err(ProblemKind::INVALID_AMOUNT.problem("an amount of 0 credits").hint("ask for 1 at least")),
        amount => Ok(amount),
    }
}
