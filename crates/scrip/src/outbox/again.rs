//! What a node has lost, it is sent again: once in a while for all of an account's writes that wait, and not by all for all.

use alloy::providers::Provider;
use futures_util::future::join_all;

use super::{Outbox, follow::LOOKED_AT};
use crate::{Error, Result, journal::Account};

/// How many of an account's transactions are sent at a time; the next follow once these are in a block.
const AT_A_TIME: usize = 256;

impl Outbox {
    /// Sends what the journal has of an account from a nonce on. Gives the lowest nonce of which the journal has nothing, if
    /// later ones wait for that.
    ///
    /// What was told as failed for certain is not brought back by others: only by who asks for it again.
    pub(super) async fn send_again<P: Provider>(
        &self,
        provider: &P,
        account: Account,
        from: u64,
    ) -> Result<Option<u64>> {
        if let Err(missing) = self.sent_again.begin(account.address, LOOKED_AT) {
            return Ok(missing);
        }
        // With one more, by which a gap after the others shows.
        let entries = self.journal.since(account, from, AT_A_TIME + 1).await.map_err(Error::Journal)?;
        let known = (from..).zip(&entries).take_while(|(nonce, entry)| entry.nonce == *nonce).count();
        let missing = (known < entries.len()).then_some(from + known as u64);
        let sent = entries[..known.min(AT_A_TIME)].iter().filter(|entry| !entry.is_given_up());
        let last = sent.filter_map(|entry| entry.transactions.last());
        // What the node says of each is found out by who waits for it.
        join_all(last.map(|last| async { provider.send_raw_transaction(last).await.is_ok() })).await;
        self.sent_again.end(account.address, missing);
        Ok(missing)
    }
}
