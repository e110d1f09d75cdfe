//! What has happened, read at once.

use alloy::providers::Provider;

use super::{
    History,
    cursor::Cursor,
    follower::Follower,
    record::{BlockRef, Change, Position, Record},
    wanted::Wanted,
};
use crate::{Error, Ledger, Result};

/// What has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Past {
    /// In its order.
    pub records: Vec<Record>,
    /// What was told before the cursor that it began with, and a reorg has removed since; the newest first.
    pub removed: Vec<Position>,
    /// Where to go on.
    pub cursor: Cursor,
}

/// All books, rebuilt from events.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Replay {
    /// The books.
    pub ledger: Ledger,
    /// As of the end of this block.
    pub block: BlockRef,
    /// Where to go on, with [`Ledger::follow`].
    pub cursor: Cursor,
}

impl<P: Provider> History<'_, P> {
    /// What has happened until now, or [until](History::until) a block: waits for that block if it is still to come.
    pub async fn past(self) -> Result<Past> {
        let (mut records, mut removed) = (Vec::<Record>::new(), Vec::new());
        let cursor = self
            .read(|change| {
                match change {
                    Change::Happened(record) => records.push(*record),
                    Change::Removed(position) => match records.last() {
                        Some(last) if last.position == position => drop(records.pop()),
                        _ => removed.push(position),
                    },
                    Change::Reached(_) => {}
                }
                Ok(())
            })
            .await?;
        Ok(Past { records, removed, cursor })
    }

    /// Rebuilds the books from all that has happened until now, or [until](History::until) a block; of all plans, or of some
    /// that were created since the block that it begins with. Kinds and holders are not minded: the books need every event.
    ///
    /// ```
    /// use scrip::Lens;
    /// # use scrip::Terms;
    /// # use scrip_devnet::Devnet;
    /// # #[tokio::main]
    /// # async fn main() -> eyre::Result<()> {
    /// # let devnet = Devnet::start().await?;
    /// # let scrip = devnet.scrip("builder").await?;
    /// # let plan = scrip.create_plan(&Terms::credits("Trial", 10)).await?.plan;
    /// # let holder = scrip.signer();
    /// # scrip.mint(plan, holder, 7).await?;
    ///
    /// let replay = scrip.history().replay().await?;
    /// assert_eq!(replay.ledger.balance_at(plan, holder, devnet.now().await?), 7);
    ///
    /// let differences = replay.ledger.compare(&Lens::connect(&scrip).await?, replay.block).await?;
    /// assert!(differences.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::HistoryGap`] when an event does not follow from those before it, so that some are missing.
    pub async fn replay(self) -> Result<Replay> {
        let wanted = Wanted { plans: self.wanted.plans.clone(), ..Wanted::default() };
        let mut ledger = Ledger::default().with_window(self.window);
        let history = Self { wanted, cursor: None, ..self };
        let cursor = history.read(|change| ledger.follow(&change)).await?;
        Ok(Replay { ledger, block: cursor.block(), cursor })
    }

    /// Reads to the end; where that is.
    async fn read(self, mut tell: impl FnMut(Change) -> Result<()>) -> Result<Cursor> {
        let mut follower = Follower::new(self);
        follower.set_end().await?;
        while let Some(update) = follower.next().await {
            tell(update?.change)?;
        }
        follower.cursor().ok_or(Error::UnexpectedAnswer("no block to begin after"))
    }
}
