//! How a chain is reached.

use std::{num::NonZeroUsize, time::Duration};

use alloy::{
    rpc::client::{ClientBuilder, RpcClient},
    transports::{
        TransportError,
        http::{Http, reqwest::Url},
        layers::{FallbackLayer, RateLimitRetryPolicy, RetryBackoffLayer},
    },
};
use tower::ServiceBuilder;

use crate::{Error, Result};

/// The nodes by which a chain is reached, over HTTP: one or several, asked again when they fail.
///
/// What is asked again is what was asked; a transaction is the same bytes each time. Any other alloy provider serves as well,
/// such as one over a websocket, which connects again by itself.
///
/// ```no_run
/// # async fn run() -> eyre::Result<()> {
/// use scrip::{Deployment, Endpoint, Scrip, alloy::providers::ProviderBuilder};
///
/// let endpoint = Endpoint::new("https://node.example")?.or("https://other.example")?.at_most(25);
/// let provider = ProviderBuilder::new().connect_client(endpoint.client());
/// let scrip = Scrip::connect(provider, Deployment::canonical()).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Endpoint {
    urls: Vec<Url>,
    retries: u32,
    backoff: Duration,
    per_second: u64,
}

/// What the layer reckons a request to cost, in its units.
const COST: u64 = 20;

/// What the client asks: of one node after another until one answers, and not of all at once, as the layer would.
const METHODS: [&str; 16] = [
    "eth_blockNumber",
    "eth_call",
    "eth_chainId",
    "eth_estimateGas",
    "eth_feeHistory",
    "eth_gasPrice",
    "eth_getBalance",
    "eth_getBlockByHash",
    "eth_getBlockByNumber",
    "eth_getCode",
    "eth_getLogs",
    "eth_getTransactionByHash",
    "eth_getTransactionCount",
    "eth_getTransactionReceipt",
    "eth_sendRawTransaction",
    "eth_sendRawTransactionSync",
];

impl Endpoint {
    /// One node. What it fails to answer is asked five times more, half a second apart.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidEndpoint`] when it is no URL of HTTP.
    pub fn new(url: &str) -> Result<Self> {
        let urls = vec![parse(url)?];
        Ok(Self { urls, retries: 5, backoff: Duration::from_millis(500), per_second: 1_000 })
    }

    /// One more: of several the one that has answered best is asked first, and the next when it fails.
    ///
    /// # Errors
    ///
    /// As [`Endpoint::new`].
    pub fn or(mut self, url: &str) -> Result<Self> {
        self.urls.push(parse(url)?);
        Ok(self)
    }

    /// Asks again so many times, after a pause each time.
    pub fn retrying(self, times: u32, pause: Duration) -> Self {
        Self { retries: times, backoff: pause, ..self }
    }

    /// Asks again what failed no sooner than keeps to so many requests a second, 1,000 by default.
    pub fn at_most(self, per_second: u64) -> Self {
        Self { per_second, ..self }
    }

    /// The client, for `ProviderBuilder::connect_client`.
    pub fn client(&self) -> RpcClient {
        // Nodes that limit rates say so; all else that is no answer is worth asking again, too.
        let policy = RateLimitRetryPolicy::default().or(TransportError::is_transport_error);
        let pause = u64::try_from(self.backoff.as_millis()).unwrap_or(u64::MAX);
        let retry = RetryBackoffLayer::new_with_policy(self.retries, pause, self.per_second * COST, policy);
        let nodes = self.urls.iter().cloned().map(Http::new).collect();
        let in_turn = FallbackLayer::default()
            .with_active_transport_count(NonZeroUsize::new(self.urls.len()).unwrap_or(NonZeroUsize::MIN))
            .with_sequential_methods(METHODS.into_iter().map(str::to_owned).collect());
        let transport = ServiceBuilder::new().layer(in_turn).service(nodes);
        let local =
            self.urls.iter().all(|url| matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")));
        ClientBuilder::default().layer(retry).transport(transport, local)
    }
}

fn parse(url: &str) -> Result<Url> {
    // It is not repeated: many have a key in their path.
    let parsed = Url::parse(url).map_err(|error| Error::InvalidEndpoint(error.to_string()))?;
    match parsed.scheme() {
        "http" | "https" => Ok(parsed),
        other => Err(Error::InvalidEndpoint(format!("it is reached by {other}, not by http or https"))),
    }
}
