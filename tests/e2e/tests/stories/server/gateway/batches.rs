//! Batches that the chain does not take as they are, and those who would have them cut small.

use std::time::Duration;

use alloy::providers::{Provider, ext::AnvilApi};
use eyre::Result;
use futures_util::future::try_join_all;
use reqwest::Method;
use scrip::{Hook, PlanId, Redeemers, Terms};
use scrip_e2e::{server::ServerEnv, upstream::Upstream};
use serde_json::{Value, json};
use sqlx::Row;
use tokio::time::{Instant, sleep};

use super::{Service, read, redeemed_and_unpaid, risk::set};
use crate::{
    common::deploy,
    server::{on_each_database, refused},
};

on_each_database!(
    what_no_block_has_room_for_is_redeemed_in_parts,
    what_fills_a_batch_is_redeemed,
    who_waits_makes_nothing_dearer_for_others,
    whom_a_hook_refuses_is_not_served,
);

/// How many batches of a plan there are.
async fn batches(env: &ServerEnv, plan: &str) -> Result<i64> {
    let db = env.database().connect().await?;
    let plan = plan.parse::<PlanId>()?.to_string();
    let query = sqlx::query("SELECT COUNT(*) FROM gateway_batches WHERE plan = $1").bind(plan);
    Ok(query.fetch_one(&db).await?.try_get(0)?)
}

async fn what_no_block_has_room_for_is_redeemed_in_parts(env: &mut ServerEnv) -> Result<()> {
    let service = Service::open(env, (1, 1), Value::Null, 100).await?;
    let node = env.chain.devnet.reader();
    node.raw_request::<_, bool>("evm_setBlockGasLimit".into(), [format!("{:#x}", 200_000)]).await?;
    node.evm_mine(None).await?;
    // All of them in one batch, which takes more gas than that.
    set(env, |gateway| gateway.settle_after = Duration::from_secs(3)).await?;
    let asked = (0..80).map(|_| async { Ok::<_, eyre::Report>(service.get(env, "/ask").await?.status()) });
    assert!(try_join_all(asked).await?.into_iter().all(|status| status == 200));
    service.settles_to(env, 20).await?;
    assert_eq!(redeemed_and_unpaid(env).await?, (80, 0));
    assert!(batches(env, &service.plan).await? > 1, "it was halved");
    Ok(())
}

async fn what_fills_a_batch_is_redeemed(env: &mut ServerEnv) -> Result<()> {
    set(env, |gateway| {
        gateway.settle_count = 3;
        gateway.settle_after = Duration::from_secs(3_600);
    })
    .await?;
    let service = Service::open(env, (1, 1), Value::Null, 9).await?;
    for _ in 0..2 {
        assert_eq!(service.get(env, "/ask").await?.status(), 200);
    }
    sleep(Duration::from_secs(1)).await;
    assert_eq!((batches(env, &service.plan).await?, service.balance(env).await?), (0, 9));
    assert_eq!(service.get(env, "/ask").await?.status(), 200);
    service.settles_to(env, 6).await?;
    assert_eq!((batches(env, &service.plan).await?, redeemed_and_unpaid(env).await?), (1, (3, 0)));
    Ok(())
}

async fn who_waits_makes_nothing_dearer_for_others(env: &mut ServerEnv) -> Result<()> {
    set(env, |gateway| gateway.settle_after = Duration::from_secs(3_600)).await?;
    let others = Service::open(env, (1, 1), Value::Null, 9).await?;
    assert_eq!(others.get(env, "/ask").await?.status(), 200);
    // One credit that is owed, and one that is held and asked for again and again.
    let service = Service::open(env, (1, 1), Value::Null, 2).await?;
    assert_eq!(service.get(env, "/ask").await?.status(), 200);
    let slow = service.get(env, "/ask?after=2500");
    let again = async {
        sleep(Duration::from_millis(300)).await;
        let began = Instant::now();
        while began.elapsed() < Duration::from_millis(1_200) {
            refused(&read(service.request(env, Method::GET, "/ask")).await?, 503, "BCK.HTTP.503")?;
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    };
    let (slow, ()) = tokio::try_join!(slow, again)?;
    assert_eq!(slow.status(), 200);
    assert_eq!(batches(env, &others.plan).await?, 0, "what others were served waits for more");
    assert_eq!(batches(env, &service.plan).await?, 1, "what is waited for does not wait for an hour");
    Ok(())
}

/// A hook is asked before a request is let in: what it refuses is never redeemed, however often it is served.
async fn whom_a_hook_refuses_is_not_served(env: &mut ServerEnv) -> Result<()> {
    // It lets five credits be redeemed at a time.
    let clerk = deploy(&env.chain, "Clerk").await?;
    let redeemers = Redeemers { owner: true, holder: false, operators: true };
    let terms = Terms { redeemers, ..Terms::credits("Hooked", 100).takes(1..=9) };
    let hooked = terms.hooked_by(Hook { before_redemption: true, ..Hook::new(clerk) });
    let plan = env.chain.create(&hooked).await?.0.to_string();
    let upstream = Upstream::start().await?;
    let agent = json!({
        "metadataAttributes": { "name": "Hooked" }, "agentApiAttributes": { "upstream": upstream.url() }, "plans": [plan],
    });
    let made = env.builder.post("/api/v1/protocol/agents", &agent).await?.ok()?;
    let path = format!("/proxy/{}/ask?claim=3", made["agentId"].as_str().unwrap_or_default());
    super::super::x402::give(env, &plan, 100, 0).await?;
    let caller = env.anyone.with_key(&super::access(&env.subscriber, &plan).await?);
    for _ in 0..2 {
        let answer = caller.get(&path).await?;
        refused(&answer, 409, "SCRIP.CHAIN.REFUSED")?;
        assert!(answer.body["detail"].to_string().contains("five at most"), "{}", answer.body);
    }
    assert_eq!(upstream.requests(), 0);
    // As many as it lets be taken.
    let bounded = caller.request(Method::GET, &path).header("scrip-max-credits", "5");
    assert_eq!(read(bounded).await?.status, 200);
    let began = Instant::now();
    while redeemed_and_unpaid(env).await?.0 == 0 {
        assert!(began.elapsed() < Duration::from_secs(60), "it is not redeemed");
        sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
