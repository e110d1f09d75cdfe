//! The bare route: what a server costs that does nothing.

use std::net::Ipv4Addr;

use axum::{Router, routing::get};
use eyre::Result;
use reqwest::{Client, RequestBuilder};
use tokio::{net::TcpListener, task::JoinHandle};

/// A server with one route, until it is dropped.
pub(super) struct Bare {
    http: Client,
    url: String,
    server: JoinHandle<std::io::Result<()>>,
}

impl Bare {
    pub(super) async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}/", listener.local_addr()?);
        let app = Router::new().route("/", get(async || "100"));
        let server = tokio::spawn(axum::serve(listener, app).into_future());
        Ok(Self { http: Client::new(), url, server })
    }

    pub(super) fn request(&self) -> RequestBuilder {
        self.http.get(&self.url)
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        self.server.abort();
    }
}
