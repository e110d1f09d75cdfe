//! Reservations: no more than there is, for as long as they last, and settled once.

use std::time::{Duration, Instant};

use alloy::{primitives::U256, providers::ext::AnvilApi};
use eyre::{Result, ensure};
use futures_util::{
    future::{join_all, try_join_all},
    stream::{self, StreamExt, TryStreamExt},
};
use reqwest::Method;
use scrip::PlanId;
use scrip_e2e::server::{Answer, Caller, ServerEnv};
use serde_json::json;
use tokio::time::sleep;

use super::{TOO_FEW, balance, give, payment, register, request, sell, settle, text, token, verify};
use crate::server::{on_each_database, refused};

on_each_database!(
    what_is_verified_is_settled_once,
    without_an_id_the_oldest_is_settled,
    with_a_key_a_settlement_without_an_id_is_repeated,
    what_was_settled_stays_so_when_the_plan_is_sold,
    less_than_reserved_lets_go_of_the_rest,
    a_thousand_reserve_what_there_is,
    two_servers_reserve_what_there_is,
    whoever_is_verified_is_paid,
    what_is_reserved_comes_free_when_its_time_is_over,
    credits_that_end_before_a_reservation_are_not_reserved,
    a_page_says_how_long_reservations_last,
    a_server_that_dies_settles_when_it_is_back,
    what_is_gone_on_with_late_is_settled_all_the_same,
    what_is_burned_and_redeemed_is_not_reserved,
    what_is_reserved_is_neither_burned_nor_redeemed_otherwise,
);

async fn what_is_verified_is_settled_once(env: &mut ServerEnv) -> Result<()> {
    let plan = sell(env, "Verified").await?;
    env.subscriber.post_nothing(&format!("/api/v1/protocol/plans/{plan}/order")).await?.ok()?;
    let token = token(env, &plan).await?;

    let verified = verify(&env.builder, &plan, &token, 2).await?.ok()?;
    assert_eq!(verified["payer"], format!("{:#x}", env.subscriber.address));
    assert_eq!((&verified["network"], &verified["urlMatching"]), (&json!("eip155:84532"), &json!("")));
    assert_eq!(verified["agentRequest"]["balance"]["balance"], "100");
    let id = text(&verified, "agentRequestId")?;
    assert_eq!(balance(env, &plan).await?, 100, "to verify takes nothing");

    let settled = settle(&env.builder, &plan, &token, 2, Some(&id)).await?.ok()?;
    assert_eq!((&settled["success"], &settled["creditsRedeemed"]), (&json!(true), &json!("2")));
    assert_eq!((&settled["remainingBalance"], settled.get("orderTx")), (&json!("98"), None));
    assert_eq!(text(&settled, "transaction")?.len(), 66);
    assert_eq!(balance(env, &plan).await?, 98);

    // Again, and ten times at once, and when another request was settled meanwhile.
    let other = request(verify(&env.builder, &plan, &token, 1).await?)?;
    let often = (0..10).map(|_| settle(&env.builder, &plan, &token, 1, Some(&other)));
    let often = try_join_all(often).await?;
    for answer in &often {
        assert_eq!(answer.body, often[0].body);
        assert_eq!(answer.body["creditsRedeemed"], "1");
    }
    let again = settle(&env.builder, &plan, &token, 2, Some(&id)).await?.ok()?;
    assert_eq!(again, settled, "the same is answered");
    assert_eq!(balance(env, &plan).await?, 97, "what is settled again takes nothing");
    Ok(())
}

async fn without_an_id_the_oldest_is_settled(env: &mut ServerEnv) -> Result<()> {
    let plan = sell(env, "Oldest").await?;
    give(env, &plan, 10, 0).await?;
    let token = token(env, &plan).await?;
    for credits in [3, 4] {
        request(verify(&env.builder, &plan, &token, credits).await?)?;
        env.advance(1);
    }
    let mut any = payment(&plan, &token, 0);
    any.as_object_mut().map(|any| any.remove("maxAmount"));
    for credits in ["3", "4"] {
        let settled = env.builder.post("/api/v1/x402/settle", &any).await?.ok()?;
        assert_eq!(settled["creditsRedeemed"], credits, "what was reserved, in its order");
    }
    // Nothing is reserved any more: it is reserved anew, and then there is nothing left.
    settle(&env.builder, &plan, &token, 3, None).await?.ok()?;
    refused(&settle(&env.builder, &plan, &token, 1, None).await?, TOO_FEW.0, TOO_FEW.1)?;
    assert_eq!(balance(env, &plan).await?, 0);
    Ok(())
}

async fn with_a_key_a_settlement_without_an_id_is_repeated(env: &mut ServerEnv) -> Result<()> {
    let plan = sell(env, "Repeated").await?;
    give(env, &plan, 10, 0).await?;
    let token = token(env, &plan).await?;
    let settle = async |key: &str| {
        let asked = env.builder.request(Method::POST, "/api/v1/x402/settle").json(&payment(&plan, &token, 2));
        Answer::of(asked.header("idempotency-key", key)).await
    };
    for _ in 0..2 {
        request(verify(&env.builder, &plan, &token, 2).await?)?;
        env.advance(1);
    }
    let first = settle("one").await?.ok()?;
    assert_eq!(settle("one").await?.ok()?, first);
    assert_eq!(balance(env, &plan).await?, 8);
    assert_ne!(settle("two").await?.ok()?["transaction"], first["transaction"]);
    // Nothing is reserved any more: what is reserved for a key is reserved once.
    let third = settle("three").await?.ok()?;
    request(verify(&env.builder, &plan, &token, 2).await?)?;
    assert_eq!(settle("three").await?.ok()?, third);
    assert_eq!(balance(env, &plan).await?, 4);
    Ok(())
}

async fn what_was_settled_stays_so_when_the_plan_is_sold(env: &mut ServerEnv) -> Result<()> {
    let plan = sell(env, "Sold").await?;
    give(env, &plan, 10, 0).await?;
    let token = token(env, &plan).await?;
    let id = request(verify(&env.builder, &plan, &token, 2).await?)?;
    let settled = settle(&env.builder, &plan, &token, 2, Some(&id)).await?.ok()?;
    let on_chain: PlanId = plan.parse()?;
    env.chain.builder.transfer_ownership(on_chain, env.stranger.address).await?;
    env.chain.stranger.accept_ownership(on_chain).await?;
    assert_eq!(settle(&env.builder, &plan, &token, 2, Some(&id)).await?.ok()?, settled);
    refused(&verify(&env.builder, &plan, &token, 2).await?, 403, "BCK.PROTOCOL.0017")?;
    Ok(())
}

async fn less_than_reserved_lets_go_of_the_rest(env: &mut ServerEnv) -> Result<()> {
    let plan = sell(env, "Rest").await?;
    give(env, &plan, 10, 0).await?;
    let token = token(env, &plan).await?;
    let id = request(verify(&env.builder, &plan, &token, 10).await?)?;
    refused(&verify(&env.builder, &plan, &token, 1).await?, TOO_FEW.0, TOO_FEW.1)?;
    let settled = settle(&env.builder, &plan, &token, 4, Some(&id)).await?.ok()?;
    assert_eq!((&settled["creditsRedeemed"], &settled["remainingBalance"]), (&json!("4"), &json!("6")));
    let rest = request(verify(&env.builder, &plan, &token, 6).await?)?;
    // More than was reserved: what is missing is reserved first, and is not there.
    refused(&settle(&env.builder, &plan, &token, 7, Some(&rest)).await?, TOO_FEW.0, TOO_FEW.1)?;
    give(env, &plan, 1, 0).await?;
    settle(&env.builder, &plan, &token, 7, Some(&rest)).await?.ok()?;
    assert_eq!(balance(env, &plan).await?, 0);

    // A request that takes nothing is a request all the same.
    let nothing = request(verify(&env.builder, &plan, &token, 0).await?)?;
    let settled = settle(&env.builder, &plan, &token, 0, Some(&nothing)).await?.ok()?;
    assert_eq!((&settled["creditsRedeemed"], &settled["transaction"]), (&json!("0"), &json!("")));
    Ok(())
}

/// So many verify one credit at once, each by the seller whose turn it is: how many may.
async fn verify_at_once(sellers: &[Caller], plan: &str, token: &str, times: usize) -> Result<usize> {
    let sellers = sellers.iter().cycle().take(times);
    let answers = join_all(sellers.map(|seller| verify(seller, plan, token, 1))).await;
    let mut valid = 0;
    for answer in answers {
        let answer = answer?;
        if answer.status == 200 {
            valid += 1;
        } else {
            refused(&answer, TOO_FEW.0, TOO_FEW.1)?;
        }
    }
    Ok(valid)
}

async fn a_thousand_reserve_what_there_is(env: &mut ServerEnv) -> Result<()> {
    let plan = sell(env, "Thousand").await?;
    give(env, &plan, 100, 0).await?;
    let token = token(env, &plan).await?;
    assert_eq!(verify_at_once(std::slice::from_ref(&env.builder), &plan, &token, 1_000).await?, 100);
    assert_eq!(balance(env, &plan).await?, 100);
    Ok(())
}

async fn two_servers_reserve_what_there_is(env: &mut ServerEnv) -> Result<()> {
    let plan = sell(env, "Two").await?;
    give(env, &plan, 100, 0).await?;
    let token = token(env, &plan).await?;
    let other = env.another(None).await?;
    let sellers = [env.builder.clone(), env.builder.at(&other)];
    assert_eq!(verify_at_once(&sellers, &plan, &token, 400).await?, 100);
    // Again and again for a single credit, at the same moment.
    let plan = sell(env, "One").await?;
    let token = super::token(env, &plan).await?;
    for round in 0..30 {
        give(env, &plan, 1, 0).await?;
        assert_eq!(verify_at_once(&sellers, &plan, &token, 6).await?, 1, "round {round}");
    }
    Ok(())
}

async fn whoever_is_verified_is_paid(env: &mut ServerEnv) -> Result<()> {
    let plan = sell(env, "Paid").await?;
    give(env, &plan, 60, 0).await?;
    let token = token(env, &plan).await?;
    // Each settles as soon as it was verified, while others are verified.
    let sell = async |_| -> Result<bool> {
        let verified = verify(&env.builder, &plan, &token, 2).await?;
        if verified.status != 200 {
            refused(&verified, TOO_FEW.0, TOO_FEW.1)?;
            return Ok(false);
        }
        let id = request(verified)?;
        settle(&env.builder, &plan, &token, 2, Some(&id)).await?.ok()?;
        Ok(true)
    };
    let sold = stream::iter(0..45).map(sell).buffer_unordered(12).try_collect::<Vec<_>>().await?;
    assert_eq!(sold.iter().filter(|sold| **sold).count(), 30, "none was refused while there were credits");
    assert_eq!(balance(env, &plan).await?, 0);
    Ok(())
}

async fn what_is_reserved_comes_free_when_its_time_is_over(env: &mut ServerEnv) -> Result<()> {
    let plan = sell(env, "Free").await?;
    give(env, &plan, 100, 0).await?;
    let token = token(env, &plan).await?;
    let first = request(verify(&env.builder, &plan, &token, 100).await?)?;
    env.advance(590);
    refused(&verify(&env.builder, &plan, &token, 1).await?, TOO_FEW.0, TOO_FEW.1)?;
    env.advance(11);
    let second = request(verify(&env.builder, &plan, &token, 60).await?)?;

    // It was let go of: it is settled if it can be reserved anew.
    refused(&settle(&env.builder, &plan, &token, 100, Some(&first)).await?, TOO_FEW.0, TOO_FEW.1)?;
    settle(&env.builder, &plan, &token, 40, Some(&first)).await?.ok()?;
    settle(&env.builder, &plan, &token, 60, Some(&second)).await?.ok()?;
    assert_eq!(balance(env, &plan).await?, 0);
    Ok(())
}

async fn credits_that_end_before_a_reservation_are_not_reserved(env: &mut ServerEnv) -> Result<()> {
    let plan = sell(env, "Ending").await?;
    let token = token(env, &plan).await?;
    give(env, &plan, 10, 300).await?;
    assert_eq!(balance(env, &plan).await?, 10);
    refused(&verify(&env.builder, &plan, &token, 1).await?, TOO_FEW.0, TOO_FEW.1)?;
    give(env, &plan, 10, 900).await?;
    let id = request(verify(&env.builder, &plan, &token, 10).await?)?;
    refused(&verify(&env.builder, &plan, &token, 1).await?, TOO_FEW.0, TOO_FEW.1)?;
    // The others are spent first, and what was reserved is there still.
    settle(&env.builder, &plan, &token, 10, Some(&id)).await?.ok()?;
    request(verify(&env.builder, &plan, &token, 10).await?)?;
    Ok(())
}

async fn a_page_says_how_long_reservations_last(env: &mut ServerEnv) -> Result<()> {
    let mut plan = crate::server::plan(env, "A minute");
    plan["metadataAttributes"]["reservationSecs"] = json!(60);
    let plan = register(env, plan).await?;
    let token = token(env, &plan).await?;
    give(env, &plan, 10, 300).await?;
    request(verify(&env.builder, &plan, &token, 10).await?)?;
    refused(&verify(&env.builder, &plan, &token, 10).await?, TOO_FEW.0, TOO_FEW.1)?;
    env.advance(61);
    request(verify(&env.builder, &plan, &token, 10).await?)?;
    Ok(())
}

async fn a_server_that_dies_settles_when_it_is_back(env: &mut ServerEnv) -> Result<()> {
    let plan = sell(env, "Dying").await?;
    give(env, &plan, 100, 0).await?;
    let token = token(env, &plan).await?;
    for wait in [0, 5, 20, 60] {
        let id = request(verify(&env.builder, &plan, &token, 10).await?)?;
        let (builder, asked) = (env.builder.clone(), (plan.clone(), token.clone(), id.clone()));
        let asking = tokio::spawn(async move {
            let (plan, token, id) = asked;
            settle(&builder, &plan, &token, 10, Some(&id)).await
        });
        tokio::time::sleep(std::time::Duration::from_millis(wait)).await;
        env.kill();
        // Whatever it answered, or did not.
        let _ = asking.await?;
        env.restart().await?;
        // What is not known yet is asked for again, as it says.
        let settled = loop {
            let settled = settle(&env.builder, &plan, &token, 10, Some(&id)).await?;
            if settled.status != 503 {
                break settled.ok()?;
            }
        };
        assert_eq!(settled["creditsRedeemed"], "10");
    }
    assert_eq!(balance(env, &plan).await?, 60, "each was redeemed once");
    refused(&verify(&env.builder, &plan, &token, 61).await?, TOO_FEW.0, TOO_FEW.1)?;
    request(verify(&env.builder, &plan, &token, 60).await?)?;
    Ok(())
}

async fn what_is_gone_on_with_late_is_settled_all_the_same(env: &mut ServerEnv) -> Result<()> {
    let plan = sell(env, "Late").await?;
    give(env, &plan, 10, 0).await?;
    let token = token(env, &plan).await?;
    let id = request(verify(&env.builder, &plan, &token, 10).await?)?;
    // The builder has to be given gas first, which is not mined.
    let node = env.chain.devnet.reader();
    node.anvil_set_balance(env.builder.address, U256::ZERO).await?;
    node.anvil_set_auto_mine(false).await?;
    let (builder, asked) = (env.builder.clone(), (plan.clone(), token.clone(), id.clone()));
    let asking = tokio::spawn(async move {
        let (plan, token, id) = asked;
        settle(&builder, &plan, &token, 10, Some(&id)).await
    });
    let status = "SELECT status FROM holds WHERE status <> 'held'";
    let database = env.database().connect().await?;
    let open = "SELECT id FROM operations WHERE status = 'open'";
    while sqlx::query(open).fetch_optional(&database).await?.is_none() {
        sleep(Duration::from_millis(20)).await;
    }
    sleep(Duration::from_millis(300)).await;
    ensure!(sqlx::query(status).fetch_optional(&database).await?.is_none(), "it was begun");
    env.kill();
    ensure!(asking.await?.is_err(), "a dead server has answered");
    env.advance(700);
    node.anvil_set_auto_mine(true).await?;
    node.evm_mine(None).await?;
    env.restart().await?;
    // Nobody asks again.
    let began = Instant::now();
    while balance(env, &plan).await? > 0 {
        ensure!(began.elapsed() < Duration::from_secs(60), "it is not settled");
        sleep(Duration::from_millis(50)).await;
    }
    let settled = settle(&env.builder, &plan, &token, 10, Some(&id)).await?.ok()?;
    assert_eq!(settled["creditsRedeemed"], "10");
    Ok(())
}

async fn what_is_burned_and_redeemed_is_not_reserved(env: &mut ServerEnv) -> Result<()> {
    let plan = sell(env, "Burned").await?;
    give(env, &plan, 100, 0).await?;
    let token = token(env, &plan).await?;
    let redeem = json!({
        "agentRequestId": "direct", "planId": plan, "redeemFrom": env.subscriber.address, "amount": 30,
    });
    let burn = json!({ "planId": plan, "creditsAmount": 30 });
    let (burned, redeemed, valid) = futures_util::join!(
        env.subscriber.post("/api/v1/protocol/plans/burn", &burn),
        env.builder.post("/api/v1/protocol/plans/redeem", &redeem),
        verify_at_once(std::slice::from_ref(&env.builder), &plan, &token, 100),
    );
    let taken: u64 = [burned?, redeemed?].iter().filter(|answer| answer.status == 200).count() as u64 * 30;
    let left = balance(env, &plan).await?;
    assert_eq!(left, 100 - taken);
    assert!(valid? as u64 <= left, "more is reserved than is left");
    Ok(())
}

async fn what_is_reserved_is_neither_burned_nor_redeemed_otherwise(env: &mut ServerEnv) -> Result<()> {
    let plan = sell(env, "Kept").await?;
    give(env, &plan, 100, 0).await?;
    let token = token(env, &plan).await?;
    let id = request(verify(&env.builder, &plan, &token, 60).await?)?;
    let burn = async |credits: u64| {
        let burn = json!({ "planId": plan, "creditsAmount": credits });
        env.subscriber.post("/api/v1/protocol/plans/burn", &burn).await
    };
    let redeem = async |seller: &Caller, request: &str, credits: u64| {
        let redeem = json!({
            "agentRequestId": request, "planId": plan, "redeemFrom": env.subscriber.address, "amount": credits,
        });
        seller.post("/api/v1/protocol/plans/redeem", &redeem).await
    };
    refused(&burn(41).await?, TOO_FEW.0, TOO_FEW.1)?;
    refused(&redeem(&env.builder, "other", 41).await?, TOO_FEW.0, TOO_FEW.1)?;
    burn(20).await?.ok()?;
    redeem(&env.builder, "other", 20).await?.ok()?;
    // Redeemed by the id that was verified, it is what was reserved; whoever may not redeem the plan changes nothing.
    refused(&redeem(&env.stranger, &id, 60).await?, 403, "BCK.PROTOCOL.0017")?;
    redeem(&env.builder, &id, 60).await?.ok()?;
    let settled = settle(&env.builder, &plan, &token, 60, Some(&id)).await?.ok()?;
    assert_eq!(settled["creditsRedeemed"], "60");
    assert_eq!(balance(env, &plan).await?, 0);
    Ok(())
}
