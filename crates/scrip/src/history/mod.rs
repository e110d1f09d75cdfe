//! What happened, from any block on, through reorgs and restarts.

mod cursor;
mod follower;
mod kind;
mod past;
mod reader;
mod record;
mod span;
mod wanted;

use std::time::Duration;

use alloy::{primitives::Address, providers::Provider};
use futures_util::{Stream, stream};

pub use self::{
    cursor::Cursor,
    kind::Kind,
    past::{Past, Replay},
    record::{BlockRef, Change, Position, Record, Update},
};
use self::{follower::Follower, wanted::Wanted};
use crate::{PlanId, Result, Scrip};

/// How far behind the tip of the chain events are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Depth {
    /// Once so many blocks have followed; 0 as soon as they are mined.
    Blocks(u64),
    /// Once the chain calls their block safe.
    Safe,
    /// Once the chain calls their block finalized.
    Finalized,
}

impl Depth {
    const fn blocks(self) -> u64 {
        match self {
            Self::Blocks(blocks) => blocks,
            Self::Safe | Self::Finalized => 0,
        }
    }
}

/// What happened, and happens: made by [`Scrip::history`].
///
/// [`History::updates`] is an endless stream of what is new, [`History::past`] reads what has happened until now, and
/// [`History::replay`] rebuilds all balances from it.
///
/// ```
/// use futures_util::StreamExt;
/// use scrip::{Change, Event, Kind};
/// # use scrip::Terms;
/// # use scrip_devnet::Devnet;
/// # #[tokio::main]
/// # async fn main() -> eyre::Result<()> {
/// # let devnet = Devnet::start().await?;
/// # let scrip = devnet.scrip("builder").await?;
/// # let plan = scrip.create_plan(&Terms::credits("Trial", 10)).await?.plan;
/// # scrip.mint(plan, scrip.signer(), 7).await?;
///
/// let mut updates = scrip.history().plans([plan]).kinds([Kind::Ordered, Kind::Minted]).updates();
/// while let Some(update) = updates.next().await {
///     let update = update?;
///     match update.change {
///         Change::Happened(record) => println!("{}: {:?}", record.position, record.event),
///         Change::Removed(position) => println!("{position} was removed by a reorg"),
///         Change::Reached(_) => {}
///         _ => {}
///     }
///     // In the same database transaction as what was made of the change:
///     let saved = update.cursor.to_string();
/// #   if update.cursor.block().number > 0 { assert_eq!(saved.parse::<scrip::Cursor>()?, update.cursor); break; }
/// }
/// # Ok(())
/// # }
/// ```
///
/// # What is promised
///
/// - Each event of the chain is told once, in its order: what a block told is told by a later one again if a reorg moved the
///   transaction there, with another [`Position`].
/// - What a reorg removed is marked, each event once, the newest first, before anything that happened in its stead; after a
///   restart from a cursor, too. At a depth of N blocks this happens only when a reorg is deeper than that; it is marked all
///   the same.
/// - No event of another fork slips in. Blocks within the [window](History::window) are read one by one, by the hash of a
///   block whose parent is the one read before, which a node answers exactly or not at all; older ones in ranges, whose both
///   ends are found to be the same before and after.
/// - A node that lags behind what was told makes the history wait. Several nodes behind one endpoint may be as far apart as
///   the window.
///
/// *Exactly once* is for who stores an update's cursor in one transaction with what it made of the change, and starts from the
/// stored one. Who stores the cursor afterwards gets *at least once*: after a crash the last changes come again, with the same
/// positions, by which they can be told apart. Who stores it before gets *at most once*.
///
/// A reorg deeper than the window is [`Error::ReorgTooDeep`](crate::Error::ReorgTooDeep), which ends the stream. After any other
/// error the stream goes on where it was if it is polled again; nothing is lost. Retries are for a layer of the transport.
///
/// The stream is one of `futures`: `futures_util::StreamExt` has its methods. It polls, and needs no subscriptions: any provider
/// will do. On the tip of the chain it costs one call each
/// [interval](History::every), and three for each block.
#[derive(Debug)]
#[must_use = "a history does nothing until it is asked for updates or for the past"]
pub struct History<'a, P> {
    scrip: &'a Scrip<P>,
    from: u64,
    until: Option<u64>,
    cursor: Option<Cursor>,
    wanted: Wanted,
    depth: Depth,
    window: u64,
    range: u64,
    interval: Option<Duration>,
}

impl<P: Provider> Scrip<P> {
    /// What happened and happens: all, from the beginning, as soon as it is mined, unless more is said.
    pub fn history(&self) -> History<'_, P> {
        History {
            scrip: self,
            from: 0,
            until: None,
            cursor: None,
            wanted: Wanted::default(),
            depth: Depth::Blocks(0),
            window: 128,
            range: 10_000,
            interval: None,
        }
    }
}

impl<'a, P: Provider> History<'a, P> {
    /// Begins with this block. Best the one in which the contract was deployed, or the plan created: without it all blocks of
    /// the chain are looked at.
    pub fn from_block(self, block: u64) -> Self {
        Self { from: block, cursor: None, ..self }
    }

    /// Goes on where an earlier history was: of the same contract, and best with the same filters, for what they let through is
    /// not looked for again.
    pub fn from_cursor(self, cursor: Cursor) -> Self {
        Self { cursor: Some(cursor), ..self }
    }

    /// Ends after this block.
    pub fn until(self, block: u64) -> Self {
        Self { until: Some(block), ..self }
    }

    /// Only what is of these plans.
    pub fn plans(mut self, plans: impl IntoIterator<Item = PlanId>) -> Self {
        self.wanted.plans = plans.into_iter().collect();
        self
    }

    /// Only what these accounts hold or held, and their vouchers; see [`Event::is_of_holder`](crate::Event::is_of_holder).
    pub fn holders(mut self, holders: impl IntoIterator<Item = Address>) -> Self {
        self.wanted.holders = holders.into_iter().collect();
        self
    }

    /// Only events of these kinds. Beside its own event, each change of a balance has one of
    /// [`Kind::Transferred`], as ERC-1155 wants it.
    pub fn kinds(mut self, kinds: impl IntoIterator<Item = Kind>) -> Self {
        self.wanted.kinds = kinds.into_iter().collect();
        self
    }

    /// How deep under the tip of the chain an event must be; as soon as it is mined by default.
    pub fn depth(self, depth: Depth) -> Self {
        Self { depth, ..self }
    }

    /// [`Depth::Blocks`]: only what has so many blocks on top of its own.
    pub fn confirmations(self, blocks: u64) -> Self {
        self.depth(Depth::Blocks(blocks))
    }

    /// How many blocks below the tip a reorg may begin, 128 by default and at least 1: of so many it is known what was told.
    pub fn window(self, blocks: u64) -> Self {
        Self { window: blocks.max(1), ..self }
    }

    /// The most blocks that a node is asked for in one call, 10,000 by default and at least 1. When a node refuses as many it is
    /// asked for fewer, until it answers.
    pub fn range(self, blocks: u64) -> Self {
        Self { range: blocks.max(1), ..self }
    }

    /// How often to look for something new; as often as the provider polls by default.
    pub fn every(self, interval: Duration) -> Self {
        Self { interval: Some(interval), ..self }
    }

    /// What is new, for ever, or [until](History::until) a block.
    pub fn updates(self) -> impl Stream<Item = Result<Update>> + Unpin + use<'a, P> {
        Box::pin(stream::unfold(Follower::new(self), |mut follower| async move {
            let update = follower.next().await?;
            Some((update, follower))
        }))
    }

    fn provider(&self) -> &'a P {
        self.scrip.provider()
    }

    fn interval(&self) -> Duration {
        self.interval.unwrap_or_else(|| self.provider().client().poll_interval())
    }
}
