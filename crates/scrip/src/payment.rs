//! How an order is paid: with what is approved, by a signature, in one batch, or once it is approved.

use std::{collections::BTreeMap, fmt, sync::Arc};

use alloy::{
    contract,
    eips::BlockNumberOrTag,
    network::TransactionBuilder,
    primitives::{Address, B256, Bytes, U256, b256},
    providers::{Provider, WalletProvider},
    rpc::types::{TransactionReceipt, TransactionRequest},
    signers::Signer,
    sol,
    sol_types::SolValue,
};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Item, PaymentStandard, Receipt, Result, RouterOrder, Scrip, SignedOrder, WalletCall,
    abi::{IERC20, IScrip::IScripErrors},
    journal::Outcome,
    order::Bill,
    outbox::Intent,
};

/// How an order is paid in a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Way {
    /// With what the payer has approved already, or by the coin that is sent along: one transaction.
    Allowance,
    /// By the payer's signature, for which [`Scrip::signing_with`] gives the key: one transaction.
    Signature(PaymentStandard),
    /// By the code that the payer's account has by EIP-7702, which approves and orders: one transaction, if that code is a batch
    /// executor by ERC-7821.
    Batch,
    /// By an approval of exactly the price, and then the order: two transactions, or three for a token that wants 0 in between.
    Approval,
}

/// A key that signs what is no transaction.
#[derive(Clone)]
pub(crate) struct Key(Arc<dyn Signer + Send + Sync>);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Key").field(&self.0.address()).finish()
    }
}

sol! {
    #[sol(rpc)]
    interface IBatchExecutor {
        struct Call {
            address to;
            uint256 value;
            bytes data;
        }

        function execute(bytes32 mode, bytes executionData) external payable;
        function supportsExecutionMode(bytes32 mode) external view returns (bool);
    }
}

/// ERC-7821's mode of a single batch that reverts as a whole.
const ONE_BATCH: B256 = b256!("0100000000000000000000000000000000000000000000000000000000000000");

/// How the code of an account by EIP-7702 begins, before the address of the code that it stands for.
const DELEGATION: [u8; 3] = [0xef, 0x01, 0x00];

impl<P> Scrip<P> {
    /// Signs with the account's key instead of approving tokens, where they allow that: one transaction then does it all.
    ///
    /// The provider's wallet signs transactions; this is for the rest.
    pub fn signing_with(self, key: impl Signer + Send + Sync + 'static) -> Self {
        self.signing_with_shared(Arc::new(key))
    }

    /// [`Scrip::signing_with`] a key that others use, too, such as the wallet: there is one of a device.
    pub fn signing_with_shared(mut self, key: Arc<dyn Signer + Send + Sync>) -> Self {
        self.set_signing_key(Key(key));
        self
    }
}

impl<P: Provider + WalletProvider> Scrip<P> {
    /// Approves an amount of a token, so that the contract can pull it from the signer: for uses of plans paid per use. Does
    /// nothing when that much is approved already, nor when it was approved under this client's key before, whatever is left of it.
    pub async fn approve(&self, token: Address, amount: U256) -> Result<Vec<Receipt>> {
        let calls = self.approvals(self.signer(), self.address(), token, amount).await?;
        self.send_approvals(calls, 0).await
    }

    /// By which signature a bill is best paid, if the client can sign and nothing better, such as an allowance, is there already.
    pub(crate) async fn best_signature(&self, bill: &Bill) -> Result<Option<PaymentStandard>> {
        let &Bill { token, most, needed } = bill;
        if self.signing_key().is_none()
            || token.is_zero()
            || needed.is_zero()
            || self.allowance(self.signer(), self.address(), token).await? >= needed
        {
            return Ok(None);
        }
        Ok(self.payment_standards(token, self.signer(), most).await?.first().copied())
    }

    /// Whether the signer's account has code that makes several calls in one.
    async fn can_batch(&self) -> Result<bool> {
        let account = self.signer();
        if !self.provider().get_code_at(account).await?.starts_with(&DELEGATION) {
            return Ok(false);
        }
        let executor = IBatchExecutor::new(account, self.provider());
        Ok(executor.supportsExecutionMode(ONE_BATCH).call().await.unwrap_or(false))
    }

    /// Pays a bill by the signer's signature, which the router is sent.
    pub(crate) async fn pay_signed(
        &self,
        intent: Intent,
        item: &Item,
        bill: &Bill,
        standard: PaymentStandard,
    ) -> Result<TransactionReceipt> {
        let &Bill { token, most, .. } = bill;
        let Some(Key(key)) = self.signing_key() else {
            return Err(Error::NoSigningKey { payer: self.signer() });
        };
        self.check_funds(self.signer(), token, most).await?;
        let Item { plan, holder, quantity, data, .. } = item.clone();
        let latest = self.provider().get_block_by_number(BlockNumberOrTag::Latest).await?;
        let latest = latest.ok_or(Error::UnexpectedAnswer("that there is no block"))?;
        let deadline =
            latest.header.timestamp.saturating_add(self.manner().patience.as_secs()).saturating_add(60);
        // Nobody counts these: two orders at once must only not be the same.
        let nonce = B256::random().into();
        let payer = self.signer();
        let order = RouterOrder { plan, holder, quantity, max_price: most, data, payer, nonce, deadline };
        let payment = self.sign_payment(standard, &order, token, &**key).await?;
        let signed = SignedOrder { order, token, payment, consent: None };
        self.send_as(intent, self.key(), self.order_call(&signed)).await
    }

    /// Sends a call that orders, once all that it needs of each token is there and approved, or with the approvals in one batch.
    /// Without a way the best of these.
    pub(crate) async fn pay(
        &self,
        intent: Intent,
        call: TransactionRequest,
        needed: &BTreeMap<Address, U256>,
        way: Option<Way>,
    ) -> Result<(TransactionReceipt, Vec<Receipt>)> {
        let call = call.with_from(self.signer());
        // Neither what is approved nor what is there is looked at when writes are not tried.
        if self.manner().untried.is_some() {
            return Ok((self.send_as(intent, self.key(), call).await?, Vec::new()));
        }
        self.check_payment(&call, needed).await?;
        let mut calls = Vec::new();
        if way != Some(Way::Allowance) {
            calls = self.approvals_of(self.signer(), needed).await?;
        }
        let batch = !calls.is_empty() && matches!(way, None | Some(Way::Batch)) && self.can_batch().await?;
        if !batch && !calls.is_empty() && way == Some(Way::Batch) {
            return Err(Error::NoBatches { account: self.signer() });
        }
        if batch {
            calls.push(call);
            return Ok((self.send_as(intent, self.key(), self.batch(calls)).await?, Vec::new()));
        }
        let mut approvals = Vec::new();
        if !calls.is_empty() {
            for (&token, &amount) in of_tokens(needed) {
                approvals.extend(self.approve_for(self.address(), token, amount).await?);
            }
        }
        Ok((self.send_as(intent, self.key(), call).await?, approvals))
    }

    /// Several calls in one, by the code of the signer's account.
    fn batch(&self, calls: Vec<TransactionRequest>) -> TransactionRequest {
        let call = |WalletCall { to, value, data }| IBatchExecutor::Call { to, value, data };
        let calls: Vec<_> = calls.into_iter().map(WalletCall::from).map(call).collect();
        let executor = IBatchExecutor::new(self.signer(), self.provider());
        executor.execute(ONE_BATCH, Bytes::from(calls.abi_encode_params())).into_transaction_request()
    }

    /// Has a spender allowed this much of a token, for what this client's key stands for. What was approved under the key before may
    /// have been spent on something else since: then it is approved again, as a step of its own.
    pub(crate) async fn approve_for(
        &self,
        spender: Address,
        token: Address,
        amount: U256,
    ) -> Result<Vec<Receipt>> {
        let mut receipts = Vec::new();
        for time in 0.. {
            let calls = self.approvals(self.signer(), spender, token, amount).await?;
            // What it was for may be on its way already, by who does the same at the same time.
            if self.entry().await?.is_some() {
                break;
            }
            let (mut begun, mut waited) = (false, false);
            for call in &calls {
                match self.step(call, time).await? {
                    Some(entry) => {
                        begun = true;
                        waited |= entry.outcome == Outcome::Open;
                        if entry.outcome == Outcome::Open {
                            receipts.extend(self.send_approvals(vec![call.clone()], time).await?);
                        }
                    }
                    // Who began the step before sends this one, too, and both under the same key.
                    None if waited => receipts.extend(self.send_approvals(vec![call.clone()], time).await?),
                    None => {}
                }
            }
            if !begun {
                receipts.extend(self.send_approvals(calls, time).await?);
                break;
            }
            // It is known to be done before it is looked again whether that is enough.
        }
        Ok(receipts)
    }

    async fn send_approvals(&self, calls: Vec<TransactionRequest>, time: u32) -> Result<Vec<Receipt>> {
        let mut receipts = Vec::new();
        for call in calls {
            receipts.push((&self.send_step(call, time).await.map_err(Error::of_token)?).try_into()?);
        }
        Ok(receipts)
    }
}

impl<P: Provider> Scrip<P> {
    /// Makes sure that a call pays before anything is sent for it: that its sender has what it needs of each token, and that it is
    /// refused for no other reason than a missing allowance.
    pub(crate) async fn check_payment(
        &self,
        call: &TransactionRequest,
        needed: &BTreeMap<Address, U256>,
    ) -> Result<()> {
        for (&token, &amount) in needed.iter().filter(|(_, amount)| !amount.is_zero()) {
            self.check_funds(call.from.unwrap_or_default(), token, amount).await?;
        }
        match self.provider().call(call.clone()).await.map_err(Error::from) {
            Err(error) if !matches!(error.refusal(), Some(IScripErrors::PaymentFailed(_))) => Err(error),
            _ => Ok(()),
        }
    }

    /// The approvals that an order needs, of what it takes of each token.
    pub(crate) async fn approvals_of(
        &self,
        payer: Address,
        needed: &BTreeMap<Address, U256>,
    ) -> Result<Vec<TransactionRequest>> {
        let mut calls = Vec::new();
        for (&token, &amount) in of_tokens(needed) {
            calls.extend(self.approvals(payer, self.address(), token, amount).await?);
        }
        Ok(calls)
    }

    pub(crate) async fn check_funds(&self, payer: Address, token: Address, needed: U256) -> Result<()> {
        let provider = self.provider();
        let available = if token.is_zero() {
            provider.get_balance(payer).await?
        } else {
            IERC20::new(token, provider).balanceOf(payer).call().await.map_err(Error::of_token)?
        };
        if available < needed {
            return Err(Error::InsufficientFunds { payer, token, needed, available });
        }
        Ok(())
    }

    /// How much of a token an account lets a spender take.
    async fn allowance(&self, owner: Address, spender: Address, token: Address) -> Result<U256> {
        let token = IERC20::new(token, self.provider());
        token.allowance(owner, spender).call().await.map_err(Error::of_token)
    }

    /// The calls that have a spender allowed this much of a token: none if it is already.
    async fn approvals(
        &self,
        owner: Address,
        spender: Address,
        token: Address,
        amount: U256,
    ) -> Result<Vec<TransactionRequest>> {
        let allowed = self.allowance(owner, spender, token).await?;
        if allowed >= amount {
            return Ok(Vec::new());
        }
        let token = IERC20::new(token, self.provider());
        let approve = |amount| token.approve(spender, amount).from(owner);
        // Some tokens, USDT on Ethereum among them, change an allowance only from or to 0.
        let refused = |error: contract::Error| error.as_revert_data().is_some();
        let mut amounts = vec![amount];
        if !allowed.is_zero() && approve(amount).call().await.is_err_and(refused) {
            amounts.insert(0, U256::ZERO);
        }
        Ok(amounts.into_iter().map(|amount| approve(amount).into_transaction_request()).collect())
    }
}

/// What is needed of tokens, and not of the native coin.
fn of_tokens(needed: &BTreeMap<Address, U256>) -> impl Iterator<Item = (&Address, &U256)> {
    needed.iter().filter(|(token, amount)| !token.is_zero() && !amount.is_zero())
}
