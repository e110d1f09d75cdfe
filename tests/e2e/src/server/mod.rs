//! What every story of the server begins with: a devnet, a database, the server in this process, and keys of its parties.

mod browser;
mod caller;
pub mod chat_model;
mod database;
mod mailbox;
mod process;
pub mod python;
mod replica;
pub mod streamlit;
pub mod stripe;

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use std::time::Duration;

use alloy::{
    primitives::{Address, U256, utils::parse_ether},
    rpc::client::RpcClient,
};
use eyre::{OptionExt, Result, bail};
use scrip::Endpoint;
use scrip_server::{Bounds, Clock, Config, Fund, Gateway, Indexing, MasterKey, Pages};
use serde_json::{Value, json};

pub use browser::{Browser, Shown};
pub use caller::{Answer, Caller};
pub use database::{Database, DatabaseKind};
pub use mailbox::{Letter, Mailbox};
pub use process::{Process, Serving};
pub use replica::Replica;

use self::stripe::StandIn;
use crate::env::TestEnv;

/// Often enough for a test.
const OFTEN: Duration = Duration::from_millis(50);

/// A devnet, a server before it, and its parties.
#[derive(Debug)]
pub struct ServerEnv {
    /// The chain, and Scrip as its accounts use it without a server.
    pub chain: TestEnv,
    /// Who creates plans, by the server; the devnet's account of this name.
    pub builder: Caller,
    /// Who orders them; the devnet's account of this name.
    pub subscriber: Caller,
    /// Another tenant, who has no part in it; the devnet's account of this name.
    pub stranger: Caller,
    /// Who may make accounts.
    pub admin: Caller,
    /// Who has no key.
    pub anyone: Caller,
    /// The process that serves; none while it is killed.
    replica: Option<Replica>,
    /// Who charges cards.
    pub stripe: StandIn,
    /// Who takes its e-mails.
    pub mailbox: Mailbox,
    master_key: MasterKey,
    /// By how many seconds the server's clock is ahead of the machine's.
    ahead: Arc<AtomicU64>,
    database: Database,
}

impl ServerEnv {
    /// Starts all of it; nothing where there is no such database to start, which is said, and an error in CI.
    pub async fn start(kind: DatabaseKind) -> Result<Option<Self>> {
        let Some(database) = Database::start(kind).await? else { return Ok(None) };
        let (chain, master_key) = (TestEnv::start().await?, MasterKey::generate());
        let ahead = Arc::new(AtomicU64::new(0));
        let stripe = StandIn::start(Arc::clone(&ahead)).await?;
        let mailbox = Mailbox::start().await?;
        let parts = (&chain, &database, &master_key, &ahead, &stripe, &mailbox);
        let node = Endpoint::new(chain.devnet.url())?.client();
        let names = ["builder", "subscriber", "stranger"];
        let (replica, keys) = Replica::with_keys(config(parts, node)?, &chain.devnet, &names).await?;
        let caller = |name: &str| {
            let key = keys.get(name).ok_or_eyre("no such key")?;
            Caller::new(&replica, Some(key))
        };
        Ok(Some(Self {
            builder: caller("builder")?,
            subscriber: caller("subscriber")?,
            stranger: caller("stranger")?,
            admin: caller("admin")?,
            anyone: Caller::new(&replica, None)?,
            replica: Some(replica),
            chain,
            stripe,
            mailbox,
            master_key,
            ahead,
            database,
        }))
    }

    /// One more process on the same database and chain, by a node of its own choice or the devnet.
    pub async fn another(&self, node: Option<RpcClient>) -> Result<Replica> {
        Replica::start(self.config(node)?).await
    }

    /// What a server on this database and chain is started with.
    pub fn config(&self, node: Option<RpcClient>) -> Result<Config> {
        let devnet = Endpoint::new(self.chain.devnet.url())?.client();
        let parts = (&self.chain, &self.database, &self.master_key, &self.ahead, &self.stripe, &self.mailbox);
        config(parts, node.unwrap_or(devnet))
    }

    /// Where the server is reached.
    pub fn url(&self) -> &str {
        self.anyone.url()
    }

    /// The server's process dies, in the middle of whatever it does.
    pub fn kill(&mut self) {
        self.replica = None;
    }

    /// The server's process, to end it otherwise.
    pub fn take_replica(&mut self) -> Option<Replica> {
        self.replica.take()
    }

    /// A key of the builder's account that a server with another master key has made.
    pub async fn foreign_key(&self) -> Result<String> {
        let Some(database) = Database::start(DatabaseKind::Sqlite).await? else {
            bail!("there is always SQLite");
        };
        let parts =
            (&self.chain, &database, &MasterKey::generate(), &self.ahead, &self.stripe, &self.mailbox);
        let node = Endpoint::new(self.chain.devnet.url())?.client();
        let (_, mut keys) =
            Replica::with_keys(config(parts, node)?, &self.chain.devnet, &["builder"]).await?;
        keys.remove("builder").ok_or_eyre("no such key")
    }

    /// A process like the first takes its place, and all parties turn to it.
    pub async fn restart(&mut self) -> Result<()> {
        let replica = self.another(None).await?;
        self.turn_to(replica);
        Ok(())
    }

    /// A process takes the place of the first, and all parties turn to it.
    pub fn turn_to(&mut self, replica: Replica) {
        for caller in
            [&mut self.builder, &mut self.subscriber, &mut self.stranger, &mut self.admin, &mut self.anyone]
        {
            *caller = caller.at(&replica);
        }
        self.replica = Some(replica);
    }

    /// The server's clock goes ahead of the machine's; the chain's stays.
    pub fn advance(&self, seconds: u64) {
        self.ahead.fetch_add(seconds, Ordering::SeqCst);
    }

    /// The database, to look into.
    pub fn database(&self) -> &Database {
        &self.database
    }
}

/// What the SDKs send for a plan of 100 credits for 20 base units of this dollar, paid to this account.
pub fn asked_plan(dollar: Address, payee: Address, name: &str) -> Value {
    let zero = Address::ZERO;
    json!({
        "metadataAttributes": { "name": name, "isTrialPlan": false },
        "priceConfig": {
            "tokenAddress": dollar, "amounts": ["20"], "receivers": [payee],
            "contractAddress": zero, "feeController": zero, "externalPriceAddress": zero,
            "templateAddress": zero, "isCrypto": true,
        },
        "creditsConfig": {
            "isRedemptionAmountFixed": true, "redemptionType": 4, "onchainMirror": false, "durationSecs": "0",
            "amount": "100", "minAmount": "1", "maxAmount": "1",
        },
        "nonce": U256::random().to_string(), "isTrialPlan": false, "accessLimit": "credits",
    })
}

fn config(
    (chain, database, master_key, ahead, stripe, mailbox): (
        &TestEnv,
        &Database,
        &MasterKey,
        &Arc<AtomicU64>,
        &StandIn,
        &Mailbox,
    ),
    node: RpcClient,
) -> Result<Config> {
    let (machine, ahead) = (Clock::default(), Arc::clone(ahead));
    let signer = chain.devnet.actor("deployer")?.signer.clone();
    Ok(Config {
        database: database.url().to_owned(),
        node,
        deployment: chain.devnet.deployment(),
        master_key: master_key.clone(),
        fund: Some(Fund { signer, least: parse_ether("0.01")? }),
        stripe: Some(stripe.config()),
        requests_per_second: None,
        public_url: Some("https://scrip.example".to_owned()),
        pages: Pages {
            dev_log_in: true,
            mail: Some(mailbox.config()),
            tokens: vec![chain.devnet.dollar().address],
        },
        clock: Clock::new(move || machine.now() + ahead.load(Ordering::SeqCst)),
        gateway: Gateway {
            private_upstreams: true,
            patience: Duration::from_secs(3),
            longest: Duration::from_secs(20),
            settle_after: Duration::from_secs(1),
            ..Gateway::default()
        },
        indexing: Indexing { confirmations: 0, every: OFTEN, ..Indexing::default() },
        bounds: Bounds::default(),
    })
}
