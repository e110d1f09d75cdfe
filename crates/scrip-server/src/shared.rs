//! Questions that many ask at once, asked once for all of them.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{sync::Mutex as AsyncMutex, time::Instant};

/// When an answer was asked for, and the answer.
type Slot<V> = Arc<AsyncMutex<Option<(Instant, V)>>>;

/// Answers that are shared by those who ask the same while it is asked. Nobody gets an answer to what was asked before it came:
/// whoever finds a question under way waits for it, and then for the next, which is one for all who wait.
#[derive(Debug)]
pub(crate) struct Shared<K, V>(Mutex<HashMap<K, Slot<V>>>);

impl<K, V> Default for Shared<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Shared<K, V> {
    /// The answer, if need be by asking.
    pub(crate) async fn get<E>(&self, key: K, ask: impl Future<Output = Result<V, E>>) -> Result<V, E> {
        let came = Instant::now();
        let slot = Arc::clone(self.slots().entry(key.clone()).or_default());
        let place = Place { shared: self, key, slot };
        let mut kept = place.slot.lock().await;
        match &*kept {
            Some((begun, answer)) if *begun > came => Ok(answer.clone()),
            _ => {
                let begun = Instant::now();
                let asked = ask.await;
                if let Ok(answer) = &asked {
                    *kept = Some((begun, answer.clone()));
                }
                asked
            }
        }
    }
}

impl<K, V> Shared<K, V> {
    fn slots(&self) -> MutexGuard<'_, HashMap<K, Slot<V>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Among those who wait, until one goes: with an answer or without.
struct Place<'a, K: Eq + Hash, V> {
    shared: &'a Shared<K, V>,
    key: K,
    slot: Slot<V>,
}

impl<K: Eq + Hash, V> Drop for Place<'_, K, V> {
    fn drop(&mut self) {
        let mut slots = self.shared.slots();
        // Nobody else waits.
        if Arc::strong_count(&self.slot) == 2 {
            slots.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        sync::atomic::{AtomicU32, Ordering},
        time::Duration,
    };

    use futures_util::future::join_all;
    use tokio::time::sleep;

    use super::*;

    #[tokio::test]
    async fn nobody_gets_what_was_asked_before() {
        let (shared, asked) = (Shared::default(), AtomicU32::new(0));
        let ask = || {
            shared.get("question", async {
                let number = asked.fetch_add(1, Ordering::SeqCst);
                sleep(Duration::from_millis(20)).await;
                Ok::<_, Infallible>(number)
            })
        };
        let answers: Vec<_> =
            join_all((0..100).map(|_| ask())).await.into_iter().map(Result::unwrap).collect();
        // The first is under way when the others come; these share one.
        assert_eq!((answers[0], &answers[1..]), (0, &[1; 99][..]));
        assert_eq!(ask().await.unwrap(), 2, "nothing is kept for later");
        assert!(shared.0.lock().unwrap().is_empty());
    }
}
