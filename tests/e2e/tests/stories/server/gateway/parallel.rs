//! Many at once: as many are let in as there are credits for.

use std::{collections::BTreeMap, time::Duration};

use eyre::{Result, WrapErr};
use futures_util::future::try_join_all;
use reqwest::Method;
use scrip_e2e::server::{DatabaseKind, ServerEnv};
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::{Service, read, redeemed_and_unpaid};
use crate::server::{on_each_database, refused, tell};

/// How many ask at once.
const AT_ONCE: usize = 1_000;
/// How long until one asks again who was told that it is not known yet.
const PAUSE: Duration = Duration::from_millis(200);
/// How long it may take until all are answered.
const ANSWERED_WITHIN: Duration = Duration::from_secs(120);

on_each_database!(a_thousand_at_once_are_let_in_a_hundred_times);

async fn a_thousand_at_once_are_let_in_a_hundred_times(env: &mut ServerEnv) -> Result<()> {
    let urls = [env.url().to_owned()];
    let service = Service::open(env, (1, 1), json!(null), 100).await?;
    served_a_hundred(env, &service, &urls).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn so_they_are_by_two_replicas() -> Result<()> {
    tell(DatabaseKind::Postgres, async |env: &mut ServerEnv| {
        let other = env.another(None).await?;
        let urls = [env.url().to_owned(), other.url().to_owned()];
        let service = Service::open(env, (1, 1), json!(null), 100).await?;
        served_a_hundred(env, &service, &urls).await
    })
    .await
}

async fn served_a_hundred(env: &ServerEnv, service: &Service, urls: &[String]) -> Result<()> {
    // While it is not known what becomes of those before, it is asked again.
    let ask = async |number: usize| {
        loop {
            let request =
                service.bare(&urls[number % urls.len()], Method::POST, "/ask").bearer_auth(&service.token);
            let answer = read(request.body("{}")).await?;
            if answer.status != 503 {
                return Ok::<_, eyre::Report>(answer);
            }
            refused(&answer, 503, "BCK.HTTP.503")?;
            sleep(PAUSE).await;
        }
    };
    let asking = timeout(ANSWERED_WITHIN, try_join_all((0..AT_ONCE).map(ask)));
    let mut statuses = BTreeMap::<u16, usize>::new();
    for answer in asking.await.wrap_err("some are not answered")?? {
        *statuses.entry(answer.status).or_default() += 1;
        if answer.status != 200 {
            refused(&answer, 402, "BCK.CREDITS.0003")?;
        }
    }
    assert_eq!(statuses.get(&200), Some(&100), "{statuses:?}");
    assert_eq!(service.upstream.requests(), 100, "nobody else was sent on");
    refused(&ask(0).await?, 402, "BCK.CREDITS.0003")?;
    service.settles_to(env, 0).await?;
    assert_eq!(redeemed_and_unpaid(env).await?, (100, 0));
    refused(&ask(1).await?, 402, "BCK.CREDITS.0003")
}
