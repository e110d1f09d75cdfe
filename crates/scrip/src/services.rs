//! What agents offer, and the plans that open it.

use std::{fmt, str::FromStr};

use alloy::{
    contract::{CallBuilder, CallDecoder},
    primitives::{Address, B256, U256, keccak256},
    providers::{Provider, WalletProvider},
    sol_types::{SolEvent, SolValue},
};
use serde::{Deserialize, Serialize};

use crate::{
    Done, Error, Periphery, PlanId, Result, Scrip,
    abi::IServices::{self, IServicesInstance},
    fee::some_account,
};

/// The registry of services on one chain.
///
/// Anyone publishes a service. What is said of it is its owner's word: nothing checks that a service serves holders of a plan that
/// it lists.
#[derive(Debug, Clone)]
pub struct Services<P> {
    instance: IServicesInstance<P>,
    scrip: Scrip<P>,
}

/// The id of a service.
///
/// Printed as 64 hex digits after `0x`, and parsed from that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Did(pub B256);

/// A service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Its id.
    pub did: Did,
    /// Who may change it.
    pub owner: Address,
    /// Who may accept its ownership.
    pub pending_owner: Option<Address>,
    /// Where metadata is found; may be empty.
    pub uri: String,
    /// The plans that open it, in no certain order.
    pub plans: Vec<PlanId>,
}

/// A service was created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceCreated {
    /// The service.
    pub did: Did,
    /// Who created and owns it.
    pub owner: Address,
    /// The seed.
    pub seed: B256,
    /// Where metadata is found.
    pub uri: String,
}

/// The metadata URI of a service was set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceUriSet {
    /// The service.
    pub did: Did,
    /// Where metadata is found.
    pub uri: String,
}

/// Plans open a service, or open it no longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServicePlansChanged {
    /// The service.
    pub did: Did,
    /// Those that were removed, before others were added.
    pub removed: Vec<PlanId>,
    /// Those that were added.
    pub added: Vec<PlanId>,
}

/// The ownership of a service was offered, or an offer taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ServiceOwnershipOffered {
    /// The service.
    pub did: Did,
    /// Who owns it still.
    pub owner: Address,
    /// Who may accept; nobody when an offer was taken back.
    pub pending_owner: Option<Address>,
}

/// The ownership of a service was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ServiceOwnershipAccepted {
    /// The service.
    pub did: Did,
    /// Who owned it.
    pub former_owner: Address,
    /// Who owns it now.
    pub owner: Address,
}

impl fmt::Display for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Did {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        text.strip_prefix("0x")
            .filter(|digits| !digits.starts_with("0x"))
            .and_then(|digits| digits.parse().ok())
            .map(Self)
            .ok_or_else(|| Error::InvalidDid(text.to_owned()))
    }
}

impl<P: Provider + Clone> Services<P> {
    /// Connects to the registry, as Scrip's provider sees it, and makes sure that it is there.
    ///
    /// # Errors
    ///
    /// [`Error::NotScrip`] when it is not on the chain; [`Periphery::deploy`] puts it there.
    pub async fn connect(scrip: &Scrip<P>) -> Result<Self> {
        let provider = scrip.provider().clone();
        let address = Periphery::Services.check(&provider).await?;
        Ok(Self { instance: IServices::new(address, provider), scrip: scrip.clone() })
    }
}

impl<P: Provider> Services<P> {
    /// The contract itself.
    pub const fn instance(&self) -> &IServicesInstance<P> {
        &self.instance
    }

    /// The id of the service that a creator makes from a seed.
    pub fn did(&self, creator: Address, seed: B256) -> Did {
        let preimage = (U256::from(self.scrip.chain_id()), *self.instance.address(), creator, seed);
        Did(keccak256(preimage.abi_encode()))
    }

    /// A service.
    ///
    /// # Errors
    ///
    /// A refusal `ServiceNotFound` when there is none of this id.
    pub async fn service(&self, did: Did) -> Result<Service> {
        let IServices::Service { owner, pendingOwner, uri, plans } =
            self.instance.service(did.0).call().await?;
        let plans = plans.into_iter().map(PlanId).collect();
        Ok(Service { did, owner, pending_owner: some_account(pendingOwner), uri, plans })
    }

    /// Whether a plan opens a service; no plan opens one that does not exist.
    pub async fn is_opened_by(&self, did: Did, plan: PlanId) -> Result<bool> {
        Ok(self.instance.isOpenedBy(did.0, plan.0).call().await?)
    }
}

impl<P: Provider + WalletProvider> Services<P> {
    /// Creates a service that the signer owns, opened by at most 32 plans. Its id is [`Services::did`] of signer and seed.
    pub async fn create(
        &self,
        seed: B256,
        uri: impl Into<String>,
        plans: impl IntoIterator<Item = PlanId>,
    ) -> Result<Done<ServiceCreated>> {
        self.write::<_, IServices::ServiceCreated, _>(self.instance.create(seed, uri.into(), ids(plans)))
            .await
    }

    /// Sets the metadata URI. Only the service's owner.
    pub async fn set_uri(&self, did: Did, uri: impl Into<String>) -> Result<Done<ServiceUriSet>> {
        self.write::<_, IServices::ServiceUriSet, _>(self.instance.setUri(did.0, uri.into())).await
    }

    /// Lists one more plan. Only the service's owner.
    pub async fn add_plan(&self, did: Did, plan: PlanId) -> Result<Done<ServicePlansChanged>> {
        self.write_plans(did, self.instance.addPlan(did.0, plan.0)).await
    }

    /// Takes a plan off the list. Only the service's owner.
    pub async fn remove_plan(&self, did: Did, plan: PlanId) -> Result<Done<ServicePlansChanged>> {
        self.write_plans(did, self.instance.removePlan(did.0, plan.0)).await
    }

    /// Lists these plans, at most 32, and no others. Only the service's owner.
    pub async fn set_plans(
        &self,
        did: Did,
        plans: impl IntoIterator<Item = PlanId>,
    ) -> Result<Done<ServicePlansChanged>> {
        self.write_plans(did, self.instance.setPlans(did.0, ids(plans))).await
    }

    /// Offers the ownership to an account, which must accept it. Only the service's owner.
    pub async fn transfer_ownership(&self, did: Did, to: Address) -> Result<Done<ServiceOwnershipOffered>> {
        let call = self.instance.transferOwnership(did.0, to);
        self.write::<_, IServices::ServiceOwnershipOffered, _>(call).await
    }

    /// Takes an offer of the ownership back. Only the service's owner.
    pub async fn cancel_ownership_transfer(&self, did: Did) -> Result<Done<ServiceOwnershipOffered>> {
        self.transfer_ownership(did, Address::ZERO).await
    }

    /// Accepts the ownership that was offered to the signer.
    pub async fn accept_ownership(&self, did: Did) -> Result<Done<ServiceOwnershipAccepted>> {
        self.write::<_, IServices::ServiceOwnershipAccepted, _>(self.instance.acceptOwnership(did.0)).await
    }

    async fn write<D, S, E>(&self, call: CallBuilder<&P, D>) -> Result<Done<E>>
    where
        D: CallDecoder + Unpin,
        S: SolEvent,
        E: From<S>,
    {
        Done::read::<S>(*self.instance.address(), &self.scrip.send(call).await?)
    }

    async fn write_plans<D>(&self, did: Did, call: CallBuilder<&P, D>) -> Result<Done<ServicePlansChanged>>
    where
        D: CallDecoder + Unpin,
    {
        let receipt = self.scrip.send(call).await?;
        let registry = *self.instance.address();
        let removed = Done::read_all::<IServices::ServicePlanRemoved>(registry, &receipt)?;
        let added = Done::read_all::<IServices::ServicePlanAdded>(registry, &receipt)?;
        let event = ServicePlansChanged { did, removed: removed.event, added: added.event };
        Ok(Done { event, receipt: added.receipt })
    }
}

fn ids(plans: impl IntoIterator<Item = PlanId>) -> Vec<U256> {
    plans.into_iter().map(|plan| plan.0).collect()
}

impl From<IServices::ServiceCreated> for ServiceCreated {
    fn from(event: IServices::ServiceCreated) -> Self {
        Self { did: Did(event.did), owner: event.owner, seed: event.seed, uri: event.uri }
    }
}

impl From<IServices::ServiceUriSet> for ServiceUriSet {
    fn from(event: IServices::ServiceUriSet) -> Self {
        Self { did: Did(event.did), uri: event.uri }
    }
}

impl From<IServices::ServicePlanRemoved> for PlanId {
    fn from(event: IServices::ServicePlanRemoved) -> Self {
        Self(event.planId)
    }
}

impl From<IServices::ServicePlanAdded> for PlanId {
    fn from(event: IServices::ServicePlanAdded) -> Self {
        Self(event.planId)
    }
}

impl From<IServices::ServiceOwnershipOffered> for ServiceOwnershipOffered {
    fn from(event: IServices::ServiceOwnershipOffered) -> Self {
        let pending_owner = some_account(event.pendingOwner);
        Self { did: Did(event.did), owner: event.owner, pending_owner }
    }
}

impl From<IServices::ServiceOwnershipAccepted> for ServiceOwnershipAccepted {
    fn from(event: IServices::ServiceOwnershipAccepted) -> Self {
        Self { did: Did(event.did), former_owner: event.formerOwner, owner: event.owner }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_services_are_printed_and_parsed() {
        let did = Did(B256::repeat_byte(0xab));
        assert_eq!(did.to_string().parse::<Did>().unwrap(), did);
        for text in ["", "0x", "0xab", "ab", &"ab".repeat(32), &format!("0x{did}"), "did:nv:1"] {
            let error = text.parse::<Did>().unwrap_err();
            assert!(error.to_string().starts_with(&format!("`{text}` is no id of a service")), "{error}");
        }
    }
}
