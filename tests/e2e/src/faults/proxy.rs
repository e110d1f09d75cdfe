//! What is done to requests and answers.

use std::{
    convert::Infallible,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use alloy::transports::http::reqwest::{self, Client, Url};
use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::{
    future::{pending, ready},
    stream,
};
use serde_json::{Value, json};

use super::{Fault, plan::Plan};

/// How late a call is.
const DELAY: Duration = Duration::from_millis(300);

#[derive(Debug)]
pub(super) struct Proxy {
    pub(super) upstream: Url,
    pub(super) client: Client,
    plan: Mutex<Plan>,
}

/// A call, and what it meets.
struct Call {
    message: Value,
    method: String,
    fault: Option<Fault>,
}

impl Proxy {
    pub(super) fn new(upstream: Url) -> Self {
        Self { upstream, client: Client::new(), plan: Mutex::default() }
    }

    pub(super) fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call(&self, message: Value) -> Call {
        let method = message["method"].as_str().unwrap_or_default().to_owned();
        let transaction = message["params"][0].as_str().filter(|_| Fault::NoReceipt.can_meet(&method));
        let fault = self.plan().fault(&method, transaction);
        Call { fault: fault.filter(|fault| fault.can_meet(&method)), method, message }
    }

    /// Hands a message to the node.
    async fn forward(&self, message: &Value) -> reqwest::Result<Value> {
        let request =
            self.client.post(self.upstream.clone()).header(header::CONTENT_TYPE, "application/json");
        let answer = request.body(message.to_string()).send().await?.bytes().await?;
        Ok(serde_json::from_slice(&answer).unwrap_or_default())
    }

    /// The answer to a call, whatever becomes of the request.
    async fn answer(&self, call: &Call) -> reqwest::Result<Value> {
        let Call { message, method, fault } = call;
        if let Some(fault) = fault.filter(|fault| !fault.is_of_request()) {
            self.plan().note(fault, method);
        }
        let reply = |name: &str, value: Value| json!({ "jsonrpc": "2.0", "id": message["id"], name: value });
        Ok(match fault {
            Some(Fault::ErrorAfter) => {
                self.forward(message).await?;
                reply("error", json!({ "code": -32603, "message": "internal error" }))
            }
            Some(Fault::Twice) => {
                let answer = self.forward(message).await?;
                self.forward(message).await?;
                answer
            }
            Some(Fault::Retried) => {
                self.forward(message).await?;
                self.forward(message).await?
            }
            Some(Fault::WrongId) => {
                let mut answer = self.forward(message).await?;
                answer["id"] = json!(message["id"].as_u64().unwrap_or_default() + 1_000_000);
                answer
            }
            Some(Fault::NoReceipt) => reply("result", Value::Null),
            Some(Fault::LimitExceeded) => {
                reply("error", json!({ "code": -32005, "message": "limit exceeded" }))
            }
            Some(Fault::Stale) => self.stale(message, method).await?,
            Some(Fault::Behind) => {
                let mut message = message.clone();
                if message["params"][0] == "latest" {
                    let latest = number(&self.latest(&message).await?).unwrap_or_default();
                    message["params"][0] = json!(format!("{:#x}", latest.saturating_sub(1)));
                }
                self.forward(&message).await?
            }
            Some(Fault::Deposit) => {
                let mut answer = self.forward(message).await?;
                let transactions = answer["result"]["transactions"].as_array_mut();
                if let Some(transactions) = transactions.filter(|_| message["params"][1] == json!(true)) {
                    transactions.insert(0, deposit());
                }
                answer
            }
            Some(Fault::Pruned) => {
                let asked = message["params"][1].as_str().and_then(number);
                if asked.is_some() && asked < number(&self.latest(message).await?).map(|latest| latest - 2) {
                    reply("error", json!({ "code": -32000, "message": "missing trie node" }))
                } else {
                    self.forward(message).await?
                }
            }
            _ => self.forward(message).await?,
        })
    }

    /// What the node would have answered a block ago.
    async fn stale(&self, message: &Value, method: &str) -> reqwest::Result<Value> {
        let latest = number(&self.latest(message).await?).unwrap_or_default();
        let before = json!(format!("{:#x}", latest.saturating_sub(1)));
        if method == "eth_blockNumber" {
            return Ok(json!({ "jsonrpc": "2.0", "id": message["id"], "result": before }));
        }
        let mut earlier = message.clone();
        if matches!(earlier["params"][1].as_str(), None | Some("latest" | "pending")) {
            earlier["params"] = json!([message["params"][0], before]);
        }
        self.forward(&earlier).await
    }

    /// The number of the latest block, as the node writes it.
    async fn latest(&self, message: &Value) -> reqwest::Result<String> {
        let mut asked = message.clone();
        (asked["method"], asked["params"]) = (json!("eth_blockNumber"), json!([]));
        Ok(self.forward(&asked).await?["result"].as_str().unwrap_or_default().to_owned())
    }

    async fn respond(&self, messages: Value) -> Option<Response> {
        let is_batch = messages.is_array();
        let messages = if let Value::Array(batch) = messages { batch } else { vec![messages] };
        let calls: Vec<_> = messages.into_iter().map(|message| self.call(message)).collect();

        let whole =
            calls.iter().find_map(|call| Some((call.fault.filter(|fault| fault.is_of_request())?, call)));
        if let Some((fault, call)) = whole {
            self.plan().note(fault, &call.method);
        }
        let whole = whole.map(|(fault, _)| fault);
        match whole {
            Some(Fault::DropBefore) => return None,
            Some(Fault::Silence) => pending().await,
            Some(Fault::Garbage) => return Some("<html>Welcome to this hotel</html>".into_response()),
            Some(Fault::TooManyRequests) => {
                let headers = [(header::RETRY_AFTER, "1")];
                return Some((StatusCode::TOO_MANY_REQUESTS, headers, "slow down").into_response());
            }
            Some(Fault::Unavailable) => {
                return Some((StatusCode::SERVICE_UNAVAILABLE, "<html>bad gateway</html>").into_response());
            }
            Some(Fault::Delay) => tokio::time::sleep(DELAY).await,
            _ => {}
        }

        let mut answers = Vec::new();
        for call in &calls {
            match self.answer(call).await {
                Ok(answer) => answers.push(answer),
                Err(error) => return Some((StatusCode::BAD_GATEWAY, error.to_string()).into_response()),
            }
        }
        let answers = if is_batch { Value::Array(answers) } else { answers.remove(0) };
        let mut text = answers.to_string();
        match whole {
            Some(Fault::DropAfter) => return None,
            // Half of the bytes; JSON of a node is ASCII, and what is not may end in half a character.
            Some(Fault::Truncate) => {
                text = String::from_utf8_lossy(&text.as_bytes()[..text.len() / 2]).into_owned()
            }
            _ => {}
        }
        Some(([(header::CONTENT_TYPE, "application/json")], text).into_response())
    }
}

fn number(hex: &str) -> Option<u64> {
    u64::from_str_radix(hex.strip_prefix("0x")?, 16).ok()
}

/// A deposit as nodes of the OP stack tell it: of a type that Ethereum does not have, without a signature.
fn deposit() -> Value {
    json!({
        "type": "0x7e", "hash": "0x7e".to_owned() + &"11".repeat(31), "nonce": "0x0", "from": "0x".to_owned() + &"de".repeat(20),
        "to": "0x".to_owned() + &"42".repeat(20), "value": "0x0", "mint": "0x0", "gas": "0xf4240", "gasPrice": "0x0",
        "input": "0x", "sourceHash": "0x".to_owned() + &"22".repeat(32), "isSystemTx": false, "depositReceiptVersion": "0x1",
        "transactionIndex": "0x0", "r": "0x0", "s": "0x0", "v": "0x0",
    })
}

/// Serves one request.
pub(super) async fn serve(State(proxy): State<Arc<Proxy>>, body: Bytes) -> Result<Response, Infallible> {
    proxy.plan().requests += 1;
    let Ok(messages) = serde_json::from_slice(&body) else {
        return Ok((StatusCode::BAD_REQUEST, "not JSON").into_response());
    };
    // A body that fails is how a handler makes the server close the connection; nothing has been sent by then.
    let failure = || stream::once(ready(Err::<Bytes, _>(io::Error::from(io::ErrorKind::ConnectionReset))));
    let closed = || Response::new(Body::from_stream(failure()));
    Ok(proxy.respond(messages).await.unwrap_or_else(closed))
}
