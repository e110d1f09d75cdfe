//! The contracts' errors, in sentences.

use std::fmt;

use alloy::{primitives::Bytes, sol_types::SolInterface};

use crate::{
    Currency, PlanId, RequestId,
    abi::{
        ILens::ILensErrors,
        IRouter::IRouterErrors,
        IScrip::{GrantKind, IScripErrors, Price, PriceKind},
        IServices::IServicesErrors,
    },
    error::reason,
    refusal_periphery::{
        lens_hint, router_hint, services_hint, write_lens_error, write_router_error, write_services_error,
    },
};

/// What a contract of Scrip said no to, with the values.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The core.
    Scrip(Box<IScripErrors>),
    /// The router.
    Router(Box<IRouterErrors>),
    /// The registry of services.
    Services(Box<IServicesErrors>),
    /// The lens.
    Lens(Box<ILensErrors>),
}

impl Refusal {
    /// An error of one of the contracts, none of which has one of another's.
    pub(crate) fn decode(data: &[u8]) -> Option<Self> {
        (IScripErrors::abi_decode(data).map(Into::into).map(Self::Scrip))
            .or_else(|_| IRouterErrors::abi_decode(data).map(Into::into).map(Self::Router))
            .or_else(|_| IServicesErrors::abi_decode(data).map(Into::into).map(Self::Services))
            .or_else(|_| ILensErrors::abi_decode(data).map(Into::into).map(Self::Lens))
            .ok()
    }

    /// As the contract said it.
    pub(crate) fn abi_encode(&self) -> Bytes {
        match self {
            Self::Scrip(error) => error.abi_encode(),
            Self::Router(error) => error.abi_encode(),
            Self::Services(error) => error.abi_encode(),
            Self::Lens(error) => error.abi_encode(),
        }
        .into()
    }

    /// What to do about it, where that is known.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Scrip(error) => hint(error),
            Self::Router(error) => router_hint(error),
            Self::Services(error) => services_hint(error),
            Self::Lens(error) => lens_hint(error),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scrip(error) => write_error(f, error),
            Self::Router(error) => write_router_error(f, error),
            Self::Services(error) => write_services_error(f, error),
            Self::Lens(error) => write_lens_error(f, error),
        }
    }
}

fn hint(error: &IScripErrors) -> Option<&'static str> {
    use IScripErrors as E;
    Some(match error {
        E::PlanNotFound(_) => "a plan exists on one chain only: check the id and the chain",
        E::PlanExists(_) => "use the plan that exists, or another salt",
        E::OrdersStopped(_) => "what was bought stays; ask the plan's owner when orders start again",
        E::InvalidHook(_) => "name a hook with at least one call, or none without calls",
        E::InvalidPerUse(_) => "make the terms of a plan paid per use with Terms::per_use",
        E::NotFeeController(_) | E::NotPendingFeeController(_) => {
            "use the account that may, or ask the fee's controller"
        }
        E::WrongPriceKind(e) => match e.kind {
            PriceKind::Fiat => "pay the plan's owner off chain, who settles it here",
            PriceKind::PerUse => "approve the token, and give the redeemer a voucher",
            _ => "order the plan; only fiat plans are settled",
        },
        E::QuoteFailed(_) => "ask the plan's owner why its price source does not answer",
        E::HookRefused(_) => "ask the plan's owner what its hook wants",
        E::InsufficientGas(_) => "send it with more gas",
        E::RefundFailed(_) => "pay exactly the quoted price, or from an account that takes the coin",
        E::NotRouter(_) => "order through the router, or for the signer with order",
        E::WrongToken(_) => "pay with the plan's token: see its terms",
        E::PriceAboveMaximum(_) => "allow the price, or order fewer",
        E::GiftNotAllowed(_) => "let the holder order for itself",
        E::PaymentAlreadySettled(_) => "nothing is left to do for this payment",
        E::PaymentNotSettled(_) => "check the plan and the payment's id",
        E::VoucherRequired(_) => "ask the holder for a voucher",
        E::VoucherExpired(_) | E::VoucherUsed(_) => "ask the holder for a new voucher",
        E::VoucherExceeded(_) => "take less, or ask the holder for a voucher of a higher maximum",
        E::SessionEnded(_) => "ask the holder for a voucher of another session",
        E::InvalidSignature(_) => "check the chain and the contract that were signed for, and each value",
        E::PaymentFailed(_) => "check the payer's balance and allowance, and that the payee takes the token",
        E::NotPlanOwner(_)
        | E::NotSettler(_)
        | E::WrongRedeemer(_)
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

/// The reason that another contract gave, if any.
fn passed_on(bytes: &Bytes) -> String {
    let reason = if bytes.is_empty() { String::new() } else { format!(": {}", reason(bytes)) };
    reason.replacen(": revert: ", ": ", 1)
}

const fn name(kind: PriceKind) -> &'static str {
    match kind {
        PriceKind::Free => "free",
        PriceKind::Fixed => "fixed",
        PriceKind::Fiat => "fiat",
        PriceKind::Quoted => "quoted",
        PriceKind::PerUse => "per-use",
        PriceKind::__Invalid => "unknown",
    }
}

/// What a price must name, and what it names.
fn write_price(f: &mut fmt::Formatter<'_>, price: &Price) -> fmt::Result {
    let needs = match price.kind {
        PriceKind::Free => "nothing",
        PriceKind::Fixed => "an amount, and a token unless it is in the native coin",
        PriceKind::Fiat => "a currency and an amount",
        PriceKind::Quoted => "a source, and a token unless it is in the native coin",
        PriceKind::PerUse => "a token and an amount",
        PriceKind::__Invalid => "what this client does not know",
    };
    let mut named = Vec::new();
    if !price.token.is_zero() {
        named.push(format!("token {}", price.token));
    }
    if !price.amount.is_zero() {
        named.push(format!("amount {}", price.amount));
    }
    if !price.currency.is_zero() {
        named.push(format!("currency {}", Currency::from(price.currency.0)));
    }
    if !price.source.is_zero() {
        named.push(format!("source {}", price.source));
    }
    let named = if named.is_empty() { "nothing".to_owned() } else { named.join(", ") };
    write!(f, "a {} price names {needs}, but here it names {named}", name(price.kind))
}

fn write_error(f: &mut fmt::Formatter<'_>, error: &IScripErrors) -> fmt::Result {
    // Exhaustive, so that a new error of the contract does not compile before it has its sentence.
    use IScripErrors as E;
    match error {
        E::PlanNotFound(e) => write!(f, "there is no plan {}", PlanId(e.planId)),
        E::PlanExists(e) => write!(f, "plan {} exists already", PlanId(e.planId)),
        E::NameTooLong(e) => write!(f, "the name has {} bytes, {} at most fit", e.length, e.maximum),
        E::InvalidPrice(e) => write_price(f, &e.price),
        E::AccountWithoutCode(e) => write!(f, "there is no contract at {}", e.account),
        E::InvalidHook(e) if e.account.is_zero() => {
            write!(f, "calls {} of a hook, but no hook", e.calls)
        }
        E::InvalidHook(e) => {
            write!(f, "calls {} of hook {} are none of 1 to {}", e.calls, e.account, e.known)
        }
        E::InvalidPerUse(e) => write!(
            f,
            "a plan paid per use requires vouchers, grants nothing and limits no orders; this one {} vouchers, grants {} \
             credits or {} seconds, and limits orders to {} for each holder and {} in all",
            if e.voucherRequired { "requires" } else { "does not require" },
            e.credits,
            e.duration,
            e.perHolder,
            e.inAll
        ),
        E::InvalidPayeeCount(e) => {
            write!(f, "{} payees, the price needs {} to {}", e.count, e.minimum, e.maximum)
        }
        E::InvalidPayee(e) => write!(
            f,
            "payee {} cannot be {}: zero, the contract itself, or the last without a share",
            e.index, e.account
        ),
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
            write!(f, "plan {} was not offered to {}, but to {}", PlanId(e.planId), e.caller, e.pendingOwner)
        }
        E::TooManyOwners(e) => {
            write!(f, "plan {} has had {} owners, as many as there can be", PlanId(e.planId), e.maximum)
        }
        E::UnknownPermissions(e) => {
            write!(f, "permissions {} have bits beyond the known {}", e.permissions, e.known)
        }
        E::NotFeeController(e) if e.controller.is_zero() => {
            write!(f, "nobody sets the fee, ever, so {} does not", e.caller)
        }
        E::NotFeeController(e) => {
            write!(f, "{} does not control the fee, {} does", e.caller, e.controller)
        }
        E::NotPendingFeeController(e) if e.pendingController.is_zero() => {
            write!(f, "the control of the fee was offered to nobody, so not to {}", e.caller)
        }
        E::NotPendingFeeController(e) => write!(
            f,
            "the control of the fee was not offered to {}, but to {}",
            e.caller, e.pendingController
        ),
        E::InvalidFee(e) if e.rate > e.maximum => {
            write!(f, "a fee of {} basis points, {} at most are possible", e.rate, e.maximum)
        }
        E::InvalidFee(e) => write!(f, "a fee of {} basis points for nobody", e.rate),
        E::WrongPriceKind(e) => match e.kind {
            PriceKind::Fiat => write!(f, "plan {} is paid off chain, not ordered", PlanId(e.planId)),
            PriceKind::PerUse => {
                write!(f, "plan {} is paid per use, it has nothing to order, mint or burn", PlanId(e.planId))
            }
            kind => write!(
                f,
                "plan {} has a {} price, and no payments to settle or take back",
                PlanId(e.planId),
                name(kind)
            ),
        },
        E::QuoteFailed(e) => write!(
            f,
            "price source {} of plan {} gave no price{}",
            e.source,
            PlanId(e.planId),
            passed_on(&e.reason)
        ),
        E::HookRefused(e) => {
            write!(f, "hook {} of plan {} refused{}", e.hook, PlanId(e.planId), passed_on(&e.reason))
        }
        E::InsufficientGas(e) => {
            write!(f, "{} gas is left for a call that needs {}", e.available, e.needed)
        }
        E::RefundFailed(e) => write!(f, "{} did not take {} wei back", e.payer, e.amount),
        E::NotRouter(e) => {
            write!(f, "{} cannot order in another's name, only router {} can", e.caller, e.router)
        }
        E::WrongToken(e) => {
            write!(
                f,
                "plan {} is not paid with token {}, but with {}",
                PlanId(e.planId),
                e.token,
                e.planToken
            )
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
        E::NotSettler(e) => {
            write!(f, "{} may not settle payments of plan {}", e.caller, PlanId(e.planId))
        }
        E::PaymentAlreadySettled(e) => {
            write!(f, "payment {} of plan {} was already settled", e.paymentKey, PlanId(e.planId))
        }
        E::PaymentNotSettled(e) => {
            write!(f, "payment {} of plan {} was never settled", e.paymentKey, PlanId(e.planId))
        }
        E::TakeBackTooHigh(e) => write!(
            f,
            "{} of payment {} of plan {} can still be taken back, not {}",
            e.remaining,
            e.paymentKey,
            PlanId(e.planId),
            e.amount
        ),
        E::NothingTakenBack(e) => write!(
            f,
            "nothing of payment {} of plan {} was taken back, or that was reversed already",
            e.paymentKey,
            PlanId(e.planId)
        ),
        E::VoucherRequired(e) => write!(
            f,
            "{} needs {}'s voucher to redeem its credits of plan {}",
            e.caller,
            e.holder,
            PlanId(e.planId)
        ),
        E::WrongRedeemer(e) => write!(
            f,
            "the voucher for plan {} lets {} redeem, not {}",
            PlanId(e.planId),
            e.redeemer,
            e.caller
        ),
        E::VoucherExpired(e) => write!(
            f,
            "{}'s voucher for plan {} was valid until {} (unix time)",
            e.holder,
            PlanId(e.planId),
            e.deadline
        ),
        E::VoucherUsed(e) => {
            write!(f, "{}'s voucher {} was redeemed or revoked already", e.holder, e.nonce)
        }
        E::VoucherExceeded(e) => write!(
            f,
            "{}'s voucher for plan {} lets {} more be taken, not {}",
            e.holder,
            PlanId(e.planId),
            e.remaining,
            e.amount
        ),
        E::SessionEnded(e) => write!(
            f,
            "{} has ended session {} of {} on plan {}",
            e.holder,
            e.session,
            e.redeemer,
            PlanId(e.planId)
        ),
        E::InvalidSignature(e) => write!(f, "the signature is not {}'s", e.signer),
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
            write!(f, "{} is a contract that did not accept credits of plan {}", e.holder, PlanId(e.planId))
        }
        E::Soulbound(_) => {
            write!(f, "credits stay with their holder, they cannot be transferred or approved")
        }
        E::ERC1155InvalidArrayLength(e) => {
            write!(f, "{} ids for {} accounts", e.idsLength, e.valuesLength)
        }
    }
}
