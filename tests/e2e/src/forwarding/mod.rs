//! What the gateway adds to a request, beside the bare upstream and a plain proxy in the same run, and the gas of what it redeems:
//! `scripts/bench gateway`.

mod load;
mod page;
mod place;
mod proxy;

use std::{sync::Arc, time::Duration};

use eyre::{OptionExt, Result};
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
/// How long each is measured, in rounds, unless `SCRIP_BENCH_SECONDS` says otherwise.
const SECONDS: u32 = 20;
/// In how many rounds each way of the gateway is measured with what it is compared to: whatever else the machine does meanwhile befalls
/// all of them. Figures are those in the middle.
const ROUNDS: u32 = 3;
/// How many requests are redeemed at once.
const BATCHES: [u64; 4] = [1, 10, 100, 1_000];

/// What was measured of one way.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// Which way.
    pub way: &'static str,
    /// How many a second were answered at most.
    pub most_per_second: f64,
    /// The same, for one of the plain proxy's in the same round.
    pub of_proxy: f64,
    /// The processor time that the server took for each of these, in microseconds.
    pub processor_us: Option<f64>,
    /// At a steady rate, half of the answers took at most so many milliseconds.
    pub p50_ms: f64,
    /// 99 of 100 answers took at most so many milliseconds.
    pub p99_ms: f64,
    /// More than the bare upstream's in the same round, at half and at 99 of 100.
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
    pub seconds: u32,
    /// In how many rounds.
    pub rounds: u32,
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

/// What was measured of one way in one round: as many as can be answered, and a steady rate.
#[derive(Debug, Clone, Copy)]
struct Round {
    most: Load,
    steady: Load,
    processor: Option<Duration>,
}

/// The rounds of the upstream itself, of the plain proxy and of a way.
type Rounds = [Vec<Round>; 3];

/// Measures everything. Where there is no Postgres, it is said, and its row is missing.
pub async fn measure() -> Result<Figures> {
    let seconds = std::env::var("SCRIP_BENCH_SECONDS").map_or(Ok(SECONDS), |seconds| seconds.parse())?;
    let time = Duration::from_secs(seconds.into()) / ROUNDS;
    let upstream = Bare::upstream().await?;
    let proxy = Bare::proxy(&upstream.url).await?;
    let http = Client::builder().pool_max_idle_per_host(1_024).timeout(Duration::from_secs(30)).build()?;
    let beside = [get(&upstream.url)?, get(&proxy.url)?];
    let (mut all, mut rows, mut gas) = (Rounds::default(), Vec::new(), Vec::new());
    for (way, kind, more) in [
        ("the gateway, SQLite, holds on the disk", DatabaseKind::Sqlite, &[][..]),
        ("the gateway, SQLite, holds with the system", DatabaseKind::Sqlite, &["--holds-in-memory"]),
        ("the gateway, Postgres, holds on the disk", DatabaseKind::Postgres, &[]),
        ("the gateway, Postgres, holds with the system", DatabaseKind::Postgres, &["--holds-in-memory"]),
    ] {
        let Some(place) = Place::start(kind, &upstream.url, more).await? else { continue };
        let rounds = measure_way(&http, time, &beside, &place).await?;
        rows.push(row(way, &rounds, 2)?);
        for (all, rounds) in all.iter_mut().zip(rounds) {
            all.extend(rounds);
        }
    }
    rows.splice(
        0..0,
        [row("the upstream itself", &all, 0)?, row("a plain proxy of axum and hyper", &all, 1)?],
    );
    if let Some(place) =
        Place::start(DatabaseKind::Sqlite, &upstream.url, &["--settle-count", "1000"]).await?
    {
        gas = place.gas(&http, &BATCHES).await?;
    }
    let processors = std::thread::available_parallelism()?.get();
    Ok(Figures { seconds, rounds: ROUNDS, at_once: AT_ONCE, per_second: PER_SECOND, processors, rows, gas })
}

async fn measure_way(http: &Client, time: Duration, beside: &[Make; 2], place: &Place) -> Result<Rounds> {
    let (mut rounds, mut served) = (Rounds::default(), 0);
    for _ in 0..ROUNDS {
        for (make, rounds) in beside.iter().zip(&mut rounds) {
            let most = Load::most(http, AT_ONCE, time, Arc::clone(make)).await?;
            let steady = Load::steady(http, PER_SECOND, time, Arc::clone(make)).await?;
            rounds.push(Round { most, steady, processor: None });
        }
        let (make, before) = (place.requests()?, place.processor()?);
        let most = Load::most(http, AT_ONCE, time, Arc::clone(&make)).await?;
        served += most.all;
        // Nothing of what was begun for this is left for what is measured next.
        place.check(served).await?;
        let processor = (place.processor()? - before).div_f64(most.all as f64);
        let steady = Load::steady(http, PER_SECOND, time, make).await?;
        served += steady.all;
        place.check(served).await?;
        rounds[2].push(Round { most, steady, processor: Some(processor) });
    }
    Ok(rounds)
}

fn get(url: &str) -> Result<Make> {
    let url: Url = url.parse()?;
    Ok(Arc::new(move |_| Request::new(Method::GET, url.clone())))
}

/// What the rounds of one of the three come to.
fn row(way: &'static str, rounds: &Rounds, which: usize) -> Result<Row> {
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    let middle = |figure: &dyn Fn([&Round; 3]) -> Option<f64>| {
        let [bare, plain, _] = rounds;
        let beside = rounds[which].iter().zip(bare).zip(plain);
        let mut all: Vec<_> =
            beside.filter_map(|((round, bare), plain)| figure([round, bare, plain])).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied()
    };
    let known = |figure: &dyn Fn([&Round; 3]) -> f64| {
        middle(&|rounds| Some(figure(rounds))).ok_or_eyre("nothing was measured")
    };
    Ok(Row {
        way,
        most_per_second: known(&|[round, ..]| round.most.per_second)?,
        of_proxy: known(&|[round, _, plain]| round.most.per_second / plain.most.per_second)?,
        processor_us: middle(&|[round, ..]| Some(round.processor?.as_secs_f64() * 1e6)),
        p50_ms: known(&|[round, ..]| milliseconds(round.steady.p50))?,
        p99_ms: known(&|[round, ..]| milliseconds(round.steady.p99))?,
        added_ms: [
            known(&|[round, bare, _]| milliseconds(round.steady.p50) - milliseconds(bare.steady.p50))?,
            known(&|[round, bare, _]| milliseconds(round.steady.p99) - milliseconds(bare.steady.p99))?,
        ],
    })
}
