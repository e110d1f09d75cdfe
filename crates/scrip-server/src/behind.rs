//! Threads of their own for what writes to the database behind the requests.
//!
//! Each statement is waited for while rows are locked, or SQLite as a whole. Where thousands of requests are served, whoever waits in
//! one queue of tasks with them keeps all others waiting, once for each statement.

use std::io;

use tokio::runtime::{Builder, EnterGuard, Runtime};

/// One that writes, and one that makes ready what another writes next.
const THREADS: usize = 2;

#[derive(Debug)]
pub(crate) struct Behind(Option<Runtime>);

impl Behind {
    pub(crate) fn new() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("scrip-behind")
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    /// What is spawned while this is kept runs there.
    pub(crate) fn enter(&self) -> Option<EnterGuard<'_>> {
        self.0.as_ref().map(Runtime::enter)
    }
}

impl Drop for Behind {
    fn drop(&mut self) {
        // Nothing is waited for where nobody may wait: it was told to end before.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
