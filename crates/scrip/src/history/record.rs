//! What a history tells: events with their places on the chain, and what a reorg removed.

use std::fmt;

use alloy::primitives::{B256, TxHash};
use serde::{Deserialize, Serialize};

use super::Cursor;
use crate::{Event, Terms};

/// A block, by its number and hash: one of a chain, and of no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BlockRef {
    /// Its number.
    pub number: u64,
    /// Its hash.
    pub hash: B256,
}

impl fmt::Display for BlockRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "block {} ({})", self.number, self.hash)
    }
}

/// The place of an event: it names one event of all that ever were, on whatever fork. Store what an event did under it, and
/// a [`Change::Removed`] names what to undo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Position {
    /// The block.
    pub block: BlockRef,
    /// The index of the log in the block.
    pub log: u64,
}

impl Position {
    /// What is told in this order.
    pub(crate) const fn order(&self) -> (u64, u64) {
        (self.block.number, self.log)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "log {} of {}", self.log, self.block)
    }
}

/// An event as it stands on the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Record {
    /// Where.
    pub position: Position,
    /// In which transaction.
    pub transaction: TxHash,
    /// The time of its block, in unix seconds.
    pub time: u64,
    /// What happened.
    pub event: Event,
    /// The terms of the plan, with [`Event::Created`] and only there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<Box<Terms>>,
}

/// What is new.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Change {
    /// An event happened.
    Happened(Box<Record>),
    /// The chain took back the event that was told with this position. The newest comes first, each exactly once, and all of
    /// them before anything that happened in their stead.
    Removed(Position),
    /// All that happened up to this block has been told. Comes after each reading, whether or not anything happened.
    Reached(BlockRef),
}

/// What is new, and where to go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Update {
    /// What is new.
    pub change: Change,
    /// Where [`History::from_cursor`](super::History::from_cursor) goes on once this has been dealt with.
    pub cursor: Cursor,
}
