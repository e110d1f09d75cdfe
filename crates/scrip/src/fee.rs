//! The protocol's fee, and who sets it.

use alloy::{
    primitives::{Address, U256},
    providers::{Provider, WalletProvider},
};
use serde::{Deserialize, Serialize};

use crate::{Done, PlanId, Result, Scrip, abi::IScrip};

/// The protocol's fee on prices that are paid on chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fee {
    /// Who is paid it, if anybody.
    pub receiver: Option<Address>,
    /// Its part of prices in basis points, at most 100.
    pub rate: u16,
    /// Who may set both; nobody, ever, when there is none.
    pub controller: Option<Address>,
    /// Who may become the controller.
    pub pending_controller: Option<Address>,
}

impl Fee {
    /// What of a price is the fee, in base units; rounded down, in the payees' favour.
    ///
    /// ```
    /// use scrip::{Fee, alloy::primitives::U256};
    ///
    /// let fee = Fee { receiver: None, rate: 50, controller: None, pending_controller: None };
    /// assert_eq!(fee.of(U256::from(20_000_199)), U256::from(100_000));
    /// ```
    pub fn of(&self, price: U256) -> U256 {
        price * U256::from(self.rate) / U256::from(10_000)
    }
}

/// The fee was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FeeSet {
    /// Who is paid it, if anybody.
    pub receiver: Option<Address>,
    /// Its part of prices in basis points.
    pub rate: u16,
}

/// The control of the fee was offered, or an offer taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FeeControlOffered {
    /// Who controls it still.
    pub controller: Address,
    /// Who may accept; nobody when an offer was taken back.
    pub pending_controller: Option<Address>,
}

/// The control of the fee changed hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FeeControlTaken {
    /// Who controlled it; nobody when the contract was deployed.
    pub former_controller: Option<Address>,
    /// Who controls it now; nobody, ever, when it was given up.
    pub controller: Option<Address>,
}

/// The fee could not be delivered to its receiver, and went to the payees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FeeUndelivered {
    /// The plan.
    pub plan: PlanId,
    /// Who should have been paid it.
    pub receiver: Address,
    /// The token; zero for the native coin.
    pub token: Address,
    /// How much, in base units.
    pub fee: U256,
}

impl<P: Provider> Scrip<P> {
    /// The protocol's fee, and who sets it.
    pub async fn fee(&self) -> Result<Fee> {
        let fee = self.instance().fee().call().await?;
        Ok(Fee {
            receiver: some_account(fee.receiver),
            rate: fee.rate,
            controller: some_account(fee.controller),
            pending_controller: some_account(fee.pendingController),
        })
    }
}

impl<P: Provider + WalletProvider> Scrip<P> {
    /// Sets the fee from now on, in basis points, at most 100. Only its controller.
    pub async fn set_fee(&self, receiver: Address, rate: u16) -> Result<Done<FeeSet>> {
        self.write::<_, IScrip::FeeSet, _>(self.instance().setFee(receiver, rate)).await
    }

    /// Offers the control of the fee to an account, which must accept it. Only its controller.
    pub async fn offer_fee_control(&self, to: Address) -> Result<Done<FeeControlOffered>> {
        self.write::<_, IScrip::FeeControlOffered, _>(self.instance().offerFeeControl(to)).await
    }

    /// Takes an offer of the control of the fee back. Only its controller.
    pub async fn cancel_fee_control_offer(&self) -> Result<Done<FeeControlOffered>> {
        self.offer_fee_control(Address::ZERO).await
    }

    /// Accepts the control of the fee that was offered to the signer.
    pub async fn accept_fee_control(&self) -> Result<Done<FeeControlTaken>> {
        self.write::<_, IScrip::FeeControlTaken, _>(self.instance().acceptFeeControl()).await
    }

    /// Gives the control of the fee up, for ever: receiver and rate stay as they are. Only its controller.
    pub async fn renounce_fee_control(&self) -> Result<Done<FeeControlTaken>> {
        self.write::<_, IScrip::FeeControlTaken, _>(self.instance().renounceFeeControl()).await
    }
}

/// Contracts say zero for nobody.
pub(crate) fn some_account(account: Address) -> Option<Address> {
    (!account.is_zero()).then_some(account)
}

impl From<IScrip::FeeSet> for FeeSet {
    fn from(event: IScrip::FeeSet) -> Self {
        Self { receiver: some_account(event.receiver), rate: event.rate }
    }
}

impl From<IScrip::FeeControlOffered> for FeeControlOffered {
    fn from(event: IScrip::FeeControlOffered) -> Self {
        Self { controller: event.controller, pending_controller: some_account(event.pendingController) }
    }
}

impl From<IScrip::FeeControlTaken> for FeeControlTaken {
    fn from(event: IScrip::FeeControlTaken) -> Self {
        Self {
            former_controller: some_account(event.formerController),
            controller: some_account(event.controller),
        }
    }
}

impl From<IScrip::FeeUndelivered> for FeeUndelivered {
    fn from(event: IScrip::FeeUndelivered) -> Self {
        Self { plan: PlanId(event.planId), receiver: event.receiver, token: event.token, fee: event.fee }
    }
}
