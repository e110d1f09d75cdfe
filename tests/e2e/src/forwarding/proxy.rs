//! What the gateway is measured beside: the bare upstream, and a plain proxy of axum and hyper that only sends on.

use std::net::Ipv4Addr;

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{StatusCode, Uri, uri::PathAndQuery},
    response::{IntoResponse, Response},
    routing::any,
};
use eyre::Result;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{
    net::TcpListener,
    runtime::{Builder, Runtime},
};

/// A server in a runtime of its own, until it is dropped.
pub(super) struct Bare {
    pub(super) url: String,
    runtime: Option<Runtime>,
}

#[derive(Clone)]
struct Proxy {
    client: Client<HttpConnector, Body>,
    upstream: String,
}

impl Bare {
    /// An upstream that answers with a few characters.
    pub(super) async fn upstream() -> Result<Self> {
        Self::serve(Router::new().fallback(any(async || "{\"answer\":42}"))).await
    }

    /// A proxy before it.
    pub(super) async fn proxy(upstream: &str) -> Result<Self> {
        let mut http = HttpConnector::new();
        http.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).build(http);
        let proxy = Proxy { client, upstream: upstream.to_owned() };
        Self::serve(Router::new().fallback(any(forward)).with_state(proxy)).await
    }

    async fn serve(app: Router) -> Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let listener = runtime.spawn(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).await??;
        let url = format!("http://{}", listener.local_addr()?);
        runtime.spawn(axum::serve(listener, app).into_future());
        Ok(Self { url, runtime: Some(runtime) })
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn forward(State(proxy): State<Proxy>, mut request: Request) -> Response {
    let path = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
    match format!("{}{path}", proxy.upstream).parse::<Uri>() {
        Ok(uri) => *request.uri_mut() = uri,
        Err(_) => return StatusCode::BAD_REQUEST.into_response(),
    }
    match proxy.client.request(request).await {
        Ok(answer) => answer.into_response(),
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}
