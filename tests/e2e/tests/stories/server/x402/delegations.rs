//! Delegations: what is bought when there are too few credits, and no more than was allowed.

use alloy::{providers::ext::AnvilApi, rpc::client::RpcClient};
use eyre::Result;
use reqwest::Method;
use scrip_e2e::{
    faults::{Fault, FaultyNode},
    server::{Answer, ServerEnv},
};
use serde_json::{Value, json};

use super::{TOO_FEW, asked, balance, register, request, sell, settle, text, verify};
use crate::server::{on_each_database, refused};

on_each_database!(
    a_delegation_is_made_listed_and_ended,
    what_is_missing_is_bought_within_the_limit,
    those_who_need_more_at_once_buy_once,
    what_is_not_worth_dollars_is_not_bought,
    what_a_node_has_not_seen_yet_is_not_bought_again,
    what_another_server_has_bought_is_not_bought_again,
);

/// A plan of 100 credits for 20 dollars.
pub(super) async fn premium(env: &ServerEnv, name: &str) -> Result<String> {
    let mut plan = crate::server::plan(env, name);
    plan["priceConfig"]["amounts"] = json!(["20000000"]);
    register(env, plan).await
}

async fn delegate(env: &ServerEnv, more: &Value) -> Result<String> {
    let mut limits = json!({
        "provider": "erc4337", "spendingLimitCents": 5_000, "durationSecs": 86_400, "currency": "usdc",
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        limits[name] = value.clone();
    }
    let made = env.subscriber.post("/api/v1/delegation/create", &limits).await?.ok()?;
    text(&made, "delegationId")
}

async fn token_under(env: &ServerEnv, plan: &str, delegation: &str) -> Result<String> {
    let mut asked = asked(plan);
    asked["delegationConfig"] = json!({ "delegationId": delegation });
    text(&env.subscriber.post("/api/v1/x402/permissions", &asked).await?.ok()?, "accessToken")
}

async fn shown(env: &ServerEnv, delegation: &str) -> Result<Value> {
    env.subscriber.get(&format!("/api/v1/delegation/{delegation}")).await?.ok()
}

async fn end(caller: &scrip_e2e::server::Caller, delegation: &str) -> Result<Answer> {
    Answer::of(caller.request(Method::DELETE, &format!("/api/v1/delegation/{delegation}"))).await
}

async fn a_delegation_is_made_listed_and_ended(env: &mut ServerEnv) -> Result<()> {
    let plan = sell(env, "Delegated").await?;
    let delegation = delegate(env, &json!({})).await?;
    // Each SDK reads another shape.
    let listed = env.subscriber.get("/api/v1/delegation").await?.ok()?;
    assert_eq!(
        (&listed["totalResults"], &listed["delegations"][0]["delegationId"]),
        (&json!(1), &json!(delegation))
    );
    let python = env
        .subscriber
        .request(Method::GET, "/api/v1/delegation")
        .header("user-agent", "python-requests/2.32");
    let python = Answer::of(python).await?.ok()?;
    assert_eq!((&python[0]["id"], &python[0]["status"]), (&json!(delegation), &json!("Active")));
    assert_eq!(env.stranger.get("/api/v1/delegation").await?.ok()?["totalResults"], 0);

    let methods = env.subscriber.get("/api/v1/payment-methods?provider=erc4337").await?.ok()?;
    let wallet = format!("{:#x}", env.subscriber.address);
    assert_eq!((&methods[0]["id"], &methods[0]["type"]), (&json!(wallet), &json!("crypto_wallet")));
    assert_eq!((&methods[0]["brand"], &methods[0]["provider"]), (&json!("ethereum"), &json!("erc4337")));
    assert_eq!(env.subscriber.get("/api/v1/payment-methods?provider=stripe").await?.ok()?, json!([]));

    // Another tenant neither sees, ends nor uses it.
    let path = format!("/api/v1/delegation/{delegation}");
    refused(&env.stranger.get(&path).await?, 404, "BCK.DELEGATION.0002")?;
    refused(&end(&env.stranger, &delegation).await?, 404, "BCK.DELEGATION.0002")?;
    let mut theirs = asked(&plan);
    theirs["delegationConfig"] = json!({ "delegationId": delegation });
    refused(&env.stranger.post("/api/v1/x402/permissions", &theirs).await?, 404, "BCK.DELEGATION.0002")?;

    end(&env.subscriber, &delegation).await?.ok()?;
    assert_eq!(shown(env, &delegation).await?["status"], "Revoked");
    refused(&env.subscriber.post("/api/v1/x402/permissions", &theirs).await?, 402, "BCK.X402.0019")?;
    for wrong in [
        json!({ "provider": "stripe" }),
        json!({ "currency": "gbp" }),
        json!({ "spendingLimitCents": 0 }),
        json!({ "durationSecs": 0 }),
        json!({ "maxTransactions": 0 }),
        json!({ "apiKeyId": "one" }),
    ] {
        assert!(delegate(env, &wrong).await.is_err(), "{wrong}");
    }
    Ok(())
}

async fn what_is_missing_is_bought_within_the_limit(env: &mut ServerEnv) -> Result<()> {
    let plan = premium(env, "Bought").await?;
    let delegation = delegate(env, &json!({})).await?;
    let token = token_under(env, &plan, &delegation).await?;
    // 150 are two orders, 40 dollars of 50.
    let id = request(verify(&env.builder, &plan, &token, 100).await?)?;
    assert_eq!(balance(env, &plan).await?, 100);
    let settled = settle(&env.builder, &plan, &token, 100, Some(&id)).await?.ok()?;
    assert_eq!(settled["creditsRedeemed"], "100");
    // Without having verified: the settlement buys.
    let settled = settle(&env.builder, &plan, &token, 30, Some("unverified")).await?.ok()?;
    assert_eq!((&settled["creditsRedeemed"], &settled["remainingBalance"]), (&json!("30"), &json!("70")));
    assert_eq!(text(&settled, "orderTx")?.len(), 66);
    let spent = shown(env, &delegation).await?;
    assert_eq!((&spent["amountSpentCents"], &spent["transactionCount"]), (&json!("4000"), &json!(2)));
    // What is there is spent before more is bought.
    request(verify(&env.builder, &plan, &token, 70).await?)?;
    refused(&verify(&env.builder, &plan, &token, 1).await?, 402, "BCK.X402.0020")?;
    assert_eq!(shown(env, &delegation).await?["amountSpentCents"], "4000");
    assert_eq!(balance(env, &plan).await?, 70, "nothing was signed beyond the limit");

    // No more often than it may be, for no other plan, and not after its end.
    let other = premium(env, "Another").await?;
    let once =
        delegate(env, &json!({ "maxTransactions": 1, "planId": other, "durationSecs": 1_000 })).await?;
    let mut closed = asked(&plan);
    closed["delegationConfig"] = json!({ "delegationId": once });
    refused(&env.subscriber.post("/api/v1/x402/permissions", &closed).await?, 402, "BCK.X402.0021")?;
    let token = token_under(env, &other, &once).await?;
    request(verify(&env.builder, &other, &token, 100).await?)?;
    refused(&verify(&env.builder, &other, &token, 1).await?, 402, "BCK.X402.0020")?;
    assert_eq!(shown(env, &once).await?["status"], "Exhausted");

    // One that is revoked buys nothing, whatever token is under it.
    let revoked = delegate(env, &json!({})).await?;
    let third = premium(env, "Third").await?;
    let token = token_under(env, &third, &revoked).await?;
    end(&env.subscriber, &revoked).await?.ok()?;
    refused(&verify(&env.builder, &third, &token, 1).await?, 402, "BCK.X402.0019")?;
    assert_eq!(balance(env, &third).await?, 0);
    // Whose money does not suffice has not spent it.
    let mut dear = crate::server::plan(env, "Dear");
    dear["priceConfig"]["amounts"] = json!(["9000000000000000"]);
    let dear = register(env, dear).await?;
    let rich = delegate(env, &json!({ "spendingLimitCents": 4_000_000_000u64 })).await?;
    let token = token_under(env, &dear, &rich).await?;
    assert_eq!(verify(&env.builder, &dear, &token, 1).await?.status, 402);
    let spent = shown(env, &rich).await?;
    assert_eq!((&spent["amountSpentCents"], &spent["transactionCount"]), (&json!("0"), &json!(0)));
    Ok(())
}

async fn those_who_need_more_at_once_buy_once(env: &mut ServerEnv) -> Result<()> {
    let plan = premium(env, "Once").await?;
    let delegation = delegate(env, &json!({ "spendingLimitCents": 100_000 })).await?;
    let token = token_under(env, &plan, &delegation).await?;
    let other = env.another(None).await?;
    let sellers = [env.builder.clone(), env.builder.at(&other)];
    let verified = sellers.iter().cycle().take(24).map(|seller| verify(seller, &plan, &token, 5));
    for verified in futures_util::future::try_join_all(verified).await? {
        request(verified)?;
    }
    assert_eq!(balance(env, &plan).await?, 200, "120 were needed");
    let spent = shown(env, &delegation).await?;
    assert_eq!((&spent["amountSpentCents"], &spent["transactionCount"]), (&json!("4000"), &json!(2)));
    Ok(())
}

async fn what_is_not_worth_dollars_is_not_bought(env: &mut ServerEnv) -> Result<()> {
    let delegation = delegate(env, &json!({})).await?;
    let mut coin = crate::server::plan(env, "Coin");
    coin["priceConfig"]["tokenAddress"] = json!(alloy::primitives::Address::ZERO);
    let coin = register(env, coin).await?;
    let token = token_under(env, &coin, &delegation).await?;
    let refusal = verify(&env.builder, &coin, &token, 1).await?;
    refused(&refusal, 402, "BCK.X402.0021")?;
    assert!(refusal.body["hint"].is_string() && refusal.body["detail"].to_string().contains("ETH"));
    // Dollars are no euros.
    let dollars = premium(env, "Dollars").await?;
    let euros = delegate(env, &json!({ "currency": "eurc" })).await?;
    let token = token_under(env, &dollars, &euros).await?;
    refused(&verify(&env.builder, &dollars, &token, 1).await?, 402, "BCK.X402.0021")?;
    // Without a delegation nothing is bought.
    let token = super::token(env, &dollars).await?;
    refused(&verify(&env.builder, &dollars, &token, 1).await?, TOO_FEW.0, TOO_FEW.1)?;
    Ok(())
}

async fn what_a_node_has_not_seen_yet_is_not_bought_again(env: &mut ServerEnv) -> Result<()> {
    let plan = premium(env, "Lagging").await?;
    let delegation = delegate(env, &json!({ "spendingLimitCents": 100_000 })).await?;
    let token = token_under(env, &plan, &delegation).await?;
    let node = FaultyNode::before(env.chain.devnet.url()).await?;
    env.kill();
    let server = env.another(Some(RpcClient::new_http(node.url().clone()))).await?;
    env.turn_to(server);
    // It is not so late that there is no plan; but what is bought is in a block that this node comes to late.
    env.chain.devnet.reader().anvil_mine(Some(2), None).await?;
    node.next_times("eth_getBlockByNumber", Fault::Behind, 1_000);
    refused(&verify(&env.builder, &plan, &token, 100).await?, 503, "SCRIP.CHAIN.UNREACHABLE")?;
    let bought = shown(env, &delegation).await?;
    assert_eq!((&bought["amountSpentCents"], &bought["transactionCount"]), (&json!("2000"), &json!(1)));
    node.heal();
    request(verify(&env.builder, &plan, &token, 100).await?)?;
    assert_eq!(shown(env, &delegation).await?["amountSpentCents"], "2000");

    // Nor is who has just ordered told that there is nothing.
    let plan = premium(env, "Ordered").await?;
    let token = super::token(env, &plan).await?;
    env.chain.devnet.reader().anvil_mine(Some(2), None).await?;
    env.subscriber.post_nothing(&format!("/api/v1/protocol/plans/{plan}/order")).await?.ok()?;
    node.next_times("eth_getBlockByNumber", Fault::Behind, 5);
    request(verify(&env.builder, &plan, &token, 100).await?)?;
    Ok(())
}

async fn what_another_server_has_bought_is_not_bought_again(env: &mut ServerEnv) -> Result<()> {
    let plan = premium(env, "Elsewhere").await?;
    let delegation = delegate(env, &json!({ "spendingLimitCents": 100_000 })).await?;
    let token = token_under(env, &plan, &delegation).await?;
    let node = FaultyNode::before(env.chain.devnet.url()).await?;
    let other = env.another(Some(RpcClient::new_http(node.url().clone()))).await?;
    let seller = env.builder.at(&other);
    env.chain.devnet.reader().anvil_mine(Some(2), None).await?;
    request(verify(&env.builder, &plan, &token, 10).await?)?;
    node.next_times("eth_getBlockByNumber", Fault::Behind, 1_000);
    refused(&verify(&seller, &plan, &token, 10).await?, 503, "SCRIP.CHAIN.UNREACHABLE")?;
    node.heal();
    request(verify(&seller, &plan, &token, 10).await?)?;
    assert_eq!(shown(env, &delegation).await?["amountSpentCents"], "2000");
    Ok(())
}
