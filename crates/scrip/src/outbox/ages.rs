//! Since when what is in no block has been sent.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use alloy::primitives::Address;

use crate::clock::Instant;

/// Since when this process has sent the last of so many transactions of an account's nonce: for whoever waits for it, and whoever
/// waits again, however short the patience of each.
#[derive(Debug, Default)]
pub(super) struct Ages(Mutex<BTreeMap<(Address, u64), (usize, Instant)>>);

impl Ages {
    /// Since when it has been the last of so many; since now, if that is new.
    pub(super) fn since(&self, address: Address, nonce: u64, transactions: usize) -> Instant {
        let mut all = self.all();
        let (known, since) = all.entry((address, nonce)).or_insert_with(|| (transactions, Instant::now()));
        if *known != transactions {
            (*known, *since) = (transactions, Instant::now());
        }
        *since
    }

    /// Forgets a nonce that a block has used, and with it all before.
    pub(super) fn forget(&self, address: Address, nonce: u64) {
        let mut all = self.all();
        while let Some(first) = all.range((address, 0)..=(address, nonce)).next().map(|(&key, _)| key) {
            all.remove(&first);
        }
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<(Address, u64), (usize, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::sleep;

    #[tokio::test]
    async fn the_age_is_that_of_the_last_transaction_until_a_block_has_the_nonce() {
        let (ages, one, other) = (Ages::default(), Address::repeat_byte(1), Address::repeat_byte(2));
        let before = ages.since(one, 7, 1);
        ages.since(one, 6, 1);
        ages.since(other, 7, 1);
        sleep(Duration::from_millis(5)).await;
        assert_eq!(ages.since(one, 7, 1), before, "whoever asks");
        assert!(ages.since(one, 7, 2) > before, "a replacement is new");
        ages.since(one, 8, 1);
        ages.forget(one, 7);
        assert_eq!(ages.all().keys().copied().collect::<Vec<_>>(), [(one, 8), (other, 7)]);
    }
}
