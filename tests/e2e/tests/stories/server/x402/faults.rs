//! What breaks while a reservation is settled.

use std::time::Duration;

use eyre::{Result, ensure};
use scrip_e2e::server::{DatabaseKind, ServerEnv};
use sqlx::Row;
use tokio::time::{Instant, sleep};

use super::{balance, give, request, sell, settle, token, verify};
use crate::server::tell;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_redeemed_and_cannot_be_kept_is_kept_once_it_can_be() -> Result<()> {
    tell(DatabaseKind::Sqlite, async |env: &mut ServerEnv| {
        let plan = sell(env, "Kept").await?;
        give(env, &plan, 10, 0).await?;
        let token = token(env, &plan).await?;
        let id = request(verify(&env.builder, &plan, &token, 4).await?)?;
        // As of a disk that is full.
        let database = env.database().connect().await?;
        let full = "CREATE TRIGGER full_disk BEFORE UPDATE OF receipt ON holds BEGIN SELECT RAISE(ABORT, 'full'); END";
        sqlx::query(full).execute(&database).await?;
        let (builder, asked) = (env.builder.clone(), (plan.clone(), token.clone(), id.clone()));
        let asking = tokio::spawn(async move {
            let (plan, token, id) = asked;
            settle(&builder, &plan, &token, 4, Some(&id)).await
        });
        let began = Instant::now();
        while balance(env, &plan).await? != 6 {
            ensure!(began.elapsed() < Duration::from_secs(60), "it is not redeemed");
            sleep(Duration::from_millis(20)).await;
        }
        sleep(Duration::from_secs(2)).await;
        ensure!(!asking.is_finished(), "it was answered: {:?}", asking.await?);
        sqlx::query("DROP TRIGGER full_disk").execute(&database).await?;
        let settled = asking.await??.ok()?;
        assert_eq!(settled["creditsRedeemed"], "4");
        let status: String = sqlx::query("SELECT status FROM holds").fetch_one(&database).await?.try_get(0)?;
        assert_eq!((status.as_str(), balance(env, &plan).await?), ("settled", 6));
        Ok(())
    })
    .await
}
