//! Taking a write back that is in no block yet.

use alloy::{
    consensus::Transaction,
    eips::eip2718::Encodable2718,
    network::{NetworkTransactionBuilder, TransactionBuilder},
    primitives::{Bytes, keccak256},
    providers::{Provider, WalletProvider},
    rpc::types::{TransactionReceipt, TransactionRequest},
};
use serde::{Deserialize, Serialize};

use super::{
    Manner, Outbox, Waiting, decode,
    fees::{Fees, TooDear},
    other,
};
use crate::{
    Error, Receipt, Result, Scrip,
    journal::{Entry, Outcome},
};

/// What became of a write that was to be cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Cancelled {
    /// It will never be done: this transaction, which does nothing, has its nonce.
    Certainly(Receipt),
    /// It came too late: the write's own transaction was mined. Repeated under its key, the write says what it did.
    TooLate(Receipt),
}

impl<P: Provider + WalletProvider> Scrip<P> {
    /// Cancels the write of the signer that a key stands for, if no block has it yet: a transaction that does nothing, with a higher
    /// fee, takes its nonce. It is for what a node will never take, or what is not wanted any more while nothing is known of it; what
    /// comes after it of the account is then free to go on.
    ///
    /// The journal has that transaction before it is sent. From then on the write is either done or cancelled, and repeated under its
    /// key it says which: [`Error::Cancelled`] for certain. To ask again takes another key.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownKey`] when nothing was signed under the key, [`Error::CancelTooDear`] when a higher fee is more than the client
    /// may pay, [`Error::Superseded`] when another transaction has the nonce already, and [`Error::Pending`] when it is not known yet
    /// which of the two is mined: cancel it again, and that is waited for.
    pub async fn cancel(&self, key: &str) -> Result<Cancelled> {
        let (outbox, provider) = (self.outbox(), self.provider());
        let found = outbox.journal.find(outbox.account(self.signer()), key).await.map_err(Error::Journal)?;
        let mut entry = found.ok_or_else(|| Error::UnknownKey { key: key.to_owned() })?;
        let is_over = match entry.outcome {
            Outcome::Open => false,
            Outcome::Mined { .. } => true,
            Outcome::Superseded { by } => other::is_mined(provider, by).await?,
        };
        if !is_over && !is_mined(provider, &entry).await? {
            outbox.sign_cancellation(provider, &mut entry, self.manner()).await?;
        }
        let signed = entry.transactions.clone();
        let receipt = outbox.follow(provider, entry, *self.manner()).await?;
        let told = Receipt::try_from(&receipt)?;
        match is_cancellation(provider, &signed, &receipt).await {
            Ok(true) => Ok(Cancelled::Certainly(told)),
            Ok(false) => Ok(Cancelled::TooLate(told)),
            Err(waiting) => Err(Error::Pending {
                transaction: receipt.transaction_hash,
                key: Some(key.to_owned()),
                waiting: Box::new(waiting),
            }),
        }
    }
}

impl Outbox {
    /// Replaces a write by a transfer of nothing from the account to itself.
    pub(super) async fn sign_cancellation<P: Provider + WalletProvider>(
        &self,
        provider: &P,
        entry: &mut Entry,
        manner: &Manner,
    ) -> Result<()> {
        if entry.is_cancelling()? {
            return Ok(());
        }
        let fees = match Fees::replacing(provider, entry, manner).await? {
            Ok(fees) => fees,
            Err(TooDear { needed, most }) => return Err(Error::CancelTooDear { needed, most }),
        };
        let address = entry.account.address;
        let call = TransactionRequest::default().with_from(address).with_to(address);
        let gas = provider.estimate_gas(call.clone()).await?;
        let call = call.with_gas_limit(gas).with_nonce(entry.nonce).with_chain_id(self.chain_id);
        let signed = fees.set(call).build(provider.wallet()).await;
        let signed = signed.map_err(|error| Error::Signing(error.to_string()))?.encoded_2718().into();
        self.journal.replace(entry.account, entry.nonce, &signed).await.map_err(Error::Journal)?;
        entry.transactions.push(signed);
        Ok(())
    }
}

impl Entry {
    /// Whether what is sent of it does nothing.
    pub(super) fn is_cancelling(&self) -> Result<bool> {
        let last = self.last()?;
        Ok(last.to() == Some(self.account.address) && last.input().is_empty())
    }

    /// Whether it was told as failed for certain, and is not to be done after all.
    pub(super) fn is_given_up(&self) -> bool {
        matches!(self.outcome, Outcome::Superseded { .. }) && !self.is_cancelling().unwrap_or_default()
    }
}

async fn is_mined<P: Provider>(provider: &P, entry: &Entry) -> Result<bool> {
    for transaction in &entry.transactions {
        let receipt = provider.get_transaction_receipt(keccak256(transaction)).await?;
        if receipt.is_some_and(|receipt| receipt.block_number.is_some()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a transaction did nothing but to take a nonce. A batch of the account's own code is a call to itself, too, but not an
/// empty one.
pub(crate) async fn is_cancellation<P: Provider>(
    provider: &P,
    signed: &[Bytes],
    receipt: &TransactionReceipt,
) -> Result<bool, Waiting> {
    if receipt.to != Some(receipt.from) {
        return Ok(false);
    }
    let hash = receipt.transaction_hash;
    let known = signed.iter().find(|signed| keccak256(signed) == hash).and_then(|signed| decode(signed).ok());
    if let Some(known) = known {
        return Ok(known.input().is_empty());
    }
    // Signed by another process since.
    let transaction = provider.get_transaction_by_hash(hash).await.map_err(Waiting::Node)?;
    transaction.map(|transaction| transaction.input().is_empty()).ok_or(Waiting::Block)
}
