//! How fast the server is, and how much memory it takes, beside a bare route in the same run: `scripts/bench server`.

mod bare;
mod load;
mod page;

use std::{fs, time::Duration};

use alloy::{primitives::U256, providers::ext::AnvilApi};
use eyre::{OptionExt, Result, ensure};
use reqwest::Method;
use serde::Serialize;
use serde_json::json;

pub use page::page;

use self::{bare::Bare, load::Load};
use crate::{
    env::TestEnv,
    server::{Caller, Database, DatabaseKind, Process, Serving, asked_plan},
    speed::{Mining, ROOM},
};

/// How many requests are under way at once.
const AT_ONCE: usize = 32;
/// How long each is measured, after a tenth of it that does not count, unless `SCRIP_BENCH_SECONDS` says otherwise.
const SECONDS: u64 = 20;
/// How many credits there are to be redeemed.
const CREDITS: u64 = 10_000_000;

/// A figure of one kind of request, on one database.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// What is asked for.
    pub task: &'static str,
    /// On what database; none of the bare route.
    pub database: Option<&'static str>,
    /// How often a second it was answered.
    pub per_second: f64,
    /// Half of the answers took at most so many milliseconds.
    pub p50_ms: f64,
    /// 99 of 100 answers took at most so many milliseconds.
    pub p99_ms: f64,
    /// How often it is answered for one answer of the bare route.
    pub of_bare: f64,
}

/// How much memory a server's process has resident.
#[derive(Debug, Clone, Serialize)]
pub struct Memory {
    /// On what database.
    pub database: &'static str,
    /// Mebibytes, once it serves and nobody has asked for anything.
    pub at_rest: f64,
    /// Mebibytes, the most until all is measured.
    pub at_most: f64,
}

/// All that was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// For how many seconds each was measured.
    pub seconds: u64,
    /// How many requests were under way at once.
    pub at_once: usize,
    /// How many processors there were, which the server shares with the chain, the database and who asks.
    pub processors: usize,
    /// The requests.
    pub rows: Vec<Row>,
    /// The memory.
    pub memory: Vec<Memory>,
}

/// Measures everything. Where there is no Postgres, it is said, and its rows are missing.
pub async fn measure() -> Result<Figures> {
    let seconds = std::env::var("SCRIP_BENCH_SECONDS").map_or(Ok(SECONDS), |seconds| seconds.parse())?;
    let time = Duration::from_secs(seconds);
    let bare = Bare::start().await?;
    let load = Load::of(AT_ONCE, time, |_| bare.request()).await?;
    let bare_per_second = load.per_second;
    let mut rows = vec![load.row("a bare route of axum", None, bare_per_second)];
    let mut memory = Vec::new();
    for (kind, name) in [(DatabaseKind::Sqlite, "SQLite"), (DatabaseKind::Postgres, "Postgres")] {
        let Some(place) = Place::start(kind).await? else { continue };
        let at_rest = place.memory("VmRSS:")?;
        let plan = place.plan().await?;
        let balance = format!("/api/v1/protocol/plans/{plan}/balance/{}", place.holder.address);
        let reads = Load::of(AT_ONCE, time, |_| place.builder.request(Method::GET, &balance)).await?;
        rows.push(reads.row("balances read from the chain", Some(name), bare_per_second));
        let redemptions = Load::of(AT_ONCE, time, |number| {
            place.builder.request(Method::POST, "/api/v1/protocol/plans/redeem").json(&json!({
                "agentRequestId": format!("request {number}"), "planId": plan,
                "redeemFrom": place.holder.address, "amount": "1",
            }))
        });
        let redemptions = redemptions.await?;
        rows.push(redemptions.row(
            "redemptions, each in a block when it is answered",
            Some(name),
            bare_per_second,
        ));
        place.check(&plan, redemptions.all).await?;
        memory.push(Memory { database: name, at_rest, at_most: place.memory("VmHWM:")? });
    }
    let processors = std::thread::available_parallelism()?.get();
    Ok(Figures { seconds, at_once: AT_ONCE, processors, rows, memory })
}

/// A server on a devnet of its own.
struct Place {
    server: Process,
    builder: Caller,
    holder: Caller,
    _mining: Mining,
    chain: TestEnv,
    _database: Database,
    _folder: tempfile::TempDir,
}

impl Place {
    async fn start(kind: DatabaseKind) -> Result<Option<Self>> {
        let Some(database) = Database::start(kind).await? else { return Ok(None) };
        let (chain, folder) = (TestEnv::start().await?, tempfile::tempdir()?);
        // Blocks that are never half full keep the base fee where it is.
        chain.devnet.reader().anvil_set_block_gas_limit(ROOM).await?;
        let serving = Serving {
            node: chain.devnet.url(),
            database: database.url(),
            fund: &chain.devnet.actor("deployer")?.signer,
            folder: folder.path(),
            more: &[],
        };
        let server = Process::start("server", &serving).await?;
        let admin = Caller::admin(&server, folder.path())?;
        let (builder, holder) = (admin.make_account("builder").await?, admin.make_account("holder").await?);
        let mining = Mining::of(chain.devnet.reader());
        Ok(Some(Self {
            server,
            builder,
            holder,
            _mining: mining,
            chain,
            _database: database,
            _folder: folder,
        }))
    }

    /// A plan, of which the holder has credits.
    async fn plan(&self) -> Result<String> {
        let plan = asked_plan(self.chain.devnet.dollar().address, self.builder.address, "Plan");
        let made = self.builder.post("/api/v1/protocol/plans", &plan).await?.ok()?;
        let plan = made["planId"].as_str().ok_or_eyre("no id")?.to_owned();
        let mint = json!({
            "planId": plan, "amount": CREDITS.to_string(), "creditsReceiver": self.holder.address,
        });
        self.builder.post("/api/v1/protocol/plans/mint", &mint).await?.ok()?;
        Ok(plan)
    }

    /// Makes sure that what was answered was done.
    async fn check(&self, plan: &str, redeemed: u64) -> Result<()> {
        let plan = scrip::PlanId(plan.parse::<U256>()?);
        let balance = self.chain.stranger.balance(plan, self.holder.address).await?.balance;
        ensure!(balance == u128::from(CREDITS - redeemed), "{balance} are left after {redeemed} redemptions");
        Ok(())
    }

    /// A figure of what the process has resident, in mebibytes.
    fn memory(&self, name: &str) -> Result<f64> {
        let process = self.server.id().ok_or_eyre("it does not run")?;
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or_eyre("no such figure")?;
        let kibibytes: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kibibytes / 1024.0)
    }
}
