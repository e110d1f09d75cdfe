//! What keeps those who ask from holding up all others.

use std::time::Duration;

/// What keeps those who ask from holding up all others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// The most requests at once; what comes then is refused.
    pub requests: usize,
    /// For how long who asked may take nothing of an answer, until the connection is closed.
    pub reading: Duration,
    /// How long what was begun may take when the server ends, and then how long the database is told of it.
    pub ending: Duration,
}

impl Default for Bounds {
    /// 4,096 requests, and 30 seconds for each.
    fn default() -> Self {
        Self { requests: 4_096, reading: Duration::from_secs(30), ending: Duration::from_secs(30) }
    }
}
