//! The contract's errors, in sentences.

use std::fmt;

use crate::{
    PlanId, RequestId,
    abi::IScrip::{GrantKind, IScripErrors, PriceKind},
};

/// What the contract said no to. [`Refusal::error`] has the values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(Box<IScripErrors>);

impl Refusal {
    pub(crate) fn new(error: IScripErrors) -> Self {
        Self(Box::new(error))
    }

    /// The contract's own error.
    pub const fn error(&self) -> &IScripErrors {
        &self.0
    }

    /// What to do about it, where that is known.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        use IScripErrors as E;
        Some(match self.error() {
            E::PlanNotFound(_) => "a plan exists on one chain only: check the id and the chain",
            E::PlanExists(_) => "use the plan that exists, or another salt",
            E::OrdersStopped(_) => "what was bought stays; ask the plan's owner when orders start again",
            E::PriceAboveMaximum(_) => "allow the price, or order fewer",
            E::GiftNotAllowed(_) => "let the holder order for itself",
            E::PaymentFailed(_) => {
                "check the payer's balance and allowance, and that the payee takes the token"
            }
            E::NotPlanOwner(_)
            | E::NotMinter(_)
            | E::NotRedeemer(_)
            | E::NotBurner(_)
            | E::NotPendingOwner(_) => "use the account that may, or ask the plan's owner",
            E::ZeroDuration(_) | E::NoLotsOnTimePlan(_) => "mint without an expiry instead",
            E::TooManyLots(_) => "mint with an expiry that the holder has already, or none",
            E::InsufficientCredits(_) | E::NoAccess(_) => "order the plan again",
            E::RequestAlreadyRedeemed(_) => "nothing is left to do for this request",
            E::HolderRefused(_) => "the holder must be able to receive ERC-1155 tokens",
            _ => return None,
        })
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Exhaustive, so that a new error of the contract does not compile before it has its sentence.
        use IScripErrors as E;
        match self.error() {
            E::PlanNotFound(e) => write!(f, "there is no plan {}", PlanId(e.planId)),
            E::PlanExists(e) => write!(f, "plan {} exists already", PlanId(e.planId)),
            E::NameTooLong(e) => write!(f, "the name has {} bytes, {} at most fit", e.length, e.maximum),
            E::InvalidPrice(e) => match e.kind {
                PriceKind::Free => write!(f, "a free plan cannot cost {} of token {}", e.amount, e.token),
                PriceKind::Fixed | PriceKind::__Invalid => write!(f, "a price of 0"),
            },
            E::TokenWithoutCode(e) => write!(f, "there is no token contract at {}", e.token),
            E::InvalidPayeeCount(e) => {
                write!(f, "{} payees, the price needs {} to {}", e.count, e.minimum, e.maximum)
            }
            E::InvalidPayee(e) => write!(f, "payee {} cannot be {}", e.index, e.account),
            E::InvalidShares(e) => write!(f, "the payees' shares sum to {}, not {}", e.sum, e.needed),
            E::InvalidGrant(e) => match e.kind {
                GrantKind::Credits => write!(f, "a credits plan must grant at least 1 credit"),
                GrantKind::Time | GrantKind::__Invalid => write!(
                    f,
                    "a time plan must grant at least 1 second and no credits, not {} seconds and {} credits",
                    e.duration, e.credits
                ),
            },
            E::InvalidRedemptionRange(e) => {
                write!(f, "a redemption cannot take {} to {} credits", e.minimum, e.maximum)
            }
            E::InvalidRedeemers(e) => write!(f, "redeemers {} is none of 1 to {}", e.redeemers, e.known),
            E::NotPlanOwner(e) => {
                write!(f, "{} does not own plan {}, {} does", e.caller, PlanId(e.planId), e.owner)
            }
            E::NotPendingOwner(e) if e.pendingOwner.is_zero() => {
                write!(f, "plan {} was offered to nobody, so not to {}", PlanId(e.planId), e.caller)
            }
            E::NotPendingOwner(e) => {
                write!(
                    f,
                    "plan {} was not offered to {}, but to {}",
                    PlanId(e.planId),
                    e.caller,
                    e.pendingOwner
                )
            }
            E::TooManyOwners(e) => {
                write!(f, "plan {} has had {} owners, as many as there can be", PlanId(e.planId), e.maximum)
            }
            E::UnknownPermissions(e) => {
                write!(f, "permissions {} have bits beyond the known {}", e.permissions, e.known)
            }
            E::OrdersStopped(e) => write!(f, "orders of plan {} are stopped", PlanId(e.planId)),
            E::ZeroQuantity(e) => write!(f, "an order of 0 of plan {}", PlanId(e.planId)),
            E::ZeroHolder(e) => {
                write!(f, "the zero address cannot hold credits of plan {}", PlanId(e.planId))
            }
            E::PriceAboveMaximum(e) => write!(
                f,
                "plan {} costs {} base units, more than the allowed {}",
                PlanId(e.planId),
                e.price,
                e.maxPrice
            ),
            E::WrongValue(e) => {
                write!(
                    f,
                    "{} wei sent with an order of plan {}, which needs {}",
                    e.sent,
                    PlanId(e.planId),
                    e.needed
                )
            }
            E::GiftNotAllowed(e) => {
                write!(f, "{} cannot order plan {} for {}", e.payer, PlanId(e.planId), e.holder)
            }
            E::HolderLimitReached(e) => write!(
                f,
                "{} can order plan {} {} more times, not {}",
                e.holder,
                PlanId(e.planId),
                e.remaining,
                e.quantity
            ),
            E::PlanLimitReached(e) => {
                write!(
                    f,
                    "plan {} can be ordered {} more times, not {}",
                    PlanId(e.planId),
                    e.remaining,
                    e.quantity
                )
            }
            E::PaymentFailed(e) if e.token.is_zero() => {
                write!(f, "payee {} refused {} wei for plan {}", e.payee, e.amount, PlanId(e.planId))
            }
            E::PaymentFailed(e) => write!(
                f,
                "token {} did not move {} base units from {} to {} for plan {}",
                e.token,
                e.amount,
                e.payer,
                e.payee,
                PlanId(e.planId)
            ),
            E::NotMinter(e) => write!(f, "{} may not mint credits of plan {}", e.caller, PlanId(e.planId)),
            E::NotRedeemer(e) => {
                write!(f, "{} may not redeem {}'s credits of plan {}", e.caller, e.holder, PlanId(e.planId))
            }
            E::NotBurner(e) => {
                write!(f, "{} may not burn {}'s credits of plan {}", e.caller, e.holder, PlanId(e.planId))
            }
            E::ZeroAmount(e) => write!(f, "an amount of 0 of plan {}", PlanId(e.planId)),
            E::ZeroDuration(e) => write!(f, "credits of plan {} that would expire at once", PlanId(e.planId)),
            E::NoLotsOnTimePlan(e) => {
                write!(f, "plan {} gives access, which has no lots", PlanId(e.planId))
            }
            E::CreditsOverflow(e) => write!(f, "{} credits are more than fit, {}", e.credits, e.maximum),
            E::AccessOverflow(e) => write!(
                f,
                "{}'s access to plan {} would end at {}, later than fits, {}",
                e.holder,
                PlanId(e.planId),
                e.end,
                e.maximum
            ),
            E::TooManyLots(e) => write!(
                f,
                "{} has {} lots of plan {}; mints add no lot of a new expiry from {} on",
                e.holder,
                e.lots,
                PlanId(e.planId),
                e.maximum
            ),
            E::InsufficientCredits(e) => {
                write!(
                    f,
                    "{} has {} of plan {}, {} are needed",
                    e.holder,
                    e.available,
                    PlanId(e.planId),
                    e.needed
                )
            }
            E::NoAccess(e) if e.end.is_zero() => {
                write!(f, "{} has had no access to plan {}", e.holder, PlanId(e.planId))
            }
            E::NoAccess(e) => {
                write!(f, "{}'s access to plan {} ended at {} (unix time)", e.holder, PlanId(e.planId), e.end)
            }
            E::AmountOutOfRange(e) => write!(
                f,
                "{} credits cannot be redeemed at a time, plan {} takes {} to {}",
                e.amount,
                PlanId(e.planId),
                e.minimum,
                e.maximum
            ),
            E::RequestAlreadyRedeemed(e) => {
                write!(
                    f,
                    "request {} of plan {} was already redeemed by {}",
                    RequestId(e.requestId),
                    PlanId(e.planId),
                    e.redeemer
                )
            }
            E::HolderRefused(e) => {
                write!(
                    f,
                    "{} is a contract that did not accept credits of plan {}",
                    e.holder,
                    PlanId(e.planId)
                )
            }
            E::Soulbound(_) => {
                write!(f, "credits stay with their holder, they cannot be transferred or approved")
            }
            E::ERC1155InvalidArrayLength(e) => {
                write!(f, "{} ids for {} accounts", e.idsLength, e.valuesLength)
            }
        }
    }
}
