//! What is stuck is replaced with a higher fee, within bounds.

use std::time::Duration;

use alloy::{
    eips::eip2718::Encodable2718,
    network::NetworkTransactionBuilder,
    primitives::{Bytes, keccak256},
    providers::{Provider, WalletProvider},
    rpc::types::TransactionRequest,
};

use super::{
    Waiting,
    fees::{Fees, TooDear},
    follow::{Follower, LOOKED_AT},
};
use crate::{Error, Result, journal::Entry};

impl<P: Provider + WalletProvider> Follower<'_, P> {
    /// Takes in what others have signed for its nonce since: whoever repeats the write at the same time replaces it, too. Says
    /// whether there was any.
    pub(super) async fn read_again(&mut self) -> Result<bool> {
        let Entry { account, nonce, .. } = self.entry;
        let Some(entry) = self.outbox.journal.at(account, nonce).await.map_err(Error::Journal)? else {
            return Ok(false);
        };
        let before = self.hashes.len();
        self.hashes = entry.transactions.iter().map(keccak256).collect();
        self.entry.transactions = entry.transactions;
        Ok(self.hashes.len() > before)
    }

    /// Signs it again with a higher fee, as far as that is allowed, unless another is at it.
    pub(super) async fn replace(&mut self) -> Result<()> {
        let address = self.entry.account.address;
        if self.outbox.raised.begin(address, Duration::ZERO).is_err() {
            return Ok(());
        }
        let replaced = self.replace_alone().await;
        self.outbox.raised.end(address, ());
        replaced
    }

    async fn replace_alone(&mut self) -> Result<()> {
        if self.read_again().await? {
            return Ok(());
        }
        match self.raise(&self.entry).await? {
            Ok(signed) => {
                self.hashes.push(keccak256(&signed));
                self.entry.transactions.push(signed);
            }
            Err(TooDear { needed, most }) => self.waiting = Waiting::Fee { needed, most },
        }
        Ok(())
    }

    /// Replaces what comes first of the account, if that has been stuck for longer yet than whoever signed it would let it be:
    /// that process may be gone, and all others wait behind it.
    pub(super) async fn see_to(&mut self, nonce: u64) -> Result<()> {
        let account = self.entry.account;
        let found = self.outbox.journal.at(account, nonce).await.map_err(Error::Journal)?;
        let Some(mut entry) = found else { return Ok(()) };
        let since = self.outbox.ages.since(account.address, nonce, entry.transactions.len());
        if since.elapsed() < self.manner.replaced_after
            || self.outbox.raised.begin(account.address, LOOKED_AT).is_err()
        {
            return Ok(());
        }
        // What was signed is sent with all that comes before.
        let signed = if entry.is_given_up() {
            // A reorganisation took away what had its nonce, and the write is not to be done any more.
            match self.outbox.sign_cancellation(self.provider, &mut entry, &self.manner).await {
                Err(Error::CancelTooDear { needed, most }) => {
                    self.waiting = Waiting::Fee { needed, most };
                    Ok(())
                }
                signed => signed,
            }
        } else {
            self.raise(&entry).await.map(drop)
        };
        self.outbox.raised.end(account.address, ());
        signed
    }

    /// Signs an entry's transaction again with a higher fee, as far as that is allowed, and takes it down.
    async fn raise(&self, entry: &Entry) -> Result<Result<Bytes, TooDear>> {
        let fees = match Fees::replacing(self.provider, entry, &self.manner).await? {
            Ok(fees) => fees,
            Err(too_dear) => return Ok(Err(too_dear)),
        };
        let request = TransactionRequest::from_transaction_with_sender(entry.last()?, entry.account.address);
        let signed = fees.set(request).build(self.provider.wallet()).await;
        let signed: Bytes = signed.map_err(|error| Error::Signing(error.to_string()))?.encoded_2718().into();
        self.outbox.journal.replace(entry.account, entry.nonce, &signed).await.map_err(Error::Journal)?;
        Ok(Ok(signed))
    }
}
