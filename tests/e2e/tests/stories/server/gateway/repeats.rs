//! Requests that come again under their key.

use std::time::Duration;

use eyre::Result;
use reqwest::Method;
use scrip_e2e::server::ServerEnv;
use serde_json::Value;

use super::{Service, access, header, read};
use crate::server::{on_each_database, refused};

on_each_database!(what_comes_again_is_answered_from_the_first, what_failed_is_tried_again);

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
