//! From a signed transaction to what became of it.

use std::{future::IntoFuture, pin::pin, sync::atomic::Ordering, time::Duration};

use alloy::{
    primitives::{TxHash, keccak256},
    providers::{Provider, WalletProvider},
    rpc::types::TransactionReceipt,
};
use futures_util::future::{Either, select};

use super::{Manner, Outbox, Waiting, other};
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
pub(super) struct Follower<'a, P> {
    pub(super) outbox: &'a Outbox,
    pub(super) provider: &'a P,
    pub(super) manner: Manner,
    pub(super) entry: Entry,
    pub(super) hashes: Vec<TxHash>,
    /// What the journal says of it.
    taken_down: Outcome,
    looked_at: Option<Instant>,
    pub(super) waiting: Waiting,
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
        let hashes = entry.transactions.iter().map(keccak256).collect();
        let now = Instant::now();
        let mut follower = Follower {
            outbox: self,
            provider,
            manner,
            taken_down: entry.outcome,
            entry,
            hashes,
            looked_at: None,
            waiting: Waiting::Block,
            refusals: 0,
        };
        // From now on, if nobody has sent it before.
        follower.age();
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
                    transaction: entry.last_hash(),
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
        // What is new is sent before it is looked for; what was known before may be done, or stuck.
        let is_new = self.entry.outcome == Outcome::Open && self.age() < LOOKED_AT;
        if self.looked_at.is_none() && is_new {
            self.looked_at = Some(Instant::now());
            if let Some(receipt) = self.send_first().await {
                return self.judge(receipt).await;
            }
        }
        if let Some(receipt) = self.receipt().await? {
            return self.judge(receipt).await;
        }
        match self.entry.outcome {
            Outcome::Open => {}
            Outcome::Mined { block, .. } => self.taken_back(block),
            Outcome::Superseded { by } if other::is_mined(self.provider, by).await? => {
                return Err(self.superseded(by));
            }
            Outcome::Superseded { by } => {
                tracing::warn!(%by, "a reorganisation took away what had a write's nonce; the write is sent again");
                self.entry.outcome = Outcome::Open;
            }
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
        if error.is_error_resp()
            && let Ok(known) = self.provider.get_transaction_by_hash(keccak256(transaction)).await
        {
            self.refusals = if known.is_none() { self.refusals + 1 } else { 0 };
            if known.is_some() {
                // It had it already.
                if matches!(self.waiting, Waiting::Node(_)) {
                    self.waiting = Waiting::Block;
                }
                return;
            }
        }
        self.waiting = Waiting::Node(error);
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
        tracing::warn!(transaction = %self.entry.last_hash(), block, "a reorganisation took a write back; it is sent again");
        self.entry.outcome = Outcome::Open;
        self.waiting = Waiting::TakenBack { block };
    }

    /// Takes down what became of it. If that fails, the chain says so again.
    pub(super) async fn settle(&self, outcome: Outcome) {
        let Entry { account, nonce, .. } = self.entry;
        self.outbox.ages.forget(account.address, nonce);
        if self.taken_down == outcome {
            return;
        }
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
        let is_stuck = self.age() >= self.manner.replaced_after;
        let mut replaced = Ok(());
        if count < nonce && is_stuck {
            replaced = self.see_to(count).await;
        }
        if count < nonce
            && let Some(missing) = self.outbox.send_again(self.provider, account, count).await?
            && missing < nonce
        {
            self.waiting = Waiting::EarlierNonce { missing };
        }
        if count == nonce && is_stuck {
            replaced = self.replace().await;
        }
        // What is there is sent again, whether or not it can be replaced.
        self.send().await;
        replaced
    }

    /// For how long this process has sent its last transaction.
    fn age(&self) -> Duration {
        let Entry { account, nonce, .. } = self.entry;
        self.outbox.ages.since(account.address, nonce, self.hashes.len()).elapsed()
    }

    pub(super) fn superseded(&self, by: TxHash) -> Error {
        Error::Superseded { transaction: self.entry.last_hash(), nonce: self.entry.nonce, by }
    }
}
