//! How a chain is followed.

use std::collections::VecDeque;

use alloy::{eips::BlockNumberOrTag, providers::Provider};

use super::{
    Depth, History,
    cursor::Cursor,
    reader::{self, Header, header},
    record::{BlockRef, Change, Position, Record, Update},
    span::Span,
};
use crate::{Error, Result};

/// How many blocks are read at once by their hashes.
const RECENT_AT_ONCE: u64 = 32;

/// How often in a row a node may have told a block and then not know it.
const PATIENCE: u32 = 10;

/// What is to be told next, or to be noted between.
#[derive(Debug)]
enum Step {
    Happened(Box<Record>),
    /// All of a block was told.
    Passed(BlockRef),
    Removed(Position),
    /// All that was told above a block was removed.
    Rewound(BlockRef),
    Reached(BlockRef),
}

/// What came of looking at the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// There are steps, or more can be read at once.
    News,
    /// There is nothing before the chain has grown, or the node has caught up with itself.
    Nothing,
}

/// A history on its way.
#[derive(Debug)]
pub(crate) struct Follower<'a, P> {
    history: History<'a, P>,
    /// What was told; none before the first look.
    cursor: Option<Cursor>,
    /// What was read and not told yet.
    steps: VecDeque<Step>,
    span: Span,
    /// The number of the newest block that was seen.
    newest: u64,
    /// The newest block when there was last nothing to tell: as long as it stays, there is nothing to look for.
    quiet: Option<BlockRef>,
    /// How often in a row a block was there and its logs were not.
    stumbles: u32,
    /// Whether the last look found nothing.
    idle: bool,
    ended: bool,
    /// Whether it was told how far it has come, which is of interest even if nothing is new.
    has_reached: bool,
    /// Whether it was found that what the cursor holds is still on the chain.
    checked: bool,
}

impl<'a, P: Provider> Follower<'a, P> {
    pub(crate) fn new(history: History<'a, P>) -> Self {
        Self {
            cursor: history.cursor.clone(),
            steps: VecDeque::new(),
            span: Span::new(history.range),
            newest: 0,
            quiet: None,
            stumbles: 0,
            idle: false,
            ended: false,
            has_reached: false,
            checked: false,
            history,
        }
    }

    /// What is new. After an error it goes on where it was, unless nothing more can come.
    pub(crate) async fn next(&mut self) -> Option<Result<Update>> {
        loop {
            if let Some(update) = self.step() {
                return Some(Ok(update));
            }
            if self.ended || self.is_done() {
                return None;
            }
            if self.idle {
                crate::clock::sleep(self.history.interval()).await;
            }
            match self.look().await {
                Ok(look) => self.idle = look == Look::Nothing,
                Err(error) => {
                    self.idle = true;
                    self.ended = matches!(error, Error::ReorgTooDeep { .. } | Error::OtherCursor { .. });
                    return Some(Err(error));
                }
            }
        }
    }

    /// Where it is, once something was read.
    pub(crate) fn cursor(&self) -> Option<Cursor> {
        self.cursor.as_ref().map(Cursor::without_quiet_blocks)
    }

    /// Sets the end, if there is none, to the highest block that can be told now.
    pub(crate) async fn set_end(&mut self) -> Result<()> {
        if self.history.until.is_none() {
            let newest = self.newest().await?.ok_or(Error::UnexpectedAnswer("no block of that depth"))?;
            self.history.until = newest.block.number.checked_sub(self.history.depth.blocks()).or(Some(0));
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        let (Some(until), Some(cursor)) = (self.history.until, &self.cursor) else { return false };
        self.checked && cursor.is_whole() && cursor.block().number >= until
    }

    /// Takes steps until there is something to tell.
    fn step(&mut self) -> Option<Update> {
        let cursor = self.cursor.as_mut()?;
        let keeps = self.newest.saturating_sub(self.history.window);
        let change = loop {
            match self.steps.pop_front()? {
                Step::Happened(record) => {
                    cursor.tell(record.position);
                    break Change::Happened(record);
                }
                Step::Removed(position) => {
                    cursor.untell(position);
                    break Change::Removed(position);
                }
                Step::Reached(block) => {
                    self.has_reached = true;
                    break Change::Reached(block);
                }
                Step::Passed(block) => cursor.pass(block),
                Step::Rewound(block) => cursor.rewind(block),
            }
        };
        // So that the cursor with the last event of a block has left the block behind.
        while let Some(Step::Passed(block) | Step::Rewound(block)) = self.steps.front() {
            match self.steps.front() {
                Some(Step::Passed(_)) => cursor.pass(*block),
                _ => cursor.rewind(*block),
            }
            self.steps.pop_front();
        }
        cursor.forget(keeps);
        Some(Update { change, cursor: cursor.without_quiet_blocks() })
    }

    /// The newest block that counts: of a tag that block, else the tip of the chain.
    async fn newest(&self) -> Result<Option<Header>> {
        let tag = match self.history.depth {
            Depth::Blocks(_) => BlockNumberOrTag::Latest,
            Depth::Safe => BlockNumberOrTag::Safe,
            Depth::Finalized => BlockNumberOrTag::Finalized,
        };
        header(self.history.provider(), tag).await
    }

    /// Looks at the chain: first whether what was told is still there, then for more.
    async fn look(&mut self) -> Result<Look> {
        let Some(cursor) = self.start().await? else { return Ok(Look::Nothing) };
        let Some(newest) = self.newest().await? else { return Ok(Look::Nothing) };
        let newest = newest.block;
        let target = newest.number.saturating_sub(self.history.depth.blocks());
        let target = target.min(self.history.until.unwrap_or(u64::MAX));
        let at = cursor.block();
        if self.quiet == Some(newest) {
            return Ok(Look::Nothing);
        }

        // A node whose chain ends below what was told may only lag. What it has can prove a reorg, and what it has not, nothing.
        let Some(known) = cursor.known_up_to(newest.number) else { return Ok(Look::Nothing) };
        let Some(found) = header(self.history.provider(), known.number).await? else {
            return Ok(Look::Nothing);
        };
        self.quiet = None;
        if found.block != known {
            return self.rewind(&cursor, known, found.block).await;
        }
        self.checked = true;
        if known != at {
            return Ok(Look::Nothing);
        }

        self.newest = newest.number;
        if !cursor.is_whole() {
            return self.read_rest(&cursor, found).await;
        }
        if at.number >= target {
            self.quiet = Some(newest);
            if self.has_reached {
                return Ok(Look::Nothing);
            }
            self.steps.push_back(Step::Reached(at));
            return Ok(Look::News);
        }
        let old = target.min(newest.number.saturating_sub(self.history.window));
        if at.number < old {
            self.read_range(at, old).await
        } else {
            self.read_recent(at, target.min(at.number + RECENT_AT_ONCE)).await
        }
    }

    /// The cursor, made if there is none yet; none as long as there is no block to start after.
    async fn start(&mut self) -> Result<Option<Cursor>> {
        let scrip = self.history.scrip;
        if let Some(cursor) = &self.cursor {
            cursor.check(scrip.chain_id(), scrip.address())?;
            return Ok(Some(cursor.clone()));
        }
        // Nothing can have happened in the first block of a chain.
        let before = self.history.from.saturating_sub(1);
        let Some(before) = header(self.history.provider(), before).await? else { return Ok(None) };
        self.cursor = Some(Cursor::after(scrip.chain_id(), scrip.address(), before.block));
        Ok(self.cursor.clone())
    }

    /// Finds the last block that the chain still has of those that were told, and takes back all above it.
    async fn rewind(&mut self, cursor: &Cursor, lost: BlockRef, found: BlockRef) -> Result<Look> {
        let mut instead = found;
        for known in cursor.known_below(lost.number) {
            let Some(found) = header(self.history.provider(), known.number).await? else {
                return Ok(Look::Nothing);
            };
            if found.block == known {
                self.steps.extend(cursor.told_above(known.number).map(Step::Removed));
                if self.steps.is_empty() {
                    self.cursor.iter_mut().for_each(|cursor| cursor.rewind(known));
                } else {
                    self.steps.push_back(Step::Rewound(known));
                }
                return Ok(Look::News);
            }
            instead = found.block;
        }
        let floor = cursor.floor();
        Err(Error::ReorgTooDeep { block: floor.number, told: floor.hash, found: instead.hash })
    }

    /// What is left of a block of which a part was told.
    async fn read_rest(&mut self, cursor: &Cursor, block: Header) -> Result<Look> {
        let last = cursor.last_log();
        let Some(mut blocks) = self.read_by_hash(&[block]).await? else { return Ok(Look::Nothing) };
        blocks.iter_mut().for_each(|(_, records)| records.retain(|record| Some(record.position.log) > last));
        self.push(blocks);
        self.steps.push_back(Step::Reached(block.block));
        Ok(Look::News)
    }

    /// Reads blocks that are still within the window, one by one by their hashes.
    async fn read_recent(&mut self, at: BlockRef, last: u64) -> Result<Look> {
        let headers = reader::headers_after(self.history.provider(), at, last).await?;
        if headers.is_empty() {
            // The chain has changed since it was looked at.
            return Ok(Look::Nothing);
        }
        let Some(blocks) = self.read_by_hash(&headers).await? else { return Ok(Look::Nothing) };
        let reached = blocks.last().map_or(at, |(block, _)| *block);
        self.push(blocks);
        self.steps.push_back(Step::Reached(reached));
        Ok(Look::News)
    }

    /// The records of blocks, as far as the node has them; none when it has nothing yet.
    async fn read_by_hash(&mut self, headers: &[Header]) -> Result<Option<Vec<(BlockRef, Vec<Record>)>>> {
        let History { scrip, wanted, .. } = &self.history;
        let (blocks, error) = reader::records_of(scrip.provider(), scrip.address(), wanted, headers).await?;
        if !blocks.is_empty() {
            self.stumbles = 0;
            return Ok(Some(blocks));
        }
        self.stumbles += 1;
        match error {
            Some(error) if self.stumbles >= PATIENCE => {
                self.stumbles = 0;
                Err(error)
            }
            _ => Ok(None),
        }
    }

    /// Reads blocks that are older than the window, many at once.
    async fn read_range(&mut self, at: BlockRef, last: u64) -> Result<Look> {
        let (first, provider) = (at.number + 1, self.history.provider());
        let (end, records) = loop {
            let last = last.min(at.number.saturating_add(self.span.blocks()));
            let blocks = last - at.number;
            let Some(end) = header(provider, last).await? else { return Ok(Look::Nothing) };
            let History { scrip, wanted, .. } = &self.history;
            match reader::records_between(provider, scrip.address(), wanted, first, last).await {
                Ok(Some(records)) => {
                    self.span.answered(blocks);
                    break (end.block, records);
                }
                Ok(None) => return Ok(Look::Nothing),
                Err(Error::Transport(error)) if reader::is_too_much(&error) => {
                    if !self.span.refused(blocks) {
                        return Err(error.into());
                    }
                }
                Err(error) => return Err(error),
            }
        };

        // The same blocks at both ends, before and after: so no other fork's logs came between, nor were any of this one missed.
        let (from, to) = (header(provider, at.number).await?, header(provider, end.number).await?);
        let stands = |header: Option<Header>, block| header.is_some_and(|header| header.block == block);
        let mut blocks: Vec<(BlockRef, Vec<Record>)> = Vec::new();
        for record in records {
            match blocks.last_mut().filter(|(block, _)| block.number == record.position.block.number) {
                Some((block, _)) if *block != record.position.block => return Ok(Look::Nothing),
                Some((_, records)) => records.push(record),
                None => blocks.push((record.position.block, vec![record])),
            }
        }
        let ends_well = blocks.last().is_none_or(|(block, _)| block.number < end.number || *block == end);
        if !stands(from, at) || !stands(to, end) || !ends_well {
            return Ok(Look::Nothing);
        }
        self.push(blocks);
        self.steps.extend([Step::Passed(end), Step::Reached(end)]);
        Ok(Look::News)
    }

    fn push(&mut self, blocks: Vec<(BlockRef, Vec<Record>)>) {
        for (block, records) in blocks {
            self.steps.extend(records.into_iter().map(|record| Step::Happened(Box::new(record))));
            self.steps.push_back(Step::Passed(block));
        }
    }
}
