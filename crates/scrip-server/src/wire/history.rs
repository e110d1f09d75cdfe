//! What happened to credits, as it is listed.

use alloy::primitives::{Address, TxHash, U256};
use scrip::Event;
use serde::Serialize;
use utoipa::ToSchema;

use super::{address::HexAddress, number::Number};
use crate::index::Told;

/// Something that happened to a holder's credits.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HistoryEntry {
    /// `ordered`, `settled`, `minted`, `burned`, `redeemed`, `expired`, `taken_back`, `take_back_reversed` or `uses_paid`.
    kind: String,
    plan_id: Number,
    #[schema(value_type = HexAddress)]
    holder: Address,
    /// How many credits, periods of access, or uses. Of a time plan an order gives access until `expiry`, and 0 credits.
    credits: Number,
    #[schema(value_type = String)]
    transaction: TxHash,
    block: u64,
    /// The index of the event in the block.
    log: u64,
    /// The time of the block, in unix seconds.
    time: u64,
    /// Who paid, redeemed, burned or settled, where that is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<HexAddress>)]
    by: Option<Address>,
    /// How often the plan was ordered at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    quantity: Option<u32>,
    /// The token of what was paid; zero for the native coin.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<HexAddress>)]
    token: Option<Address>,
    /// What was paid in all, in its base units.
    #[serde(skip_serializing_if = "Option::is_none")]
    paid: Option<Number>,
    /// When the credits expire, or access ends, in unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    expiry: Option<u64>,
    /// The request's id on the chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<Number>,
    /// The card processor's id of the payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_id: Option<String>,
    /// Of what was taken back, how much was still there.
    #[serde(skip_serializing_if = "Option::is_none")]
    burned: Option<Number>,
}

/// A page of a history.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HistoryPage {
    /// How much there is in all.
    pub(crate) total: u64,
    pub(crate) page: u32,
    /// The size of a page.
    pub(crate) offset: u32,
    /// Up to which block all is told; none before anything is.
    pub(crate) block: Option<u64>,
    pub(crate) history: Vec<HistoryEntry>,
}

impl From<Told> for HistoryEntry {
    fn from(Told { kind, record }: Told) -> Self {
        let plan_id = record.event.plan().map(|plan| Number(plan.0)).unwrap_or_default();
        let entry = Self {
            kind,
            plan_id,
            transaction: record.transaction,
            block: record.position.block.number,
            log: record.position.log,
            time: record.time,
            ..Self::default()
        };
        let number = |number: u64| Number(U256::from(number));
        match record.event {
            Event::Ordered(event) => Self {
                holder: event.holder,
                credits: number(event.credits),
                by: Some(event.payer),
                quantity: Some(event.quantity),
                token: Some(event.token),
                paid: Some(Number(event.paid)),
                expiry: event.expiry,
                ..entry
            },
            Event::Settled(event) => Self {
                holder: event.holder,
                credits: number(event.credits),
                by: Some(event.settler),
                quantity: Some(event.quantity),
                expiry: event.expiry,
                payment_id: Some(event.payment_id),
                ..entry
            },
            Event::TakenBack(event) => Self {
                holder: event.holder,
                credits: number(event.amount),
                by: Some(event.settler),
                burned: Some(number(event.burned)),
                ..entry
            },
            Event::TakeBackReversed(event) => Self {
                holder: event.holder,
                credits: number(event.amount),
                by: Some(event.settler),
                expiry: event.expiry,
                ..entry
            },
            Event::Minted(event) => {
                Self { holder: event.holder, credits: number(event.amount), expiry: event.expiry, ..entry }
            }
            Event::Burned(event) => {
                Self { holder: event.holder, credits: number(event.amount), by: Some(event.burner), ..entry }
            }
            Event::Redeemed(event) => Self {
                holder: event.holder,
                credits: number(event.amount),
                by: Some(event.redeemer),
                request: event.request.map(|request| Number(request.0)),
                ..entry
            },
            Event::UsesPaid(event) => Self {
                holder: event.holder,
                credits: number(event.uses),
                token: Some(event.token),
                paid: Some(Number(event.paid)),
                ..entry
            },
            Event::Expired(event) => Self { holder: event.holder, credits: Number(event.amount), ..entry },
            _ => entry,
        }
    }
}
