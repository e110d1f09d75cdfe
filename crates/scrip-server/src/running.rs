//! The operations that this process does: who waits for one is told when it has ended.

use std::{
    collections::HashMap,
    future::pending,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Mutex as AsyncMutex, MutexGuard as AsyncMutexGuard, watch};

type Ends = HashMap<String, watch::Receiver<()>>;

/// The operations that are under way here.
#[derive(Debug, Default)]
pub(crate) struct Running {
    ends: Arc<Mutex<Ends>>,
    /// Whose callers have gone without an answer, until the database has that.
    left: Mutex<Vec<String>>,
    letting_go: AsyncMutex<()>,
}

/// An operation that is under way, until this is dropped.
#[derive(Debug)]
pub(crate) struct UnderWay {
    running: Arc<Mutex<Ends>>,
    id: String,
    _end: watch::Sender<()>,
}

/// The end of an operation, if it is under way here.
#[derive(Debug)]
pub(crate) struct End(Option<watch::Receiver<()>>);

impl Running {
    /// It is under way.
    pub(crate) fn begin(&self, id: String) -> UnderWay {
        let (end, ends) = watch::channel(());
        lock(&self.ends).insert(id.clone(), ends);
        UnderWay { running: Arc::clone(&self.ends), id, _end: end }
    }

    /// Its end; what has ended already is not under way.
    pub(crate) fn end_of(&self, id: &str) -> End {
        End(lock(&self.ends).get(id).cloned())
    }

    /// The caller of an operation has gone without an answer.
    pub(crate) fn leave(&self, id: String) {
        lock(&self.left).push(id);
    }

    /// The first of those that the database is to hear of.
    pub(crate) fn first_left(&self) -> Option<String> {
        lock(&self.left).first().cloned()
    }

    /// The database has heard of the first.
    pub(crate) fn forget_first_left(&self) {
        lock(&self.left).remove(0);
    }

    /// Nobody else tells the database meanwhile.
    pub(crate) async fn letting_go(&self) -> AsyncMutexGuard<'_, ()> {
        self.letting_go.lock().await
    }
}

impl End {
    /// Whether the operation is under way here.
    pub(crate) const fn is_here(&self) -> bool {
        self.0.is_some()
    }

    /// Waits for it; for ever, if it is elsewhere.
    pub(crate) async fn wait(self) {
        match self.0 {
            // That nobody is left who could say something is what is waited for.
            Some(mut ends) => while ends.changed().await.is_ok() {},
            None => pending().await,
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        lock(&self.running).remove(&self.id);
    }
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}
