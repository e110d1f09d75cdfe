//! What who has no part in a sale, or has another's, cannot do to it.

use alloy::primitives::U256;
use eyre::{OptionExt, Result, ensure};
use reqwest::Method;
use scrip_e2e::server::{Answer, ServerEnv};
use serde_json::json;

use super::{
    TOO_FEW, asked, balance, delegations::premium, give, payment, register, request, sell, settle, text,
    token, verify,
};
use crate::server::{changed, on_each_database, refused};

on_each_database!(
    a_buyer_takes_no_reservation_from_its_seller,
    what_a_buyer_has_settled_is_not_what_a_seller_serves,
    what_was_not_settled_is_settled_when_it_can_be,
    a_seller_is_not_told_what_its_buyer_spends,
);

async fn a_buyer_takes_no_reservation_from_its_seller(env: &mut ServerEnv) -> Result<()> {
    // A plan of which holders may redeem what they hold, as the SDKs make all of them, and one of which they may not.
    let open = sell(env, "Served").await?;
    let closed = crate::server::plan(env, "Closed");
    let closed = register(env, changed(closed, &[("/creditsConfig/redemptionType", json!(1))])).await?;
    for (plan, may_redeem) in [(open, true), (closed, false)] {
        give(env, &plan, 10, 0).await?;
        let token = token(env, &plan).await?;
        let id = request(verify(&env.builder, &plan, &token, 10).await?)?;
        // Whoever has the token asks first, without an id, so that the seller finds nothing that was reserved for it.
        let refused_to = |may_redeem| if may_redeem { TOO_FEW } else { (403, "BCK.PROTOCOL.0017") };
        for (caller, may_redeem) in [(&env.subscriber, may_redeem), (&env.stranger, false)] {
            let (status, code) = refused_to(may_redeem);
            refused(&settle(caller, &plan, &token, 10, None).await?, status, code)?;
            let keyed = caller.request(Method::POST, "/api/v1/x402/settle").json(&payment(&plan, &token, 10));
            refused(&Answer::of(keyed.header("idempotency-key", "k")).await?, status, code)?;
        }
        // Nor does it settle the seller's request for nothing, or for less, by whichever way: what it settles is its own.
        let redeem = async |request: &str| {
            let redeem = json!({
                "agentRequestId": request, "planId": plan, "redeemFrom": env.subscriber.address, "amount": 1,
            });
            env.subscriber.post("/api/v1/protocol/plans/redeem", &redeem).await
        };
        let (status, code) = refused_to(may_redeem);
        refused(&settle(&env.subscriber, &plan, &token, 1, Some(&id)).await?, status, code)?;
        refused(&redeem(&id).await?, status, code)?;
        for request in [None, Some(id.as_str())] {
            let for_nothing = settle(&env.subscriber, &plan, &token, 0, request).await?;
            assert_eq!(for_nothing.status, if may_redeem { 200 } else { 403 }, "{}", for_nothing.body);
        }
        refused(&settle(&env.builder, &plan, &token, 10, Some("own:x")).await?, 400, "BCK.HTTP.400")?;
        let settled = settle(&env.builder, &plan, &token, 10, None).await?.ok()?;
        assert_eq!((&settled["creditsRedeemed"], balance(env, &plan).await?), (&json!("10"), 0));
    }
    Ok(())
}

async fn what_a_buyer_has_settled_is_not_what_a_seller_serves(env: &mut ServerEnv) -> Result<()> {
    let plan = sell(env, "Foreseen").await?;
    give(env, &plan, 10, 0).await?;
    let token = token(env, &plan).await?;
    // The names of the requests that a seller serves may be foreseen, or be chosen by who asks.
    for request in ["order-1", "order-2"] {
        settle(&env.subscriber, &plan, &token, 0, Some(request)).await?.ok()?;
    }
    let settled = settle(&env.builder, &plan, &token, 4, Some("order-1")).await?.ok()?;
    assert_eq!(settled["creditsRedeemed"], "4");
    let redeem = json!({
        "agentRequestId": "order-2", "planId": plan, "redeemFrom": env.subscriber.address, "amount": 5,
    });
    env.builder.post("/api/v1/protocol/plans/redeem", &redeem).await?.ok()?;
    assert_eq!(balance(env, &plan).await?, 1);
    // What a holder reserves and serves itself it settles itself, and by the id that it was told.
    let own = request(verify(&env.subscriber, &plan, &token, 1).await?)?;
    settle(&env.subscriber, &plan, &token, 1, Some(&own)).await?.ok()?;
    assert_eq!(balance(env, &plan).await?, 0);
    Ok(())
}

async fn what_was_not_settled_is_settled_when_it_can_be(env: &mut ServerEnv) -> Result<()> {
    let plan = sell(env, "Again").await?;
    give(env, &plan, 10, 0).await?;
    let token = token(env, &plan).await?;
    request(verify(&env.builder, &plan, &token, 10).await?)?;
    // More than was reserved, and than there is.
    refused(&settle(&env.builder, &plan, &token, 11, None).await?, TOO_FEW.0, TOO_FEW.1)?;
    let settled = settle(&env.builder, &plan, &token, 10, None).await?.ok()?;
    assert_eq!((&settled["creditsRedeemed"], balance(env, &plan).await?), (&json!("10"), 0));
    Ok(())
}

async fn a_seller_is_not_told_what_its_buyer_spends(env: &mut ServerEnv) -> Result<()> {
    let plan = premium(env, "Private").await?;
    let limits = json!({ "name": "private", "limits": { "perDayCents": 2_777 } });
    let made = env.admin.post("/api/v1/accounts", &limits).await?.ok()?;
    let buyer = env.anyone.with_key(made["key"].as_str().ok_or_eyre("no key")?);
    let account = text(&made, "address")?.parse()?;
    env.chain.devnet.mint_dollars(account, U256::from(1_000_000_000)).await?;
    let delegate = async |cents: u64| {
        let limits = json!({
            "provider": "erc4337", "spendingLimitCents": cents, "durationSecs": 86_400, "currency": "usdc",
        });
        let made = buyer.post("/api/v1/delegation/create", &limits).await?.ok()?;
        let mut asked = asked(&plan);
        asked["delegationConfig"] = json!({ "delegationId": text(&made, "delegationId")? });
        text(&buyer.post("/api/v1/x402/permissions", &asked).await?.ok()?, "accessToken")
    };
    let (much, little) = (delegate(999_999).await?, delegate(3_999).await?);
    request(verify(&env.builder, &plan, &little, 100).await?)?;
    let mut answers = vec![verify(&env.builder, &plan, &little, 1).await?];
    refused(&answers[0], 402, "BCK.X402.0020")?;
    let limited = verify(&env.builder, &plan, &much, 1).await?;
    refused(&limited, 403, "SCRIP.ACCOUNT.LIMIT")?;
    answers.push(limited);
    for answer in answers {
        let said = answer.body.to_string();
        for figure in ["2777", "3999", "999999", "2000"] {
            ensure!(!said.contains(figure), "{figure}: {said}");
        }
    }
    Ok(())
}
