//! What holders spend elsewhere, what is reserved otherwise, and what ends.

use std::time::Duration;

use eyre::{OptionExt, Result};
use reqwest::Method;
use scrip::PlanId;
use scrip_e2e::server::{Replica, ServerEnv};
use scrip_server::{Config, Gateway};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{Service, header, read, redeemed_and_unpaid};
use crate::server::{
    on_each_database, refused,
    x402::{request, verify},
};

on_each_database!(
    what_was_spent_elsewhere_is_lost_alone,
    no_more_is_at_risk_than_is_set,
    what_is_kept_for_one_is_not_for_another,
    credits_that_end_before_they_are_settled_open_nothing,
);

/// The server with other settings of the gateway.
pub(super) async fn set(env: &mut ServerEnv, change: impl FnOnce(&mut Gateway)) -> Result<()> {
    env.take_replica().ok_or_eyre("it runs")?.shut_down().await?;
    let mut config: Config = env.config(None)?;
    change(&mut config.gateway);
    env.turn_to(Replica::start(config).await?);
    Ok(())
}

fn id(service: &Service) -> Result<PlanId> {
    Ok(service.plan.parse()?)
}

async fn what_was_spent_elsewhere_is_lost_alone(env: &mut ServerEnv) -> Result<()> {
    set(env, |gateway| gateway.settle_after = Duration::from_secs(4)).await?;
    let service = Service::open(env, (1, 1), Value::Null, 6).await?;
    let given = json!({ "planId": service.plan, "amount": 5, "creditsReceiver": env.stranger.address });
    env.builder.post("/api/v1/protocol/plans/mint", &given).await?.ok()?;
    let theirs = super::access(&env.stranger, &service.plan).await?;
    for _ in 0..5 {
        assert_eq!(service.get(env, "/ask").await?.status(), 200);
        let other = service.bare(env.url(), Method::GET, "/ask").bearer_auth(&theirs);
        assert_eq!(other.send().await?.status(), 200);
    }
    // By the account's own key, without the server.
    env.chain.subscriber.burn(id(&service)?, 3).await?;
    service.settles_to(env, 0).await?;
    assert_eq!(redeemed_and_unpaid(env).await?, (5 + 3, 2));
    refused(&read(service.request(env, Method::GET, "/ask")).await?, 402, "BCK.CREDITS.0003")
}

async fn no_more_is_at_risk_than_is_set(env: &mut ServerEnv) -> Result<()> {
    set(env, |gateway| {
        gateway.settle_after = Duration::from_secs(3_600);
        gateway.at_risk = 8;
    })
    .await?;
    let service = Service::open(env, (3, 3), Value::Null, 30).await?;
    for _ in 0..2 {
        assert_eq!(service.get(env, "/ask").await?.status(), 200);
    }
    // Half of it is redeemed at once, and who is told to wait is let in then.
    let mut told_to_wait = 0;
    for _ in 0..6 {
        loop {
            let answer = read(service.request(env, Method::GET, "/ask")).await?;
            if answer.status == 200 {
                break;
            }
            refused(&answer, 503, "BCK.HTTP.503")?;
            told_to_wait += 1;
            sleep(Duration::from_millis(50)).await;
        }
    }
    assert!(told_to_wait > 0, "more than 8 credits were never at risk");
    service.settles_to(env, 30 - 8 * 3).await?;
    // What may cost more than that never passes, and is not told to wait.
    let service = Service::open(env, (1, 9), Value::Null, 30).await?;
    refused(&read(service.request(env, Method::GET, "/ask")).await?, 501, "SCRIP.SERVER.NOT_SET_UP")?;
    let bounded = service.request(env, Method::GET, "/ask").header("scrip-max-credits", 8);
    assert_eq!(read(bounded).await?.status, 200);
    Ok(())
}

async fn what_is_kept_for_one_is_not_for_another(env: &mut ServerEnv) -> Result<()> {
    set(env, |gateway| gateway.settle_after = Duration::from_secs(3)).await?;
    let service = Service::open(env, (1, 1), Value::Null, 5).await?;
    assert_eq!(header(&service.get(env, "/ask").await?, "scrip-credits-left"), "4");
    // Two are reserved by a seller of the plan's, who verifies tokens himself, and count at once, whatever was found before.
    let reserved = [(); 2].map(|()| verify(&env.builder, &service.plan, &service.token, 1));
    for verified in futures_util::future::join_all(reserved).await {
        request(verified?)?;
    }
    assert_eq!(header(&service.get(env, "/ask").await?, "scrip-credits-left"), "1");
    assert_eq!(header(&service.get(env, "/ask").await?, "scrip-credits-left"), "0");
    refused(&read(service.request(env, Method::GET, "/ask")).await?, 503, "BCK.HTTP.503")?;
    // Nor are those reserved, or burned, which the gateway keeps.
    refused(&verify(&env.builder, &service.plan, &service.token, 1).await?, 402, "BCK.CREDITS.0003")?;
    let burn = json!({ "planId": service.plan, "creditsAmount": "1" });
    refused(&env.subscriber.post("/api/v1/protocol/plans/burn", &burn).await?, 402, "BCK.CREDITS.0003")?;
    service.settles_to(env, 2).await?;
    assert_eq!(redeemed_and_unpaid(env).await?.0, 3);
    Ok(())
}

async fn credits_that_end_before_they_are_settled_open_nothing(env: &mut ServerEnv) -> Result<()> {
    let service = Service::open(env, (1, 1), Value::Null, 0).await?;
    // A request may take 20 seconds here, is redeemed a second later, and is mined within a minute.
    super::give(env, &service.plan, 5, 60).await?;
    refused(&read(service.request(env, Method::GET, "/ask")).await?, 402, "BCK.CREDITS.0003")?;
    super::give(env, &service.plan, 5, 600).await?;
    assert_eq!(service.get(env, "/ask").await?.status(), 200);
    assert_eq!(service.upstream.requests(), 1);
    service.settles_to(env, 9).await?;
    // Nor do they where a request may take longer than they last.
    set(env, |gateway| gateway.longest = Duration::from_secs(700)).await?;
    refused(&read(service.request(env, Method::GET, "/ask")).await?, 402, "BCK.CREDITS.0003")?;
    set(env, |gateway| gateway.settle_after = Duration::from_secs(700)).await?;
    refused(&read(service.request(env, Method::GET, "/ask")).await?, 402, "BCK.CREDITS.0003")
}
