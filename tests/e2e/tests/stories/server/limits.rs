//! What one who asks may take from the others, and what the operator sees of it.

use std::{num::NonZeroU32, time::Duration};

use alloy::{
    primitives::{Address, U256},
    providers::ext::AnvilApi,
    rpc::client::RpcClient,
};
use eyre::{OptionExt, Result, ensure};
use futures_util::future::try_join_all;
use reqwest::Method;
use scrip_e2e::{
    faults::{Fault, FaultyNode},
    server::{Answer, Caller, DatabaseKind, Replica, ServerEnv},
};
use scrip_server::Config;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use super::{changed, on_each_database, plan, refused, register, tell, x402::asked as asked_for};

on_each_database!(
    the_operator_sees_what_was_done,
    an_account_spends_no_more_than_it_may,
    a_key_spends_no_more_than_it_may,
    what_is_tried_again_is_spent_when_it_is_done,
    a_key_with_limits_lets_nobody_buy_under_a_delegation,
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_too_often_holds_up_nobody_else() -> Result<()> {
    tell(DatabaseKind::Sqlite, async |env: &mut ServerEnv| {
        let plan = register(env, "P").await?;
        let path = format!("/api/v1/protocol/plans/{plan}");
        let requests_per_second = NonZeroU32::new(2);
        let strict = Replica::start(Config { requests_per_second, ..env.config(None)? }).await?;
        let often = async |caller: &Caller| -> Result<usize> {
            let answers = try_join_all((0..60).map(|_| caller.get(&path))).await?;
            let early: Vec<_> = answers.iter().filter(|answer| answer.status != 200).collect();
            for answer in &early {
                refused(answer, 429, "BCK.HTTP.429")?;
                ensure!(answer.headers.contains_key("retry-after"), "it is not said when");
            }
            Ok(60 - early.len())
        };
        for caller in [&env.builder, &env.anyone] {
            let caller = caller.at(&strict);
            // For ten seconds' worth, and what comes back meanwhile.
            let answered = often(&caller).await?;
            ensure!((20..40).contains(&answered), "{answered} of 60 were answered");
        }
        // Another key is another's, and one that nobody signed is no key.
        env.subscriber.at(&strict).get(&path).await?.ok()?;
        refused(&env.anyone.with_key("scrip:a.b.c").at(&strict).get(&path).await?, 429, "BCK.HTTP.429")?;
        Ok(())
    })
    .await
}

async fn the_operator_sees_what_was_done(env: &mut ServerEnv) -> Result<()> {
    let plan = register(env, "P").await?;
    env.subscriber.post_nothing(&format!("/api/v1/protocol/plans/{plan}/order")).await?.ok()?;
    env.anyone.get(&format!("/api/v1/protocol/plans/{plan}")).await?.ok()?;
    refused(&env.anyone.get("/nowhere/12345").await?, 404, "BCK.HTTP.404")?;
    let figures = env.admin.get("/metrics").await?.ok()?;
    let figures = figures.as_str().ok_or_eyre("no text")?;
    for line in [
        r#"scrip_http_requests_total{method="POST",route="/api/v1/protocol/plans/{planId}/order",status="200"} 1"#,
        r#"scrip_http_requests_total{method="GET",route="none",status="404"} 1"#,
        r#"scrip_http_request_seconds_count{route="/api/v1/protocol/plans/{planId}"} 1"#,
        r#"scrip_operations_total{work="order",outcome="done"} 1"#,
        r#"scrip_operations_total{work="create_plan",outcome="done"} 1"#,
        "scrip_operations_open 0",
        "# EOF",
    ] {
        ensure!(figures.lines().any(|there| there == line), "no {line} in:\n{figures}");
    }
    ensure!(!figures.contains("12345"), "any path may be asked for: {figures}");

    // How far the index is behind the chain: not at all, by what is mined while it stands still, and nobody knows.
    let until = async |line: &str| -> Result<()> {
        let began = Instant::now();
        loop {
            let figures = env.admin.get("/metrics").await?.ok()?;
            let figures = figures.as_str().ok_or_eyre("no text")?;
            if figures.lines().any(|there| there == format!("scrip_index_behind_blocks {line}")) {
                return Ok(());
            }
            ensure!(began.elapsed() < Duration::from_secs(60), "not {line}:\n{figures}");
            sleep(Duration::from_millis(50)).await;
        }
    };
    until("0.0").await?;
    let locked = env.database().connect().await?;
    // Another follows the chain, and does not.
    sqlx::query("UPDATE index_state SET leader = 'nobody', term = term + 1").execute(&locked).await?;
    env.chain.devnet.reader().anvil_mine(Some(7), None).await?;
    until("7.0").await?;
    let node = FaultyNode::before(env.chain.devnet.url()).await?;
    let server = env.another(Some(RpcClient::new_http(node.url().clone()))).await?;
    node.always(Fault::Unavailable);
    let figures = env.admin.at(&server).get("/metrics").await?.ok()?;
    ensure!(figures.to_string().contains("scrip_index_behind_blocks NaN"), "{figures}");
    Ok(())
}

const ORDER: &str = "SCRIP.ACCOUNT.LIMIT";

/// The builder registers a plan for so many base units of a token; where it is ordered.
async fn sell(env: &ServerEnv, token: Address, price: u64) -> Result<String> {
    let asked =
        [("/priceConfig/tokenAddress", json!(token)), ("/priceConfig/amounts", json!([price.to_string()]))];
    let made = env.builder.post("/api/v1/protocol/plans", &changed(plan(env, "L"), &asked)).await?.ok()?;
    Ok(format!("/api/v1/protocol/plans/{}/order", made["planId"].as_str().ok_or_eyre("no plan")?))
}

async fn an_account_spends_no_more_than_it_may(env: &mut ServerEnv) -> Result<()> {
    let dollar = env.chain.devnet.dollar().address;
    let (twenty, more) = (sell(env, dollar, 20_000_000).await?, sell(env, dollar, 20_000_001).await?);
    let coin = sell(env, Address::ZERO, 1).await?;
    let limits = json!({ "perOrderCents": 2_000, "perDayCents": 4_000 });
    let made =
        env.admin.post("/api/v1/accounts", &json!({ "name": "limited", "limits": limits })).await?.ok()?;
    let limited = env.anyone.with_key(made["key"].as_str().ok_or_eyre("no key")?);
    let account: Address = made["address"].as_str().ok_or_eyre("no address")?.parse()?;

    // What failed was not spent.
    refused(&limited.post_nothing(&twenty).await?, 402, "BCK.PROTOCOL.0011")?;
    refused(&limited.post_nothing(&twenty).await?, 402, "BCK.PROTOCOL.0011")?;
    env.chain.devnet.mint_dollars(account, U256::from(1_000_000_000)).await?;
    refused(&limited.post_nothing(&more).await?, 403, ORDER)?;
    refused(&limited.post_nothing(&coin).await?, 403, ORDER)?;
    // Ten at once, and two may.
    let often = try_join_all((0..10).map(|_| limited.post_nothing(&twenty))).await?;
    for answer in often.iter().filter(|answer| answer.status != 200) {
        refused(answer, 403, ORDER)?;
    }
    assert_eq!(often.iter().filter(|answer| answer.status == 200).count(), 2);
    env.advance(86_000);
    refused(&limited.post_nothing(&twenty).await?, 403, ORDER)?;
    env.advance(400);
    limited.post_nothing(&twenty).await?.ok()?;

    let path = format!("/api/v1/accounts/{account}/limits");
    let set = async |caller: &Caller, path: &str, limits: Value| {
        Answer::of(caller.request(Method::PUT, path).json(&limits)).await
    };
    refused(&set(&limited, &path, json!({})).await?, 403, "SCRIP.KEY.SCOPE")?;
    let unknown = format!("/api/v1/accounts/{}/limits", Address::repeat_byte(9));
    refused(&set(&env.admin, &unknown, json!({})).await?, 404, "SCRIP.ACCOUNT.UNKNOWN")?;
    refused(&set(&env.admin, &path, json!({ "perWeekCents": 1 })).await?, 400, "BCK.HTTP.400")?;
    set(&env.admin, &path, json!({ "perDayCents": 6_001 })).await?.ok()?;
    limited.post_nothing(&more).await?.ok()?;
    set(&env.admin, &path, json!({})).await?.ok()?;
    env.chain.devnet.reader().anvil_set_balance(account, U256::from(10).pow(U256::from(18))).await?;
    limited.post_nothing(&coin).await?.ok()?;
    limited.post_nothing(&twenty).await?.ok()?;
    Ok(())
}

async fn a_key_spends_no_more_than_it_may(env: &mut ServerEnv) -> Result<()> {
    let twenty = sell(env, env.chain.devnet.dollar().address, 20_000_000).await?;
    let asked =
        json!({ "name": "agent", "scopes": ["order", "keys", "access"], "limits": { "perDayCents": 2_000 } });
    let made = env.subscriber.post("/api/v1/api-keys", &asked).await?.ok()?;
    assert_eq!(made["limits"], asked["limits"]);
    let agent = env.subscriber.with_key(made["key"].as_str().ok_or_eyre("no key")?);
    agent.post_nothing(&twenty).await?.ok()?;
    refused(&agent.post_nothing(&twenty).await?, 403, ORDER)?;
    env.subscriber.post_nothing(&twenty).await?.ok()?;

    // What it makes would have none.
    let key = json!({ "name": "another", "scopes": ["order"] });
    refused(&agent.post("/api/v1/api-keys", &key).await?, 403, "SCRIP.KEY.SCOPE")?;
    let delegation = json!({
        "provider": "erc4337", "spendingLimitCents": 100_000, "durationSecs": 3_600, "currency": "usd",
    });
    refused(&agent.post("/api/v1/delegation/create", &delegation).await?, 403, "SCRIP.KEY.SCOPE")?;
    let listed = env.subscriber.get("/api/v1/api-keys").await?.ok()?;
    let listed = listed.as_array().ok_or_eyre("no list")?;
    ensure!(
        listed.iter().any(|key| key["name"] == "agent" && key["limits"] == asked["limits"]),
        "{listed:?}"
    );
    Ok(())
}

async fn what_is_tried_again_is_spent_when_it_is_done(env: &mut ServerEnv) -> Result<()> {
    let twenty = sell(env, env.chain.devnet.dollar().address, 20_000_000).await?;
    let limits = json!({ "perDayCents": 4_000 });
    let made =
        env.admin.post("/api/v1/accounts", &json!({ "name": "poor", "limits": limits })).await?.ok()?;
    let account: Address = made["address"].as_str().ok_or_eyre("no address")?.parse()?;
    let poor = env.anyone.with_key(made["key"].as_str().ok_or_eyre("no key")?);
    let asked = json!({ "name": "agent", "scopes": ["order"], "limits": { "perDayCents": 2_000 } });
    let made = poor.post("/api/v1/api-keys", &asked).await?.ok()?;
    let agent = env.anyone.with_key(made["key"].as_str().ok_or_eyre("no key")?);
    let order = async |caller: &Caller, key: &str| {
        Answer::of(caller.request(Method::POST, &twenty).header("idempotency-key", key)).await
    };
    for key in ["one", "two"] {
        refused(&order(&poor, key).await?, 402, "BCK.PROTOCOL.0011")?;
    }
    // More than a day later there is money, and each is done by who asks again.
    env.chain.devnet.mint_dollars(account, U256::from(1_000_000_000)).await?;
    env.advance(90_000);
    order(&agent, "one").await?.ok()?;
    refused(&order(&agent, "two").await?, 403, ORDER)?;
    order(&poor, "two").await?.ok()?;
    refused(&poor.post_nothing(&twenty).await?, 403, ORDER)?;
    Ok(())
}

async fn a_key_with_limits_lets_nobody_buy_under_a_delegation(env: &mut ServerEnv) -> Result<()> {
    let plan = register(env, "P").await?;
    let delegation = json!({
        "provider": "erc4337", "spendingLimitCents": 100_000, "durationSecs": 3_600, "currency": "usd",
    });
    let delegation = env.subscriber.post("/api/v1/delegation/create", &delegation).await?.ok()?;
    let asked = json!({ "name": "agent", "scopes": ["access"], "limits": { "perDayCents": 0 } });
    let made = env.subscriber.post("/api/v1/api-keys", &asked).await?.ok()?;
    let agent = env.subscriber.with_key(made["key"].as_str().ok_or_eyre("no key")?);
    let mut token = asked_for(&plan);
    agent.post("/api/v1/x402/permissions", &token).await?.ok()?;
    token["delegationConfig"] = json!({ "delegationId": delegation["delegationId"] });
    refused(&agent.post("/api/v1/x402/permissions", &token).await?, 403, "SCRIP.KEY.SCOPE")?;
    env.subscriber.post("/api/v1/x402/permissions", &token).await?.ok()?;
    Ok(())
}

/// Connects, and sends the beginning of a request.
async fn half_a_request(env: &ServerEnv) -> Result<TcpStream> {
    let place = env.url().strip_prefix("http://").ok_or_eyre("no place")?;
    let mut connection = TcpStream::connect(place).await?;
    connection.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n").await?;
    Ok(connection)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_request_is_not_waited_for_for_ever() -> Result<()> {
    tell(DatabaseKind::Sqlite, async |env: &mut ServerEnv| {
        let mut connection = half_a_request(env).await?;
        let mut answer = Vec::new();
        timeout(Duration::from_secs(60), connection.read_to_end(&mut answer)).await??;
        ensure!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 408"), "it was answered");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_keeps_a_connection_open_does_not_keep_a_server_from_ending() -> Result<()> {
    tell(DatabaseKind::Sqlite, async |env: &mut ServerEnv| {
        // One that is kept for the next request.
        env.anyone.get("/livez").await?.ok()?;
        let began = Instant::now();
        env.take_replica().ok_or_eyre("it runs")?.shut_down().await?;
        ensure!(began.elapsed() < Duration::from_secs(20), "it took {:?}", began.elapsed());
        Ok(())
    })
    .await
}
