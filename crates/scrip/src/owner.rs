//! What the owner of a plan does, and every write's way to the chain.

use alloy::{
    contract::{CallBuilder, CallDecoder},
    primitives::{Address, U256},
    providers::{Provider, WalletProvider},
    rpc::types::{TransactionReceipt, TransactionRequest},
    sol_types::SolEvent,
};

use crate::{
    Created, Done, Error, OpenSet, OperatorSet, OwnershipAccepted, OwnershipOffered, Permissions, PlanId,
    Receipt, Result, Scrip, Terms,
    abi::IScrip,
    journal::Entry,
    outbox::{Intent, is_cancellation},
};

impl<P: Provider + WalletProvider> Scrip<P> {
    /// The account that writes.
    pub fn signer(&self) -> Address {
        self.provider().default_signer_address()
    }

    /// What the journal has of the write that this client's key stands for, as it was when last looked at; nothing for a key that
    /// is free, and without one.
    pub async fn entry(&self) -> Result<Option<Entry>> {
        match self.key() {
            Some(key) => self.outbox().entry(self.signer(), key).await,
            None => Ok(None),
        }
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
        let call = call.from(self.signer()).into_transaction_request();
        let intent = Intent::of_call(&call);
        match self.done_before(intent).await? {
            Some(receipt) => Ok(receipt),
            None => self.send_as(intent, self.key(), call).await,
        }
    }

    /// Sends a call that another one needs, under a key of its own, which it has for each time that it is needed. What was begun
    /// under that is seen to the end.
    pub(crate) async fn send_step(&self, call: TransactionRequest, time: u32) -> Result<TransactionReceipt> {
        let intent = Intent::of_call(&call);
        let sent = match self.step(&call, time).await? {
            Some(entry) => self.follow(entry).await,
            None => self.send_as(intent, self.step_key(intent, time).as_deref(), call).await,
        };
        sent.map_err(|error| match error {
            // What is repeated is the whole.
            Error::Pending { transaction, waiting, .. } => {
                Error::Pending { transaction, key: self.key().map(str::to_owned), waiting }
            }
            error => error,
        })
    }

    /// What was begun of a call that another one needs.
    pub(crate) async fn step(&self, call: &TransactionRequest, time: u32) -> Result<Option<Entry>> {
        let intent = Intent::of_call(call);
        self.begun(intent, self.step_key(intent, time).as_deref()).await
    }

    fn step_key(&self, step: Intent, time: u32) -> Option<String> {
        let key = step.step_of(self.key()?);
        Some(if time == 0 { key } else { format!("{key}#{time}") })
    }

    /// What came of a payment; or what was done under the key by who does the same at the same time, after which this one may
    /// be too poor for another, or refused.
    pub(crate) async fn paid_or_done(
        &self,
        intent: Intent,
        paid: Result<(TransactionReceipt, Vec<Receipt>)>,
    ) -> Result<(TransactionReceipt, Vec<Receipt>)> {
        match paid {
            Err(error) if !error.is_pending() => {
                Ok((self.done_before(intent).await?.ok_or(error)?, Vec::new()))
            }
            paid => paid,
        }
    }

    /// Does a call once under a key that is not the client's.
    pub(crate) async fn send_under(
        &self,
        intent: Intent,
        key: &str,
        call: TransactionRequest,
    ) -> Result<TransactionReceipt> {
        match self.outbox().find(self.signer(), key, intent).await? {
            Some(entry) => self.follow(entry).await,
            None => self.send_as(intent, Some(key), call).await,
        }
    }

    /// What was done under this client's key, if it has one that was used before.
    pub(crate) async fn done_before(&self, intent: Intent) -> Result<Option<TransactionReceipt>> {
        match self.begun(intent, self.key()).await? {
            Some(entry) => self.follow(entry).await.map(Some),
            None => Ok(None),
        }
    }

    /// Sends a call for whatever was asked, which is not known to have been done before.
    pub(crate) async fn send_as(
        &self,
        intent: Intent,
        key: Option<&str>,
        call: TransactionRequest,
    ) -> Result<TransactionReceipt> {
        let (provider, outbox) = (self.provider(), self.outbox());
        let call = call.from(self.signer());
        let entry = match outbox.prepare(provider, call, self.manner()).await {
            Ok((call, nonce)) => outbox.sign(provider, call, nonce, key, intent).await?,
            // Who does the same at the same time may have done it since it was looked for; it is refused for that alone.
            Err(refused) => self.begun(intent, key).await?.ok_or(refused)?,
        };
        self.follow(entry).await
    }

    /// What was begun under a key.
    pub(crate) async fn begun(&self, intent: Intent, key: Option<&str>) -> Result<Option<Entry>> {
        match key {
            Some(key) => self.outbox().find(self.signer(), key, intent).await,
            None => Ok(None),
        }
    }

    async fn follow(&self, entry: Entry) -> Result<TransactionReceipt> {
        let (call, key, signed) = (entry.call(), entry.key.clone(), entry.transactions.clone());
        let receipt = self.outbox().follow(self.provider(), entry, *self.manner()).await?;
        let transaction = receipt.transaction_hash;
        match is_cancellation(self.provider(), &signed, &receipt).await {
            Ok(false) => {}
            Ok(true) => return Err(Error::Cancelled { transaction, key }),
            // It is mined: all else would be told as not done.
            Err(waiting) => return Err(Error::Pending { transaction, key, waiting: Box::new(waiting) }),
        }
        if receipt.status() {
            return Ok(receipt);
        }
        let refusal = match self.provider().call(call?).await.map_err(Error::from) {
            Err(Error::Refused(refusal)) => Some(refusal),
            _ => None,
        };
        Err(Error::MinedRevert { transaction: receipt.transaction_hash, refusal })
    }
}
