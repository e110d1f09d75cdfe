//! The misbehaving node, as a test holds it.

use std::{collections::BTreeMap, iter, net::Ipv4Addr, sync::Arc, time::Duration};

use alloy::{
    providers::{ProviderBuilder, RootProvider},
    rpc::client::RpcClient,
    transports::http::reqwest::Url,
};
use axum::{Router, extract::DefaultBodyLimit, routing::post};
use eyre::Result;
use scrip::Scrip;
use scrip_devnet::{Actor, Devnet, WalletProvider};
use tokio::{net::TcpListener, task::JoinHandle};

use super::{
    Chance, Fault,
    plan::Plan,
    proxy::{Proxy, serve},
};

/// How often clients ask whether a transaction is mined: Anvil mines at once.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// A proxy before a node. It behaves until it is told not to, and ends when it is dropped.
#[derive(Debug)]
pub struct FaultyNode {
    url: Url,
    proxy: Arc<Proxy>,
    server: JoinHandle<std::io::Result<()>>,
}

impl FaultyNode {
    /// Listens before the node that is reached at this URL, by HTTP.
    pub async fn before(node: &str) -> Result<Self> {
        let proxy = Arc::new(Proxy::new(node.parse()?));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?).parse()?;
        let app = Router::new()
            .route("/", post(serve))
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&proxy));
        let server = tokio::spawn(axum::serve(listener, app).into_future());
        Ok(Self { url, proxy, server })
    }

    /// Where clients reach it.
    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// A provider that only reads, through the proxy.
    pub fn reader(&self) -> RootProvider {
        RootProvider::new(self.client())
    }

    /// A provider that signs as an account, through the proxy.
    pub fn provider(&self, actor: &Actor) -> WalletProvider {
        ProviderBuilder::new().wallet(actor.signer.clone()).connect_client(self.client())
    }

    /// Scrip, as an account of the devnet behind the proxy uses it.
    pub async fn scrip(&self, devnet: &Devnet, name: &str) -> Result<Scrip<WalletProvider>> {
        Ok(Scrip::connect(self.provider(devnet.actor(name)?), devnet.deployment()).await?)
    }

    fn client(&self) -> RpcClient {
        let client = RpcClient::new_http(self.url.clone());
        client.set_poll_interval(POLL_INTERVAL);
        client
    }

    /// The next call of this method meets a fault, after those that were scripted for it before.
    pub fn next(&self, method: &str, fault: Fault) {
        self.next_times(method, fault, 1);
    }

    /// The next calls of this method meet a fault, after those that were scripted for it before.
    pub fn next_times(&self, method: &str, fault: Fault, times: usize) {
        self.plan(|plan| {
            plan.scripts.entry(method.to_owned()).or_default().extend(iter::repeat_n(fault, times));
        });
    }

    /// Every call meets this fault, until it is healed.
    pub fn always(&self, fault: Fault) {
        self.plan(|plan| plan.always = Some(fault));
    }

    /// Calls meet faults at random, until it is healed.
    pub fn at_random(&self, chance: Chance) {
        self.plan(|plan| plan.chance = Some(chance));
    }

    /// Nothing more happens. What has happened is still counted.
    pub fn heal(&self) {
        self.plan(Plan::heal);
    }

    /// How often this fault happened.
    pub fn count(&self, fault: Fault) -> u64 {
        self.counts().into_iter().filter(|((one, _), _)| *one == fault).map(|(_, count)| count).sum()
    }

    /// How often each fault happened to each method.
    pub fn counts(&self) -> BTreeMap<(Fault, String), u64> {
        self.plan(|plan| plan.done.clone())
    }

    /// How many calls of each method have come, those of batches one by one.
    pub fn calls(&self) -> BTreeMap<String, u64> {
        self.plan(|plan| plan.calls.clone())
    }

    /// How many HTTP requests have come; a batch of calls is one.
    pub fn requests(&self) -> u64 {
        self.plan(|plan| plan.requests)
    }

    fn plan<T>(&self, with: impl FnOnce(&mut Plan) -> T) -> T {
        with(&mut self.proxy.plan())
    }
}

impl Drop for FaultyNode {
    fn drop(&mut self) {
        self.server.abort();
    }
}
