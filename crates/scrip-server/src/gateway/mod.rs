//! The gateway: requests to services, let in for credits that are held first, sent on to the service's upstream, and settled for what
//! was delivered.
//!
//! The order of things: the token and its plan are checked; the most that the request may take is held, of what the holder can spend
//! until it is settled; that is in the database before the upstream sees the request; what was delivered is owed, and the rest let go
//! of; what is owed is redeemed on the chain in batches. Where a plan requires its holders' vouchers, all that is counted against
//! them, too. Nothing is served without a hold, and nothing charged that was not delivered.

mod batch;
mod beforehand;
mod connect;
mod delivered;
mod demand;
mod forward;
mod headers;
mod hold;
mod journal;
mod meter;
mod price;
mod recover;
mod repeat;
mod room;
mod service;
mod settings;
mod token;
mod view;
mod voucher;

use std::{
    collections::HashSet,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use alloy::providers::RootProvider;
use axum::{Router, routing::any};
use scrip::{Did, PlanId, Services};
use tokio::{sync::OnceCell, task::JoinHandle, time::timeout};

pub use self::settings::Gateway;
pub(crate) use self::{batch::Settlement, recover::forget_logs, service::check_api};
use self::{
    connect::Upstreams,
    journal::{Entries, Journal},
    room::Room,
    service::Known,
    token::Tokens,
    view::Views,
};
use crate::{extract::agent_number, state::State};

/// Where services are reached: `/proxy/{service}/…`.
pub(crate) const PATH: &str = "/proxy";

/// The gateway, as all requests share it.
pub(crate) struct Gate {
    settings: Gateway,
    upstreams: Upstreams,
    known: Known,
    services: OnceCell<Services<RootProvider>>,
    views: Views,
    tokens: Tokens,
    journal: Journal,
    entries: Mutex<Option<Entries>>,
    /// Plans whose holders wait until what was served is redeemed.
    awaited: Mutex<HashSet<PlanId>>,
    /// For bodies that are read before they go on.
    room: Room,
    /// The batches that this process asks for.
    batches: Mutex<HashSet<String>>,
}

impl Gate {
    pub(crate) fn new(settings: Gateway) -> Result<Self, rustls::Error> {
        let (journal, entries) = Journal::new();
        Ok(Self {
            upstreams: connect::upstreams(settings.private_upstreams)?,
            settings,
            known: Known::default(),
            services: OnceCell::new(),
            views: Views::default(),
            tokens: Tokens::default(),
            journal,
            entries: Mutex::new(Some(entries)),
            awaited: Mutex::default(),
            room: Room::default(),
            batches: Mutex::default(),
        })
    }

    /// What is known of a service counts no longer: it was changed here.
    pub(crate) fn forget(&self, did: Did) {
        self.known.forget(did);
    }

    /// A holder waits until what of a plan it was served is redeemed.
    fn hurry(&self, plan: PlanId) {
        self.awaited().insert(plan);
    }

    fn awaited(&self) -> MutexGuard<'_, HashSet<PlanId>> {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this process did not ask for a batch yet.
    fn begin(&self, batch: &str) -> bool {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner).insert(batch.to_owned())
    }

    fn end(&self, batch: &str) {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner).remove(batch);
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// The gateway's routes, which take any method and body.
pub(crate) fn routes() -> Router<Arc<State>> {
    Router::new()
        .route(&format!("{PATH}/{{service}}"), any(forward::forward))
        .route(&format!("{PATH}/{{service}}/"), any(forward::forward))
        .route(&format!("{PATH}/{{service}}/{{*path}}"), any(forward::forward))
}

/// Writes holds, once: nobody is let in before.
pub(crate) fn writer(state: &Arc<State>) -> Option<JoinHandle<()>> {
    let entries = state.gate.entries.lock().unwrap_or_else(PoisonError::into_inner).take()?;
    Some(journal::worker(state, entries))
}

/// How long the last ends may take to be written.
const LAST: Duration = Duration::from_secs(5);

/// Waits until what has ended is written, so that nothing of it is left to others.
pub(crate) async fn flush(state: &State) {
    if timeout(LAST, state.gate.journal.flush()).await.is_err() {
        tracing::warn!("what the gateway has served last could not be written");
    }
}

/// Redeems what was served.
pub(crate) fn cashier(state: &Arc<State>) -> JoinHandle<()> {
    batch::worker(state)
}

impl State {
    /// Where a service is reached: a URL where it is known by which all reach this server, and otherwise a path.
    pub(crate) fn proxy_url(&self, did: Did) -> String {
        let place = self.place.as_ref().map(|place| place.uri()).unwrap_or_default();
        format!("{place}{PATH}/{}", agent_number(did))
    }
}
