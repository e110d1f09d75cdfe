//! The errors of router, registry of services and lens, in sentences.

use std::fmt;

use crate::{
    Did, PlanId,
    abi::{ILens::ILensErrors, IRouter::IRouterErrors, IServices::IServicesErrors},
};

pub(crate) const fn router_hint(error: &IRouterErrors) -> Option<&'static str> {
    use IRouterErrors as E;
    Some(match error {
        E::OrderExpired(_) | E::NonceUsed(_) => "ask the payer, or the holder of a gift, to sign a new order",
        E::InvalidOrderSignature(_) => "check the chain and the router that were signed for, and each value",
        E::NotPayer(_) => "send it from the payer's account, or sign the order",
        E::PullFailed(_) => "check the payer's balance and its allowance for the router",
        E::ReturnFailed(_) => "pay exactly the quoted price, or from an account that takes the coin",
        E::UnexpectedCoin(_) => return None,
    })
}

pub(crate) fn write_router_error(f: &mut fmt::Formatter<'_>, error: &IRouterErrors) -> fmt::Result {
    use IRouterErrors as E;
    match error {
        E::OrderExpired(e) => write!(f, "the order was valid until {} (unix time)", e.deadline),
        E::NonceUsed(e) => write!(f, "{}'s order {} was sent or cancelled already", e.signer, e.nonce),
        E::InvalidOrderSignature(e) => write!(f, "the signature over the order is not {}'s", e.signer),
        E::NotPayer(e) => {
            write!(f, "{} cannot send {}'s order without its signature", e.caller, e.payer)
        }
        E::PullFailed(e) => {
            write!(f, "token {} did not move {} base units from {} to the router", e.token, e.amount, e.payer)
        }
        E::ReturnFailed(e) if e.token.is_zero() => {
            write!(f, "{} did not take {} wei back", e.payer, e.amount)
        }
        E::ReturnFailed(e) => {
            write!(f, "token {} did not move {} base units back to {}", e.token, e.amount, e.payer)
        }
        E::UnexpectedCoin(e) => write!(f, "the router takes no coin, but {} sent {} wei", e.sender, e.amount),
    }
}

pub(crate) const fn services_hint(error: &IServicesErrors) -> Option<&'static str> {
    use IServicesErrors as E;
    Some(match error {
        E::ServiceNotFound(_) => "a service exists on one chain only: check the id and the chain",
        E::ServiceExists(_) => "use the service that exists, or another seed",
        E::NotServiceOwner(_) | E::NotPendingServiceOwner(_) => {
            "use the account that may, or ask the service's owner"
        }
        E::TooManyPlans(_) => "remove plans first, or make another service",
        E::PlanAlreadyListed(_) | E::PlanNotListed(_) => "nothing is left to do for this plan",
    })
}

pub(crate) fn write_services_error(f: &mut fmt::Formatter<'_>, error: &IServicesErrors) -> fmt::Result {
    use IServicesErrors as E;
    match error {
        E::ServiceNotFound(e) => write!(f, "there is no service {}", Did(e.did)),
        E::ServiceExists(e) => write!(f, "service {} exists already", Did(e.did)),
        E::NotServiceOwner(e) => {
            write!(f, "{} does not own service {}, {} does", e.caller, Did(e.did), e.owner)
        }
        E::NotPendingServiceOwner(e) if e.pendingOwner.is_zero() => {
            write!(f, "service {} was offered to nobody, so not to {}", Did(e.did), e.caller)
        }
        E::NotPendingServiceOwner(e) => {
            write!(f, "service {} was not offered to {}, but to {}", Did(e.did), e.caller, e.pendingOwner)
        }
        E::TooManyPlans(e) => {
            write!(f, "{} plans of service {}, {} at most fit", e.count, Did(e.did), e.maximum)
        }
        E::PlanAlreadyListed(e) => {
            write!(f, "service {} lists plan {} already", Did(e.did), PlanId(e.planId))
        }
        E::PlanNotListed(e) => write!(f, "service {} does not list plan {}", Did(e.did), PlanId(e.planId)),
    }
}

pub(crate) const fn lens_hint(error: &ILensErrors) -> Option<&'static str> {
    use ILensErrors as E;
    match error {
        E::TimePassed(_) => Some("ask for a time to come; for the past read the logs"),
        E::NoAnswer(_) => Some("ask with more gas, and check the address of the core"),
    }
}

pub(crate) fn write_lens_error(f: &mut fmt::Formatter<'_>, error: &ILensErrors) -> fmt::Result {
    use ILensErrors as E;
    match error {
        E::TimePassed(e) => write!(f, "{} has passed, it is {} (unix time)", e.time, e.timestamp),
        E::NoAnswer(e) => write!(f, "{} did not answer the lens", e.scrip),
    }
}
