//! From a signed transaction to what became of it.

use std::{future::IntoFuture, pin::pin, sync::atomic::Ordering, time::Duration};

use alloy::{
    consensus::Transaction,
    eips::eip2718::Encodable2718,
    network::{NetworkTransactionBuilder, TransactionResponse},
    primitives::{Address, Bytes, TxHash, keccak256},
    providers::{Provider, WalletProvider},
    rpc::types::{TransactionReceipt, TransactionRequest},
};
use futures_util::future::{Either, select};

use super::{Manner, Outbox, Waiting, decode, prepare::Fees};
use crate::{
    Error, Result,
    clock::{Instant, sleep},
    journal::{Entry, Outcome},
};

/// How often a transaction is sent again, and what may be in its way is looked at, while it is in no block.
pub(super) const LOOKED_AT: Duration = Duration::from_secs(1);

/// How often it is sent again to a node that refuses it. Nobody else has it then, but it may still be sent.
const REFUSALS: u32 = 4;

/// JSON-RPC's code for a method that a node does not have.
const METHOD_NOT_FOUND: i64 = -32601;

/// A write's way to the end.
struct Follower<'a, P> {
    outbox: &'a Outbox,
    provider: &'a P,
    manner: Manner,
    entry: Entry,
    hashes: Vec<TxHash>,
    /// What the journal says of it.
    taken_down: Outcome,
    /// What comes first of the account, with how many transactions, and since when it has been so.
    first: Option<(u64, usize, Instant)>,
    /// When its last transaction was first sent by this process.
    since: Instant,
    looked_at: Option<Instant>,
    waiting: Waiting,
    /// How many times in a row a node has refused it that does not know it.
    refusals: u32,
}

impl Outbox {
    /// Sends a write's transaction, again and again, and with a higher fee if it must be, until a block has it that is deep
    /// enough.
    ///
    /// # Errors
    ///
    /// [`Error::Superseded`] for certain, and [`Error::Pending`] when patience ends before that is known.
    pub(crate) async fn follow<P: Provider + WalletProvider>(
        &self,
        provider: &P,
        entry: Entry,
        manner: Manner,
    ) -> Result<TransactionReceipt> {
        if let Outcome::Superseded { by } = entry.outcome {
            return Err(superseded(&entry, by));
        }
        let hashes = entry.transactions.iter().map(keccak256).collect();
        let now = Instant::now();
        let mut follower = Follower {
            outbox: self,
            provider,
            manner,
            taken_down: entry.outcome,
            first: None,
            entry,
            hashes,
            since: now,
            looked_at: None,
            waiting: Waiting::Block,
            refusals: 0,
        };
        if let Outcome::Mined { block, .. } = follower.entry.outcome {
            follower.waiting = Waiting::TakenBack { block };
        }
        let poll = provider.client().poll_interval();
        loop {
            // A node may take a question and never answer. What is put aside here the journal has.
            let left = manner.patience.saturating_sub(now.elapsed()).max(LOOKED_AT);
            let step = match select(pin!(follower.step()), pin!(sleep(left))).await {
                Either::Left((step, _)) => step,
                Either::Right(_) => Ok(None),
            };
            match step {
                Ok(Some(receipt)) => return Ok(receipt),
                Ok(None) => {}
                Err(error @ Error::Superseded { .. }) => return Err(error),
                Err(Error::Transport(error)) => follower.waiting = Waiting::Node(error),
                // It is sent: what cannot be done now, a replacement or a look into the journal, is tried again.
                Err(error) => tracing::warn!(%error, nonce = follower.entry.nonce, "a write is in trouble"),
            }
            if now.elapsed() >= manner.patience || follower.refusals >= REFUSALS {
                let Follower { entry, waiting, .. } = follower;
                return Err(Error::Pending {
                    transaction: last_hash(&entry),
                    key: entry.key,
                    waiting: Box::new(waiting),
                });
            }
            sleep(poll).await;
        }
    }
}

impl<P: Provider + WalletProvider> Follower<'_, P> {
    async fn step(&mut self) -> Result<Option<TransactionReceipt>> {
        // What is new is sent before it is looked for; what was known before may be done.
        let known = self.entry.outcome != Outcome::Open;
        if self.looked_at.is_none() && !known {
            self.looked_at = Some(Instant::now());
            if let Some(receipt) = self.send_first().await {
                return self.judge(receipt).await;
            }
        }
        if let Some(receipt) = self.receipt().await? {
            return self.judge(receipt).await;
        }
        if let Outcome::Mined { block, .. } = self.entry.outcome {
            self.taken_back(block);
        }
        if self.looked_at.is_none_or(|then| then.elapsed() >= LOOKED_AT) {
            self.looked_at = Some(Instant::now());
            self.look().await?;
        }
        Ok(None)
    }

    /// Sends it for the first time. A write that is not tried has the node answer with the receipt (EIP-7966), where it can: one
    /// request instead of two or more.
    async fn send_first(&mut self) -> Option<TransactionReceipt> {
        let known_not_to = self.outbox.no_receipts.load(Ordering::Relaxed);
        if self.manner.untried.is_none() || known_not_to {
            self.send().await;
            return None;
        }
        let transaction = self.entry.transactions.last()?;
        let answer = self.provider.client().request("eth_sendRawTransactionSync", (transaction,));
        // However long it takes the node: others may come first that it has yet to be sent again.
        let answer = match select(pin!(answer.into_future()), pin!(sleep(LOOKED_AT))).await {
            Either::Left((answer, _)) => answer,
            Either::Right(_) => return None,
        };
        match answer {
            Ok(receipt) => Some(receipt).filter(|receipt| self.is_ours(receipt)),
            Err(error) => {
                if error.as_error_resp().is_some_and(|answer| answer.code == METHOD_NOT_FOUND) {
                    self.outbox.no_receipts.store(true, Ordering::Relaxed);
                    self.send().await;
                } else {
                    self.waiting = Waiting::Node(error);
                }
                None
            }
        }
    }

    /// Whether a receipt is that of one of its transactions, mined.
    fn is_ours(&self, receipt: &TransactionReceipt) -> bool {
        self.hashes.contains(&receipt.transaction_hash) && receipt.block_number.is_some()
    }

    /// Sends the last transaction. Whatever a node answers, it may have taken it; the chain says.
    async fn send(&mut self) {
        let Some(transaction) = self.entry.transactions.last() else { return };
        let Err(error) = self.provider.send_raw_transaction(transaction).await else { return };
        let refused = error.is_error_resp();
        self.waiting = Waiting::Node(error);
        if refused && let Ok(known) = self.provider.get_transaction_by_hash(keccak256(transaction)).await {
            self.refusals = if known.is_none() { self.refusals + 1 } else { 0 };
            if known.is_some() {
                self.waiting = Waiting::Block;
            }
        }
    }

    /// The receipt of whichever of its transactions was mined.
    async fn receipt(&self) -> Result<Option<TransactionReceipt>> {
        for &hash in self.hashes.iter().rev() {
            let receipt = self.provider.get_transaction_receipt(hash).await?;
            if let Some(receipt) = receipt.filter(|receipt| self.is_ours(receipt)) {
                return Ok(Some(receipt));
            }
        }
        Ok(None)
    }

    /// Whether a receipt is deep enough.
    async fn judge(&mut self, receipt: TransactionReceipt) -> Result<Option<TransactionReceipt>> {
        let (Some(block), Some(block_hash)) = (receipt.block_number, receipt.block_hash) else {
            return Ok(None);
        };
        let outcome = Outcome::Mined { transaction: receipt.transaction_hash, block, block_hash };
        let needed = self.manner.confirmations;
        if needed > 1 {
            let depth = (self.provider.get_block_number().await? + 1).saturating_sub(block);
            if depth < needed {
                if matches!(self.entry.outcome, Outcome::Mined { block_hash: before, .. } if before != block_hash)
                {
                    self.taken_back(block);
                }
                self.entry.outcome = outcome;
                self.waiting = Waiting::Confirmations { depth, needed };
                return Ok(None);
            }
        }
        self.settle(outcome).await;
        Ok(Some(receipt))
    }

    fn taken_back(&mut self, block: u64) {
        tracing::warn!(transaction = %last_hash(&self.entry), block, "a reorganisation took a write back; it is sent again");
        self.entry.outcome = Outcome::Open;
        self.waiting = Waiting::TakenBack { block };
    }

    /// Takes down what became of it. If that fails, the chain says so again.
    async fn settle(&self, outcome: Outcome) {
        if self.taken_down == outcome {
            return;
        }
        let Entry { account, nonce, .. } = self.entry;
        if let Err(error) = self.outbox.journal.settle(account, nonce, outcome).await {
            tracing::warn!(%error, nonce, "the journal did not take down what became of a write");
        }
    }

    /// Looks what is in its way while no block has it.
    async fn look(&mut self) -> Result<()> {
        let Entry { account, nonce, .. } = self.entry;
        let count = self.provider.get_transaction_count(account.address).await?;
        if count > nonce {
            return self.find_other(account.address, nonce).await;
        }
        if count < nonce && self.since.elapsed() >= self.manner.replaced_after {
            self.see_to(count).await?;
        }
        if count < nonce
            && let Some(missing) = self.outbox.send_again(self.provider, account, count).await?
            && missing < nonce
        {
            self.waiting = Waiting::EarlierNonce { missing };
        }
        if count == nonce && self.since.elapsed() >= self.manner.replaced_after {
            self.replace().await?;
        }
        self.send().await;
        Ok(())
    }

    /// Takes in what others have signed for its nonce since: whoever repeats the write at the same time replaces it, too. Says
    /// whether there was any.
    async fn read_again(&mut self) -> Result<bool> {
        let Entry { account, nonce, .. } = self.entry;
        let journal = &self.outbox.journal;
        let entry = match &self.entry.key {
            Some(key) => journal.find(account, key).await,
            None => journal.since(account, nonce).await.map(|entries| entries.into_iter().next()),
        };
        let Some(entry) = entry.map_err(Error::Journal)?.filter(|entry| entry.nonce == nonce) else {
            return Ok(false);
        };
        let before = self.hashes.len();
        self.hashes = entry.transactions.iter().map(keccak256).collect();
        self.entry.transactions = entry.transactions;
        Ok(self.hashes.len() > before)
    }

    /// Signs it again with a higher fee, as far as that is allowed.
    async fn replace(&mut self) -> Result<()> {
        if self.read_again().await? {
            self.since = Instant::now();
            return Ok(());
        }
        if let Some(signed) = self.raise(&self.entry).await? {
            self.hashes.push(keccak256(&signed));
            self.entry.transactions.push(signed);
            self.since = Instant::now();
        }
        Ok(())
    }

    /// Replaces what comes first of the account, if that has been stuck for longer yet than whoever signed it would let it be:
    /// that process may be gone, and all others wait behind it.
    async fn see_to(&mut self, nonce: u64) -> Result<()> {
        let journal = &self.outbox.journal;
        let _one_at_a_time = self.outbox.raising.lock().await;
        let entries = journal.since(self.entry.account, nonce).await.map_err(Error::Journal)?;
        let Some(entry) = entries.into_iter().next().filter(|entry| entry.nonce == nonce) else {
            return Ok(());
        };
        let transactions = entry.transactions.len();
        let since = match self.first {
            Some((first, count, since)) if (first, count) == (nonce, transactions) => since,
            _ => Instant::now(),
        };
        self.first = Some((nonce, transactions, since));
        if since.elapsed() >= self.manner.replaced_after {
            // What was signed is sent with all that comes before.
            self.raise(&entry).await?;
        }
        Ok(())
    }

    /// Signs an entry's transaction again with a higher fee, as far as that is allowed, and takes it down.
    async fn raise(&self, entry: &Entry) -> Result<Option<Bytes>> {
        let Some(last) = entry.transactions.last() else { return Ok(None) };
        let last = decode(last)?;
        let fees = Fees::above(&last, Fees::of(self.provider).await?);
        if self.manner.max_fee.is_some_and(|most| fees.most() > most) {
            return Ok(None);
        }
        let request = TransactionRequest::from_transaction_with_sender(last, entry.account.address);
        let signed = fees.set(request).build(self.provider.wallet()).await;
        let signed: Bytes = signed.map_err(|error| Error::Signing(error.to_string()))?.encoded_2718().into();
        self.outbox.journal.replace(entry.account, entry.nonce, &signed).await.map_err(Error::Journal)?;
        Ok(Some(signed))
    }

    /// The nonce is used, but not by a transaction that a receipt is known of: finds the block that used it, so that nothing
    /// is believed which a lagging node leaves out.
    async fn find_other(&mut self, address: Address, nonce: u64) -> Result<()> {
        self.read_again().await?;
        let head = self.provider.get_block_number().await?;
        let used = async |block: u64| -> Result<bool> {
            Ok(self.provider.get_transaction_count(address).number(block).await? > nonce)
        };
        // The first block after which it is used lies above `before`.
        let (mut before, mut after, mut step) = (head, head, 1);
        while used(before).await? {
            if before == 0 {
                return Ok(());
            }
            after = before;
            before = before.saturating_sub(step);
            step *= 2;
        }
        while after - before > 1 {
            let middle = before + (after - before) / 2;
            if used(middle).await? {
                after = middle;
            } else {
                before = middle;
            }
        }
        let Some(block) = self.provider.get_block_by_number(after.into()).full().await? else {
            return Ok(());
        };
        let mut transactions = block.transactions.into_transactions();
        let other =
            transactions.find(|other| TransactionResponse::from(other) == address && other.nonce() == nonce);
        let Some(by) = other.map(|other| other.tx_hash()) else { return Ok(()) };
        if self.hashes.contains(&by) {
            return Ok(());
        }
        // Who else waits for it, or cancels it, may have replaced it.
        let Entry { account, nonce, .. } = self.entry;
        let known = self.outbox.journal.since(account, nonce).await.map_err(Error::Journal)?;
        if let Some(known) = known.into_iter().next().filter(|known| known.nonce == nonce) {
            self.hashes = known.transactions.iter().map(keccak256).collect();
            self.entry.transactions = known.transactions;
            if self.hashes.contains(&by) {
                return Ok(());
            }
        }
        let depth = (head + 1).saturating_sub(after);
        if depth < self.manner.confirmations {
            self.waiting = Waiting::Certainty { by };
            return Ok(());
        }
        self.settle(Outcome::Superseded { by }).await;
        Err(superseded(&self.entry, by))
    }
}

fn last_hash(entry: &Entry) -> TxHash {
    entry.transactions.last().map(keccak256).unwrap_or_default()
}

fn superseded(entry: &Entry, by: TxHash) -> Error {
    Error::Superseded { transaction: last_hash(entry), nonce: entry.nonce, by }
}
