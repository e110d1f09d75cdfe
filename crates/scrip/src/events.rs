//! What happened on chain, typed.

use alloy::{
    primitives::{Address, U256},
    rpc::types::TransactionReceipt,
    sol_types::SolEventInterface,
};
use serde::{Deserialize, Serialize};

use crate::{
    BatchRedeemed, FeeControlOffered, FeeControlTaken, FeeSet, FeeUndelivered, Permissions, PlanId,
    RequestId, SessionRevoked, SessionSpent, Settled, TakeBackReversed, TakenBack, VoucherRedeemed,
    VouchersRevoked,
    abi::IScrip::{self, IScripEvents},
    client::some_time,
    fee::some_account,
};

/// Whatever can happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
#[expect(missing_docs, reason = "each holds the type of its name, which is documented")]
pub enum Event {
    Created(Created),
    OpenSet(OpenSet),
    OwnershipOffered(OwnershipOffered),
    OwnershipAccepted(OwnershipAccepted),
    OperatorSet(OperatorSet),
    Ordered(Ordered),
    FeeUndelivered(FeeUndelivered),
    FeeSet(FeeSet),
    FeeControlOffered(FeeControlOffered),
    FeeControlTaken(FeeControlTaken),
    Settled(Settled),
    TakenBack(TakenBack),
    TakeBackReversed(TakeBackReversed),
    Minted(Minted),
    Burned(Burned),
    Redeemed(Redeemed),
    BatchRedeemed(BatchRedeemed),
    VoucherRedeemed(VoucherRedeemed),
    SessionSpent(SessionSpent),
    VouchersRevoked(VouchersRevoked),
    SessionRevoked(SessionRevoked),
    UsesPaid(UsesPaid),
    Expired(Expired),
    Transferred(Transferred),
}

impl Event {
    /// All that the contract itself said in a transaction, in its order.
    pub(crate) fn all_in(contract: Address, receipt: &TransactionReceipt) -> Vec<Self> {
        let logs = receipt.logs().iter().filter(|log| log.address() == contract);
        logs.filter_map(|log| IScripEvents::decode_log(&log.inner).ok()).map(|log| log.data.into()).collect()
    }
}

impl From<IScripEvents> for Event {
    fn from(event: IScripEvents) -> Self {
        use IScripEvents as E;
        match event {
            E::PlanCreated(event) => Self::Created(event.into()),
            E::OpenSet(event) => Self::OpenSet(event.into()),
            E::OwnershipOffered(event) => Self::OwnershipOffered(event.into()),
            E::OwnershipAccepted(event) => Self::OwnershipAccepted(event.into()),
            E::OperatorSet(event) => Self::OperatorSet(event.into()),
            E::PlanOrdered(event) => Self::Ordered(event.into()),
            E::FeeUndelivered(event) => Self::FeeUndelivered(event.into()),
            E::FeeSet(event) => Self::FeeSet(event.into()),
            E::FeeControlOffered(event) => Self::FeeControlOffered(event.into()),
            E::FeeControlTaken(event) => Self::FeeControlTaken(event.into()),
            E::PaymentSettled(event) => Self::Settled(event.into()),
            E::PaymentTakenBack(event) => Self::TakenBack(event.into()),
            E::TakeBackReversed(event) => Self::TakeBackReversed(event.into()),
            E::CreditsMinted(event) => Self::Minted(event.into()),
            E::CreditsBurned(event) => Self::Burned(event.into()),
            E::CreditsRedeemed(event) => Self::Redeemed(event.into()),
            E::CreditsRedeemedWithoutId(event) => Self::Redeemed(event.into()),
            E::CreditsRedeemedInBatch(event) => Self::BatchRedeemed(event.into()),
            E::VoucherRedeemed(event) => Self::VoucherRedeemed(event.into()),
            E::SessionSpent(event) => Self::SessionSpent(event.into()),
            E::VouchersRevoked(event) => Self::VouchersRevoked(event.into()),
            E::SessionRevoked(event) => Self::SessionRevoked(event.into()),
            E::UsesPaid(event) => Self::UsesPaid(event.into()),
            E::CreditsExpired(event) => Self::Expired(event.into()),
            E::TransferSingle(event) => Self::Transferred(event.into()),
        }
    }
}

/// A plan was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Created {
    /// The plan.
    pub plan: PlanId,
    /// Who created and owns it.
    pub owner: Address,
}

/// Orders of a plan were stopped or restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OpenSet {
    /// The plan.
    pub plan: PlanId,
    /// Whether it can be ordered now.
    pub open: bool,
}

/// The ownership of a plan was offered, or an offer taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OwnershipOffered {
    /// The plan.
    pub plan: PlanId,
    /// Who owns it still.
    pub owner: Address,
    /// Who may accept; nobody when an offer was taken back.
    pub pending_owner: Option<Address>,
}

/// The ownership of a plan was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OwnershipAccepted {
    /// The plan.
    pub plan: PlanId,
    /// Who owned it.
    pub former_owner: Address,
    /// Who owns it now.
    pub owner: Address,
}

/// An operator's permissions were set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OperatorSet {
    /// The plan.
    pub plan: PlanId,
    /// The operator.
    pub operator: Address,
    /// What it may do now.
    pub permissions: Permissions,
}

/// A plan was ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ordered {
    /// The plan.
    pub plan: PlanId,
    /// Who paid.
    pub payer: Address,
    /// Who got the grant.
    pub holder: Address,
    /// How many orders at once.
    pub quantity: u32,
    /// The token of the price; zero for the native coin and for nothing.
    pub token: Address,
    /// What was paid in all, fee included, in base units of the token.
    pub paid: U256,
    /// What of that is the protocol's fee; it went to the payees where a [`FeeUndelivered`] follows.
    pub fee: U256,
    /// The credits granted; 0 on a time plan.
    pub credits: u64,
    /// When they expire, if they do; on a time plan the new end of access. In unix seconds.
    pub expiry: Option<u64>,
}

/// Credits, or periods of access, were minted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Minted {
    /// The plan.
    pub plan: PlanId,
    /// Who got them.
    pub holder: Address,
    /// How many.
    pub amount: u64,
    /// When they expire, if they do; on a time plan the new end of access. In unix seconds.
    pub expiry: Option<u64>,
}

/// Credits, or periods of access, were burned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Burned {
    /// The plan.
    pub plan: PlanId,
    /// Whose they were.
    pub holder: Address,
    /// Who burned them.
    pub burner: Address,
    /// How many.
    pub amount: u64,
}

/// Credits were redeemed. On a time plan nothing was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Redeemed {
    /// The plan.
    pub plan: PlanId,
    /// Whose they were.
    pub holder: Address,
    /// Who redeemed them.
    pub redeemer: Address,
    /// How many.
    pub amount: u64,
    /// For which request; none when redeemed without an id.
    pub request: Option<RequestId>,
}

/// A holder paid for uses of a plan paid per use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UsesPaid {
    /// The plan.
    pub plan: PlanId,
    /// Who paid.
    pub holder: Address,
    /// How many uses.
    pub uses: u64,
    /// The token of the price.
    pub token: Address,
    /// What was paid for all of them, fee included, in base units of the token.
    pub paid: U256,
    /// What of that is the protocol's fee; it went to the payees where a [`FeeUndelivered`] follows.
    pub fee: U256,
}

/// Credits that had expired before were cleared; on a time plan, access that had ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Expired {
    /// The plan.
    pub plan: PlanId,
    /// Whose they were.
    pub holder: Address,
    /// How many; 1 for access.
    pub amount: U256,
}

/// A balance changed, as ERC-1155 tells it: logs of this event add up to balances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Transferred {
    /// Whose call it was.
    pub operator: Address,
    /// Whose balance fell; nobody's when credits were minted.
    pub from: Option<Address>,
    /// Whose balance grew; nobody's when credits were burned, redeemed or cleared.
    pub to: Option<Address>,
    /// The plan.
    pub plan: PlanId,
    /// By how much.
    pub value: U256,
}

impl From<IScrip::UsesPaid> for UsesPaid {
    fn from(event: IScrip::UsesPaid) -> Self {
        let IScrip::UsesPaid { planId, holder, uses, token, paid, fee } = event;
        Self { plan: PlanId(planId), holder, uses, token, paid, fee }
    }
}

impl From<IScrip::CreditsExpired> for Expired {
    fn from(event: IScrip::CreditsExpired) -> Self {
        Self { plan: PlanId(event.planId), holder: event.holder, amount: event.amount }
    }
}

impl From<IScrip::TransferSingle> for Transferred {
    fn from(event: IScrip::TransferSingle) -> Self {
        Self {
            operator: event.operator,
            from: some_account(event.from),
            to: some_account(event.to),
            plan: PlanId(event.id),
            value: event.value,
        }
    }
}

impl From<IScrip::PlanCreated> for Created {
    fn from(event: IScrip::PlanCreated) -> Self {
        Self { plan: PlanId(event.planId), owner: event.owner }
    }
}

impl From<IScrip::OpenSet> for OpenSet {
    fn from(event: IScrip::OpenSet) -> Self {
        Self { plan: PlanId(event.planId), open: event.open }
    }
}

impl From<IScrip::OwnershipOffered> for OwnershipOffered {
    fn from(event: IScrip::OwnershipOffered) -> Self {
        let pending_owner = some_account(event.pendingOwner);
        Self { plan: PlanId(event.planId), owner: event.owner, pending_owner }
    }
}

impl From<IScrip::OwnershipAccepted> for OwnershipAccepted {
    fn from(event: IScrip::OwnershipAccepted) -> Self {
        Self { plan: PlanId(event.planId), former_owner: event.formerOwner, owner: event.owner }
    }
}

impl From<IScrip::OperatorSet> for OperatorSet {
    fn from(event: IScrip::OperatorSet) -> Self {
        let permissions = Permissions::from_bits(event.permissions);
        Self { plan: PlanId(event.planId), operator: event.operator, permissions }
    }
}

impl From<IScrip::PlanOrdered> for Ordered {
    fn from(event: IScrip::PlanOrdered) -> Self {
        Self {
            plan: PlanId(event.planId),
            payer: event.payer,
            holder: event.holder,
            quantity: event.quantity,
            token: event.token,
            paid: event.paid,
            fee: event.fee,
            credits: event.credits,
            expiry: some_time(event.expiry.to()),
        }
    }
}

impl From<IScrip::CreditsMinted> for Minted {
    fn from(event: IScrip::CreditsMinted) -> Self {
        let expiry = some_time(event.expiry.to());
        Self { plan: PlanId(event.planId), holder: event.holder, amount: event.amount, expiry }
    }
}

impl From<IScrip::CreditsBurned> for Burned {
    fn from(event: IScrip::CreditsBurned) -> Self {
        Self { plan: PlanId(event.planId), holder: event.holder, burner: event.burner, amount: event.amount }
    }
}

impl From<IScrip::CreditsRedeemed> for Redeemed {
    fn from(event: IScrip::CreditsRedeemed) -> Self {
        Self {
            plan: PlanId(event.planId),
            holder: event.holder,
            redeemer: event.redeemer,
            amount: event.amount,
            request: Some(RequestId(event.requestId)),
        }
    }
}

impl From<IScrip::CreditsRedeemedWithoutId> for Redeemed {
    fn from(event: IScrip::CreditsRedeemedWithoutId) -> Self {
        Self {
            plan: PlanId(event.planId),
            holder: event.holder,
            redeemer: event.redeemer,
            amount: event.amount,
            request: None,
        }
    }
}
