//! How a chain is reached.

use std::{
    error::Error as _,
    num::NonZeroUsize,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use alloy::{
    rpc::{
        client::{ClientBuilder, RpcClient},
        json_rpc::{RequestPacket, ResponsePacket},
    },
    transports::{
        RpcError, TransportError, TransportErrorKind, TransportFut,
        http::{
            Http,
            reqwest::{self, Client, Url},
        },
        layers::{FallbackLayer, RateLimitRetryPolicy, RetryBackoffLayer, RetryPolicy, ThrottleLayer},
    },
};
use tower::{Service, ServiceBuilder};

use crate::{Error, Result};

/// The nodes by which a chain is reached, over HTTP: one or several, asked again when they fail.
///
/// What is asked again is what was asked; a transaction is the same bytes each time. A node that is not connected to within 10
/// seconds, or has not answered a request within 30, has failed: see [`Endpoint::timing_out`].
///
/// Any other alloy provider serves as well, such as one over a websocket, which connects again by itself: ten times, in about three
/// minutes, unless its `WsConnect` says more (`with_max_retries`). After that it is of no use any more.
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
    http: Client,
    retries: u32,
    backoff: Duration,
    throttle: Option<Arc<ThrottleLayer>>,
}

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a request may take in all, to its answer's last byte.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

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
    /// [`Error::InvalidEndpoint`] when it is no URL of HTTP, and [`Error::Transport`] when this machine has no certificates that TLS
    /// could trust.
    pub fn new(url: &str) -> Result<Self> {
        let urls = vec![parse(url)?];
        let http = http(CONNECT_TIMEOUT, REQUEST_TIMEOUT)?;
        Ok(Self { urls, http, retries: 5, backoff: Duration::from_millis(500), throttle: None })
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

    /// Gives a node up that is not connected to in the first of these times, 10 seconds by default, or has not answered a request
    /// in the second, 30 by default. Then the next node is asked, and after a pause all again, as with every other failure: with
    /// nodes that take connections and never answer, a call fails after this time for each node and each time that it is asked.
    ///
    /// # Errors
    ///
    /// As [`Endpoint::new`].
    pub fn timing_out(self, connect: Duration, request: Duration) -> Result<Self> {
        Ok(Self { http: http(connect, request)?, ..self })
    }

    /// Sends each node no more than so many requests a second, one after another at even distances, those that are asked again
    /// among them: all clients of this endpoint together. Without a limit by default; 0 counts as 1.
    pub fn at_most(self, per_second: u64) -> Self {
        let per_second = u32::try_from(per_second.max(1)).unwrap_or(u32::MAX);
        Self { throttle: Some(Arc::new(ThrottleLayer::new(per_second))), ..self }
    }

    /// The client, for `ProviderBuilder::connect_client`.
    pub fn client(&self) -> RpcClient {
        let pause = u64::try_from(self.backoff.as_millis()).unwrap_or(u64::MAX);
        // This layer's own notion of a rate only makes pauses longer.
        let retry = RetryBackoffLayer::new_with_policy(self.retries, pause, u64::MAX, Again::default());
        let node = |url: &Url| Node(Http::with_client(self.http.clone(), url.clone()));
        let nodes = self.urls.iter().map(node).collect();
        let in_turn = FallbackLayer::default()
            .with_active_transport_count(NonZeroUsize::new(self.urls.len()).unwrap_or(NonZeroUsize::MIN))
            .with_sequential_methods(METHODS.into_iter().map(str::to_owned).collect());
        let transport = ServiceBuilder::new().layer(in_turn).service(nodes);
        let local =
            self.urls.iter().all(|url| matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]")));
        let client = ClientBuilder::default().layer(retry);
        match &self.throttle {
            Some(layer) => {
                let throttle = Arc::clone(&layer.throttle);
                client.layer(ThrottleLayer { throttle }).transport(transport, local)
            }
            None => client.transport(transport, local),
        }
    }
}

/// What is asked again: nodes that limit rates say so, and all else that is no answer is worth it, too.
#[derive(Debug, Clone, Default)]
struct Again(RateLimitRetryPolicy);

impl RetryPolicy for Again {
    fn should_retry(&self, error: &TransportError) -> bool {
        error.is_transport_error() || self.0.should_retry(error) && !is_for_size(error)
    }

    fn backoff_hint(&self, error: &TransportError) -> Option<Duration> {
        self.0.backoff_hint(error)
    }
}

/// Whether a node refuses for the blocks or logs that are asked for, as it will again: many do so with the code for rates.
fn is_for_size(error: &TransportError) -> bool {
    let says = |text: &str| error.as_error_resp().is_some_and(|answer| answer.message.contains(text));
    says("results") || says("range")
}

/// A node, whose errors do not repeat its URL, but say what is behind them.
#[derive(Debug, Clone)]
struct Node(Http<Client>);

impl Service<RequestPacket> for Node {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: RequestPacket) -> Self::Future {
        let (answer, url) = (self.0.call(request), self.0.url().to_owned());
        Box::pin(async move { answer.await.map_err(|error| without_url(error, &url)) })
    }
}

fn without_url(error: TransportError, url: &str) -> TransportError {
    let error = match error {
        RpcError::Transport(TransportErrorKind::Custom(error)) => error,
        // Of an answer that broke off the transport says where it came from, as if it were the answer.
        RpcError::Transport(TransportErrorKind::HttpError(mut answer)) => {
            answer.body = answer.body.replace(url, "the node");
            return RpcError::Transport(TransportErrorKind::HttpError(answer));
        }
        RpcError::Transport(TransportErrorKind::HttpErrorWithRetryAfter { mut error, retry_after }) => {
            error.body = error.body.replace(url, "the node");
            return RpcError::Transport(TransportErrorKind::HttpErrorWithRetryAfter { error, retry_after });
        }
        error => return error,
    };
    match error.downcast::<reqwest::Error>() {
        Ok(error) => {
            let error = error.without_url();
            let (mut text, mut cause) = (error.to_string(), error.source());
            while let Some(behind) = cause {
                text = format!("{text}: {behind}");
                cause = behind.source();
            }
            TransportErrorKind::custom_str(&text)
        }
        Err(error) => RpcError::Transport(TransportErrorKind::Custom(error)),
    }
}

fn http(connect: Duration, request: Duration) -> Result<Client> {
    let http = Client::builder().connect_timeout(connect).timeout(request).build();
    http.map_err(|error| Error::Transport(TransportErrorKind::non_retryable(error)))
}

fn parse(url: &str) -> Result<Url> {
    // It is not repeated: many have a key in their path.
    let parsed = Url::parse(url).map_err(|error| Error::InvalidEndpoint(error.to_string()))?;
    match parsed.scheme() {
        "http" | "https" => Ok(parsed),
        other => Err(Error::InvalidEndpoint(format!("it is reached by {other}, not by http or https"))),
    }
}

#[cfg(test)]
mod tests {
    use alloy::rpc::json_rpc::ErrorPayload;

    use super::*;

    #[test]
    fn what_is_too_much_is_not_asked_again() {
        let refused = |message: &'static str| {
            let answer = ErrorPayload { code: -32005, message: message.into(), data: None };
            Again::default().should_retry(&RpcError::ErrorResp(answer))
        };
        assert!(refused("daily request count exceeded, request rate limited"));
        assert!(!refused("query returned more than 10000 results"));
        assert!(!refused("eth_getLogs is limited to a 1024 block range"));
        assert!(Again::default().should_retry(&TransportErrorKind::custom_str("it broke")));
    }

    #[test]
    fn an_answer_that_broke_off_does_not_say_where_it_came_from() {
        let url = "https://node.example/v2/SECRET";
        let body = || format!("<failed to read response body: error for url ({url})>");
        let wait = Some(Duration::from_secs(1));
        for error in [
            TransportErrorKind::http_error(502, body()),
            TransportErrorKind::http_error_with_retry_after(429, body(), wait),
        ] {
            let told = format!("{:?}", without_url(error, url));
            assert!(!told.contains("SECRET") && told.contains("failed to read"), "{told}");
        }
    }
}
