//! What is asked for: an agent's endpoints, plans of time, plans that take no less.

use eyre::Result;
use scrip_e2e::server::ServerEnv;
use serde_json::{Value, json};

use super::{TOO_FEW, give, payment, register, request, required, sell, settle, text, token, verify};
use crate::server::{on_each_database, refused};

on_each_database!(
    what_is_sold_is_one_of_the_agents_endpoints,
    a_plan_of_time_lets_in_and_reserves_nothing,
    what_the_plan_does_not_allow_is_not_verified,
    what_no_database_holds_is_no_fault_of_the_server,
);

async fn agent(env: &ServerEnv, plan: &str, endpoints: Value) -> Result<String> {
    let agent = json!({
        "metadataAttributes": { "name": "Agent" }, "agentApiAttributes": { "endpoints": endpoints }, "plans": [plan],
    });
    let made = env.builder.post("/api/v1/protocol/agents", &agent).await?.ok()?;
    text(&made["data"], "agentId")
}

async fn what_is_sold_is_one_of_the_agents_endpoints(env: &mut ServerEnv) -> Result<()> {
    let (plan, other) = (sell(env, "Agents").await?, sell(env, "Closed").await?);
    give(env, &plan, 100, 0).await?;
    for endpoints in [
        json!([{ "verb": "POST", "url": "https://agent.example/:agentId/ask" }]),
        json!([{ "GET": "https://agent.example/about" }, { "POST": "https://agent.example/:agentId/ask" }]),
    ] {
        let agent = agent(env, &plan, endpoints).await?;
        let asked = |plan: &str| json!({ "accepted": { "planId": plan, "extra": { "agentId": agent } } });
        refused(
            &env.subscriber.post("/api/v1/x402/permissions", &asked(&other)).await?,
            403,
            "BCK.PROTOCOL.0026",
        )?;
        let made = env.subscriber.post("/api/v1/x402/permissions", &asked(&plan)).await?.ok()?;
        let token = text(&made, "accessToken")?;
        let sold = async |url: &str, agent: &str| {
            let mut payment = payment(&plan, &token, 1);
            payment["paymentRequired"] = required(&plan, url, Some(agent));
            env.builder.post("/api/v1/x402/verify", &payment).await
        };
        for url in ["/7/ask", "/7/ask?q=1", "https://agent.example/7/ask"] {
            let verified = sold(url, &agent).await?.ok()?;
            assert_eq!(verified["urlMatching"], "https://agent.example/:agentId/ask");
            let shown = &verified["agentRequest"];
            assert_eq!((&shown["agentName"], &shown["agentId"]), (&json!("Agent"), &json!(agent)));
            assert_eq!((&shown["verbMatching"], &shown["batch"]), (&json!("POST"), &json!(false)));
        }
        for url in ["/about", "/ask", "https://evil.example/7/ask"] {
            refused(&sold(url, &agent).await?, 403, "BCK.PROTOCOL.0031")?;
        }
        refused(&sold("/7/ask", "12345").await?, 402, "BCK.X402.0005")?;
    }
    Ok(())
}

async fn a_plan_of_time_lets_in_and_reserves_nothing(env: &mut ServerEnv) -> Result<()> {
    let mut plan = crate::server::plan(env, "Time");
    plan["accessLimit"] = json!("time");
    plan["creditsConfig"]["durationSecs"] = json!("3600");
    plan["creditsConfig"]["isRedemptionAmountFixed"] = json!(false);
    plan["creditsConfig"]["amount"] = json!("1");
    let plan = register(env, plan).await?;
    let token = token(env, &plan).await?;
    refused(&verify(&env.builder, &plan, &token, 1).await?, TOO_FEW.0, TOO_FEW.1)?;
    env.subscriber.post_nothing(&format!("/api/v1/protocol/plans/{plan}/order")).await?.ok()?;
    for _ in 0..3 {
        let id = request(verify(&env.builder, &plan, &token, 1).await?)?;
        request(verify(&env.builder, &plan, &token, 1).await?)?;
        let settled = settle(&env.builder, &plan, &token, 1, Some(&id)).await?.ok()?;
        assert_eq!((&settled["creditsRedeemed"], &settled["remainingBalance"]), (&json!("0"), &json!("1")));
        assert_eq!(text(&settled, "transaction")?.len(), 66, "the request is on the chain");
    }
    env.chain.devnet.warp(std::time::Duration::from_secs(3_600)).await?;
    refused(&verify(&env.builder, &plan, &token, 1).await?, TOO_FEW.0, TOO_FEW.1)?;
    Ok(())
}

async fn what_the_plan_does_not_allow_is_not_verified(env: &mut ServerEnv) -> Result<()> {
    let mut plan = crate::server::plan(env, "Three");
    plan["creditsConfig"]["isRedemptionAmountFixed"] = json!(false);
    plan["creditsConfig"]["minAmount"] = json!("3");
    plan["creditsConfig"]["maxAmount"] = json!("5");
    let plan = register(env, plan).await?;
    give(env, &plan, 10, 0).await?;
    let token = token(env, &plan).await?;
    for credits in [2, 6] {
        refused(&verify(&env.builder, &plan, &token, credits).await?, 409, "SCRIP.CHAIN.REFUSED")?;
    }
    // Without an amount the least is reserved.
    let mut least = payment(&plan, &token, 0);
    least.as_object_mut().map(|least| least.remove("maxAmount"));
    let id = request(env.builder.post("/api/v1/x402/verify", &least).await?)?;
    least["agentRequestId"] = json!(id);
    let settled = env.builder.post("/api/v1/x402/settle", &least).await?.ok()?;
    assert_eq!(settled["creditsRedeemed"], "3");
    refused(
        &env.subscriber.post("/api/v1/x402/permissions", &super::asked("11111")).await?,
        404,
        "BCK.PROTOCOL.0003",
    )?;
    Ok(())
}

async fn what_no_database_holds_is_no_fault_of_the_server(env: &mut ServerEnv) -> Result<()> {
    let plan = sell(env, "NUL").await?;
    give(env, &plan, 10, 0).await?;
    let token = token(env, &plan).await?;
    let nul = "a\0b";
    let settled = settle(&env.builder, &plan, &token, 1, Some(nul)).await?;
    let asked = json!({ "accepted": { "planId": plan }, "delegationConfig": { "delegationId": nul } });
    let permitted = env.subscriber.post("/api/v1/x402/permissions", &asked).await?;
    let page = json!({ "metadataAttributes": { "name": nul }, "agentApiAttributes": {}, "plans": [plan] });
    let registered = env.builder.post("/api/v1/protocol/agents", &page).await?;
    // SQLite holds it.
    for answer in [settled, permitted, registered] {
        assert!(answer.status < 500, "{answer:?}");
    }
    Ok(())
}
