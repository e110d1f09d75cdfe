//! What was signed, kept so that it is sent once.

mod file;
mod memory;
#[cfg(feature = "sql")]
mod sql;

use std::{error, fmt};

use alloy::primitives::{Address, B256, Bytes, ChainId, TxHash};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use file::FileJournal;
pub use memory::MemoryJournal;
#[cfg(feature = "sql")]
pub use sql::SqlJournal;

/// What can go wrong with a journal: whatever its storage says.
pub type JournalError = Box<dyn error::Error + Send + Sync>;

/// The result of what a journal does.
pub type JournalResult<T> = Result<T, JournalError>;

/// Where the writes of accounts are kept, so that each is done once: a nonce and a signed transaction stand for a write before
/// anybody is sent it, and the same bytes are sent again for as long as it takes.
///
/// What a method has returned from must outlive the process, as far as the journal promises anything beyond it. Several
/// processes may share one journal if [`Journal::insert`] is atomic among them, and [`Journal::replace`] loses none of two that
/// come at the same time.
///
/// A journal knows a chain by its id alone. A copy that goes by the id of another chain, as a fork for tests may, needs a journal of
/// its own: what is signed on either is good on the other, and who writes there next would send it. Nothing that is certain tells
/// the two apart, for they have all blocks in common but the last few, and those a reorganisation changes, too.
#[cfg_attr(target_family = "wasm", async_trait(?Send))]
#[cfg_attr(not(target_family = "wasm"), async_trait)]
pub trait Journal: fmt::Debug + Send + Sync {
    /// What stands for a key.
    async fn find(&self, account: Account, key: &str) -> JournalResult<Option<Entry>>;

    /// What stands for a nonce.
    async fn at(&self, account: Account, nonce: u64) -> JournalResult<Option<Entry>>;

    /// The first from a nonce on, as many as are asked for at most, in the order of nonces.
    async fn since(&self, account: Account, nonce: u64, most: usize) -> JournalResult<Vec<Entry>>;

    /// The highest nonce that was taken.
    async fn last_nonce(&self, account: Account) -> JournalResult<Option<u64>>;

    /// Adds an entry, unless its key or its nonce is taken; [`Inserted::KeyTaken`] if both are. After an error it may be there
    /// or not: the write is then pending, as [`Waiting::Journal`](crate::Waiting::Journal).
    async fn insert(&self, entry: &Entry) -> JournalResult<Inserted>;

    /// Adds a transaction to an entry, which replaces those before it.
    async fn replace(&self, account: Account, nonce: u64, transaction: &Bytes) -> JournalResult<()>;

    /// Says what became of an entry. Who comes late takes nothing back: `Mined` is replaced by another `Mined` alone, and `Open`
    /// changes nothing. That is for the safe side, for the chain is asked again about what was mined or superseded, and a
    /// reorganisation found there.
    async fn settle(&self, account: Account, nonce: u64, outcome: Outcome) -> JournalResult<()>;
}

/// Whose nonces these are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Account {
    /// The chain.
    pub chain_id: ChainId,
    /// The account.
    pub address: Address,
}

/// A write: one nonce of an account, and what was signed for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Whose nonce it is.
    pub account: Account,
    /// The nonce.
    pub nonce: u64,
    /// By what the write is known, if it may be repeated.
    pub key: Option<String>,
    /// What the key stands for: a hash of what was asked.
    pub intent: B256,
    /// The signed transactions of this nonce, as they are sent; each replaces those before it.
    pub transactions: Vec<Bytes>,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a write, as far as was known when it was last looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// Not known yet.
    Open,
    /// One of its transactions was mined.
    Mined {
        /// Which.
        transaction: TxHash,
        /// The block's number.
        block: u64,
        /// The block's hash.
        block_hash: B256,
    },
    /// Its nonce was taken by a transaction of somebody else who has the account's key, or one with the account's authorisation.
    Superseded {
        /// Which.
        by: TxHash,
    },
}

/// What became of an insertion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// It is there.
    New,
    /// There is another with its key.
    KeyTaken,
    /// There is another with its nonce.
    NonceTaken,
}

impl Outcome {
    /// Whether another is to be taken down in its place.
    fn gives_way_to(self, other: Self) -> bool {
        match other {
            Self::Open => false,
            Self::Mined { .. } => true,
            Self::Superseded { .. } => !matches!(self, Self::Mined { .. }),
        }
    }
}
