//! Whose tokens open what.

use std::time::Duration;

use eyre::{OptionExt, Result};
use reqwest::Method;
use scrip_e2e::{
    server::{Answer, ServerEnv},
    upstream::Upstream,
};
use serde_json::{Value, json};
use sqlx::Row;
use tokio::time::{Instant, sleep};

use super::{Service, access, read};
use crate::server::{on_each_database, refused};

on_each_database!(
    a_token_opens_what_it_is_for,
    a_stranger_sells_nothing_of_the_builders,
    time_opens_while_it_lasts,
    a_delegation_buys_what_is_missing,
    no_secret_is_told,
);

async fn a_token_opens_what_it_is_for(env: &mut ServerEnv) -> Result<()> {
    let service = Service::open(env, (1, 1), Value::Null, 9).await?;
    let other = Service::open(env, (1, 1), Value::Null, 9).await?;
    let made = async |asked: Value| -> Result<(String, String)> {
        let made = env.subscriber.post("/api/v1/x402/permissions", &asked).await?.ok()?;
        let text = |name: &str| made[name].as_str().map(str::to_owned).ok_or_eyre("no token");
        Ok((text("accessToken")?, text("hash")?))
    };
    let with =
        |token: &str, method: Method, path: &str| service.bare(env.url(), method, path).bearer_auth(token);
    let get = async |token: &str, path: &str| read(with(token, Method::GET, path)).await;

    let mut forged = service.token.clone();
    forged.replace_range(40..41, if &forged[40..41] == "A" { "B" } else { "A" });
    for (token, code) in [
        (forged.as_str(), "BCK.X402.0005"),
        ("garbage", "BCK.X402.0005"),
        (env.subscriber.key()?, "BCK.X402.0005"),
        (&other.token, "BCK.X402.0005"),
    ] {
        refused(&get(token, "/ask").await?, 402, code)?;
    }
    // Bound to an agent, and to a method.
    let extra = |extra: Value| json!({ "accepted": { "planId": service.plan, "extra": extra } });
    let (bound, _) = made(extra(json!({ "agentId": service.agent }))).await?;
    assert_eq!(get(&bound, "/ask").await?.status, 200);
    let elsewhere = other.bare(env.url(), Method::GET, "/ask").bearer_auth(&bound);
    refused(&read(elsewhere).await?, 402, "BCK.X402.0005")?;
    // For one use, of one thing.
    let once = json!({
        "accepted": { "planId": service.plan, "extra": { "httpVerb": "POST" } }, "tokenVersion": 3,
        "resource": { "url": "/ask" },
    });
    let (once, _) = made(once).await?;
    refused(&get(&once, "/ask").await?, 402, "BCK.X402.0005")?;
    refused(&read(with(&once, Method::POST, "/quick")).await?, 402, "BCK.X402.0005")?;
    assert_eq!(
        read(with(&once, Method::POST, "/ask?status=500")).await?.status,
        500,
        "not used by what was not served"
    );
    assert_eq!(read(with(&once, Method::POST, "/ask")).await?.status, 200);
    refused(&read(with(&once, Method::POST, "/ask")).await?, 402, "BCK.X402.0059")?;
    // While that is under way nobody is told to pay for another.
    let once = json!({ "accepted": { "planId": service.plan, "extra": {} }, "tokenVersion": 3, "resource": { "url": "/ask" } });
    let (once, _) = made(once).await?;
    let early = async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        get(&once, "/ask").await
    };
    let (first, early) = tokio::try_join!(get(&once, "/ask?after=1000&status=500"), early)?;
    assert_eq!(first.status, 500);
    refused(&early, 409, "SCRIP.GATEWAY.UNDER_WAY")?;
    // Revoked, and ended.
    let (ended, hash) = made(extra(json!({}))).await?;
    let again = || with(&ended, Method::GET, "/ask").header("idempotency-key", "again");
    assert_eq!(read(again()).await?.status, 200);
    let revoke = env.subscriber.request(Method::DELETE, &format!("/api/v1/x402/permissions/{hash}"));
    Answer::of(revoke).await?.ok()?;
    refused(&get(&ended, "/ask").await?, 402, "BCK.X402.0022")?;
    refused(&read(again()).await?, 402, "BCK.X402.0022")?;
    let asked = service.upstream.requests();
    env.advance(40 * 86_400);
    refused(&get(&service.token, "/ask").await?, 402, "BCK.X402.0023")?;
    assert_eq!(service.upstream.requests(), asked);
    service.settles_to(env, 9 - 3).await?;
    assert_eq!(other.upstream.requests(), 0);
    Ok(())
}

/// Anyone may say that a plan opens his service. That lets him take nothing of it.
async fn a_stranger_sells_nothing_of_the_builders(env: &mut ServerEnv) -> Result<()> {
    let service = Service::open(env, (1, 1), Value::Null, 9).await?;
    let trap = Upstream::start().await?;
    let agent = json!({
        "metadataAttributes": { "name": "Trap" }, "agentApiAttributes": { "upstream": trap.url() }, "plans": [service.plan],
    });
    let made = env.stranger.post("/api/v1/protocol/agents", &agent).await?.ok()?;
    let agent = made["agentId"].as_str().ok_or_eyre("no agent")?;
    let path = format!("/proxy/{agent}/ask");
    let asked = env.anyone.with_key(&service.token);
    refused(&asked.get(&path).await?, 501, "SCRIP.SERVER.NOT_SET_UP")?;
    assert_eq!((trap.requests(), service.balance(env).await?), (0, 9));
    service.settles_to(env, 9).await?;
    Ok(())
}

async fn time_opens_while_it_lasts(env: &mut ServerEnv) -> Result<()> {
    let upstream = Upstream::start().await?;
    let mut plan = crate::server::plan(env, "Time");
    plan["accessLimit"] = json!("time");
    plan["creditsConfig"]["durationSecs"] = json!("3600");
    plan["creditsConfig"]["isRedemptionAmountFixed"] = json!(false);
    plan["creditsConfig"]["amount"] = json!("1");
    let made = env.builder.post("/api/v1/protocol/plans", &plan).await?.ok()?;
    let plan = made["planId"].as_str().ok_or_eyre("no plan")?.to_owned();
    let agent = json!({
        "metadataAttributes": { "name": "A" }, "agentApiAttributes": { "upstream": upstream.url() }, "plans": [plan],
    });
    let made = env.builder.post("/api/v1/protocol/agents", &agent).await?.ok()?;
    let path = format!("/proxy/{}/ask", made["agentId"].as_str().ok_or_eyre("no agent")?);
    let caller = env.anyone.with_key(&access(&env.subscriber, &plan).await?);
    refused(&caller.get(&path).await?, 402, "BCK.CREDITS.0003")?;
    env.subscriber.post_nothing(&format!("/api/v1/protocol/plans/{plan}/order")).await?.ok()?;
    for _ in 0..3 {
        let answer = caller.get(&path).await?;
        assert_eq!((answer.status, &answer.headers["scrip-credits-used"]), (200, &"0".parse()?));
    }
    // In its last minute a request might outlive it.
    env.chain.devnet.warp(Duration::from_secs(3_595)).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    refused(&caller.get(&path).await?, 402, "BCK.CREDITS.0003")?;
    assert_eq!(upstream.requests(), 3);
    Ok(())
}

async fn a_delegation_buys_what_is_missing(env: &mut ServerEnv) -> Result<()> {
    let upstream = Upstream::start().await?;
    let api = json!({ "upstream": upstream.url(), "pricing": { "unit": "request", "credits": 60 } });
    // 100 credits for 20 dollars, of which the subscriber has none.
    let mut plan = crate::server::plan(env, "Bought");
    plan["priceConfig"]["amounts"] = json!(["20000000"]);
    let made = env.builder.post("/api/v1/protocol/plans", &plan).await?.ok()?;
    let plan = made["planId"].as_str().ok_or_eyre("no plan")?.to_owned();
    let agent = json!({ "metadataAttributes": { "name": "A" }, "agentApiAttributes": api, "plans": [plan] });
    let made = env.builder.post("/api/v1/protocol/agents", &agent).await?.ok()?;
    let path = format!("/proxy/{}/ask", made["agentId"].as_str().ok_or_eyre("no agent")?);
    let limits = json!({
        "provider": "erc4337", "spendingLimitCents": 4_000, "durationSecs": 86_400, "currency": "usdc",
    });
    let delegation = env.subscriber.post("/api/v1/delegation/create", &limits).await?.ok()?;
    let mut asked = crate::server::x402::asked(&plan);
    asked["delegationConfig"] = json!({ "delegationId": delegation["delegationId"] });
    let made = env.subscriber.post("/api/v1/x402/permissions", &asked).await?.ok()?;
    let caller = env.anyone.with_key(made["accessToken"].as_str().ok_or_eyre("no token")?);
    // Nothing is demanded, and nothing bought, as long as it is not known what becomes of those before.
    let ask = async || {
        let began = Instant::now();
        loop {
            let answer = caller.get(&path).await?;
            if answer.status != 503 || began.elapsed() > Duration::from_secs(30) {
                return Ok::<_, eyre::Report>(answer);
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    // Three times 60 credits take two orders; a fourth time would take a third, and 60 dollars.
    for left in [40, 80, 20] {
        let answer = ask().await?;
        let told: i32 = answer.headers["scrip-credits-left"].to_str()?.parse()?;
        // What is being redeemed may be counted twice for a moment.
        assert!(answer.status == 200 && [left, left - 60].contains(&told), "{told} left, and not {left}");
    }
    let refusal = ask().await?;
    refused(&refusal, 402, "BCK.X402.0020")?;
    assert_eq!(upstream.requests(), 3);
    Ok(())
}

/// Neither the builder's secret nor a token is in what anyone is told.
async fn no_secret_is_told(env: &mut ServerEnv) -> Result<()> {
    let service = Service::open(env, (1, 1), Value::Null, 2).await?;
    let secret = "the builder's";
    let mut told = Vec::new();
    for path in ["/ask?status=500", "/ask?after=4000", "/bytes", "/../x"] {
        let answer = service.get(env, path).await?;
        told.push(format!("{:?}", answer.headers()));
        // What the upstream itself says of what it was asked is the builder's.
        if answer.status() != 500 {
            told.push(answer.text().await?);
        }
    }
    told.push(read(service.bare(env.url(), Method::GET, "/ask")).await?.body.to_string());
    told.push(
        env.builder.get(&format!("/api/v1/protocol/agents/{}", service.agent)).await?.ok()?.to_string(),
    );
    for told in told {
        assert!(!told.contains(secret) && !told.contains(&service.token), "{told}");
    }
    // Nor is it in the database.
    let db = env.database().connect().await?;
    for row in sqlx::query("SELECT api, secret FROM agent_pages").fetch_all(&db).await? {
        let (api, sealed): (String, Option<String>) = (row.try_get(0)?, row.try_get(1)?);
        assert!(!api.contains(secret) && !sealed.unwrap_or_default().contains(secret));
    }
    let tokens = sqlx::query("SELECT COUNT(*) FROM gateway_log WHERE entries LIKE '%' || $1 || '%'")
        .bind(service.token.clone());
    assert_eq!(tokens.fetch_one(&db).await?.try_get::<i64, _>(0)?, 0);
    Ok(())
}
