//! The voucher that a wallet signs in the window, where a plan requires one.

use std::sync::Arc;

use alloy::primitives::{Address, Bytes};
use axum::{Json, extract};
use scrip::{PlanId, SessionVoucher, Signable, Signed};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    extract::{Asked, PathAgent},
    pages::Visitor,
    problem::{Problem, ProblemKind},
    state::State,
    wire::number::Number,
};

/// The plan that is to be used.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    plan: Number,
}

/// What a wallet is to sign. The voucher and what is signed of it are texts, which the window hands on as they are: there are
/// numbers that a script cannot hold.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToSign {
    from: Address,
    chain_id: u64,
    voucher: String,
    /// As `eth_signTypedData_v4` takes it.
    typed_data: String,
}

/// What a wallet has signed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HasSigned {
    voucher: String,
    signature: Bytes,
}

/// Makes the voucher that is to be signed: for all that the visitor has of a plan.
pub(super) async fn ask(
    state: extract::State<Arc<State>>,
    Visitor(session): Visitor,
    PathAgent(agent): PathAgent,
    asked: Asked<Wanted>,
) -> Result<Json<ToSign>, Problem> {
    let (offer, holder) = (state.offer(agent).await?, session.account);
    let plan = offer.plan(PlanId(asked.body.plan.0))?;
    let left = state.spendable(plan.id, holder).await?;
    let Some(voucher) = state.voucher_beforehand(offer.service.owner, plan, holder, left).await? else {
        return Err(ProblemKind::REFUSED
            .problem(format!("nothing of plan {} waits for a signature of {holder}", plan.id.0))
            .hint("go on to the app"));
    };
    let scrip = state.chain.scrip();
    let typed_data = voucher.typed_data(&scrip.domain())?;
    let internal = |error| Problem::internal(&error);
    Ok(Json(ToSign {
        from: holder,
        chain_id: scrip.chain_id(),
        voucher: serde_json::to_string(&voucher).map_err(internal)?,
        typed_data: serde_json::to_string(&typed_data).map_err(internal)?,
    }))
}

/// Keeps what was signed.
pub(super) async fn take(
    state: extract::State<Arc<State>>,
    Visitor(session): Visitor,
    PathAgent(agent): PathAgent,
    asked: Asked<HasSigned>,
) -> Result<Json<Value>, Problem> {
    let HasSigned { voucher, signature } = asked.body;
    let voucher: SessionVoucher = serde_json::from_str(&voucher).map_err(|error| {
        ProblemKind::INVALID_VOUCHER
            .problem(format!("this is no voucher: {error}"))
            .hint("send the voucher as it was made")
    })?;
    let offer = state.offer(agent).await?;
    let plan = offer.plan(voucher.plan)?;
    let signed = Signed { voucher, signature };
    state.take_voucher(offer.service.owner, plan, session.account, signed).await?;
    Ok(Json(json!({})))
}
