//! Minting, burning and redeeming.

use std::time::Duration;

use alloy::{
    primitives::Address,
    providers::{Provider, WalletProvider},
};

use crate::{Burned, Done, Minted, PlanId, Redeemed, RequestId, Result, Scrip, abi::IScrip, terms::seconds};

impl<P: Provider + WalletProvider> Scrip<P> {
    /// Gives a holder credits that never expire, or periods of access on a time plan. Only the plan's owner and its mint
    /// operators.
    pub async fn mint(&self, plan: PlanId, holder: Address, amount: u64) -> Result<Done<Minted>> {
        self.write::<_, IScrip::CreditsMinted, _>(self.instance().mint(plan.0, holder, amount)).await
    }

    /// Gives a holder credits that expire after a lifetime. Only the plan's owner and its mint operators.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidDuration`](crate::Error::InvalidDuration) unless the lifetime is in whole seconds, at least 1 and at
    /// most 136 years.
    pub async fn mint_expirable(
        &self,
        plan: PlanId,
        holder: Address,
        amount: u64,
        lifetime: Duration,
    ) -> Result<Done<Minted>> {
        let call = self.instance().mintExpirable(plan.0, holder, amount, seconds(lifetime)?);
        self.write::<_, IScrip::CreditsMinted, _>(call).await
    }

    /// Destroys the signer's own credits, the earliest expiry first, or its periods of access on a time plan.
    pub async fn burn(&self, plan: PlanId, amount: u64) -> Result<Done<Burned>> {
        self.burn_from(plan, self.signer(), amount).await
    }

    /// Destroys a holder's credits. Only the holder, and the plan's owner where the terms are revocable.
    pub async fn burn_from(&self, plan: PlanId, holder: Address, amount: u64) -> Result<Done<Burned>> {
        self.write::<_, IScrip::CreditsBurned, _>(self.instance().burn(plan.0, holder, amount)).await
    }

    /// Spends a holder's credits for a request, exactly once for each plan, signer and request.
    ///
    /// # Errors
    ///
    /// [`Error::is_already_redeemed`](crate::Error::is_already_redeemed) tells that an earlier call did it.
    pub async fn redeem(
        &self,
        plan: PlanId,
        holder: Address,
        amount: u64,
        request: impl Into<RequestId>,
    ) -> Result<Done<Redeemed>> {
        let call = self.instance().redeem(plan.0, holder, amount, request.into().0);
        self.write::<_, IScrip::CreditsRedeemed, _>(call).await
    }

    /// Spends a holder's credits; each call spends, and nothing keeps it from being done twice.
    pub async fn redeem_without_id(
        &self,
        plan: PlanId,
        holder: Address,
        amount: u64,
    ) -> Result<Done<Redeemed>> {
        let call = self.instance().redeemWithoutId(plan.0, holder, amount);
        self.write::<_, IScrip::CreditsRedeemedWithoutId, _>(call).await
    }
}
