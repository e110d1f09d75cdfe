//! Old reservations are forgotten, once nobody can ask for them.

use std::time::Duration;

use eyre::{Result, ensure};
use scrip_e2e::server::ServerEnv;
use serde_json::json;
use sqlx::Row;
use tokio::time::{Instant, sleep};

use super::{asked, balance, give, request, sell, settle, text, token, verify};
use crate::server::{on_each_database, refused};

on_each_database!(what_can_be_asked_for_is_not_forgotten);

/// Waits until the server knows of so many reservations.
async fn until_known(env: &ServerEnv, reservations: i64) -> Result<()> {
    let database = env.database().connect().await?;
    let began = Instant::now();
    loop {
        let row = sqlx::query("SELECT count(*) FROM holds").fetch_one(&database).await?;
        let found: i64 = row.try_get(0)?;
        if found == reservations {
            return Ok(());
        }
        ensure!(began.elapsed() < Duration::from_secs(60), "{found}, not {reservations}");
        sleep(Duration::from_millis(50)).await;
    }
}

async fn what_can_be_asked_for_is_not_forgotten(env: &mut ServerEnv) -> Result<()> {
    let plan = sell(env, "Forgotten").await?;
    give(env, &plan, 10, 0).await?;
    let often = token(env, &plan).await?;
    let mut once = asked(&plan);
    once["tokenVersion"] = json!(3);
    let once = text(&env.subscriber.post("/api/v1/x402/permissions", &once).await?.ok()?, "accessToken")?;
    let settled = request(verify(&env.builder, &plan, &often, 2).await?)?;
    let answer = settle(&env.builder, &plan, &often, 2, Some(&settled)).await?.ok()?;
    let used = request(verify(&env.builder, &plan, &once, 1).await?)?;
    settle(&env.builder, &plan, &once, 1, Some(&used)).await?.ok()?;
    let late = request(verify(&env.builder, &plan, &often, 3).await?)?;
    until_known(env, 3).await?;

    // After a day there is nothing to be known of what was not settled in time: it is reserved anew like any other.
    env.advance(86_400 + 700);
    env.restart().await?;
    until_known(env, 2).await?;
    assert_eq!(settle(&env.builder, &plan, &often, 2, Some(&settled)).await?.ok()?, answer);
    refused(&verify(&env.builder, &plan, &once, 1).await?, 402, "BCK.X402.0059")?;
    settle(&env.builder, &plan, &often, 3, Some(&late)).await?.ok()?;
    assert_eq!(balance(env, &plan).await?, 4);

    // Of what was settled there is, a day after its token has ended.
    env.advance(29 * 86_400);
    env.restart().await?;
    sleep(Duration::from_secs(2)).await;
    until_known(env, 3).await?;
    assert_eq!(settle(&env.builder, &plan, &often, 2, Some(&settled)).await?.ok()?, answer);
    env.advance(86_400);
    env.restart().await?;
    until_known(env, 0).await?;
    for (token, request) in [(&often, &settled), (&once, &used)] {
        refused(&settle(&env.builder, &plan, token, 1, Some(request)).await?, 402, "BCK.X402.0023")?;
    }
    assert_eq!(balance(env, &plan).await?, 4);
    Ok(())
}
