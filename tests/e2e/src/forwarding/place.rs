//! A server with a service and its holders, on a devnet of its own.

use std::{fs, sync::Arc, time::Duration};

use alloy::{
    primitives::U256,
    providers::{Provider, ext::AnvilApi},
    rpc::types::Filter,
    sol_types::SolEvent,
};
use eyre::{OptionExt, Result, ensure};
use reqwest::{
    Client, Method, Request, Url,
    header::{AUTHORIZATION, HeaderValue},
};
use scrip::{PlanId, abi::IScrip::CreditsRedeemedInBatch};
use serde_json::json;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

use super::{Gas, load::Make};
use crate::{
    env::TestEnv,
    server::{Caller, Database, DatabaseKind, Process, Serving, asked_plan},
    speed::{Mining, ROOM},
};

/// How many holders there are, who ask by turns.
const HOLDERS: usize = 8;
/// How many credits each has.
const CREDITS: u64 = 100_000_000;
/// How long it may take until what was served is on the chain.
const SETTLED_WITHIN: Duration = Duration::from_secs(300);

pub(super) struct Place {
    server: Process,
    plan: PlanId,
    agent: String,
    holders: Vec<Caller>,
    tokens: Vec<HeaderValue>,
    _mining: Mining,
    chain: TestEnv,
    _database: Database,
    _folder: tempfile::TempDir,
}

impl Place {
    pub(super) async fn start(kind: DatabaseKind, upstream: &str, more: &[&str]) -> Result<Option<Self>> {
        let Some(database) = Database::start(kind).await? else { return Ok(None) };
        let (chain, folder) = (TestEnv::start().await?, tempfile::tempdir()?);
        // Blocks that are never half full keep the base fee where it is.
        chain.devnet.reader().anvil_set_block_gas_limit(ROOM).await?;
        // What is left at the end is redeemed soon, so that nothing is measured beside it.
        let usual = ["--private-upstreams", "--at-risk", "1000000000", "--settle-after", "2"];
        let serving = Serving {
            node: chain.devnet.url(),
            database: database.url(),
            fund: &chain.devnet.actor("deployer")?.signer,
            folder: folder.path(),
            more: &[&usual, more].concat(),
        };
        let server = Process::start("server", &serving).await?;
        let admin = Caller::admin(&server, folder.path())?;
        let builder = admin.make_account("builder").await?;
        let plan = asked_plan(chain.devnet.dollar().address, builder.address, "Plan");
        let made = builder.post("/api/v1/protocol/plans", &plan).await?.ok()?;
        let plan = made["planId"].as_str().ok_or_eyre("no plan")?.to_owned();
        let agent = json!({
            "metadataAttributes": { "name": "Service" }, "agentApiAttributes": { "upstream": upstream }, "plans": [plan],
        });
        let made = builder.post("/api/v1/protocol/agents", &agent).await?.ok()?;
        let agent = made["agentId"].as_str().ok_or_eyre("no agent")?.to_owned();
        let (mut holders, mut tokens) = (Vec::new(), Vec::new());
        for number in 0..HOLDERS {
            let holder = admin.make_account(&format!("holder {number}")).await?;
            let mint =
                json!({ "planId": plan, "amount": CREDITS.to_string(), "creditsReceiver": holder.address });
            builder.post("/api/v1/protocol/plans/mint", &mint).await?.ok()?;
            let made = holder
                .post("/api/v1/x402/permissions", &json!({ "accepted": { "planId": plan } }))
                .await?
                .ok()?;
            let token = made["accessToken"].as_str().ok_or_eyre("no token")?;
            tokens.push(format!("Bearer {token}").parse()?);
            holders.push(holder);
        }
        let mining = Mining::of(chain.devnet.reader());
        let plan = PlanId(plan.parse::<U256>()?);
        Ok(Some(Self {
            server,
            plan,
            agent,
            holders,
            tokens,
            _mining: mining,
            chain,
            _database: database,
            _folder: folder,
        }))
    }

    /// Requests of the holders, by turns.
    pub(super) fn requests(&self) -> Result<Make> {
        let url: Url = format!("{}/proxy/{}/ask", self.server.url(), self.agent).parse()?;
        let tokens = self.tokens.clone();
        Ok(Arc::new(move |number| {
            let mut request = Request::new(Method::GET, url.clone());
            let token = &tokens[number as usize % tokens.len()];
            request.headers_mut().insert(AUTHORIZATION, token.clone());
            request
        }))
    }

    /// The processor time that the server has taken since it was started.
    pub(super) fn processor(&self) -> Result<Duration> {
        let process = self.server.id().ok_or_eyre("the server does not run")?;
        // Behind the name, which may have spaces, as proc_pid_stat(5) has them: user and system, in hundredths of a second.
        let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
        let (_, stat) = stat.rsplit_once(')').ok_or_eyre("no name")?;
        let times = stat.split_whitespace().skip(11).take(2);
        let ticks = times.map(str::parse::<u64>).sum::<Result<u64, _>>()?;
        Ok(Duration::from_millis(10 * ticks))
    }

    /// Waits until all that was served is redeemed, to the unit.
    pub(super) async fn check(&self, served: u64) -> Result<()> {
        let began = Instant::now();
        loop {
            let mut left = 0;
            for holder in &self.holders {
                left += self.chain.stranger.balance(self.plan, holder.address).await?.balance;
            }
            let redeemed = u128::from(CREDITS) * HOLDERS as u128 - left;
            if redeemed == u128::from(served) {
                return Ok(());
            }
            ensure!(
                redeemed < u128::from(served) && began.elapsed() < SETTLED_WITHIN,
                "{redeemed} requests are redeemed, of {served} that were served; the server says\n{}",
                self.server.says()?
            );
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// The gas of batches of one holder's requests.
    pub(super) async fn gas(&self, http: &Client, batches: &[u64]) -> Result<Vec<Gas>> {
        let (make, mut rows) = (self.requests()?, Vec::new());
        for &requests in batches {
            let since = self.chain.devnet.reader().get_block_number().await?;
            let mut asking = JoinSet::new();
            for _ in 0..requests {
                let (http, request) = (http.clone(), make(0));
                asking.spawn(async move {
                    Ok::<_, eyre::Report>(http.execute(request).await?.error_for_status()?)
                });
            }
            while let Some(asked) = asking.join_next().await {
                asked??.bytes().await?;
            }
            rows.push(self.gas_since(since, requests).await?);
        }
        Ok(rows)
    }

    /// The gas of a request in the largest batch after a block, once so many are redeemed.
    async fn gas_since(&self, since: u64, requests: u64) -> Result<Gas> {
        let reader = self.chain.devnet.reader();
        let filter = Filter::new()
            .address(self.chain.builder.address())
            .event_signature(CreditsRedeemedInBatch::SIGNATURE_HASH)
            .from_block(since);
        let began = Instant::now();
        loop {
            let mut batches = Vec::new();
            // A node refuses to begin at a block that it does not have yet.
            let logs = reader.get_logs(&filter).await?;
            for log in logs.into_iter().filter(|log| log.block_number > Some(since)) {
                let uses = CreditsRedeemedInBatch::decode_log(&log.inner)?.data.uses.len() as u64;
                batches.push((uses, log.transaction_hash.ok_or_eyre("a log without a transaction")?));
            }
            if batches.iter().map(|(uses, _)| uses).sum::<u64>() == requests {
                let &(uses, transaction) =
                    batches.iter().max_by_key(|(uses, _)| *uses).ok_or_eyre("no batch")?;
                let receipt = reader.get_transaction_receipt(transaction).await?.ok_or_eyre("no receipt")?;
                return Ok(Gas { requests: uses, each: receipt.gas_used / uses });
            }
            ensure!(began.elapsed() < SETTLED_WITHIN, "{requests} requests are not redeemed: {batches:?}");
            sleep(Duration::from_millis(100)).await;
        }
    }
}
