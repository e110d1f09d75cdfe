//! Who calls the server, by a real HTTP client.

use std::{fs, path::Path, time::Duration};

use alloy::primitives::Address;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use eyre::{OptionExt, Result, WrapErr, ensure};
use reqwest::{Client, Method, RequestBuilder, Response, header::HeaderMap};
use serde_json::{Value, json};

use super::{Process, Replica};

/// Who calls the server: an API key, if there is one, and a client.
#[derive(Debug, Clone)]
pub struct Caller {
    http: Client,
    url: String,
    key: Option<String>,
    /// The account of the key; zero without one.
    pub address: Address,
}

/// What was answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, of JSON; a string of what is plain text.
    pub body: Value,
}

impl Caller {
    /// A caller with a key, which is read as the SDKs read it.
    pub fn new(replica: &Replica, key: Option<&str>) -> Result<Self> {
        Self::of(replica.url(), key)
    }

    /// The same, of a server that is reached at this URL.
    pub fn of(url: &str, key: Option<&str>) -> Result<Self> {
        // As long as the SDKs wait.
        let http = Client::builder().timeout(Duration::from_secs(30)).build()?;
        let address = key.map_or(Ok(Address::ZERO), account_of)?;
        Ok(Self { http, url: url.to_owned(), key: key.map(str::to_owned), address })
    }

    /// Who may make accounts of a process that keeps the key in this folder.
    pub fn admin(process: &Process, folder: &Path) -> Result<Self> {
        Self::of(process.url(), Some(fs::read_to_string(folder.join("admin"))?.trim()))
    }

    /// Makes an account, as who may.
    pub async fn make_account(&self, name: &str) -> Result<Self> {
        let made = self.post("/api/v1/accounts", &json!({ "name": name })).await?.ok()?;
        Self::of(&self.url, made["key"].as_str())
    }

    /// The same caller, of another process.
    pub fn at(&self, replica: &Replica) -> Self {
        self.at_url(replica.url())
    }

    /// The same caller, of a server that is reached at this URL.
    pub fn at_url(&self, url: &str) -> Self {
        Self { url: url.to_owned(), ..self.clone() }
    }

    /// The same client, with another key.
    pub fn with_key(&self, key: &str) -> Self {
        Self { key: Some(key.to_owned()), ..self.clone() }
    }

    /// Where the server is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The key.
    pub fn key(&self) -> Result<&str> {
        self.key.as_deref().ok_or_eyre("this caller has no key")
    }

    /// A request that can be changed before it is sent.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    /// Asks for something.
    pub async fn get(&self, path: &str) -> Result<Answer> {
        Answer::of(self.request(Method::GET, path)).await
    }

    /// Posts JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        Answer::of(self.request(Method::POST, path).json(body)).await
    }

    /// Posts nothing, as the SDKs do: it is said to be JSON all the same.
    pub async fn post_nothing(&self, path: &str) -> Result<Answer> {
        let json = "application/json";
        Answer::of(self.request(Method::POST, path).header("content-type", json).header("content-length", 0))
            .await
    }
}

impl Answer {
    /// Sends a request, and reads what is answered.
    pub async fn of(request: RequestBuilder) -> Result<Self> {
        Self::read(request.send().await?).await
    }

    async fn read(response: Response) -> Result<Self> {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let is_json = headers.get("content-type").is_some_and(|kind| kind.as_bytes().ends_with(b"json"));
        let text = response.text().await?;
        let body = match is_json {
            true => serde_json::from_str(&text).wrap_err_with(|| format!("{status}, no JSON: `{text}`"))?,
            false => Value::String(text),
        };
        Ok(Self { status, headers, body })
    }

    /// The body of an answer that is 200; an error that has the answer otherwise.
    #[track_caller]
    pub fn ok(self) -> Result<Value> {
        ensure!(self.status == 200, "{}: {}", self.status, self.body);
        Ok(self.body)
    }

    /// The code of a problem, which must be one in its headers and members too.
    pub fn problem(&self) -> Result<&str> {
        let kind = self.headers.get("content-type").ok_or_eyre("no content type")?;
        ensure!(kind == "application/problem+json", "{} is {kind:?}: {}", self.status, self.body);
        ensure!(self.body["status"] == self.status, "{}: {}", self.status, self.body);
        ensure!(self.body["detail"] == self.body["message"], "{}", self.body);
        ensure!(self.body["title"].is_string() && self.body["retryable"].is_boolean(), "{}", self.body);
        self.body["code"].as_str().ok_or_eyre("no code")
    }
}

/// The account of a key: the subject of the token behind its colon.
fn account_of(key: &str) -> Result<Address> {
    let claims = key.split('.').nth(1).ok_or_eyre("this is no key")?;
    let claims: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(claims)?)?;
    Ok(claims["sub"].as_str().ok_or_eyre("the key is nobody's")?.parse()?)
}
