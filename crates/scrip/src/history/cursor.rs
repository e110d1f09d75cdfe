//! Where a history is.

use std::{collections::VecDeque, fmt, str::FromStr};

use alloy::primitives::{Address, ChainId};
use serde::{Deserialize, Serialize};

use super::record::{BlockRef, Position};
use crate::{Error, Result};

/// Where a history is, to go on there later: after a restart, on another machine, through another endpoint.
///
/// It holds the last block that was told, and of the blocks within the window of reorgs those that told something, with the
/// indices of the logs that they told. So the first thing that is told from a cursor is what a reorg has removed in between:
/// by position and not as a whole, since a node forgets the logs of a block that it has dropped, and a cursor that held them would
/// be as large as a window of traffic, in each write of it. It is a few hundred bytes where little happens, and takes about a
/// hundred for each block within the window that told something.
///
/// Its JSON, which is also how it is printed and parsed, stays readable for later versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Cursor {
    pub(crate) chain_id: ChainId,
    pub(crate) contract: Address,
    /// Taken to be there for ever. What was told up to here is not known any more.
    floor: BlockRef,
    /// Blocks above the floor, the oldest first, and which of their logs were told.
    trail: VecDeque<Trace>,
    /// The last block of which something was told.
    at: BlockRef,
    /// Whether all of that block was told.
    whole: bool,
}

/// A block, and what was told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Trace {
    #[serde(flatten)]
    block: BlockRef,
    /// The indices of its logs that were told.
    logs: Vec<u64>,
}

/// A cursor as it is written.
#[derive(Serialize, Deserialize)]
struct Written {
    version: u32,
    chain: ChainId,
    contract: Address,
    floor: BlockRef,
    told: VecDeque<Trace>,
    at: BlockRef,
    whole: bool,
}

const VERSION: u32 = 1;

impl Cursor {
    /// Before anything that comes after a block.
    pub(crate) fn after(chain_id: ChainId, contract: Address, block: BlockRef) -> Self {
        Self { chain_id, contract, floor: block, trail: VecDeque::new(), at: block, whole: true }
    }

    /// The last block of which something was told. Above it all is still to come, and below it nothing is.
    pub const fn block(&self) -> BlockRef {
        self.at
    }

    /// Whether all of that block was told.
    pub const fn is_whole(&self) -> bool {
        self.whole
    }

    /// Up to where nothing can be marked as removed any more: a reorg from below this block is an error.
    pub const fn floor(&self) -> BlockRef {
        self.floor
    }

    /// The index of the last log of the last block that was told.
    pub(crate) fn last_log(&self) -> Option<u64> {
        self.trail.back().filter(|trace| trace.block == self.at)?.logs.last().copied()
    }

    /// The highest known block that is not above a number.
    pub(crate) fn known_up_to(&self, number: u64) -> Option<BlockRef> {
        let trail = self.trail.iter().rev().map(|trace| trace.block);
        [self.at].into_iter().chain(trail).chain([self.floor]).find(|block| block.number <= number)
    }

    /// The known blocks below a number, the highest first; the floor is the last.
    pub(crate) fn known_below(&self, number: u64) -> impl Iterator<Item = BlockRef> {
        let trail = self.trail.iter().rev().map(|trace| trace.block);
        trail.chain([self.floor]).filter(move |block| block.number < number)
    }

    /// All that was told above a block, the newest first.
    pub(crate) fn told_above(&self, number: u64) -> impl Iterator<Item = Position> {
        let above = self.trail.iter().rev().take_while(move |trace| trace.block.number > number);
        above.flat_map(|trace| trace.logs.iter().rev().map(|log| Position { block: trace.block, log: *log }))
    }

    /// An event was told.
    pub(crate) fn tell(&mut self, position: Position) {
        match self.trail.back_mut().filter(|trace| trace.block == position.block) {
            Some(trace) => trace.logs.push(position.log),
            None => self.trail.push_back(Trace { block: position.block, logs: vec![position.log] }),
        }
        (self.at, self.whole) = (position.block, false);
    }

    /// All of a block was told.
    pub(crate) fn pass(&mut self, block: BlockRef) {
        if self.trail.back().is_none_or(|trace| trace.block != block) && block != self.floor {
            self.trail.push_back(Trace { block, logs: Vec::new() });
        }
        (self.at, self.whole) = (block, true);
    }

    /// The removal of the last event that was told.
    pub(crate) fn untell(&mut self, position: Position) {
        while self.trail.back().is_some_and(|trace| trace.block != position.block) {
            self.trail.pop_back();
        }
        let Some(trace) = self.trail.back_mut() else { return };
        trace.logs.pop();
        if trace.logs.is_empty() {
            self.trail.pop_back();
            let below = self.trail.back().map_or(self.floor, |trace| trace.block);
            (self.at, self.whole) = (below, true);
        } else {
            (self.at, self.whole) = (position.block, false);
        }
    }

    /// Nothing above a known block was told any more.
    pub(crate) fn rewind(&mut self, block: BlockRef) {
        while self.trail.back().is_some_and(|trace| trace.block.number > block.number) {
            self.trail.pop_back();
        }
        (self.at, self.whole) = (block, true);
    }

    /// Forgets what was told up to a number: the floor becomes the highest known block that is not above it.
    pub(crate) fn forget(&mut self, number: u64) {
        let (at, whole) = (self.at, self.whole);
        let is_old = |trace: &&mut Trace| trace.block.number <= number && (whole || trace.block != at);
        while let Some(trace) = self.trail.front_mut().filter(is_old) {
            self.floor = trace.block;
            self.trail.pop_front();
        }
    }

    /// What is handed out: without the blocks that told nothing.
    pub(crate) fn without_quiet_blocks(&self) -> Self {
        let trail = self.trail.iter().filter(|trace| !trace.logs.is_empty()).cloned().collect();
        Self { trail, ..*self }
    }

    /// Makes sure that it is of this contract.
    pub(crate) fn check(&self, chain_id: ChainId, contract: Address) -> Result<()> {
        if (self.chain_id, self.contract) == (chain_id, contract) {
            return Ok(());
        }
        let Self { chain_id: told_chain, contract: told_contract, .. } = *self;
        Err(Error::OtherCursor { told_chain, told_contract, chain_id, contract })
    }
}

impl From<Cursor> for Written {
    fn from(cursor: Cursor) -> Self {
        let Cursor { chain_id: chain, contract, floor, trail: told, at, whole } = cursor;
        Self { version: VERSION, chain, contract, floor, told, at, whole }
    }
}

impl TryFrom<Written> for Cursor {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written { version, chain: chain_id, contract, floor, told: trail, at, whole } = written;
        if version != VERSION {
            return Err(format!("version {version}, where this client knows {VERSION}"));
        }
        let numbers = || trail.iter().map(|trace| trace.block.number);
        let rises = [floor.number].into_iter().chain(numbers()).is_sorted_by(|one, next| one < next);
        let ends = at.number >= numbers().next_back().unwrap_or(floor.number);
        if !rises || !ends || trail.iter().any(|trace| trace.logs.is_empty()) {
            return Err("its blocks are not in order".to_owned());
        }
        Ok(Self { chain_id, contract, floor, trail, at, whole })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| Error::InvalidCursor(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::B256;

    use super::*;

    fn block(number: u8) -> BlockRef {
        BlockRef { number: number.into(), hash: B256::repeat_byte(number) }
    }

    fn cursor() -> Cursor {
        let mut cursor = Cursor::after(31_337, Address::repeat_byte(1), block(4));
        cursor.pass(block(5));
        for log in [0, 2] {
            cursor.tell(Position { block: block(6), log });
        }
        cursor.pass(block(6));
        cursor.pass(block(7));
        cursor.tell(Position { block: block(8), log: 1 });
        cursor
    }

    fn told(cursor: &Cursor) -> Vec<(u64, u64)> {
        cursor.told_above(0).map(|position| position.order()).collect()
    }

    #[test]
    fn it_is_written_small_and_read_back() {
        let cursor = cursor().without_quiet_blocks();
        let hash = |byte: u8| B256::repeat_byte(byte);
        let expected = serde_json::json!({
            "version": 1, "chain": 31_337, "contract": Address::repeat_byte(1),
            "floor": { "number": 4, "hash": hash(4) },
            "told": [
                { "number": 6, "hash": hash(6), "logs": [0, 2] },
                { "number": 8, "hash": hash(8), "logs": [1] },
            ],
            "at": { "number": 8, "hash": hash(8) }, "whole": false,
        });
        assert_eq!(serde_json::to_value(&cursor).unwrap(), expected, "the format is kept for later versions");
        assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        let good = cursor().without_quiet_blocks().to_string();
        let refused = |from: &str, to: &str| {
            let text = good.replace(from, to);
            assert_ne!(text, good);
            text.parse::<Cursor>().unwrap_err().to_string()
        };
        assert!(refused("\"version\":1", "\"version\":2").contains("version 2, where this client knows 1"));
        assert!(refused("\"number\":6", "\"number\":9").contains("not in order"));
        assert!(refused("[0,2]", "[]").contains("not in order"));
        assert!(refused("\"at\":", "\"to\":").contains("no cursor"));
    }

    #[test]
    fn what_was_told_is_taken_back_in_reverse() {
        let mut cursor = cursor();
        assert_eq!(told(&cursor), [(8, 1), (6, 2), (6, 0)]);
        assert_eq!(cursor.known_below(8).map(|block| block.number).collect::<Vec<_>>(), [7, 6, 5, 4]);
        assert_eq!(cursor.known_up_to(7), Some(block(7)));
        assert_eq!(cursor.known_up_to(3), None);
        assert_eq!((cursor.last_log(), cursor.is_whole()), (Some(1), false));

        cursor.untell(Position { block: block(8), log: 1 });
        assert_eq!((cursor.block(), cursor.is_whole()), (block(7), true));
        cursor.untell(Position { block: block(6), log: 2 });
        assert_eq!((cursor.block(), cursor.is_whole(), cursor.last_log()), (block(6), false, Some(0)));
        cursor.untell(Position { block: block(6), log: 0 });
        assert_eq!((cursor.block(), cursor.is_whole()), (block(5), true));
        cursor.rewind(block(4));
        assert_eq!((cursor.block(), told(&cursor)), (block(4), vec![]));
    }

    #[test]
    fn what_is_old_is_forgotten_but_never_a_block_half_told() {
        let mut cursor = cursor();
        cursor.forget(5);
        assert_eq!((cursor.floor(), told(&cursor).len()), (block(5), 3));
        cursor.forget(100);
        assert_eq!((cursor.floor(), told(&cursor)), (block(7), vec![(8, 1)]));
        cursor.pass(block(8));
        cursor.forget(100);
        assert_eq!((cursor.floor(), cursor.block(), told(&cursor)), (block(8), block(8), vec![]));
    }
}
