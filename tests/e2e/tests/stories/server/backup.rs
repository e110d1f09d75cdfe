//! What exists nowhere else is saved while the server works, and is there again.

use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use eyre::{Result, ensure};
use reqwest::Method;
use scrip_e2e::server::{Answer, Caller, DatabaseKind, Replica, ServerEnv};
use scrip_server::{BackupError, Config, back_up};
use serde_json::json;
use tokio::time::sleep;

use super::{
    register, tell,
    x402::{request, token, verify},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_is_restored_has_all_that_there_was() -> Result<()> {
    tell(DatabaseKind::Sqlite, async |env: &mut ServerEnv| {
        let plan = register(env, "Saved").await?;
        let order = format!("/api/v1/protocol/plans/{plan}/order");
        let keyed = async |caller: &Caller| {
            Answer::of(caller.request(Method::POST, &order).header("idempotency-key", "saved")).await
        };
        let ordered = keyed(&env.subscriber).await?.ok()?;
        let paid = token(env, &plan).await?;
        let reserved = request(verify(&env.builder, &plan, &paid, 100).await?)?;

        // While others write.
        let (folder, busy) = (tempfile::tempdir()?, env.stranger.clone());
        let writing = tokio::spawn(async move {
            loop {
                let made = json!({ "name": "busy", "scopes": ["read"] });
                busy.post("/api/v1/api-keys", &made).await?.ok()?;
            }
            #[expect(unreachable_code, reason = "says what it ends with")]
            Ok::<_, eyre::Report>(())
        });
        sleep(Duration::from_millis(100)).await;
        let saved = folder.path().join("saved.db");
        back_up(env.database().url(), &saved).await?;
        ensure!(!writing.is_finished(), "who wrote was held up");
        writing.abort();
        assert_eq!(fs::metadata(&saved)?.permissions().mode() & 0o777, 0o600, "it is its owner's alone");

        // What is there is not written over.
        let before = fs::read(&saved)?;
        let again = back_up(env.database().url(), &saved).await;
        ensure!(matches!(again, Err(BackupError::File { .. })), "{again:?}");
        ensure!(fs::read(&saved)? == before, "it was written over");

        env.kill();
        let restored = format!("sqlite://{}?mode=rwc", saved.display());
        let replica = Replica::start(Config { database: restored, ..env.config(None)? }).await?;
        env.turn_to(replica);
        assert_eq!(keyed(&env.subscriber).await?.ok()?["txHash"], ordered["txHash"], "once is once");
        assert_eq!(verify(&env.builder, &plan, &paid, 1).await?.status, 402, "what was reserved is");
        let settle = json!({ "agentRequestId": reserved, "planId": plan, "redeemFrom": env.subscriber.address, "amount": 100 });
        env.builder.post("/api/v1/protocol/plans/redeem", &settle).await?.ok()?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn what_is_no_database_is_not_backed_up() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (saved, none) = (folder.path().join("saved.db"), folder.path().join("none.db"));
    let of_postgres = back_up("postgres://scrip@127.0.0.1/none", &saved).await;
    ensure!(matches!(of_postgres, Err(BackupError::NotSqlite)), "{of_postgres:?}");
    let missing = back_up(&format!("sqlite://{}?mode=rwc", none.display()), &saved).await;
    ensure!(matches!(missing, Err(BackupError::Database(_))), "{missing:?}");
    fs::write(&none, "no database, but some text that is longer than the head of one".repeat(20))?;
    let text = back_up(&format!("sqlite://{}", none.display()), &saved).await;
    ensure!(matches!(text, Err(BackupError::Database(_))), "{text:?}");
    ensure!(!saved.exists(), "something was left");
    Ok(())
}
