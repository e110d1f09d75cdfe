//! Every write's way to the chain: a nonce and a signature, the journal, the node, and what becomes of it.

mod again;
mod ages;
mod cancel;
mod fees;
mod follow;
mod other;
mod prepare;
mod raise;
mod turns;
mod wait;

use std::{
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use alloy::{
    consensus::TxEnvelope,
    eips::eip2718::{Decodable2718, Encodable2718},
    network::{NetworkTransactionBuilder, TransactionBuilder},
    primitives::{Address, B256, Bytes, ChainId, TxHash, keccak256},
    providers::{Provider, WalletProvider},
    rpc::types::TransactionRequest,
};
use serde::Serialize;

use crate::{
    Error, Result,
    journal::{Account, Entry, Inserted, Journal, JournalError, MemoryJournal, Outcome},
};

pub use cancel::Cancelled;
pub(crate) use cancel::is_cancellation;
pub use wait::Waiting;

/// The writes of one chain's accounts: their nonces, and the journal of what was signed.
#[derive(Debug)]
pub(crate) struct Outbox {
    chain_id: ChainId,
    journal: Arc<dyn Journal>,
    /// The next nonce of each account that has written.
    turns: turns::Turns,
    fees: fees::FeeCache,
    most_gas: prepare::MostGas,
    /// Since when what waits has been sent.
    ages: ages::Ages,
    /// Who replaces what comes first, so that it is not by all who wait for it.
    raised: turns::ForAll<()>,
    /// Whether the node is known not to answer a transaction with its receipt.
    no_receipts: AtomicBool,
    /// Who has sent again what comes first, and the lowest nonce of which nothing was known then.
    sent_again: turns::ForAll<Option<u64>>,
}

/// How writes are sent and waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manner {
    /// How long a write is waited for.
    pub(crate) patience: Duration,
    /// In how many blocks, its own included, it must be.
    pub(crate) confirmations: u64,
    /// After how long in no block it is replaced with a higher fee.
    pub(crate) replaced_after: Duration,
    /// The most that is paid for a unit of gas, in wei.
    pub(crate) max_fee: Option<u128>,
    /// How many times its first offer a replacement pays at most, if no write pays as much anyway by then.
    pub(crate) max_raise: u32,
    /// The gas of writes that are not tried first.
    pub(crate) untried: Option<u64>,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            patience: Duration::from_secs(300),
            confirmations: 1,
            replaced_after: Duration::from_secs(45),
            max_fee: None,
            max_raise: 10,
            untried: None,
        }
    }
}

/// What a write is asked to do, so that a key is not used for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Intent(B256);

impl Intent {
    /// A call, by all of its bytes.
    pub(crate) fn of_call(call: &TransactionRequest) -> Self {
        let to = call.to.and_then(|kind| kind.to().copied()).unwrap_or_default();
        let value = call.value.unwrap_or_default();
        let input = call.input.input().cloned().unwrap_or_default();
        Self(keccak256([to.as_slice(), &value.to_be_bytes::<32>(), &input].concat()))
    }

    /// Whatever is asked in words.
    pub(crate) fn of(name: &str, asked: &impl Serialize) -> Result<Self> {
        let asked = serde_json::to_vec(asked).map_err(|error| Error::Journal(error.into()))?;
        Ok(Self(keccak256([name.as_bytes(), &[0], &asked].concat())))
    }

    /// The key of a step on the way to it.
    pub(crate) fn step_of(self, key: &str) -> String {
        format!("{key}#{}", self.0)
    }
}

impl Outbox {
    pub(crate) fn new(chain_id: ChainId) -> Self {
        Self::with_journal(chain_id, Arc::new(MemoryJournal::new()))
    }

    pub(crate) fn with_journal(chain_id: ChainId, journal: Arc<dyn Journal>) -> Self {
        Self {
            chain_id,
            journal,
            turns: turns::Turns::default(),
            fees: fees::FeeCache::default(),
            most_gas: prepare::MostGas::default(),
            ages: ages::Ages::default(),
            raised: turns::ForAll::default(),
            no_receipts: AtomicBool::new(false),
            sent_again: turns::ForAll::default(),
        }
    }

    fn account(&self, address: Address) -> Account {
        Account { chain_id: self.chain_id, address }
    }

    /// What stands for a key, whatever was asked.
    pub(crate) async fn entry(&self, address: Address, key: &str) -> Result<Option<Entry>> {
        self.journal.find(self.account(address), key).await.map_err(Error::Journal)
    }

    /// What stands for a key.
    pub(crate) async fn find(&self, address: Address, key: &str, intent: Intent) -> Result<Option<Entry>> {
        match self.entry(address, key).await? {
            Some(entry) if entry.intent != intent.0 => Err(Error::KeyReused { key: key.to_owned() }),
            found => Ok(found),
        }
    }

    /// Signs a call, which is complete but for its nonce, and takes it down. From then on it may happen, whatever becomes of
    /// the caller. Gives what stands for the key already, if that has come first.
    ///
    /// # Errors
    ///
    /// [`Error::Pending`] when the journal does not say whether it has it: then whoever writes next may send it.
    pub(crate) async fn sign<P: Provider + WalletProvider>(
        &self,
        provider: &P,
        call: TransactionRequest,
        from_nonce: u64,
        key: Option<&str>,
        intent: Intent,
    ) -> Result<Entry> {
        let address = call.from.unwrap_or_else(|| provider.default_signer_address());
        let account = self.account(address);
        let mut next = self.turns.take(address).await;
        let mut nonce = match *next {
            Some(nonce) => nonce.max(from_nonce),
            None => self.first_nonce(provider, account).await?.max(from_nonce),
        };
        loop {
            let request = call.clone().with_nonce(nonce).with_chain_id(self.chain_id);
            let signed =
                request.build(provider.wallet()).await.map_err(|error| Error::Signing(error.to_string()))?;
            let entry = Entry {
                account,
                nonce,
                key: key.map(str::to_owned),
                intent: intent.0,
                transactions: vec![signed.encoded_2718().into()],
                outcome: Outcome::Open,
            };
            let inserted = match self.journal.insert(&entry).await {
                Ok(inserted) => inserted,
                Err(error) => return self.look_for(entry, error).await,
            };
            match inserted {
                Inserted::New => {
                    *next = Some(nonce + 1);
                    return Ok(entry);
                }
                Inserted::KeyTaken => {
                    let key = key.unwrap_or_default();
                    let entry = self.find(address, key, intent).await?;
                    return entry.ok_or_else(|| Error::Journal("a key is taken by nothing".into()));
                }
                // By another process, and perhaps many more with it.
                Inserted::NonceTaken => {
                    let last = self.journal.last_nonce(account).await.map_err(Error::Journal)?;
                    nonce = last.unwrap_or_default().max(nonce) + 1;
                }
            }
        }
    }

    /// Looks for what a journal has perhaps taken down, though it has not said so. Without a key another's may look the same.
    async fn look_for(&self, entry: Entry, error: JournalError) -> Result<Entry> {
        let Entry { account, ref key, intent, .. } = entry;
        if let Some(key) = key
            && let Ok(Some(found)) = self.find(account.address, key, Intent(intent)).await
        {
            return Ok(found);
        }
        let waiting = Box::new(Waiting::Journal(error));
        Err(Error::Pending { transaction: entry.last_hash(), key: entry.key, waiting })
    }

    /// The nonce of an account's first write here: after all that the chain has, and all that the journal has.
    async fn first_nonce<P: Provider>(&self, provider: &P, account: Account) -> Result<u64> {
        let on_chain = provider.get_transaction_count(account.address).pending().await?;
        let last = self.journal.last_nonce(account).await.map_err(Error::Journal)?;
        Ok(last.map_or(on_chain, |last| on_chain.max(last + 1)))
    }
}

impl Entry {
    fn last_hash(&self) -> TxHash {
        self.transactions.last().map(keccak256).unwrap_or_default()
    }

    /// Its transaction that is sent.
    fn last(&self) -> Result<TxEnvelope> {
        decode(self.transactions.last().ok_or_else(no_transaction)?)
    }

    /// Its transaction that was sent first.
    fn first(&self) -> Result<TxEnvelope> {
        decode(self.transactions.first().ok_or_else(no_transaction)?)
    }

    /// The call that was signed.
    pub(crate) fn call(&self) -> Result<TransactionRequest> {
        let transaction = self.transactions.last().map(decode).transpose()?;
        let call = transaction.map(|transaction| {
            TransactionRequest::from_transaction_with_sender(transaction, self.account.address)
        });
        Ok(call.unwrap_or_default())
    }
}

fn no_transaction() -> Error {
    Error::Journal("an entry without a transaction".into())
}

/// A signed transaction, read from its bytes.
fn decode(transaction: &Bytes) -> Result<TxEnvelope> {
    TxEnvelope::decode_2718(&mut transaction.as_ref())
        .map_err(|error| Error::Journal(format!("a transaction that cannot be read: {error}").into()))
}
