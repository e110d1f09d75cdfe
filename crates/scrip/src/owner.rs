//! What the owner of a plan does, and every write's way to the chain.

use alloy::{
    contract::{CallBuilder, CallDecoder},
    primitives::{Address, U256},
    providers::{Provider, WalletProvider},
    rpc::types::TransactionReceipt,
    sol_types::SolEvent,
    transports::RpcError,
};
use futures_util::future::try_join;

use crate::{
    Created, Done, Error, OpenSet, OperatorSet, OwnershipAccepted, OwnershipOffered, Permissions, PlanId,
    Result, Scrip, Terms, abi::IScrip,
};

/// How much more gas a write may need than when it was estimated: until it is mined, all lots of a full account may expire
/// and a new one be begun. What is not used is not paid for.
const MARGIN: u64 = 400_000;

impl<P: Provider + WalletProvider> Scrip<P> {
    /// The account that writes.
    pub fn signer(&self) -> Address {
        self.provider().default_signer_address()
    }

    /// Creates a plan, open for orders, that the signer owns.
    ///
    /// # Errors
    ///
    /// A refusal that says what is wrong with the terms, or that the signer has created the very same plan before; use
    /// [`Scrip::create_plan_with_salt`] to create it again.
    pub async fn create_plan(&self, terms: &Terms) -> Result<Done<Created>> {
        self.create_plan_with_salt(terms, U256::ZERO).await
    }

    /// Creates a plan whose id another salt sets apart from other plans of the same terms.
    ///
    /// # Errors
    ///
    /// As [`Scrip::create_plan`].
    pub async fn create_plan_with_salt(&self, terms: &Terms, salt: U256) -> Result<Done<Created>> {
        self.write::<_, IScrip::PlanCreated, _>(self.instance().createPlan(terms.try_into()?, salt.into()))
            .await
    }

    /// Stops or restarts orders of a plan; holders keep what they have. Only its owner.
    pub async fn set_open(&self, plan: PlanId, open: bool) -> Result<Done<OpenSet>> {
        self.write::<_, IScrip::OpenSet, _>(self.instance().setOpen(plan.0, open)).await
    }

    /// Offers the ownership of a plan to an account, which must accept it. Only its owner.
    pub async fn transfer_ownership(&self, plan: PlanId, to: Address) -> Result<Done<OwnershipOffered>> {
        self.write::<_, IScrip::OwnershipOffered, _>(self.instance().transferOwnership(plan.0, to)).await
    }

    /// Takes an offer of ownership back. Only the plan's owner.
    pub async fn cancel_ownership_transfer(&self, plan: PlanId) -> Result<Done<OwnershipOffered>> {
        self.transfer_ownership(plan, Address::ZERO).await
    }

    /// Accepts the ownership of a plan that was offered to the signer; its former owner's operators lose their
    /// permissions.
    pub async fn accept_ownership(&self, plan: PlanId) -> Result<Done<OwnershipAccepted>> {
        self.write::<_, IScrip::OwnershipAccepted, _>(self.instance().acceptOwnership(plan.0)).await
    }

    /// Sets what an operator may do for a plan. Only its owner.
    pub async fn set_operator(
        &self,
        plan: PlanId,
        operator: Address,
        permissions: Permissions,
    ) -> Result<Done<OperatorSet>> {
        let call = self.instance().setOperator(plan.0, operator, permissions.bits());
        self.write::<_, IScrip::OperatorSet, _>(call).await
    }

    /// Sends a call and reads its event.
    pub(crate) async fn write<D, S, E>(&self, call: CallBuilder<&P, D>) -> Result<Done<E>>
    where
        D: CallDecoder + Unpin,
        S: SolEvent,
        E: From<S>,
    {
        Done::read::<S>(self.address(), &self.send(call).await?)
    }

    /// Sends a call and waits until it is mined. A revert, before or after, is an error, and so is to wait in vain.
    pub(crate) async fn send<Q, D>(&self, call: CallBuilder<Q, D>) -> Result<TransactionReceipt>
    where
        Q: Provider,
        D: CallDecoder + Unpin,
    {
        let call = call.from(self.signer());
        // All that can be refused is asked before the provider hands out a nonce, which a refusal would leave unused.
        let provider = self.provider();
        let (fees, balance) = try_join(
            async {
                match provider.estimate_eip1559_fees().await {
                    Ok(fees) => Ok(Some(fees)),
                    Err(RpcError::UnsupportedFeature(_)) => Ok(None),
                    Err(error) => Err(error),
                }
            },
            async { provider.get_balance(self.signer()).await },
        )
        .await?;
        let value = call.as_ref().value.unwrap_or_default();
        let fee = fees.map_or(0, |fees| fees.max_fee_per_gas);
        let check_funds = |gas: u64| {
            let needed = value.saturating_add(U256::from(fee).saturating_mul(U256::from(gas)));
            if balance >= needed {
                return Ok(());
            }
            Err(Error::InsufficientFunds {
                payer: self.signer(),
                token: Address::ZERO,
                needed,
                available: balance,
            })
        };
        // The least that any transaction costs; nodes answer an estimate for less in many words.
        check_funds(21_000)?;
        let call = match fees {
            Some(fees) => call
                .max_fee_per_gas(fees.max_fee_per_gas)
                .max_priority_fee_per_gas(fees.max_priority_fee_per_gas),
            None => call,
        };
        let gas = call.estimate_gas().await?.saturating_add(MARGIN);
        check_funds(gas)?;
        let call = call.gas(gas);
        let pending = call.send().await?;
        let transaction = *pending.tx_hash();
        let receipt = pending
            .with_timeout(Some(self.patience()))
            .get_receipt()
            .await
            .map_err(|source| Error::Pending { transaction, source })?;
        if receipt.status() {
            return Ok(receipt);
        }
        let refusal = match call.call().await.map_err(Error::from) {
            Err(Error::Refused(refusal)) => Some(refusal),
            _ => None,
        };
        Err(Error::MinedRevert { transaction, refusal })
    }
}
