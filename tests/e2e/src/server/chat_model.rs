//! An upstream that speaks OpenAI's API: a model that says again what it was asked.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::post,
};
use eyre::Result;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

/// What the model's owner shows it: nobody else is answered.
pub const SECRET: &str = "sk-of-the-builder";

/// The upstream.
#[derive(Debug)]
pub struct Model {
    url: String,
    answered: Arc<AtomicU64>,
    served: JoinHandle<std::io::Result<()>>,
}

impl Model {
    /// Starts one.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let answered = Arc::new(AtomicU64::new(0));
        let app = Router::new()
            .route("/v1/chat/completions", post(complete))
            .route("/ask", post(ask))
            .with_state(Arc::clone(&answered));
        let served = tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Self { url, answered, served })
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How many it has answered.
    pub fn answered(&self) -> u64 {
        self.answered.load(Ordering::SeqCst)
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        self.served.abort();
    }
}

fn is_known(headers: &HeaderMap) -> bool {
    let shown = headers.get("authorization").and_then(|shown| shown.to_str().ok());
    shown == Some(&format!("Bearer {SECRET}"))
}

async fn complete(
    State(answered): State<Arc<AtomicU64>>,
    headers: HeaderMap,
    Json(asked): Json<Value>,
) -> Response {
    if !is_known(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    answered.fetch_add(1, Ordering::SeqCst);
    let last = asked["messages"].as_array().and_then(|messages| messages.last());
    let question = last.and_then(|message| message["content"].as_str()).unwrap_or_default();
    let content = format!("You asked: {question}");
    Json(json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": asked["model"],
        "choices": [{ "index": 0, "message": { "role": "assistant", "content": content }, "finish_reason": "stop" }],
        "usage": { "prompt_tokens": 10, "completion_tokens": 10, "total_tokens": 20 },
    }))
    .into_response()
}

/// As the reference's app asks.
async fn ask(
    State(answered): State<Arc<AtomicU64>>,
    headers: HeaderMap,
    Json(asked): Json<Value>,
) -> Response {
    if !is_known(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    answered.fetch_add(1, Ordering::SeqCst);
    format!("You asked: {}", asked["payload"].as_str().unwrap_or_default()).into_response()
}
