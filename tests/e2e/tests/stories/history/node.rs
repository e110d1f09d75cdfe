//! A node that answers less than Anvil does: a proxy in front of it, with the limits of public endpoints.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use alloy::{
    providers::{Provider, RootProvider, ext::AnvilApi},
    rpc::types::anvil::ReorgOptions,
};
use axum::{Router, body::Bytes, extract::State, routing::post};
use eyre::Result;
use scrip::Scrip;
use scrip_devnet::Devnet;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

/// What the node does not do. As it begins it does all.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    /// Ranges of logs of more blocks are refused.
    pub(crate) blocks: Option<u64>,
    /// Answers of more logs are refused.
    pub(crate) logs: Option<usize>,
    /// Blocks above this one are not known, and asking for their logs finds nothing.
    pub(crate) end: Option<u64>,
    /// The next logs of this many blocks by hash are not known.
    pub(crate) unknown: u64,
    /// Logs come without the times of their blocks.
    pub(crate) timeless: bool,
    /// Nothing is answered.
    pub(crate) down: bool,
    /// After so many more calls that are answered, and before the next one is, this many blocks are replaced by empty ones.
    pub(crate) reorg: Option<(u64, u64)>,
    /// How often each method was called.
    pub(crate) calls: BTreeMap<String, u64>,
    /// How often a range was refused.
    pub(crate) refused: u64,
}

/// The proxy; it ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Node {
    url: String,
    proxy: Arc<Proxy>,
    server: JoinHandle<std::io::Result<()>>,
}

#[derive(Debug)]
struct Proxy {
    chain: RootProvider,
    limits: Mutex<Limits>,
}

impl Node {
    pub(crate) async fn before(devnet: &Devnet) -> Result<Self> {
        let proxy = Arc::new(Proxy { chain: devnet.reader(), limits: Mutex::default() });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let app = Router::new().route("/", post(answer)).with_state(Arc::clone(&proxy));
        let server = tokio::spawn(axum::serve(listener, app).into_future());
        Ok(Self { url, proxy, server })
    }

    /// Scrip as one reads it through the proxy.
    pub(crate) async fn scrip(&self, devnet: &Devnet) -> Result<Scrip<RootProvider>> {
        let provider = RootProvider::new_http(self.url.parse()?);
        Ok(Scrip::connect(provider, devnet.deployment()).await?)
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn limits(&self) -> MutexGuard<'_, Limits> {
        self.proxy.limits()
    }

    /// How many calls there were since this was last asked, by method.
    pub(crate) fn take_calls(&self) -> BTreeMap<String, u64> {
        std::mem::take(&mut self.limits().calls)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(State(proxy): State<Arc<Proxy>>, body: Bytes) -> String {
    let Ok(call) = serde_json::from_slice::<Value>(&body) else { return String::new() };
    let method = call["method"].as_str().unwrap_or_default().to_owned();
    let mut answer = match proxy.call(method, call["params"].clone()).await {
        Ok(result) => json!({ "result": result }),
        Err((code, message)) => json!({ "error": { "code": code, "message": message } }),
    };
    answer["jsonrpc"] = json!("2.0");
    answer["id"] = call["id"].clone();
    answer.to_string()
}

fn number(value: &Value) -> Option<u64> {
    u64::from_str_radix(value.as_str()?.strip_prefix("0x")?, 16).ok()
}

impl Proxy {
    fn limits(&self) -> MutexGuard<'_, Limits> {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn call(&self, method: String, mut params: Value) -> Result<Value, (i64, String)> {
        *self.limits().calls.entry(method.clone()).or_default() += 1;
        if self.limits().down {
            return Err((-32_000, "out of service".to_owned()));
        }
        let reorg = self.limits().reorg;
        if let Some((calls, depth)) = reorg {
            self.limits().reorg = calls.checked_sub(1).map(|calls| (calls, depth));
            if calls == 0 {
                let options = ReorgOptions { depth, tx_block_pairs: vec![] };
                let done = self.chain.anvil_reorg(options).await;
                done.map_err(|error| (-32_603, error.to_string()))?;
            }
        }
        let end = self.limits().end;
        if let (Some(end), "eth_getBlockByNumber") = (end, method.as_str()) {
            match number(&params[0]) {
                Some(number) if number > end => return Ok(Value::Null),
                None => params[0] = json!(format!("{end:#x}")),
                Some(_) => {}
            }
        }
        if method == "eth_getLogs" {
            return self.logs(params).await;
        }
        self.ask(method, params).await
    }

    async fn logs(&self, mut params: Value) -> Result<Value, (i64, String)> {
        let range = (number(&params[0]["fromBlock"]), number(&params[0]["toBlock"]));
        if let (Some(from), Some(to)) = range {
            let mut limits = self.limits();
            if limits.blocks.is_some_and(|most| to - from + 1 > most) {
                limits.refused += 1;
                return Err((-32_602, format!("block range {from}-{to} is too large")));
            }
            if let Some(end) = limits.end {
                params[0]["toBlock"] = json!(format!("{:#x}", to.min(end)));
            }
        } else {
            let mut limits = self.limits();
            if limits.unknown > 0 {
                limits.unknown -= 1;
                return Err((-32_000, "unknown block".to_owned()));
            }
        }
        let mut logs = self.ask("eth_getLogs".to_owned(), params).await?;
        let mut limits = self.limits();
        let count = logs.as_array().map_or(0, Vec::len);
        if limits.logs.is_some_and(|most| count > most) {
            limits.refused += 1;
            return Err((-32_005, format!("query returned more than {} results", limits.logs.unwrap_or(0))));
        }
        if limits.timeless {
            for log in logs.as_array_mut().into_iter().flatten() {
                log.as_object_mut().map(|log| log.remove("blockTimestamp"));
            }
        }
        Ok(logs)
    }

    async fn ask(&self, method: String, params: Value) -> Result<Value, (i64, String)> {
        let answer = self.chain.raw_request::<_, Value>(Cow::Owned(method), params).await;
        answer.map_err(|error| match error.as_error_resp() {
            Some(answer) => (answer.code, answer.message.to_string()),
            None => (-32_603, error.to_string()),
        })
    }
}
