//! Whose turn it is to take the next nonce of an account, and to do for all what one does for all.

use std::{
    collections::HashMap,
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use alloy::primitives::Address;
use futures_util::future::{Either, select};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

use crate::clock::{Instant, sleep};

/// For how long nothing may come of what one has begun before another begins it, too: a future that is not polled any more keeps
/// what it has. Of a wallet that takes longer to sign, one of two who write at once may have to ask again.
const STALLED: Duration = Duration::from_secs(5);

/// The turns of accounts. Their writes take nonces one after another, so that there is no gap.
///
/// That no nonce is taken twice is the journal's affair: a turn only spares what is signed in vain. So it may be taken over.
#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<HashMap<Address, Turn>>);

#[derive(Debug, Clone, Default)]
struct Turn {
    /// The next nonce, if it is known.
    next: Arc<AsyncMutex<Option<u64>>>,
    /// How often it was taken.
    taken: Arc<AtomicU64>,
}

impl Turns {
    /// Waits for an account's turn, for as long as others take theirs. Gives the next nonce, if it is known.
    pub(super) async fn take(&self, address: Address) -> OwnedMutexGuard<Option<u64>> {
        loop {
            let turn = self.all().entry(address).or_default().clone();
            if let Some(next) = self.wait(address, &turn).await {
                turn.taken.fetch_add(1, Ordering::Relaxed);
                return next;
            }
        }
    }

    /// Nothing once the turn is that of nobody any more.
    async fn wait(&self, address: Address, turn: &Turn) -> Option<OwnedMutexGuard<Option<u64>>> {
        let mut next = pin!(turn.next.clone().lock_owned());
        loop {
            let before = turn.taken.load(Ordering::Relaxed);
            let waited = match select(next.as_mut(), pin!(sleep(STALLED))).await {
                Either::Left((next, _)) => Some(next),
                Either::Right(_) => None,
            };
            let is_current = |all: &HashMap<_, Turn>| {
                all.get(&address).is_some_and(|current| Arc::ptr_eq(&current.next, &turn.next))
            };
            let mut all = self.all();
            if !is_current(&all) {
                return None;
            }
            if waited.is_some() {
                return waited;
            }
            if turn.taken.load(Ordering::Relaxed) == before {
                tracing::warn!(%address, "who takes a nonce does not go on; others go on without it");
                all.remove(&address);
                return None;
            }
        }
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Address, Turn>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one does for all of an account: not again until its time is over.
#[derive(Debug)]
pub(super) struct ForAll<T>(Mutex<HashMap<Address, Begun<T>>>);

#[derive(Debug)]
struct Begun<T> {
    outcome: T,
    since: Instant,
    has_ended: bool,
}

impl<T> Default for ForAll<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Copy + Default> ForAll<T> {
    /// Begins, unless another is at it, or has ended it less than a pause ago; then it gives what came of that, so far.
    pub(super) fn begin(&self, address: Address, pause: Duration) -> Result<(), T> {
        let mut all = self.all();
        if let Some(begun) = all.get(&address)
            && begun.since.elapsed() < if begun.has_ended { pause } else { STALLED }
        {
            return Err(begun.outcome);
        }
        all.insert(address, Begun { outcome: T::default(), since: Instant::now(), has_ended: false });
        Ok(())
    }

    /// Ends, with what came of it.
    pub(super) fn end(&self, address: Address, outcome: T) {
        self.all().insert(address, Begun { outcome, since: Instant::now(), has_ended: true });
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Address, Begun<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;

    const ONE: Address = Address::repeat_byte(1);
    const PAUSE: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn one_does_it_for_all_until_it_stalls() {
        let sent = ForAll::<Option<u64>>::default();
        assert_eq!(sent.begin(ONE, PAUSE), Ok(()));
        assert_eq!(sent.begin(ONE, PAUSE), Err(None), "another is at it");
        assert_eq!(sent.begin(Address::repeat_byte(2), PAUSE), Ok(()), "another account's");
        sleep(2 * PAUSE).await;
        assert_eq!(sent.begin(ONE, PAUSE), Err(None), "it takes its time");
        sent.end(ONE, Some(7));
        assert_eq!(sent.begin(ONE, PAUSE), Err(Some(7)), "a moment ago");
        sleep(2 * PAUSE).await;
        assert_eq!(sent.begin(ONE, PAUSE), Ok(()));
        // Who is at it now does not come back.
        sleep(STALLED + PAUSE).await;
        assert_eq!(sent.begin(ONE, PAUSE), Ok(()));
    }

    #[tokio::test]
    async fn a_turn_is_taken_over_from_who_does_not_go_on_and_from_nobody_else() {
        let turns = Turns::default();
        *turns.take(ONE).await = Some(1);
        // The last waits for longer than one may stall, but not for one alone.
        let took = join_all((0..4).map(|_| async {
            let next = turns.take(ONE).await;
            sleep(STALLED / 2).await;
            *next
        }));
        assert_eq!(took.await, [Some(1); 4], "nobody took it over");
        let held = turns.take(ONE).await;
        assert_eq!(*turns.take(ONE).await, None, "what comes next has to be found out");
        assert_eq!(*held, Some(1));
        drop(held);
    }
}
