//! Steps: what somebody does, in terms that stay the same from run to run, so that sequences can be kept as JSON.

use alloy::primitives::U256;
use serde::{Deserialize, Serialize};

use crate::cast::Who;

/// One transaction, or a pause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Who does it.
    pub by: Who,
    /// How much gas it has, where that may be too little. Then it may fail, but do nothing else than it should.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gas: Option<u64>,
    /// What it is.
    #[serde(flatten)]
    pub action: Action,
}

/// Redemptions of a plan: of whose credits, how many, and the request's id.
pub type BatchSpec = (Slot, Vec<(Who, u64, U256)>);

/// A plan, by the place that it was given when it was created; a place never given is a plan that does not exist.
pub type Slot = u8;

/// What is done. The fields are those of the core's functions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Action {
    // The world.
    Warp { seconds: u64 },
    Behave { who: Who, manner: Manner },
    SetBlocked { account: Who, blocked: bool },
    ArmToken { action: Option<Box<Action>> },
    Fund { token: Who, amount: U256 },
    Approve { token: Who, amount: U256 },
    // Plans.
    CreatePlan { slot: Slot, salt: u8, terms: Box<TermsSpec> },
    SetOpen { plan: Slot, open: bool },
    TransferOwnership { plan: Slot, to: Who },
    AcceptOwnership { plan: Slot },
    SetOperator { plan: Slot, operator: Who, permissions: u8 },
    // The fee.
    SetFee { receiver: Who, rate: u16 },
    OfferFeeControl { to: Who },
    AcceptFeeControl,
    RenounceFeeControl,
    // Orders.
    Order { plan: Slot, holder: Who, quantity: u32, max_price: U256, value: U256 },
    OrderMany { purchases: Vec<PurchaseSpec>, value: U256 },
    OrderFor { purchase: PurchaseSpec, payer: Who, token: Who, consented: bool, value: U256 },
    // Fiat.
    Settle { plan: Slot, holder: Who, quantity: u32, payment: u8 },
    TakeBack { plan: Slot, payment: u8, amount: u64 },
    ReverseTakeBack { plan: Slot, payment: u8 },
    // Gifts and burns.
    Mint { plan: Slot, holder: Who, amount: u64 },
    MintExpirable { plan: Slot, holder: Who, amount: u64, duration: u32 },
    Burn { plan: Slot, holder: Who, amount: u64 },
    // Redemptions.
    Redeem { plan: Slot, holder: Who, amount: u64, request: U256 },
    RedeemWithoutId { plan: Slot, holder: Who, amount: u64 },
    RedeemMany { batches: Vec<BatchSpec> },
    RedeemWithVoucher { voucher: VoucherSpec, amount: u64 },
    RedeemInSession { voucher: VoucherSpec, amount: u64, request: U256 },
    RevokeVouchers { word: u8, mask: U256 },
    RevokeSession { plan: Slot, redeemer: Who, session: u64 },
    // Several at once, and what is always refused.
    Multicall { actions: Vec<Action>, skip: bool },
    Transfer { plan: Slot, to: Who, kind: u8 },
    Unknown { selector: u32, value: U256 },
    // Views, as a transaction.
    BalanceOfBatch { accounts: Vec<Who>, plans: Vec<Slot> },
    ViewPlan { plan: Slot, kind: u8 },
}

impl Action {
    /// The name of its kind.
    pub fn kind(&self) -> &'static str {
        use Action::*;
        match self {
            Warp { .. } => "Warp",
            Behave { .. } => "Behave",
            SetBlocked { .. } => "SetBlocked",
            ArmToken { .. } => "ArmToken",
            Fund { .. } => "Fund",
            Approve { .. } => "Approve",
            CreatePlan { .. } => "CreatePlan",
            SetOpen { .. } => "SetOpen",
            TransferOwnership { .. } => "TransferOwnership",
            AcceptOwnership { .. } => "AcceptOwnership",
            SetOperator { .. } => "SetOperator",
            SetFee { .. } => "SetFee",
            OfferFeeControl { .. } => "OfferFeeControl",
            AcceptFeeControl => "AcceptFeeControl",
            RenounceFeeControl => "RenounceFeeControl",
            Order { .. } => "Order",
            OrderMany { .. } => "OrderMany",
            OrderFor { .. } => "OrderFor",
            Settle { .. } => "Settle",
            TakeBack { .. } => "TakeBack",
            ReverseTakeBack { .. } => "ReverseTakeBack",
            Mint { .. } => "Mint",
            MintExpirable { .. } => "MintExpirable",
            Burn { .. } => "Burn",
            Redeem { .. } => "Redeem",
            RedeemWithoutId { .. } => "RedeemWithoutId",
            RedeemMany { .. } => "RedeemMany",
            RedeemWithVoucher { .. } => "RedeemWithVoucher",
            RedeemInSession { .. } => "RedeemInSession",
            RevokeVouchers { .. } => "RevokeVouchers",
            RevokeSession { .. } => "RevokeSession",
            Multicall { .. } => "Multicall",
            Transfer { .. } => "Transfer",
            Unknown { .. } => "Unknown",
            BalanceOfBatch { .. } => "BalanceOfBatch",
            ViewPlan { .. } => "ViewPlan",
        }
    }
}

/// How a chameleon behaves from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Manner {
    /// It says yes, and as a price source asks this.
    Accept(U256),
    /// It reverts with this many bytes.
    Refuse(u16),
    /// It answers with this many bytes, each 0 but the last of a word, which is 1.
    Say(u16),
    /// It burns whatever gas it is given.
    Burn,
    /// It does this first, if it may, and says yes.
    Reenter(Box<Action>),
}

/// Terms, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TermsSpec {
    /// How long the name is.
    pub name_length: u8,
    /// How long the URI is.
    pub uri_length: u8,
    /// The kind of price by its number.
    pub price_kind: u8,
    /// The token.
    pub token: Who,
    /// The price.
    pub amount: u64,
    /// The currency.
    pub currency: String,
    /// The price source.
    pub source: Who,
    /// Who is paid which share.
    pub payees: Vec<(Who, u16)>,
    /// Whether the grant is a time.
    pub is_time: bool,
    /// The credits of the grant.
    pub credits: u64,
    /// The duration of the grant.
    pub duration: u32,
    /// The range of a redemption.
    pub range: (u32, u32),
    /// The bits of who redeems.
    pub redeemers: u8,
    /// Whether a voucher is required.
    pub voucher_required: bool,
    /// Whether the owner may revoke.
    pub revocable: bool,
    /// The limits, for each holder and in all.
    pub limits: (u32, u32),
    /// The hook and its calls.
    pub hook: (Who, u8),
}

/// One order of many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PurchaseSpec {
    /// The plan.
    pub plan: Slot,
    /// Who gets the grant.
    pub holder: Who,
    /// How many orders.
    pub quantity: u32,
    /// The most that is paid.
    pub max_price: U256,
    /// How many bytes of data are passed along.
    pub data: u8,
}

/// A voucher, for one use or for a session, and how it is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoucherSpec {
    /// The plan.
    pub plan: Slot,
    /// Whose credits.
    pub holder: Who,
    /// Who may redeem.
    pub redeemer: Who,
    /// The most that may be taken.
    pub maximum: u64,
    /// The nonce, or the session.
    pub number: u64,
    /// The last second.
    pub deadline: u64,
    /// Who signs.
    pub signer: Who,
    /// What is wrong with the signature.
    pub flaw: Flaw,
}

/// What is wrong with a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Flaw {
    /// Nothing.
    None,
    /// It is for another chain.
    Chain,
    /// It is for another contract.
    Contract,
    /// It is for another maximum.
    Field,
    /// It lacks a byte.
    Short,
    /// Its `s` is the high one of the two.
    HighS,
    /// There is none.
    Empty,
}
