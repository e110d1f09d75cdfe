//! Where it happens: a chain behind a line that breaks, a database, and the server's processes.

use alloy::primitives::{Address, U256};
use eyre::{OptionExt, Result};
use scrip::PlanId;
use scrip_e2e::{
    env::TestEnv,
    faults::FaultyNode,
    postgres::Postgres,
    server::{Caller, DatabaseKind, Process, Serving, asked_plan},
};
use tempfile::TempDir;

/// How many plans there are.
const PLANS: usize = 2;

/// The whole of it.
pub(super) struct Place {
    pub(super) chain: TestEnv,
    /// The line to the chain.
    pub(super) node: FaultyNode,
    /// None with SQLite, whose process is the server's.
    pub(super) postgres: Option<Postgres>,
    pub(super) database: String,
    /// One with SQLite, and two that share a Postgres.
    pub(super) servers: Vec<Process>,
    pub(super) builder: Caller,
    admin: Caller,
    pub(super) plans: Vec<PlanId>,
    _folder: TempDir,
}

impl Place {
    /// Starts all of it; nothing where there is no such database to start.
    pub(super) async fn start(kind: DatabaseKind) -> Result<Option<Self>> {
        let folder = tempfile::tempdir()?;
        let (postgres, database, replicas) = match kind {
            DatabaseKind::Sqlite => {
                (None, format!("sqlite://{}?mode=rwc", folder.path().join("scrip.db").display()), 1)
            }
            DatabaseKind::Postgres => {
                let Some(postgres) = Postgres::start()? else { return Ok(None) };
                let url = postgres.url();
                (Some(postgres), url, 2)
            }
        };
        let chain = TestEnv::start().await?;
        let node = FaultyNode::before(chain.devnet.url()).await?;
        let serving = Serving {
            node: node.url().as_str(),
            database: &database,
            fund: &chain.devnet.actor("deployer")?.signer,
            folder: folder.path(),
            more: &["--private-upstreams", "--settle-after", "1", "--public-url", "https://scrip.example"],
        };
        let mut servers = Vec::new();
        for number in 0..replicas {
            servers.push(Process::start(&format!("server {number}"), &serving).await?);
        }
        let admin = Caller::admin(&servers[0], folder.path())?;
        let builder = admin.make_account("builder").await?;
        let mut plans = Vec::new();
        for number in 0..PLANS {
            let plan = asked_plan(chain.devnet.dollar().address, builder.address, &format!("Plan {number}"));
            let made = builder.post("/api/v1/protocol/plans", &plan).await?.ok()?;
            plans.push(made["planId"].as_str().ok_or_eyre("no id")?.parse()?);
        }
        Ok(Some(Self { chain, node, postgres, database, servers, builder, admin, plans, _folder: folder }))
    }

    /// A new account, with dollars for any number of orders.
    pub(super) async fn holder(&self, name: &str) -> Result<Caller> {
        let holder = self.admin.make_account(name).await?;
        self.chain.devnet.mint_dollars(holder.address, U256::from(1_000_000_000)).await?;
        Ok(holder)
    }

    pub(super) const fn kind(&self) -> DatabaseKind {
        if self.postgres.is_some() { DatabaseKind::Postgres } else { DatabaseKind::Sqlite }
    }

    /// The ends of the servers' logs.
    pub(super) fn says(&self) -> String {
        let logs = self.servers.iter().map(|server| server.says().unwrap_or_default());
        logs.collect::<Vec<_>>().join("\n\n")
    }

    /// Scrip's address.
    pub(super) fn scrip(&self) -> Address {
        self.chain.builder.address()
    }
}
