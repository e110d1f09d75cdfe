//! The operations that this process does: who waits for one is told when it has ended.

use std::{
    collections::HashMap,
    future::pending,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::watch;

type Ends = HashMap<String, watch::Receiver<()>>;

/// The operations that are under way here.
#[derive(Debug, Default)]
pub(crate) struct Running(Arc<Mutex<Ends>>);

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
        lock(&self.0).insert(id.clone(), ends);
        UnderWay { running: Arc::clone(&self.0), id, _end: end }
    }

    /// Its end; what has ended already is not under way.
    pub(crate) fn end_of(&self, id: &str) -> End {
        End(lock(&self.0).get(id).cloned())
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

fn lock(ends: &Mutex<Ends>) -> MutexGuard<'_, Ends> {
    ends.lock().unwrap_or_else(PoisonError::into_inner)
}
