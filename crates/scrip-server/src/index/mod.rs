//! The index: what the chain's events say, in the database, so that it can be listed.
//!
//! One process at a time follows the chain, by the client's own history, which tells each event once and marks what a reorg
//! removed. What it tells is written in one transaction with the cursor behind it, so that whoever goes on from the cursor
//! leaves no gap and writes nothing twice. Events are rows; plans, operators and agents are made of the rows that there are, so
//! that taking a row away takes back what it did. Nothing here exists nowhere else: an index that is lost, or that a reorg has
//! left behind, is made again from nothing.
//!
//! The index is behind the chain: by the confirmations that it waits for, and by the time that reading takes. What was made by
//! this server is listed at once all the same: it is written here by the server's word, with the block of its transaction
//! ([`fresh`]), and replaced by the event, or taken away, when the index has come to that block.

mod apply;
mod check;
mod days;
mod follow;
mod fresh;
mod history;
mod lead;
mod lists;
mod services;

use std::time::Duration;

pub use check::IndexCheck;
pub(crate) use check::check;
pub(crate) use days::{Day, Sums};
pub(crate) use follow::follow;
pub(crate) use history::Told;
pub(crate) use lists::GIVES;
use sqlx::Row;

use crate::{problem::Problem, state::State};

/// How the chain is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Indexing {
    /// The first block that is read: best the one in which Scrip was deployed.
    pub from_block: u64,
    /// How many blocks must have followed before an event is taken over. What a deeper reorg removes is taken back all the
    /// same.
    pub confirmations: u64,
    /// How often to look for something new.
    pub every: Duration,
}

impl Default for Indexing {
    /// From the first block on, two blocks behind the tip, looking every second.
    fn default() -> Self {
        Self { from_block: 0, confirmations: 2, every: Duration::from_secs(1) }
    }
}

/// What stands after all logs of a block.
const AFTER_ALL: i64 = i64::MAX;

impl State {
    /// Up to which block all is in the index; none before the first was read.
    pub(crate) async fn indexed_block(&self) -> Result<Option<u64>, Problem> {
        let row = sqlx::query("SELECT block FROM index_state WHERE id = 1").fetch_one(&self.db).await?;
        Ok(row.try_get::<Option<i64>, _>(0)?.map(crate::account::as_u64))
    }

    /// Empties the index, so that whoever follows the chain begins anew.
    pub(crate) async fn empty_index(&self) -> Result<(), Problem> {
        let mut db = self.write().await?;
        // The first, which locks out who follows.
        let begin_anew = "UPDATE index_state SET leader = NULL, term = term + 1, cursor = NULL, block = NULL, \
                          services_block = NULL, services_hash = NULL WHERE id = 1";
        sqlx::query(begin_anew).execute(&mut *db).await?;
        for table in [
            "DELETE FROM index_events",
            "DELETE FROM index_entries",
            "DELETE FROM index_plans",
            "DELETE FROM index_operators",
            "DELETE FROM index_services",
            "DELETE FROM index_agents",
            "DELETE FROM index_links",
            "DELETE FROM index_orders",
            "DELETE FROM index_days",
        ] {
            sqlx::query(table).execute(&mut *db).await?;
        }
        Ok(db.commit().await?)
    }
}
