//! What one who asks may take from the others, and what the operator sees of it.

use std::{num::NonZeroU32, time::Duration};

use eyre::{OptionExt, Result, ensure};
use futures_util::future::try_join_all;
use scrip_e2e::server::{Caller, DatabaseKind, Replica, ServerEnv};
use scrip_server::Config;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};

use super::{on_each_database, refused, register, tell};

on_each_database!(the_operator_sees_what_was_done);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_too_often_holds_up_nobody_else() -> Result<()> {
    tell(DatabaseKind::Sqlite, async |env: &mut ServerEnv| {
        let plan = register(env, "P").await?;
        let path = format!("/api/v1/protocol/plans/{plan}");
        let requests_per_second = NonZeroU32::new(2);
        let strict = Replica::start(Config { requests_per_second, ..env.config(None)? }).await?;
        let often = async |caller: &Caller| -> Result<usize> {
            let answers = try_join_all((0..60).map(|_| caller.get(&path))).await?;
            let early: Vec<_> = answers.iter().filter(|answer| answer.status != 200).collect();
            for answer in &early {
                refused(answer, 429, "BCK.HTTP.429")?;
                ensure!(answer.headers.contains_key("retry-after"), "it is not said when");
            }
            Ok(60 - early.len())
        };
        for caller in [&env.builder, &env.anyone] {
            let caller = caller.at(&strict);
            // For ten seconds' worth, and what comes back meanwhile.
            let answered = often(&caller).await?;
            ensure!((20..40).contains(&answered), "{answered} of 60 were answered");
        }
        // Another key is another's, and one that nobody signed is no key.
        env.subscriber.at(&strict).get(&path).await?.ok()?;
        refused(&env.anyone.with_key("scrip:a.b.c").at(&strict).get(&path).await?, 429, "BCK.HTTP.429")?;
        Ok(())
    })
    .await
}

async fn the_operator_sees_what_was_done(env: &mut ServerEnv) -> Result<()> {
    let plan = register(env, "P").await?;
    env.subscriber.post_nothing(&format!("/api/v1/protocol/plans/{plan}/order")).await?.ok()?;
    env.anyone.get(&format!("/api/v1/protocol/plans/{plan}")).await?.ok()?;
    refused(&env.anyone.get("/nowhere/12345").await?, 404, "BCK.HTTP.404")?;
    let figures = env.admin.get("/metrics").await?.ok()?;
    let figures = figures.as_str().ok_or_eyre("no text")?;
    for line in [
        r#"scrip_http_requests_total{method="POST",route="/api/v1/protocol/plans/{planId}/order",status="200"} 1"#,
        r#"scrip_http_requests_total{method="GET",route="none",status="404"} 1"#,
        r#"scrip_http_request_seconds_count{route="/api/v1/protocol/plans/{planId}"} 1"#,
        r#"scrip_operations_total{work="order",outcome="done"} 1"#,
        r#"scrip_operations_total{work="create_plan",outcome="done"} 1"#,
        "scrip_operations_open 0",
        "# EOF",
    ] {
        ensure!(figures.lines().any(|there| there == line), "no {line} in:\n{figures}");
    }
    ensure!(!figures.contains("12345"), "any path may be asked for: {figures}");
    Ok(())
}

/// Connects, and sends the beginning of a request.
async fn half_a_request(env: &ServerEnv) -> Result<TcpStream> {
    let place = env.url().strip_prefix("http://").ok_or_eyre("no place")?;
    let mut connection = TcpStream::connect(place).await?;
    connection.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n").await?;
    Ok(connection)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_request_is_not_waited_for_for_ever() -> Result<()> {
    tell(DatabaseKind::Sqlite, async |env: &mut ServerEnv| {
        let mut connection = half_a_request(env).await?;
        let mut answer = Vec::new();
        timeout(Duration::from_secs(25), connection.read_to_end(&mut answer)).await??;
        ensure!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 408"), "it was answered");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_keeps_a_connection_open_does_not_keep_a_server_from_ending() -> Result<()> {
    tell(DatabaseKind::Sqlite, async |env: &mut ServerEnv| {
        // One that is kept for the next request.
        env.anyone.get("/livez").await?.ok()?;
        let began = Instant::now();
        env.take_replica().ok_or_eyre("it runs")?.shut_down().await?;
        ensure!(began.elapsed() < Duration::from_secs(5), "it took {:?}", began.elapsed());
        Ok(())
    })
    .await
}
