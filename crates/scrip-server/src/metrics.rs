//! What is measured, for Prometheus.

use std::{
    fmt,
    sync::{Arc, atomic::AtomicU64},
    time::{Duration, Instant},
};

use axum::{
    extract::{MatchedPath, Request, State as Shared},
    middleware::Next,
    response::Response,
};
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};
use sqlx::Row;
use tokio::time::timeout;

use crate::{problem::Problem, state::State};

/// How long the chain is waited for: those who read the figures do not wait for long.
const PATIENCE: Duration = Duration::from_secs(3);

/// How the figures are written.
pub(crate) const TEXT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    method: String,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    work: &'static str,
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Connections {
    state: &'static str,
}

/// The figures of this process.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<Asked, Counter>,
    seconds: Family<Route, Histogram>,
    operations: Family<Ended, Counter>,
    open: Gauge<u64, AtomicU64>,
    behind: Gauge<f64, AtomicU64>,
    connections: Family<Connections, Gauge<u64, AtomicU64>>,
}

impl Default for Metrics {
    fn default() -> Self {
        // From a millisecond to half a minute.
        let seconds: fn() -> Histogram = || Histogram::new(exponential_buckets(0.001, 2.0, 16));
        let mut metrics = Self {
            registry: Registry::with_prefix("scrip"),
            requests: Family::default(),
            seconds: Family::new_with_constructor(seconds),
            operations: Family::default(),
            open: Gauge::default(),
            behind: Gauge::default(),
            connections: Family::default(),
        };
        let Self { registry, requests, seconds, operations, open, behind, connections } = &mut metrics;
        registry.register("http_requests", "Requests that were answered", requests.clone());
        registry.register("http_request_seconds", "How long they took", seconds.clone());
        registry.register(
            "operations",
            "Writes to the chain that have ended in this process",
            operations.clone(),
        );
        registry.register("operations_open", "Writes that are under way, in all processes", open.clone());
        registry.register(
            "index_behind_blocks",
            "How many blocks of the chain are not in the index yet; NaN while the chain cannot be asked",
            behind.clone(),
        );
        registry.register("database_connections", "Connections of this process", connections.clone());
        metrics
    }
}

impl Metrics {
    /// An operation has ended.
    pub(crate) fn ended(&self, work: &'static str, is_done: bool) {
        let outcome = if is_done { "done" } else { "failed" };
        self.operations.get_or_create(&Ended { work, outcome }).inc();
    }
}

impl State {
    /// How many blocks the index is behind the chain; no number while the chain cannot be asked.
    async fn behind(&self) -> Result<f64, Problem> {
        let Ok(Ok(block)) = timeout(PATIENCE, self.chain.block()).await else { return Ok(f64::NAN) };
        // Blocks are few enough to be counted so.
        Ok(block.saturating_sub(self.indexed_block().await?.unwrap_or_default()) as f64)
    }

    /// The figures, as Prometheus reads them.
    pub(crate) async fn metrics(&self) -> Result<String, Problem> {
        let open = sqlx::query("SELECT COUNT(*) FROM operations WHERE status = 'open'");
        let open: i64 = open.fetch_one(&self.db).await?.try_get(0)?;
        self.metrics.open.set(open.unsigned_abs());
        self.metrics.behind.set(self.behind().await?);
        let idle = self.db.num_idle() as u64;
        let busy = u64::from(self.db.size()).saturating_sub(idle);
        for (state, number) in [("idle", idle), ("busy", busy)] {
            self.metrics.connections.get_or_create(&Connections { state }).set(number);
        }
        let mut text = String::new();
        encode(&mut text, &self.metrics.registry).map_err(|error| Problem::internal(&error))?;
        Ok(text)
    }
}

/// Counts a request, by the route that it took and not by its path, which may be any.
pub(crate) async fn count(Shared(state): Shared<Arc<State>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let method = match request.method().as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known.to_owned(),
        _ => "other".to_owned(),
    };
    let answer = next.run(request).await;
    let metrics = &state.metrics;
    metrics.seconds.get_or_create(&Route { route: route.clone() }).observe(began.elapsed().as_secs_f64());
    metrics.requests.get_or_create(&Asked { method, route, status: answer.status().as_u16() }).inc();
    answer
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}
