//! What the gateway adds to a request, beside the bare upstream and a plain proxy in the same run, and the gas of what it redeems:
//! `scripts/bench gateway`.

mod load;
mod page;
mod place;
mod proxy;

use std::{sync::Arc, time::Duration};

use eyre::Result;
use reqwest::{Client, Method, Request, Url};
use serde::Serialize;

pub use page::{page, tables};

use self::{
    load::{Load, Make},
    place::Place,
    proxy::Bare,
};
use crate::server::DatabaseKind;

/// How many requests are under way at once where as many are asked as can be answered.
const AT_ONCE: u64 = 256;
/// How many a second are asked otherwise.
const PER_SECOND: u64 = 2_000;
/// How long each is measured, after a fifth of it that does not count, unless `SCRIP_BENCH_SECONDS` says otherwise.
const SECONDS: u64 = 20;
/// How many requests are redeemed at once.
const BATCHES: [u64; 4] = [1, 10, 100, 1_000];

/// What was measured of one way.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Which way.
    pub way: &'static str,
    /// How many a second were answered at most.
    pub most_per_second: f64,
    /// The same, for one of the plain proxy's.
    pub of_proxy: f64,
    /// At a steady rate, half of the answers took at most so many milliseconds.
    pub p50_ms: f64,
    /// 99 of 100 answers took at most so many milliseconds.
    pub p99_ms: f64,
    /// More than the bare upstream's, at half and at 99 of 100.
    pub added_ms: [f64; 2],
}

/// The gas of a batch.
#[derive(Debug, Clone, Serialize)]
pub struct Gas {
    /// How many requests it has.
    pub requests: u64,
    /// For each of them.
    pub each: u64,
}

/// All that was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// For how many seconds each was measured.
    pub seconds: u64,
    /// How many were under way at once.
    pub at_once: u64,
    /// How many a second were asked at a steady rate.
    pub per_second: u64,
    /// How many processors there were, which all share: who asks, the ways, the upstream, the chain and the database.
    pub processors: usize,
    /// The ways.
    pub rows: Vec<Row>,
    /// Batches of one holder's requests.
    pub gas: Vec<Gas>,
}

/// Measures everything. Where there is no Postgres, it is said, and its row is missing.
pub async fn measure() -> Result<Figures> {
    let seconds = std::env::var("SCRIP_BENCH_SECONDS").map_or(Ok(SECONDS), |seconds| seconds.parse())?;
    let time = Duration::from_secs(seconds);
    let upstream = Bare::upstream().await?;
    let proxy = Bare::proxy(&upstream.url).await?;
    let http = Client::builder().pool_max_idle_per_host(1_024).timeout(Duration::from_secs(30)).build()?;
    let bare = measure_way(&http, time, get(&upstream.url)?).await?;
    let plain = measure_way(&http, time, get(&proxy.url)?).await?;
    let mut rows = vec![
        row("the upstream itself", &bare, &plain, &bare),
        row("a plain proxy of axum and hyper", &plain, &plain, &bare),
    ];
    let mut gas = Vec::new();
    for (way, kind, more) in [
        ("the gateway, SQLite, holds on the disk", DatabaseKind::Sqlite, &[][..]),
        ("the gateway, SQLite, holds with the system", DatabaseKind::Sqlite, &["--holds-in-memory"]),
        ("the gateway, Postgres, holds on the disk", DatabaseKind::Postgres, &[]),
        ("the gateway, Postgres, holds with the system", DatabaseKind::Postgres, &["--holds-in-memory"]),
    ] {
        let Some(place) = Place::start(kind, &upstream.url, more).await? else { continue };
        let found = measure_way(&http, time, place.requests()?).await?;
        place.check(found.0.all + found.1.all).await?;
        rows.push(row(way, &found, &plain, &bare));
    }
    if let Some(place) =
        Place::start(DatabaseKind::Sqlite, &upstream.url, &["--settle-count", "1000"]).await?
    {
        gas = place.gas(&http, &BATCHES).await?;
    }
    let processors = std::thread::available_parallelism()?.get();
    Ok(Figures { seconds, at_once: AT_ONCE, per_second: PER_SECOND, processors, rows, gas })
}

/// As many as can be answered, and a steady rate.
async fn measure_way(http: &Client, time: Duration, make: Make) -> Result<(Load, Load)> {
    let most = Load::most(http, AT_ONCE, time, Arc::clone(&make)).await?;
    // What was begun for those before does not count for these.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let steady = Load::steady(http, PER_SECOND, time, make).await?;
    Ok((most, steady))
}

fn get(url: &str) -> Result<Make> {
    let url: Url = url.parse()?;
    Ok(Arc::new(move |_| Request::new(Method::GET, url.clone())))
}

fn row(way: &'static str, found: &(Load, Load), plain: &(Load, Load), bare: &(Load, Load)) -> Row {
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    let (p50_ms, p99_ms) = (milliseconds(found.1.p50), milliseconds(found.1.p99));
    Row {
        way,
        most_per_second: found.0.per_second,
        of_proxy: found.0.per_second / plain.0.per_second,
        p50_ms,
        p99_ms,
        added_ms: [p50_ms - milliseconds(bare.1.p50), p99_ms - milliseconds(bare.1.p99)],
    }
}
