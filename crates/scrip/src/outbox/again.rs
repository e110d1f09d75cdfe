//! What a node has lost, it is sent again: once in a while for all of an account's writes that wait, and not by all for all.

use std::collections::HashMap;

use alloy::{primitives::Address, providers::Provider};
use futures_util::future::join_all;
use tokio::sync::Mutex;

use super::{Outbox, follow::LOOKED_AT};
use crate::{Error, Result, clock::Instant, journal::Account};

/// How many of an account's transactions are sent at a time; the next follow once these are in a block.
const AT_A_TIME: usize = 256;

/// When an account's transactions were last sent again, and the lowest nonce of which nothing was known then.
#[derive(Debug, Default)]
pub(super) struct SentAgain(Mutex<HashMap<Address, (Instant, Option<u64>)>>);

impl Outbox {
    /// Sends what the journal has of an account from a nonce on. Gives the lowest nonce of which the journal has nothing, if
    /// later ones wait for that.
    pub(super) async fn send_again<P: Provider>(
        &self,
        provider: &P,
        account: Account,
        from: u64,
    ) -> Result<Option<u64>> {
        // Another is at it.
        let Ok(mut sent) = self.sent_again.0.try_lock() else { return Ok(None) };
        if let Some(&(then, missing)) = sent.get(&account.address)
            && then.elapsed() < LOOKED_AT
        {
            return Ok(missing);
        }
        let entries = self.journal.since(account, from).await.map_err(Error::Journal)?;
        let known = (from..).zip(&entries).take_while(|(nonce, entry)| entry.nonce == *nonce).count();
        let missing = (known < entries.len()).then_some(from + known as u64);
        let last = entries[..known.min(AT_A_TIME)].iter().filter_map(|entry| entry.transactions.last());
        // What the node says of each is found out by who waits for it.
        join_all(last.map(|last| async { provider.send_raw_transaction(last).await.is_ok() })).await;
        sent.insert(account.address, (Instant::now(), missing));
        Ok(missing)
    }
}
