//! What exists nowhere else is saved while the server works, and is there again.

use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use eyre::{OptionExt, Result, ensure};
use reqwest::Method;
use scrip::{Permissions, PlanId};
use scrip_e2e::server::{Answer, Browser, Caller, DatabaseKind, Replica, ServerEnv};
use scrip_server::{BackupError, Config, back_up};
use serde_json::json;
use sqlx::Row;
use tokio::time::{Instant, sleep};

use super::{
    once::{go_on, halt},
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

        let mut browser = Browser::new(env.url())?;
        let account = env.builder.address.to_string();
        browser.post("/login/dev", &[("account", &account)]).await?.elsewhere()?;
        browser.get("/my/profile").await?.ok()?;

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
        let mut again = Browser::new(env.url())?;
        again.cookies = browser.cookies;
        assert_eq!(again.get("/my/profile").await?.elsewhere()?, "/login?next=/my/profile", "nobody is logged in");
        assert_eq!(keyed(&env.subscriber).await?.ok()?["txHash"], ordered["txHash"], "once is once");
        assert_eq!(verify(&env.builder, &plan, &paid, 1).await?.status, 402, "what was reserved is");
        let settle = json!({ "agentRequestId": reserved, "planId": plan, "redeemFrom": env.subscriber.address, "amount": 100 });
        env.builder.post("/api/v1/protocol/plans/redeem", &settle).await?.ok()?;
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_done_since_a_backup_is_not_done_again() -> Result<()> {
    tell(DatabaseKind::Sqlite, async |env: &mut ServerEnv| {
        let plan = register(env, "Since").await?;
        let on_chain: PlanId = plan.parse()?;
        // Two are asked for: one is signed when the backup is made, and the other waits for gas.
        let made = env.admin.post("/api/v1/accounts", &json!({ "name": "operator" })).await?.ok()?;
        let operator = env.anyone.with_key(made["key"].as_str().ok_or_eyre("no key")?);
        let account = made["address"].as_str().ok_or_eyre("no address")?.parse()?;
        let may_mint = Permissions { mint: true, ..Permissions::NONE };
        env.chain.builder.set_operator(on_chain, account, may_mint).await?;
        halt(env).await?;
        let mint = |caller: &Caller, amount: u64| {
            let mint = json!({ "planId": plan, "amount": amount, "creditsReceiver": env.subscriber.address });
            let caller = caller.clone();
            tokio::spawn(async move { caller.post("/api/v1/protocol/plans/mint", &mint).await })
        };
        let minting = [mint(&env.builder, 10), mint(&operator, 100)];
        let database = env.database().connect().await?;
        let signed = "SELECT count(*) FROM scrip_journal WHERE outcome = 'open'";
        let began = Instant::now();
        while sqlx::query(signed).fetch_one(&database).await?.try_get::<i64, _>(0)? < 2 {
            ensure!(began.elapsed() < Duration::from_secs(60), "they are not under way");
            sleep(Duration::from_millis(20)).await;
        }
        let folder = tempfile::tempdir()?;
        let saved = folder.path().join("saved.db");
        back_up(env.database().url(), &saved).await?;
        go_on(env).await?;
        for minting in minting {
            minting.await??.ok()?;
        }
        let holder = env.subscriber.address;
        assert_eq!(env.chain.stranger.balance(on_chain, holder).await?.balance, 110);

        env.kill();
        let restored = format!("sqlite://{}?mode=rwc", saved.display());
        let replica = Replica::start(Config { database: restored, ..env.config(None)? }).await?;
        env.turn_to(replica);
        sleep(Duration::from_secs(3)).await;
        assert_eq!(env.chain.stranger.balance(on_chain, holder).await?.balance, 110, "it was done again");
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
