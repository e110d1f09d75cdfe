//! Streams: metered as they flow, cut where the credits end, paid as far as they were delivered.

use std::time::Duration;

use eyre::{OptionExt, Result};
use reqwest::{Method, Response};
use scrip_e2e::server::ServerEnv;
use serde_json::{Value, json};
use sqlx::{AnyPool, Row};
use tokio::time::{Instant, sleep};

use super::{Service, header};
use crate::server::on_each_database;

on_each_database!(
    a_stream_is_paid_to_the_unit,
    a_stream_is_cut_at_the_last_credit,
    who_hangs_up_pays_for_what_was_delivered,
    bytes_and_tokens_are_rated,
);

fn tokens() -> Value {
    json!({ "unit": "tokens", "credits": 1, "per": 1 })
}

/// What a request has cost, once that is written: by the log, while it is in no batch. What is in neither was let go of.
pub(super) async fn cost(env: &ServerEnv, id: &str) -> Result<u64> {
    let (db, began) = (env.database().connect().await?, Instant::now());
    loop {
        let (mut is_open, mut cost) = (false, 0);
        for entries in texts(&db, "SELECT entries FROM gateway_log ORDER BY instance, number").await? {
            let lines: Vec<Value> = serde_json::from_str(if entries.is_empty() { "[]" } else { &entries })?;
            for line in lines {
                if line["in"]["id"] == id {
                    is_open = true;
                } else if line["ended"]["id"] == id {
                    (is_open, cost) = (false, line["ended"]["used"].as_u64().unwrap_or_default());
                } else if line["owed"]["id"] == id {
                    (is_open, cost) = (false, line["owed"]["credits"].as_u64().ok_or_eyre("no credits")?);
                }
            }
        }
        for items in texts(&db, "SELECT items FROM gateway_batches").await? {
            for item in serde_json::from_str::<Vec<Value>>(&items)? {
                if item["id"] == id {
                    cost = item["credits"].as_u64().ok_or_eyre("no credits")?;
                }
            }
        }
        if !is_open {
            return Ok(cost);
        }
        eyre::ensure!(began.elapsed() < Duration::from_secs(60), "request {id} does not end");
        sleep(Duration::from_millis(20)).await;
    }
}

async fn texts(db: &AnyPool, query: &'static str) -> Result<Vec<String>> {
    sqlx::query(query).fetch_all(db).await?.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// The next events of a stream, so many of them or all.
async fn events(mut response: Response, count: usize) -> Result<Vec<String>> {
    let mut text = String::new();
    while text.matches("\n\n").count() < count {
        let Some(part) = response.chunk().await? else { break };
        text.push_str(&String::from_utf8_lossy(&part));
    }
    Ok(text.split("\n\n").map(|event| event.trim().to_owned()).filter(|event| !event.is_empty()).collect())
}

async fn a_stream_is_paid_to_the_unit(env: &mut ServerEnv) -> Result<()> {
    let service = Service::open(env, (1, 20), tokens(), 100).await?;
    let answer = service.get(env, "/stream?count=5").await?;
    assert_eq!((header(&answer, "scrip-credits-held"), header(&answer, "scrip-credits-left")), ("20", "80"));
    let id = header(&answer, "scrip-request-id").to_owned();
    let events = events(answer, usize::MAX).await?;
    assert_eq!((events.len(), events.last().map(String::as_str)), (7, Some("data: [DONE]")));
    assert_eq!(cost(env, &id).await?, 5);
    // What it says that it has used in all counts.
    let said = service.get(env, "/stream?count=5&tokens=11").await?;
    let id = header(&said, "scrip-request-id").to_owned();
    said.bytes().await?;
    assert_eq!(cost(env, &id).await?, 11);
    service.settles_to(env, 100 - 5 - 11).await
}

async fn a_stream_is_cut_at_the_last_credit(env: &mut ServerEnv) -> Result<()> {
    let service = Service::open(env, (1, 10), tokens(), 22).await?;
    for (most, credits) in [(None, 10), (Some(4), 4), (Some(8), 8)] {
        let mut request = service.request(env, Method::GET, "/stream");
        if let Some(most) = most {
            request = request.header("scrip-max-credits", most);
        }
        let answer = request.send().await?;
        let id = header(&answer, "scrip-request-id").to_owned();
        let events = events(answer, usize::MAX).await?;
        let (told, served) = events.split_last().ok_or_eyre("no events")?;
        assert!(told.starts_with("event: error") && told.contains("BCK.CREDITS.0003"), "{told}");
        assert_eq!((served.len() as u64, cost(env, &id).await?), (credits, credits));
    }
    service.settles_to(env, 0).await
}

async fn who_hangs_up_pays_for_what_was_delivered(env: &mut ServerEnv) -> Result<()> {
    let service = Service::open(env, (1, 20), tokens(), 1_000).await?;
    let mut paid = 0;
    for heard in 1..=8 {
        let answer = service.get(env, "/stream?every=150").await?;
        let id = header(&answer, "scrip-request-id").to_owned();
        assert_eq!(events(answer, heard).await?.len(), heard);
        let cost = cost(env, &id).await?;
        // One more may have been on its way.
        assert!((heard as u64..=heard as u64 + 1).contains(&cost), "{cost} credits for {heard}");
        paid += cost;
    }
    service.settles_to(env, 1_000 - paid).await
}

async fn bytes_and_tokens_are_rated(env: &mut ServerEnv) -> Result<()> {
    let by_bytes = json!({ "unit": "bytes", "credits": 1, "per": 1_000 });
    let service = Service::open(env, (1, 5), by_bytes, 9).await?;
    let answer = service.get(env, "/bytes?count=3").await?;
    let id = header(&answer, "scrip-request-id").to_owned();
    assert_eq!(answer.bytes().await?.len(), 3_000);
    assert_eq!(cost(env, &id).await?, 3);
    // What there is no credit for is not delivered, and is not taken for the whole.
    let mut answer = service.get(env, "/bytes?count=9").await?;
    let id = header(&answer, "scrip-request-id").to_owned();
    let mut length = 0;
    let broken = loop {
        match answer.chunk().await {
            Ok(Some(part)) => length += part.len(),
            end => break end,
        }
    };
    assert!(broken.is_err(), "a body that is cut is broken off");
    assert_eq!((length, cost(env, &id).await?), (5_000, 5));
    service.settles_to(env, 1).await?;

    let by_tokens = json!({ "unit": "tokens", "credits": 2, "per": 100 });
    let service = Service::open(env, (1, 50), by_tokens, 100).await?;
    let mut left = 100;
    for (tokens, credits) in
        [("", 1), ("tokens=1", 1), ("tokens=100", 2), ("tokens=101", 3), ("tokens=18446744073709551615", 50)]
    {
        let answer = service.get(env, &format!("/ask?{tokens}")).await?;
        left -= credits;
        assert_eq!(header(&answer, "scrip-credits-used"), credits.to_string(), "{tokens}");
        assert_eq!(header(&answer, "scrip-credits-left"), left.to_string(), "{tokens}");
    }
    service.settles_to(env, left).await
}
