//! How a chain is reached.

use std::time::Duration;

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

    /// One more, which is asked when the others are slower or fail more often.
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
        // The best node only: the next try takes the next, for a failure costs a node its rank.
        let one = FallbackLayer::default().with_active_transport_count(std::num::NonZeroUsize::MIN);
        let transport = ServiceBuilder::new().layer(one).service(nodes);
        let local = self.urls.iter().all(|url| matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")));
        ClientBuilder::default().layer(retry).transport(transport, local)
    }
}

fn parse(url: &str) -> Result<Url> {
    let invalid = |reason: String| Error::InvalidEndpoint { url: url.to_owned(), reason };
    let parsed = Url::parse(url).map_err(|error| invalid(error.to_string()))?;
    match parsed.scheme() {
        "http" | "https" => Ok(parsed),
        other => Err(invalid(format!("it is reached by {other}, not by http or https"))),
    }
}
