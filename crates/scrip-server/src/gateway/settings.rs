//! How the gateway is set.

use std::time::Duration;

/// How the gateway is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gateway {
    /// Whether upstreams may be on private, loopback and link-local addresses. Anyone who registers a service chooses its upstream:
    /// not where others than the operator may, for it would let them reach whatever the server reaches.
    pub private_upstreams: bool,
    /// Whether a hold is on the disk, and not only with the operating system, before its request is sent on: it survives a loss of
    /// power then, and not only of the process.
    pub outlives_power: bool,
    /// How long an upstream may take until it begins to answer, and between two parts of its answer.
    pub patience: Duration,
    /// The longest that a request may take; what streams longer is cut. What is held outlives it.
    pub longest: Duration,
    /// How long what was served waits at most until it is redeemed on the chain.
    pub settle_after: Duration,
    /// How many requests are redeemed in one transaction at most, and which are not waited with any longer.
    pub settle_count: u32,
    /// The most credits of one holder and plan that are held, or served and not redeemed yet: as much may be lost where a holder
    /// spends them elsewhere meanwhile. Half of it is redeemed at once.
    pub at_risk: u64,
    /// The most bytes of a request.
    pub body: u64,
}

impl Default for Gateway {
    /// For a server that is open to all.
    fn default() -> Self {
        Self {
            private_upstreams: false,
            outlives_power: true,
            patience: Duration::from_secs(60),
            longest: Duration::from_secs(300),
            settle_after: Duration::from_secs(10),
            settle_count: 1_000,
            at_risk: 100_000,
            body: 16 << 20,
        }
    }
}
