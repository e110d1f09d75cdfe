//! A builder's own server, as the gateway finds it behind a service: it answers, counts, and misbehaves as it is asked to.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Query, Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use eyre::Result;
use futures_util::{StreamExt, stream};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    task::JoinHandle,
    time::{Instant, sleep},
};

/// An upstream, until it is dropped.
#[derive(Debug)]
pub struct Upstream {
    url: String,
    seen: Arc<Seen>,
    server: JoinHandle<std::io::Result<()>>,
}

/// What it has been asked.
#[derive(Debug, Default)]
struct Seen {
    requests: AtomicU64,
    /// Parts of streams.
    parts: AtomicU64,
    last: Mutex<Value>,
}

/// How it is to answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct How {
    /// With this status.
    status: Option<u16>,
    /// After so many milliseconds.
    after: Option<u64>,
    /// With this claim of credits.
    claim: Option<String>,
    /// With this `usage.total_tokens`.
    tokens: Option<u64>,
    /// So many bytes, or parts of a stream.
    count: Option<u64>,
    /// So many milliseconds between the parts of a stream.
    every: Option<u64>,
    /// Elsewhere.
    to: Option<String>,
}

impl Upstream {
    /// Starts one.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let seen = Arc::new(Seen::default());
        let app = Router::new()
            .route("/ask", any(ask))
            .route("/bytes", get(bytes))
            .route("/stream", any(events))
            .route("/quick", get(async || "ok"))
            .with_state(Arc::clone(&seen));
        let server = tokio::spawn(axum::serve(listener, app).into_future());
        Ok(Self { url, seen, server })
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How many requests it was asked.
    pub fn requests(&self) -> u64 {
        self.seen.requests.load(Ordering::SeqCst)
    }

    /// How many parts of streams it has sent.
    pub fn parts(&self) -> u64 {
        self.seen.parts.load(Ordering::SeqCst)
    }

    /// The last request: method, path, headers and body.
    pub fn last(&self) -> Value {
        self.seen.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// What it was asked, in JSON.
async fn ask(State(seen): State<Arc<Seen>>, Query(how): Query<How>, request: Request) -> Response {
    seen.requests.fetch_add(1, Ordering::SeqCst);
    let (parts, body) = request.into_parts();
    let headers: Vec<_> = parts
        .headers
        .iter()
        .map(|(name, value)| json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())]))
        .collect();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
    let asked = json!({
        "method": parts.method.as_str(), "uri": parts.uri.to_string(), "headers": headers,
        "body": String::from_utf8_lossy(&body),
    });
    *seen.last.lock().unwrap_or_else(PoisonError::into_inner) = asked.clone();
    sleep(Duration::from_millis(how.after.unwrap_or_default())).await;
    let mut answer = json!({ "asked": asked });
    if let Some(tokens) = how.tokens {
        answer["usage"] = json!({ "total_tokens": tokens });
    }
    let status = how.status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or(StatusCode::OK);
    let mut response = (status, axum::Json(answer)).into_response();
    let headers = response.headers_mut();
    for (name, value) in [("nvmcreditsconsumed", how.claim), ("location", how.to)] {
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    headers.insert(header::SET_COOKIE, HeaderValue::from_static("session=theirs"));
    response
}

/// So many bytes, as they are written.
async fn bytes(State(seen): State<Arc<Seen>>, Query(how): Query<How>) -> Response {
    seen.requests.fetch_add(1, Ordering::SeqCst);
    let part = Bytes::from(vec![b'x'; 1_000]);
    let parts = stream::iter(0..how.count.unwrap_or(1)).map(move |_| Ok::<_, std::io::Error>(part.clone()));
    Body::from_stream(parts).into_response()
}

/// A chat's answer in so many parts, and what it has used at the end; without an end if there is no number.
async fn events(State(seen): State<Arc<Seen>>, Query(how): Query<How>) -> Response {
    seen.requests.fetch_add(1, Ordering::SeqCst);
    let (count, every) = (how.count, Duration::from_millis(how.every.unwrap_or(5)));
    let began = Instant::now();
    let events = stream::unfold(0_u64, move |number| {
        let (seen, how_many) = (Arc::clone(&seen), how.tokens);
        async move {
            if count.is_some_and(|count| number > count + 1) {
                return None;
            }
            tokio::time::sleep_until(began + every * u32::try_from(number).unwrap_or(u32::MAX)).await;
            let data = match count {
                Some(count) if number == count => {
                    let used = how_many.unwrap_or(count);
                    json!({ "choices": [], "usage": { "total_tokens": used } }).to_string()
                }
                Some(count) if number > count => "[DONE]".to_owned(),
                _ => {
                    seen.parts.fetch_add(1, Ordering::SeqCst);
                    json!({ "choices": [{ "index": 0, "delta": { "content": format!("{number} ") } }] })
                        .to_string()
                }
            };
            Some((Ok::<_, std::io::Error>(Bytes::from(format!("data: {data}\n\n"))), number + 1))
        }
    });
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(events)).into_response()
}
