//! The gateway: requests to services, held, forwarded, settled.

mod access;
mod answers;
mod batches;
mod endings;
mod hostile;
mod order;
mod parallel;
mod private;
mod repeats;
mod risk;
mod smuggling;
mod streams;
mod vouched;
mod vouchers_refused;

use std::time::Duration;

use eyre::{OptionExt, Result, ensure};
use reqwest::{Client, Method, RequestBuilder, Response};
use scrip_e2e::{
    server::{Answer, Caller, ServerEnv},
    upstream::Upstream,
};
use serde_json::{Value, json};
use sqlx::{AnyPool, Row};
use tokio::time::{Instant, sleep};

use super::x402::give;

/// How long it may take until what was served is on the chain.
const SETTLED_WITHIN: Duration = Duration::from_secs(60);

/// A service of the builder's, its upstream, and who uses it.
struct Service {
    upstream: Upstream,
    plan: String,
    agent: String,
    token: String,
    http: Client,
}

impl Service {
    /// One whose requests take so many credits, priced like this, of whose plan the subscriber has so many.
    async fn open(env: &ServerEnv, range: (u64, u64), pricing: Value, credits: u64) -> Result<Self> {
        let upstream = Upstream::start().await?;
        let api = json!({
            "upstream": upstream.url(), "authType": "bearer", "token": "the builder's", "pricing": pricing,
        });
        Self::of(env, upstream, range, api, credits).await
    }

    async fn of(
        env: &ServerEnv,
        upstream: Upstream,
        (least, most): (u64, u64),
        api: Value,
        credits: u64,
    ) -> Result<Self> {
        let mut plan = super::plan(env, "Gateway");
        plan["creditsConfig"]["isRedemptionAmountFixed"] = json!(least == most);
        plan["creditsConfig"]["minAmount"] = json!(least.to_string());
        plan["creditsConfig"]["maxAmount"] = json!(most.to_string());
        let made = env.builder.post("/api/v1/protocol/plans", &plan).await?.ok()?;
        let plan = made["planId"].as_str().ok_or_eyre("no plan")?.to_owned();
        if credits > 0 {
            give(env, &plan, credits, 0).await?;
        }
        Self::with_plan(env, upstream, plan, api).await
    }

    /// One that a plan opens which is there.
    async fn with_plan(env: &ServerEnv, upstream: Upstream, plan: String, api: Value) -> Result<Self> {
        let agent = json!({
            "metadataAttributes": { "name": "Service" }, "agentApiAttributes": api, "plans": [plan],
        });
        let made = env.builder.post("/api/v1/protocol/agents", &agent).await?.ok()?;
        let agent = made["agentId"].as_str().ok_or_eyre("no agent")?.to_owned();
        let token = access(&env.subscriber, &plan).await?;
        let http =
            Client::builder().timeout(Duration::from_secs(60)).redirect(reqwest::redirect::Policy::none());
        Ok(Self { upstream, plan, agent, token, http: http.build()? })
    }

    /// A request without a token, to this server.
    fn bare(&self, url: &str, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{url}/proxy/{}{path}", self.agent))
    }

    /// A request of the subscriber's.
    fn request(&self, env: &ServerEnv, method: Method, path: &str) -> RequestBuilder {
        self.bare(env.url(), method, path).bearer_auth(&self.token)
    }

    /// Asks for something.
    async fn get(&self, env: &ServerEnv, path: &str) -> Result<Response> {
        Ok(self.request(env, Method::GET, path).send().await?)
    }

    /// What the subscriber has by the chain.
    async fn balance(&self, env: &ServerEnv) -> Result<u64> {
        super::x402::balance(env, &self.plan).await
    }

    /// Waits until the subscriber has so many credits by the chain, and nothing is under way.
    async fn settles_to(&self, env: &ServerEnv, credits: u64) -> Result<()> {
        let (db, began) = (env.database().connect().await?, Instant::now());
        loop {
            let (balance, books) = (self.balance(env).await?, Books::read(&db).await?);
            if balance == credits && books.kept == 0 && books.open == 0 {
                return Ok(());
            }
            ensure!(
                began.elapsed() < SETTLED_WITHIN,
                "{balance} credits by the chain, where {credits} are to be: {books:?}"
            );
            sleep(Duration::from_millis(50)).await;
        }
    }
}

/// An access token of a caller's.
async fn access(caller: &Caller, plan: &str) -> Result<String> {
    let made = caller.post("/api/v1/x402/permissions", &super::x402::asked(plan)).await?.ok()?;
    Ok(made["accessToken"].as_str().ok_or_eyre("no token")?.to_owned())
}

/// What the database says of the gateway.
#[derive(Debug)]
struct Books {
    /// Credits that are held or owed, by the rows of holders.
    kept: i64,
    /// Batches that are not redeemed.
    open: i64,
}

impl Books {
    async fn read(db: &AnyPool) -> Result<Self> {
        let number = async |query: &'static str| -> Result<i64> {
            Ok(sqlx::query(query).fetch_one(db).await?.try_get(0)?)
        };
        Ok(Self {
            kept: number(
                "SELECT CAST(COALESCE(SUM(gateway_held + gateway_owed), 0) AS BIGINT) FROM holdings",
            )
            .await?,
            open: number("SELECT COUNT(*) FROM gateway_batches WHERE status = 'open'").await?,
        })
    }
}

/// How many requests are redeemed, and how many could not be, by the database.
async fn redeemed_and_unpaid(env: &ServerEnv) -> Result<(i64, i64)> {
    let db = env.database().connect().await?;
    let counts = sqlx::query(
        "SELECT CAST(COALESCE(SUM(redeemed), 0) AS BIGINT), (SELECT COUNT(*) FROM gateway_unpaid) FROM gateway_batches",
    );
    let row = counts.fetch_one(&db).await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// A header of an answer, as text.
fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// What is answered, read whole.
async fn read(request: RequestBuilder) -> Result<Answer> {
    Answer::of(request).await
}
