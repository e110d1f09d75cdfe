//! What is refused, and how it is said.

use alloy::{primitives::U256, rpc::client::RpcClient};
use eyre::{OptionExt, Result, WrapErr, ensure};
use reqwest::Method;
use scrip_e2e::{
    faults::{Fault, FaultyNode},
    server::{Answer, Caller, ServerEnv},
};
use serde_json::{Value, json};
use sqlx::Row;

use super::{changed, on_each_database, plan, refused, register};

on_each_database!(
    what_cannot_be_read_is_refused,
    terms_that_no_plan_can_have_are_refused,
    what_the_chain_refuses_is_said,
    where_the_node_is_is_nobodys_business,
    older_dialects_and_odd_requests_are_read,
    pages_that_no_list_has_room_for_are_refused,
);

const PLANS: &str = "/api/v1/protocol/plans";

/// Sends a text, as it is, with any method.
async fn send(caller: &Caller, method: Method, path: &str, body: impl Into<String>) -> Result<Answer> {
    let request = caller.request(method, path).header("content-type", "application/json");
    Answer::of(request.body(body.into())).await.wrap_err_with(|| path.to_owned())
}

async fn what_cannot_be_read_is_refused(env: &mut ServerEnv) -> Result<()> {
    let (plan, holder) = (register(env, "P").await?, env.subscriber.address);
    let large = U256::MAX.to_string() + "0";
    let get = |path: &str| format!("{PLANS}/{path}");
    for (path, status, code) in [
        (get("11111"), 404, "BCK.PROTOCOL.0003"),
        (get("xyz"), 404, "BCK.PROTOCOL.0003"),
        (get("-1"), 404, "BCK.PROTOCOL.0003"),
        (get("%ff"), 400, "BCK.HTTP.400"),
        (get("%00"), 404, "BCK.PROTOCOL.0003"),
        (get(&large), 404, "BCK.PROTOCOL.0003"),
        (get(&format!("11111/balance/{holder}")), 404, "BCK.PROTOCOL.0003"),
        (get(&format!("{plan}/balance/me")), 400, "BCK.HTTP.400"),
        (get(&format!("{plan}/balance/{holder}00")), 400, "BCK.HTTP.400"),
        ("/api/v1/protocol/agents/11111".to_owned(), 404, "BCK.PROTOCOL.0004"),
        ("/api/v1/protocol/agents/xyz".to_owned(), 404, "BCK.PROTOCOL.0004"),
        ("/api/v1/nothing".to_owned(), 404, "BCK.HTTP.404"),
        ("/api/v1/protocol/plans/mint".to_owned(), 405, "BCK.HTTP.405"),
    ] {
        refused(&env.anyone.get(&path).await?, status, code).wrap_err(path)?;
    }
    let of =
        |amount: &str| format!(r#"{{"planId":"{plan}","amount":{amount},"creditsReceiver":"{holder}"}}"#);
    let mint = format!("{PLANS}/mint");
    for (body, status, code) in [
        (String::new(), 400, "BCK.HTTP.400"),
        ("null".to_owned(), 400, "BCK.HTTP.400"),
        ("[]".to_owned(), 400, "BCK.HTTP.400"),
        (format!(r#" ["{plan}", 1, "{holder}"]"#), 400, "BCK.HTTP.400"),
        ("{}".to_owned(), 400, "BCK.HTTP.400"),
        ("{".to_owned(), 400, "BCK.HTTP.400"),
        ("planId=1".to_owned(), 400, "BCK.HTTP.400"),
        (of("1").replace(&holder.to_string(), "me"), 400, "BCK.HTTP.400"),
        (of("1").replace(&plan, "xyz"), 400, "BCK.COMMON.0026"),
        (of("1").replace(&plan, "11111"), 404, "BCK.PROTOCOL.0003"),
        (of("0"), 400, "BCK.CREDITS.0001"),
        (of(r#""0""#), 400, "BCK.CREDITS.0001"),
        (of("-5"), 400, "BCK.COMMON.0026"),
        (of(r#""-5""#), 400, "BCK.COMMON.0026"),
        (of("1.5"), 400, "BCK.COMMON.0026"),
        (of("1e3"), 400, "BCK.COMMON.0026"),
        (of("true"), 400, "BCK.COMMON.0026"),
        (of("null"), 400, "BCK.COMMON.0026"),
        (of(r#""0x10""#), 400, "BCK.COMMON.0026"),
        (of(r#""""#), 400, "BCK.COMMON.0026"),
        (of("[1]"), 400, "BCK.COMMON.0026"),
        (of("18446744073709551616"), 400, "BCK.COMMON.0026"),
        (of(&large), 400, "BCK.COMMON.0026"),
        (of(&"9".repeat(10_000)), 400, "BCK.COMMON.0026"),
        (of(&"[".repeat(5_000)), 400, "BCK.HTTP.400"),
    ] {
        let answer = send(&env.builder, Method::POST, &mint, &*body).await?;
        refused(&answer, status, code).wrap_err_with(|| body.chars().take(200).collect::<String>())?;
    }
    let oversize = format!(r#"{{"name":"{}"}}"#, "x".repeat(1 << 20));
    refused(&send(&env.builder, Method::POST, PLANS, oversize).await?, 413, "BCK.HTTP.413")?;
    let longer = json!({
        "planId": plan, "creditsAmount": 1, "creditsReceiver": holder, "creditsDuration": 1_u64 << 32,
    });
    let answer = env.builder.post(&format!("{PLANS}/mintExpirable"), &longer).await?;
    refused(&answer, 400, "BCK.COMMON.0026")?;
    for (method, path) in [
        (Method::DELETE, PLANS.to_owned()),
        (Method::PATCH, get(&plan)),
        (Method::GET, get(&format!("{plan}/order"))),
        (Method::POST, "/livez".to_owned()),
        (Method::POST, "/openapi.json".to_owned()),
    ] {
        let answer = send(&env.builder, method, &path, "").await?;
        refused(&answer, 405, "BCK.HTTP.405").wrap_err(path)?;
        ensure!(answer.headers.contains_key("allow"), "it is not said which methods there are");
    }
    for key in [String::new(), "k".repeat(256), "\u{e9}".to_owned()] {
        let order = env.subscriber.request(Method::POST, &get(&format!("{plan}/order")));
        refused(&Answer::of(order.header("idempotency-key", key)).await?, 400, "BCK.HTTP.400")?;
    }
    for path in ["/api/v1/payment-methods?provider=a&provider=b", "/api/v1/x402/permissions/%ff"] {
        refused(&env.builder.get(path).await?, 400, "BCK.HTTP.400").wrap_err(path)?;
    }
    for name in ["", "a\0b", &"x".repeat(101)] {
        let key = json!({ "name": name, "scopes": ["read"] });
        refused(&env.builder.post("/api/v1/api-keys", &key).await?, 400, "BCK.HTTP.400")?;
    }
    for body in [
        json!({ "name": "k", "scopes": ["everything"] }),
        json!({ "name": "k", "scopes": ["read"], "expiresIn": 0 }),
        json!({ "name": "k", "scopes": ["read"], "expiresIn": u64::MAX }),
        json!({ "name": "k", "scopes": ["read"], "of": env.stranger.address }),
    ] {
        refused(&env.builder.post("/api/v1/api-keys", &body).await?, 400, "BCK.HTTP.400")?;
    }
    // Nothing of all that was done.
    let balance = env.chain.stranger.balance(plan.parse()?, holder).await?;
    assert_eq!(balance.balance, 0);
    Ok(())
}

async fn terms_that_no_plan_can_have_are_refused(env: &mut ServerEnv) -> Result<()> {
    let (terms, number, unread) = ("SCRIP.PLAN.TERMS", "BCK.COMMON.0026", "BCK.HTTP.400");
    for (path, value, code) in [
        ("/metadataAttributes/name", json!("  "), terms),
        ("/metadataAttributes/name", json!(7), terms),
        ("/metadataAttributes", json!("name"), unread),
        ("/priceConfig", Value::Null, unread),
        ("/priceConfig", json!([]), unread),
        ("/creditsConfig", json!([1, true, 1, 0, 100]), unread),
        ("/priceConfig/isCrypto", json!("yes"), unread),
        ("/priceConfig/priceType", json!(2), terms),
        ("/priceConfig/priceType", json!(-1), unread),
        ("/priceConfig/tokenAddress", json!("0x12"), unread),
        ("/priceConfig/tokenAddress", json!(env.stranger.address), terms),
        ("/priceConfig/amounts", json!(["-1"]), number),
        ("/priceConfig/amounts", json!([1.5]), number),
        ("/priceConfig/amounts", json!(["20", "30"]), terms),
        ("/priceConfig/amounts", json!([U256::MAX.to_string()]), number),
        ("/priceConfig/receivers", json!([]), terms),
        ("/priceConfig/receivers", json!(["me"]), unread),
        ("/creditsConfig/amount", json!("18446744073709551616"), number),
        ("/creditsConfig/amount", json!(-1), number),
        ("/creditsConfig/durationSecs", json!("4294967296"), number),
        ("/creditsConfig/minAmount", json!("2"), terms),
        ("/creditsConfig/redemptionType", json!(256), unread),
        ("/accessLimit", json!("forever"), unread),
        ("/nonce", json!("a"), number),
        ("/isTrialPlan", json!("no"), unread),
    ] {
        let body = changed(plan(env, "Premium Plan"), &[(path, value.clone())]);
        let answer = env.builder.post(PLANS, &body).await?;
        refused(&answer, 400, code).wrap_err_with(|| format!("{path} = {value}"))?;
    }
    Ok(())
}

async fn what_the_chain_refuses_is_said(env: &mut ServerEnv) -> Result<()> {
    let plan = register(env, "P").await?;
    let order = |plan: &str| format!("{PLANS}/{plan}/order");
    let holder = env.subscriber.address;
    let (mint, burn, redeem) = (format!("{PLANS}/mint"), format!("{PLANS}/burn"), format!("{PLANS}/redeem"));
    let minted = json!({ "planId": plan, "amount": "5", "creditsReceiver": holder });
    let redeemed = |id: &str, amount: u64| json!({ "agentRequestId": id, "planId": plan, "redeemFrom": holder, "amount": amount.to_string() });
    refused(&env.subscriber.post_nothing(&order("11111")).await?, 404, "BCK.PROTOCOL.0003")?;
    refused(&env.stranger.post(&mint, &minted).await?, 403, "BCK.PROTOCOL.0017")?;
    let burned = json!({ "planId": plan, "creditsAmount": "1" });
    refused(&env.subscriber.post(&burn, &burned).await?, 402, "BCK.CREDITS.0003")?;

    env.builder.post(&mint, &minted).await?.ok()?;
    refused(&env.stranger.post(&redeem, &redeemed("a", 1)).await?, 403, "BCK.PROTOCOL.0017")?;
    // Nor does it count as spent while that is found out.
    let database = env.database().connect().await?;
    let spends = "SELECT COUNT(*) FROM operations WHERE account = $1 AND spends IS NOT NULL";
    let spends = sqlx::query(spends).bind(env.stranger.address.to_string()).fetch_one(&database).await?;
    assert_eq!(spends.try_get::<i64, _>(0)?, 0);
    refused(&env.builder.post(&redeem, &redeemed("a", 6)).await?, 402, "BCK.CREDITS.0003")?;
    refused(&env.builder.post(&redeem, &redeemed("a", 101)).await?, 409, "SCRIP.CHAIN.REFUSED")?;
    env.builder.post(&redeem, &redeemed("a", 1)).await?.ok()?;
    refused(&env.builder.post(&redeem, &redeemed("a", 1)).await?, 409, "SCRIP.CHAIN.REFUSED")?;

    // Who has no money, of an account that the server has made.
    let made = env.admin.post("/api/v1/accounts", &json!({ "name": "poor" })).await?.ok()?;
    let poor = env.anyone.with_key(made["key"].as_str().ok_or_eyre("no key")?);
    refused(&poor.post_nothing(&order(&plan)).await?, 402, "BCK.PROTOCOL.0011")?;

    let trial = changed(super::plan(env, "Trial"), &[("/isTrialPlan", json!(true))]);
    let trial =
        env.builder.post(PLANS, &trial).await?.ok()?["planId"].as_str().unwrap_or_default().to_owned();
    env.subscriber.post_nothing(&order(&trial)).await?.ok()?;
    refused(&env.subscriber.post_nothing(&order(&trial)).await?, 409, "BCK.PROTOCOL.0056")?;

    let card = [("/priceConfig/isCrypto", json!(false)), ("/priceConfig/amounts", json!(["9990000"]))];
    let card = env.builder.post(PLANS, &changed(super::plan(env, "Card"), &card)).await?.ok()?;
    let answer = env.subscriber.post_nothing(&order(card["planId"].as_str().unwrap_or_default())).await?;
    refused(&answer, 400, "BCK.PROTOCOL.0050")?;

    let page = json!({ "metadataAttributes": { "name": "A" }, "agentApiAttributes": {} });
    let agents = "/api/v1/protocol/agents";
    let many = changed(page.clone(), &[("/plans", json!(vec![&*plan; 33]))]);
    refused(&env.builder.post(agents, &many).await?, 400, "BCK.HTTP.400")?;
    let agent = env.builder.post(agents, &page).await?.ok()?["data"]["agentId"].clone();
    let agent = agent.as_str().ok_or_eyre("no agent")?;
    let put = |caller: &Caller, agent: &str| {
        Answer::of(caller.request(Method::PUT, &format!("{agents}/{agent}")).json(&page))
    };
    refused(&put(&env.stranger, agent).await?, 403, "BCK.PROTOCOL.0016")?;
    refused(&put(&env.builder, "11111").await?, 404, "BCK.PROTOCOL.0004")?;
    let link = |plan: &str| format!("{agents}/{agent}/plan/{plan}");
    refused(&env.stranger.post_nothing(&link(&plan)).await?, 403, "BCK.PROTOCOL.0016")?;
    refused(&send(&env.builder, Method::DELETE, "/api/v1/api-keys/mine", "").await?, 404, "BCK.HTTP.404")?;
    Ok(())
}

async fn where_the_node_is_is_nobodys_business(env: &mut ServerEnv) -> Result<()> {
    let plan = register(env, "P").await?;
    let node = FaultyNode::before(env.chain.devnet.url()).await?;
    let client = RpcClient::new_http(node.url().clone());
    let replica = env.another(Some(client)).await?;
    node.always(Fault::DropBefore);
    for path in [format!("{PLANS}/{plan}"), "/readyz".to_owned()] {
        let answer = env.anyone.at(&replica).get(&path).await?;
        refused(&answer, 503, "SCRIP.CHAIN.UNREACHABLE").wrap_err(path)?;
        let told = answer.body.to_string();
        ensure!(!told.contains("http") && !told.contains("127.0.0.1"), "{told}");
    }
    Ok(())
}

async fn older_dialects_and_odd_requests_are_read(env: &mut ServerEnv) -> Result<()> {
    // 0.8.1: kinds of prices and credits by number, bare numbers, a nonce of 128 bits; 1.6: bare numbers of some.
    let zero = alloy::primitives::Address::ZERO;
    let oldest = format!(
        r#"{{"metadataAttributes":{{"name":"Old"}},
            "priceConfig":{{"priceType":0,"tokenAddress":"{}","amounts":[20],"receivers":["{}"],
              "contractAddress":"{zero}","feeController":"{zero}"}},
            "creditsConfig":{{"creditsType":1,"redemptionType":1,"proofRequired":false,"durationSecs":0,"amount":100,
              "minAmount":1,"maxAmount":1}},
            "nonce":57904075276699504321099125330494103260}}"#,
        env.chain.devnet.dollar().address,
        env.builder.address
    );
    let made = send(&env.builder, Method::POST, PLANS, &*oldest).await?.ok()?;
    let again = send(&env.builder, Method::POST, PLANS, &*oldest).await?.ok()?;
    assert_eq!(made["planId"], again["planId"], "the nonce makes it the same plan");
    ensure!(made["txHash"].is_string() && again["txHash"].is_null());
    let record =
        env.anyone.get(&format!("{PLANS}/{}", made["planId"].as_str().unwrap_or_default())).await?.ok()?;
    assert_eq!(record["registry"]["credits"]["redemptionType"], 1);
    assert_eq!(record["registry"]["price"]["amounts"], json!(["20"]));

    // Two slashes, a body that is not said to be JSON, and none that is.
    let plan = made["planId"].as_str().ok_or_eyre("no plan")?;
    env.anyone.get(&format!("/{PLANS}/{plan}")).await?.ok()?;
    let (mint, holder) = (format!("//{PLANS}/mint"), env.subscriber.address);
    let body = format!(r#"{{"planId":{plan},"amount":"7","creditsReceiver":"{holder:#x}"}}"#);
    let request = env.builder.request(Method::POST, &mint).header("content-type", "text/plain");
    Answer::of(request.body(body)).await?.ok()?;
    env.subscriber.post_nothing(&format!("/{PLANS}/{plan}/order")).await?.ok()?;
    let balance = env.chain.stranger.balance(plan.parse()?, holder).await?;
    assert_eq!(balance.balance, 107);
    Ok(())
}

async fn pages_that_no_list_has_room_for_are_refused(env: &mut ServerEnv) -> Result<()> {
    let agents = "/api/v1/protocol/agents";
    let described = |bytes: usize| "x".repeat(bytes);
    let plan = |bytes: usize| {
        changed(plan(env, "P"), &[("/metadataAttributes/description", json!(described(bytes)))])
    };
    env.builder.post(PLANS, &plan(60_000)).await?.ok()?;
    refused(&env.builder.post(PLANS, &plan(66_000)).await?, 413, "BCK.HTTP.413")?;
    let agent = |metadata: usize, api: usize| {
        json!({
            "metadataAttributes": { "name": "A", "description": described(metadata) },
            "agentApiAttributes": { "endpoints": [], "agentDefinitionUrl": described(api) },
        })
    };
    let (some, metadata, api) = (agent(30_000, 30_000), agent(66_000, 0), agent(0, 66_000));
    let registered = |page: &Value| changed(page.clone(), &[("/plans", json!([]))]);
    let made = env.builder.post(agents, &registered(&some)).await?.ok()?;
    let path = format!("{agents}/{}", made["agentId"].as_str().ok_or_eyre("no id")?);
    for page in [metadata, api, agent(40_000, 40_000)] {
        refused(&env.builder.post(agents, &registered(&page)).await?, 413, "BCK.HTTP.413")?;
        refused(&send(&env.builder, Method::PUT, &path, page.to_string()).await?, 413, "BCK.HTTP.413")?;
    }
    send(&env.builder, Method::PUT, &path, some.to_string()).await?.ok()?;
    Ok(())
}
