//! The kinds of events, and whose an event is.

use alloy::{
    primitives::{Address, B256},
    sol_types::SolEvent,
};
use serde::{Deserialize, Serialize};

use crate::{Event, PlanId, abi::IScrip as S};

/// A kind of [`Event`], by the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
#[expect(missing_docs, reason = "each is named as the event, which is documented")]
pub enum Kind {
    Created,
    OpenSet,
    OwnershipOffered,
    OwnershipAccepted,
    OperatorSet,
    Ordered,
    FeeUndelivered,
    FeeSet,
    FeeControlOffered,
    FeeControlTaken,
    Settled,
    TakenBack,
    TakeBackReversed,
    Minted,
    Burned,
    Redeemed,
    BatchRedeemed,
    VoucherRedeemed,
    SessionSpent,
    VouchersRevoked,
    SessionRevoked,
    UsesPaid,
    Expired,
    Transferred,
}

/// Where the holder stands in a log of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HolderAt {
    /// There is none.
    Nowhere,
    /// In the topic of this number.
    Topic(usize),
    /// In one of the topics 2 and 3, beside the zero address: credits are soulbound.
    EitherEnd,
    /// In the data.
    Data,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 24] = [
        Self::Created,
        Self::OpenSet,
        Self::OwnershipOffered,
        Self::OwnershipAccepted,
        Self::OperatorSet,
        Self::Ordered,
        Self::FeeUndelivered,
        Self::FeeSet,
        Self::FeeControlOffered,
        Self::FeeControlTaken,
        Self::Settled,
        Self::TakenBack,
        Self::TakeBackReversed,
        Self::Minted,
        Self::Burned,
        Self::Redeemed,
        Self::BatchRedeemed,
        Self::VoucherRedeemed,
        Self::SessionSpent,
        Self::VouchersRevoked,
        Self::SessionRevoked,
        Self::UsesPaid,
        Self::Expired,
        Self::Transferred,
    ];

    /// The first topics of its logs.
    pub(crate) const fn signatures(self) -> &'static [B256] {
        match self {
            Self::Created => &[S::PlanCreated::SIGNATURE_HASH],
            Self::OpenSet => &[S::OpenSet::SIGNATURE_HASH],
            Self::OwnershipOffered => &[S::OwnershipOffered::SIGNATURE_HASH],
            Self::OwnershipAccepted => &[S::OwnershipAccepted::SIGNATURE_HASH],
            Self::OperatorSet => &[S::OperatorSet::SIGNATURE_HASH],
            Self::Ordered => &[S::PlanOrdered::SIGNATURE_HASH],
            Self::FeeUndelivered => &[S::FeeUndelivered::SIGNATURE_HASH],
            Self::FeeSet => &[S::FeeSet::SIGNATURE_HASH],
            Self::FeeControlOffered => &[S::FeeControlOffered::SIGNATURE_HASH],
            Self::FeeControlTaken => &[S::FeeControlTaken::SIGNATURE_HASH],
            Self::Settled => &[S::PaymentSettled::SIGNATURE_HASH],
            Self::TakenBack => &[S::PaymentTakenBack::SIGNATURE_HASH],
            Self::TakeBackReversed => &[S::TakeBackReversed::SIGNATURE_HASH],
            Self::Minted => &[S::CreditsMinted::SIGNATURE_HASH],
            Self::Burned => &[S::CreditsBurned::SIGNATURE_HASH],
            Self::Redeemed => {
                &[S::CreditsRedeemed::SIGNATURE_HASH, S::CreditsRedeemedWithoutId::SIGNATURE_HASH]
            }
            Self::BatchRedeemed => &[S::CreditsRedeemedInBatch::SIGNATURE_HASH],
            Self::VoucherRedeemed => &[S::VoucherRedeemed::SIGNATURE_HASH],
            Self::SessionSpent => &[S::SessionSpent::SIGNATURE_HASH],
            Self::VouchersRevoked => &[S::VouchersRevoked::SIGNATURE_HASH],
            Self::SessionRevoked => &[S::SessionRevoked::SIGNATURE_HASH],
            Self::UsesPaid => &[S::UsesPaid::SIGNATURE_HASH],
            Self::Expired => &[S::CreditsExpired::SIGNATURE_HASH],
            Self::Transferred => &[S::TransferSingle::SIGNATURE_HASH],
        }
    }

    /// Whether an event of this kind is of a plan.
    pub(crate) const fn has_plan(self) -> bool {
        !matches!(
            self,
            Self::FeeSet | Self::FeeControlOffered | Self::FeeControlTaken | Self::VouchersRevoked
        )
    }

    /// Whether the plan is the first topic after the signature.
    pub(crate) const fn plan_is_topic(self) -> bool {
        self.has_plan() && !matches!(self, Self::Transferred)
    }

    pub(crate) const fn holder_at(self) -> HolderAt {
        match self {
            Self::Created
            | Self::OpenSet
            | Self::OwnershipOffered
            | Self::OwnershipAccepted
            | Self::OperatorSet
            | Self::FeeUndelivered
            | Self::FeeSet
            | Self::FeeControlOffered
            | Self::FeeControlTaken => HolderAt::Nowhere,
            Self::VouchersRevoked => HolderAt::Topic(1),
            Self::Settled
            | Self::TakenBack
            | Self::TakeBackReversed
            | Self::Minted
            | Self::Burned
            | Self::Redeemed
            | Self::VoucherRedeemed
            | Self::SessionSpent
            | Self::SessionRevoked
            | Self::UsesPaid
            | Self::Expired => HolderAt::Topic(2),
            Self::Ordered => HolderAt::Topic(3),
            Self::Transferred => HolderAt::EitherEnd,
            Self::BatchRedeemed => HolderAt::Data,
        }
    }
}

impl Event {
    /// Its kind.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Created(_) => Kind::Created,
            Self::OpenSet(_) => Kind::OpenSet,
            Self::OwnershipOffered(_) => Kind::OwnershipOffered,
            Self::OwnershipAccepted(_) => Kind::OwnershipAccepted,
            Self::OperatorSet(_) => Kind::OperatorSet,
            Self::Ordered(_) => Kind::Ordered,
            Self::FeeUndelivered(_) => Kind::FeeUndelivered,
            Self::FeeSet(_) => Kind::FeeSet,
            Self::FeeControlOffered(_) => Kind::FeeControlOffered,
            Self::FeeControlTaken(_) => Kind::FeeControlTaken,
            Self::Settled(_) => Kind::Settled,
            Self::TakenBack(_) => Kind::TakenBack,
            Self::TakeBackReversed(_) => Kind::TakeBackReversed,
            Self::Minted(_) => Kind::Minted,
            Self::Burned(_) => Kind::Burned,
            Self::Redeemed(_) => Kind::Redeemed,
            Self::BatchRedeemed(_) => Kind::BatchRedeemed,
            Self::VoucherRedeemed(_) => Kind::VoucherRedeemed,
            Self::SessionSpent(_) => Kind::SessionSpent,
            Self::VouchersRevoked(_) => Kind::VouchersRevoked,
            Self::SessionRevoked(_) => Kind::SessionRevoked,
            Self::UsesPaid(_) => Kind::UsesPaid,
            Self::Expired(_) => Kind::Expired,
            Self::Transferred(_) => Kind::Transferred,
        }
    }

    /// The plan that it is of; none of what sets the fee, nor of [`Event::VouchersRevoked`].
    pub const fn plan(&self) -> Option<PlanId> {
        Some(match self {
            Self::Created(event) => event.plan,
            Self::OpenSet(event) => event.plan,
            Self::OwnershipOffered(event) => event.plan,
            Self::OwnershipAccepted(event) => event.plan,
            Self::OperatorSet(event) => event.plan,
            Self::Ordered(event) => event.plan,
            Self::FeeUndelivered(event) => event.plan,
            Self::Settled(event) => event.plan,
            Self::TakenBack(event) => event.plan,
            Self::TakeBackReversed(event) => event.plan,
            Self::Minted(event) => event.plan,
            Self::Burned(event) => event.plan,
            Self::Redeemed(event) => event.plan,
            Self::BatchRedeemed(event) => event.plan,
            Self::VoucherRedeemed(event) => event.plan,
            Self::SessionSpent(event) => event.plan,
            Self::SessionRevoked(event) => event.plan,
            Self::UsesPaid(event) => event.plan,
            Self::Expired(event) => event.plan,
            Self::Transferred(event) => event.plan,
            Self::FeeSet(_)
            | Self::FeeControlOffered(_)
            | Self::FeeControlTaken(_)
            | Self::VouchersRevoked(_) => return None,
        })
    }

    /// Whether it is about what an account holds, or about its vouchers. Who only paid, minted or redeemed is no holder.
    pub fn is_of_holder(&self, account: Address) -> bool {
        let holder = match self {
            Self::Ordered(event) => event.holder,
            Self::Settled(event) => event.holder,
            Self::TakenBack(event) => event.holder,
            Self::TakeBackReversed(event) => event.holder,
            Self::Minted(event) => event.holder,
            Self::Burned(event) => event.holder,
            Self::Redeemed(event) => event.holder,
            Self::VoucherRedeemed(event) => event.holder,
            Self::SessionSpent(event) => event.holder,
            Self::SessionRevoked(event) => event.holder,
            Self::VouchersRevoked(event) => event.holder,
            Self::UsesPaid(event) => event.holder,
            Self::Expired(event) => event.holder,
            Self::BatchRedeemed(event) => return event.uses.iter().any(|one| one.holder == account),
            Self::Transferred(event) => return event.from == Some(account) || event.to == Some(account),
            Self::Created(_)
            | Self::OpenSet(_)
            | Self::OwnershipOffered(_)
            | Self::OwnershipAccepted(_)
            | Self::OperatorSet(_)
            | Self::FeeUndelivered(_)
            | Self::FeeSet(_)
            | Self::FeeControlOffered(_)
            | Self::FeeControlTaken(_) => return false,
        };
        holder == account
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_event_of_the_contract_has_one_kind() {
        let signatures: Vec<_> =
            Kind::ALL.iter().flat_map(|kind| kind.signatures()).map(|hash| hash.0).collect();
        let distinct: BTreeSet<_> = signatures.iter().copied().collect();
        assert_eq!(distinct.len(), signatures.len(), "none has two");
        assert_eq!(distinct, S::IScripEvents::SELECTORS.iter().copied().collect());
    }
}
