//! Access tokens, and what is verified, reserved and settled with them.

mod delegations;
mod faults;
mod forgotten;
mod requests;
mod reservations;
mod sdk;
mod strangers;
mod tokens;

use eyre::{OptionExt, Result, eyre};
use scrip_e2e::server::{Answer, Caller, ServerEnv};
use serde_json::{Value, json};

/// A plan of the builder's: 100 credits for 20 base units of the test dollar.
async fn sell(env: &ServerEnv, name: &str) -> Result<String> {
    register(env, super::plan(env, name)).await
}

/// A plan of the builder's.
async fn register(env: &ServerEnv, plan: Value) -> Result<String> {
    let made = env.builder.post("/api/v1/protocol/plans", &plan).await?.ok()?;
    text(&made, "planId")
}

/// The builder gives the subscriber credits, which expire after so many seconds or, with 0, never.
pub(super) async fn give(env: &ServerEnv, plan: &str, credits: u64, seconds: u64) -> Result<()> {
    let mint = json!({
        "planId": plan, "creditsAmount": credits, "creditsReceiver": env.subscriber.address,
        "creditsDuration": seconds,
    });
    env.builder.post("/api/v1/protocol/plans/mintExpirable", &mint).await?.ok()?;
    Ok(())
}

/// What the subscriber can spend, by the chain.
pub(super) async fn balance(env: &ServerEnv, plan: &str) -> Result<u64> {
    let path = format!("/api/v1/protocol/plans/{plan}/balance/{}", env.subscriber.address);
    let balance = env.anyone.get(&path).await?.ok()?;
    Ok(text(&balance, "balance")?.parse()?)
}

/// What the Python SDK asks for a token with.
pub(super) fn asked(plan: &str) -> Value {
    json!({ "accepted": { "scheme": "nvm:erc4337", "network": "eip155:84532", "planId": plan, "extra": {} } })
}

/// The subscriber's token for a plan.
pub(super) async fn token(env: &ServerEnv, plan: &str) -> Result<String> {
    text(&env.subscriber.post("/api/v1/x402/permissions", &asked(plan)).await?.ok()?, "accessToken")
}

/// What a seller's middleware says that it wants, nulls included.
fn required(plan: &str, url: &str, agent: Option<&str>) -> Value {
    json!({
        "x402Version": 2, "error": null, "resource": { "url": url, "description": null, "mimeType": null },
        "accepts": [{
            "scheme": "nvm:erc4337", "network": "eip155:84532", "planId": plan,
            "extra": { "version": "1", "agentId": agent, "httpVerb": "POST" },
        }, {
            "scheme": "exact", "network": "eip155:84532", "amount": "10000", "payTo": "0x",
            "extra": { "name": "USDC", "version": "2" },
        }],
        "extensions": {},
    })
}

/// What a seller's middleware asks for it with.
pub(super) fn payment(plan: &str, token: &str, credits: u64) -> Value {
    json!({
        "paymentRequired": required(plan, "/ask", None), "x402AccessToken": token,
        "maxAmount": credits.to_string(),
    })
}

/// A seller verifies.
pub(super) async fn verify(seller: &Caller, plan: &str, token: &str, credits: u64) -> Result<Answer> {
    seller.post("/api/v1/x402/verify", &payment(plan, token, credits)).await
}

/// A seller settles: what was verified with this id.
async fn settle(
    seller: &Caller,
    plan: &str,
    token: &str,
    credits: u64,
    request: Option<&str>,
) -> Result<Answer> {
    let mut payment = payment(plan, token, credits);
    if let Some(request) = request {
        payment["agentRequestId"] = json!(request);
    }
    seller.post("/api/v1/x402/settle", &payment).await
}

/// The id of what was verified.
pub(super) fn request(verified: Answer) -> Result<String> {
    let verified = verified.ok()?;
    if verified["isValid"] != true {
        return Err(eyre!("not valid: {verified}"));
    }
    text(&verified, "agentRequestId")
}

fn text(value: &Value, name: &str) -> Result<String> {
    Ok(value[name].as_str().ok_or_eyre(format!("no {name}: {value}"))?.to_owned())
}

const TOO_FEW: (u16, &str) = (402, "BCK.CREDITS.0003");
