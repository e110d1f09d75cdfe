//! Requests that come again under their key.

use std::time::Duration;

use eyre::{Result, ensure};
use reqwest::Method;
use scrip_e2e::server::{DatabaseKind, ServerEnv};
use serde_json::Value;
use sqlx::Row;
use tokio::time::{Instant, sleep};

use super::{Service, access, header, read, risk::set};
use crate::server::{on_each_database, refused, tell};

on_each_database!(what_comes_again_is_answered_from_the_first, what_failed_is_tried_again,);

async fn what_comes_again_is_answered_from_the_first(env: &mut ServerEnv) -> Result<()> {
    let service = Service::open(env, (1, 9), Value::Null, 9).await?;
    let ask = |key: &str, body: &str| {
        let request = service.request(env, Method::POST, "/ask?claim=3").header("idempotency-key", key);
        request.body(body.to_owned())
    };
    let first = ask("one", "a").send().await?;
    assert_eq!((header(&first, "scrip-credits-used"), header(&first, "idempotent-replayed")), ("3", ""));
    let (id, first) = (header(&first, "scrip-request-id").to_owned(), first.text().await?);
    for _ in 0..3 {
        let again = ask("one", "a").send().await?;
        assert_eq!((again.status().as_u16(), header(&again, "idempotent-replayed")), (200, "true"));
        assert_eq!(
            (header(&again, "scrip-request-id"), header(&again, "scrip-credits-used")),
            (id.as_str(), "3")
        );
        assert_eq!(again.text().await?, first);
    }
    assert_eq!(service.upstream.requests(), 1);
    refused(&read(ask("one", "b")).await?, 409, "SCRIP.REQUEST.REUSED")?;
    // Another's key is another key.
    super::super::x402::give(env, &service.plan, 9, 0).await?;
    let given =
        serde_json::json!({ "planId": service.plan, "amount": 9, "creditsReceiver": env.stranger.address });
    env.builder.post("/api/v1/protocol/plans/mint", &given).await?.ok()?;
    let theirs = access(&env.stranger, &service.plan).await?;
    let theirs = service
        .bare(env.url(), Method::POST, "/ask?claim=3")
        .bearer_auth(theirs)
        .header("idempotency-key", "one");
    let theirs = theirs.body("a").send().await?;
    assert_eq!((theirs.status().as_u16(), header(&theirs, "idempotent-replayed")), (200, ""));

    // What is under way is not begun again.
    let slow = || {
        let request = service.request(env, Method::POST, "/ask?after=1000").header("idempotency-key", "slow");
        request.body("a")
    };
    let before = service.upstream.requests();
    let early = async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        read(slow()).await
    };
    let (first, again) = tokio::try_join!(read(slow()), early)?;
    assert_eq!(first.status, 200);
    refused(&again, 409, "SCRIP.GATEWAY.UNDER_WAY")?;
    assert_eq!(service.upstream.requests(), before + 1);
    service.settles_to(env, 18 - 3 - 1).await
}

async fn what_failed_is_tried_again(env: &mut ServerEnv) -> Result<()> {
    let service = Service::open(env, (1, 1), Value::Null, 2).await?;
    let ask = |path: &str| service.request(env, Method::GET, path).header("idempotency-key", "key");
    for _ in 0..2 {
        assert_eq!(read(ask("/ask?status=500")).await?.status, 500);
    }
    assert_eq!(service.upstream.requests(), 2);
    service.settles_to(env, 2).await?;
    // The same name for something else: nothing stands for it yet.
    assert_eq!(read(ask("/ask")).await?.status, 200);
    refused(&read(ask("/ask?status=500")).await?, 409, "SCRIP.REQUEST.REUSED")?;
    // What is too long to be kept is answered once.
    let long = || service.request(env, Method::GET, "/bytes?count=100").header("idempotency-key", "long");
    assert_eq!(long().send().await?.bytes().await?.len(), 100_000);
    service.settles_to(env, 0).await?;
    refused(&read(long()).await?, 409, "SCRIP.GATEWAY.ANSWERED")
}

/// A process that is taken for gone while an upstream thinks: its answer would be paid by nobody, for its name may be asked again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_have_let_go_of_is_not_given_for_nothing() -> Result<()> {
    tell(DatabaseKind::Postgres, async |env: &mut ServerEnv| is_not_given_for_nothing(env).await).await
}

async fn is_not_given_for_nothing(env: &mut ServerEnv) -> Result<()> {
    set(env, |gateway| gateway.patience = Duration::from_secs(60)).await?;
    let service = Service::open(env, (1, 1), Value::Null, 9).await?;
    let _other = env.another(None).await?;
    let ask = || {
        let request = service.bare(env.url(), Method::POST, "/ask?after=6000").bearer_auth(&service.token);
        request.header("idempotency-key", "one").body("a")
    };
    let db = env.database().connect().await?;
    let taken_over = async {
        let began = Instant::now();
        let one = async |query: &'static str, of: &str| -> Result<Option<String>> {
            let row = sqlx::query(query).bind(of.to_owned()).fetch_optional(&db).await?;
            Ok(row.map(|row| row.try_get(0)).transpose()?)
        };
        let mut first = None;
        loop {
            ensure!(began.elapsed() < Duration::from_secs(60), "nobody takes it over");
            sleep(Duration::from_millis(20)).await;
            let Some(first) = &first else {
                first = one("SELECT instance FROM gateway_log WHERE entries LIKE $1", "%\"in\"%").await?;
                continue;
            };
            sqlx::query("DELETE FROM instances WHERE id = $1").bind(first.clone()).execute(&db).await?;
            let ended = "SELECT instance FROM gateway_log WHERE instance = $1 AND entries = ''";
            if one(ended, first).await?.is_some() {
                return Ok(());
            }
        }
    };
    let (first, ()) = tokio::try_join!(read(ask()), taken_over)?;
    refused(&first, 503, "BCK.HTTP.503")?;
    service.settles_to(env, 9).await?;
    let again = ask().send().await?;
    assert_eq!((again.status().as_u16(), header(&again, "idempotent-replayed")), (200, ""));
    service.settles_to(env, 8).await?;
    assert_eq!(service.upstream.requests(), 2);
    Ok(())
}
