//! Histories: what happened is told once and in order, whatever the chain and the node do.

pub(crate) mod node;
mod reading;
mod reorgs;
mod telling;

use std::time::Duration;

use alloy::{
    primitives::{Bytes, TxHash},
    providers::Provider,
    rpc::types::anvil::TransactionData,
};
use eyre::{OptionExt, Result};
use futures_util::{Stream, StreamExt};
use scrip::{Change, Cursor, History, Position, Record, Scrip, Update};
use scrip_devnet::Devnet;

use crate::reorg;

/// Often enough for a test.
pub(crate) const OFTEN: Duration = Duration::from_millis(20);

/// What a test waits for at most.
const PATIENCE: Duration = Duration::from_secs(60);

/// A history that is looked at often.
pub(crate) fn history<P: Provider>(scrip: &Scrip<P>) -> History<'_, P> {
    scrip.history().every(OFTEN)
}

/// The number of the newest block.
pub(crate) async fn newest(devnet: &Devnet) -> Result<u64> {
    Ok(devnet.reader().get_block_number().await?)
}

/// Takes back this many blocks, and mines as many: each transaction in the block of its number, counted from the first.
pub(crate) async fn reorganise(devnet: &Devnet, depth: u64, transactions: Vec<(Bytes, u64)>) -> Result<()> {
    let raw = |(transaction, block)| (TransactionData::Raw(transaction), block);
    reorg::reorganise(devnet, depth, transactions.into_iter().map(raw).collect()).await
}

/// The next update.
async fn next(updates: &mut (impl Stream<Item = scrip::Result<Update>> + Unpin)) -> Result<Update> {
    let update = tokio::time::timeout(PATIENCE, updates.next()).await?;
    Ok(update.ok_or_eyre("the history has ended")??)
}

/// What a consumer keeps: what it was told and not told to forget, and where it is.
#[derive(Debug, Default)]
struct Told {
    records: Vec<Record>,
    removed: Vec<Position>,
    cursor: Option<Cursor>,
}

impl Told {
    /// Reads until all up to a block is told. Removals must name the last of what is kept.
    async fn read(
        &mut self,
        updates: &mut (impl Stream<Item = scrip::Result<Update>> + Unpin),
        number: u64,
    ) -> Result<()> {
        loop {
            let Update { change, cursor, .. } = next(updates).await?;
            self.cursor = Some(cursor);
            match change {
                Change::Happened(record) => {
                    let last =
                        self.records.last().map(|last| (last.position.block.number, last.position.log));
                    let place = (record.position.block.number, record.position.log);
                    eyre::ensure!(last < Some(place), "{place:?} is told after {last:?}");
                    self.records.push(*record);
                }
                Change::Removed(position) => {
                    let last = self.records.pop().ok_or_eyre("nothing is left to remove")?;
                    eyre::ensure!(
                        last.position == position,
                        "{position} is removed before {}",
                        last.position
                    );
                    self.removed.push(position);
                }
                Change::Reached(block) if block.number >= number => return Ok(()),
                _ => {}
            }
        }
    }
}

/// All that stands on the chain now, by receipts and not by any log query.
async fn on_chain<P: Provider>(
    devnet: &Devnet,
    scrip: &Scrip<P>,
    from: u64,
) -> Result<Vec<(TxHash, scrip::Event)>> {
    let mut events = Vec::new();
    for number in from..=newest(devnet).await? {
        let block = devnet.reader().get_block_by_number(number.into()).await?.ok_or_eyre("no block")?;
        for transaction in block.transactions.hashes() {
            events.extend(scrip.events(transaction).await?.into_iter().map(|event| (transaction, event)));
        }
    }
    Ok(events)
}

/// The events of records.
fn events(records: &[Record]) -> Vec<(TxHash, scrip::Event)> {
    records.iter().map(|record| (record.transaction, record.event.clone())).collect()
}
