//! Payments made off chain, settled and taken back by their ids.

use alloy::{
    primitives::{Address, B256, keccak256},
    providers::{Provider, WalletProvider},
};
use serde::{Deserialize, Serialize};

use crate::{Done, PlanId, Result, Scrip, abi::IScrip, client::some_time};

/// A fiat payment that was settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Settlement {
    /// Who got the grant.
    pub holder: Address,
    /// When the credits expire, if they do; on a time plan the end of the access that was granted, less what was taken back of
    /// it. In unix seconds.
    pub expiry: Option<u64>,
    /// Whether a take-back was reversed, after which nothing more is taken back.
    pub reversed: bool,
    /// The credits granted; on a time plan the periods of access.
    pub granted: u64,
    /// How much of that was taken back.
    pub taken_back: u64,
    /// How much of that was still there and was burned; the rest was spent before, and is unrecovered.
    pub burned: u64,
}

/// A fiat payment was settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// The plan.
    pub plan: PlanId,
    /// Who got the grant.
    pub holder: Address,
    /// The payment processor's id of the payment.
    pub payment_id: String,
    /// Who settled it.
    pub settler: Address,
    /// How many orders were paid.
    pub quantity: u32,
    /// The credits granted; on a time plan the periods of access.
    pub credits: u64,
    /// When they expire, if they do; on a time plan the new end of access. In unix seconds.
    pub expiry: Option<u64>,
}

/// Credits, or periods of access, of a fiat payment were taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TakenBack {
    /// The plan.
    pub plan: PlanId,
    /// Who had got the grant.
    pub holder: Address,
    /// The keccak-256 of the payment's id.
    pub payment_key: B256,
    /// Who took them back.
    pub settler: Address,
    /// How many.
    pub amount: u64,
    /// How many were still there; the rest is unrecovered.
    pub burned: u64,
}

/// A take-back was reversed: what it had burned was minted again, unless it has expired since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TakeBackReversed {
    /// The plan.
    pub plan: PlanId,
    /// Who got them again.
    pub holder: Address,
    /// The keccak-256 of the payment's id.
    pub payment_key: B256,
    /// Who reversed it.
    pub settler: Address,
    /// How many credits, or periods.
    pub amount: u64,
    /// When they expire, if they do; on a time plan the new end of access. In unix seconds.
    pub expiry: Option<u64>,
}

impl<P: Provider> Scrip<P> {
    /// What is known of a payment of a fiat plan, if it was settled.
    pub async fn settlement(&self, plan: PlanId, payment_id: &str) -> Result<Option<Settlement>> {
        let settlement = self.instance().settlementOf(plan.0, keccak256(payment_id)).call().await?;
        Ok((!settlement.holder.is_zero()).then(|| Settlement {
            holder: settlement.holder,
            expiry: some_time(settlement.expiry.to()),
            reversed: settlement.reversed,
            granted: settlement.granted,
            taken_back: settlement.takenBack,
            burned: settlement.burned,
        }))
    }
}

impl<P: Provider + WalletProvider> Scrip<P> {
    /// Gives a holder what a fiat plan grants, for a payment made off chain. Only the plan's owner and its settle operators.
    ///
    /// # Errors
    ///
    /// [`Error::is_already_settled`](crate::Error::is_already_settled) tells that an earlier call did it, whoever made it.
    pub async fn settle(
        &self,
        plan: PlanId,
        holder: Address,
        quantity: u32,
        payment_id: &str,
    ) -> Result<Done<Settled>> {
        let call = self.instance().settle(plan.0, holder, quantity, payment_id.to_owned());
        self.write::<_, IScrip::PaymentSettled, _>(call).await
    }

    /// Takes credits, or periods of access, of a payment back that was charged back: what is left of them is burned. Only the
    /// plan's owner and its settle operators.
    pub async fn take_back(&self, plan: PlanId, payment_id: &str, amount: u64) -> Result<Done<TakenBack>> {
        let call = self.instance().takeBack(plan.0, payment_id.to_owned(), amount);
        self.write::<_, IScrip::PaymentTakenBack, _>(call).await
    }

    /// Reverses all that was taken back of a payment, once: what was burned is minted again, unless it has expired since. Only
    /// the plan's owner and its settle operators.
    pub async fn reverse_take_back(&self, plan: PlanId, payment_id: &str) -> Result<Done<TakeBackReversed>> {
        let call = self.instance().reverseTakeBack(plan.0, payment_id.to_owned());
        self.write::<_, IScrip::TakeBackReversed, _>(call).await
    }
}

impl From<IScrip::PaymentSettled> for Settled {
    fn from(event: IScrip::PaymentSettled) -> Self {
        Self {
            plan: PlanId(event.planId),
            holder: event.holder,
            payment_id: event.paymentId,
            settler: event.settler,
            quantity: event.quantity,
            credits: event.credits,
            expiry: some_time(event.expiry.to()),
        }
    }
}

impl From<IScrip::PaymentTakenBack> for TakenBack {
    fn from(event: IScrip::PaymentTakenBack) -> Self {
        Self {
            plan: PlanId(event.planId),
            holder: event.holder,
            payment_key: event.paymentKey,
            settler: event.settler,
            amount: event.amount,
            burned: event.burned,
        }
    }
}

impl From<IScrip::TakeBackReversed> for TakeBackReversed {
    fn from(event: IScrip::TakeBackReversed) -> Self {
        Self {
            plan: PlanId(event.planId),
            holder: event.holder,
            payment_key: event.paymentKey,
            settler: event.settler,
            amount: event.amount,
            expiry: some_time(event.expiry.to()),
        }
    }
}
