//! Upstreams that fail, and upstreams that mean ill.

use std::{net::Ipv4Addr, time::Duration};

use eyre::Result;
use reqwest::{Method, RequestBuilder};
use scrip_e2e::{server::ServerEnv, upstream::Upstream};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinHandle,
    time::sleep,
};

use super::{Service, header, read};
use crate::server::{on_each_database, refused};

on_each_database!(
    what_is_not_served_costs_nothing,
    an_upstream_takes_no_more_than_the_range,
    an_answer_that_is_none_costs_nothing,
    a_page_of_another_origin_sends_what_it_was_given_alone,
);

async fn what_is_not_served_costs_nothing(env: &mut ServerEnv) -> Result<()> {
    let service = Service::open(env, (1, 1), Value::Null, 1).await?;
    for status in [500, 503, 400, 404, 429] {
        let answer = service.get(env, &format!("/ask?status={status}")).await?;
        assert_eq!((answer.status().as_u16(), header(&answer, "scrip-credits-used")), (status, "0"));
        assert_eq!(header(&answer, "scrip-credits-left"), "1");
    }
    // Where it points to is the caller's to see, and nobody goes there from here.
    let metadata = "http://169.254.169.254/latest/meta-data/";
    let answer = service.get(env, &format!("/ask?status=302&to={metadata}")).await?;
    assert_eq!((answer.status().as_u16(), header(&answer, "location")), (302, metadata));
    // One that takes too long: 3 seconds are its time here.
    refused(
        &read(service.request(env, Method::GET, "/ask?after=4000")).await?,
        504,
        "SCRIP.GATEWAY.TIMEOUT",
    )?;
    assert_eq!(service.upstream.requests(), 7);
    // One that is not there.
    let gone = Upstream::start().await?;
    let api = json!({ "upstream": gone.url() });
    drop(gone);
    let elsewhere = Service::of(env, Upstream::start().await?, (1, 1), api, 1).await?;
    refused(&read(elsewhere.request(env, Method::GET, "/ask")).await?, 502, "SCRIP.GATEWAY.UPSTREAM")?;
    // A caller who goes before it is answered has got nothing.
    let asking =
        service.request(env, Method::GET, "/ask?after=2000").timeout(Duration::from_millis(300)).send().await;
    assert!(asking.is_err());
    elsewhere.settles_to(env, 1).await?;
    service.settles_to(env, 1).await?;
    assert_eq!(service.get(env, "/ask").await?.status(), 200, "all of it was let go of");
    service.settles_to(env, 0).await
}

async fn a_page_of_another_origin_sends_what_it_was_given_alone(env: &mut ServerEnv) -> Result<()> {
    let service = Service::open(env, (1, 1), Value::Null, 1).await?;
    let from_there = |request: RequestBuilder| request.header("origin", "https://elsewhere.example");
    // What the browser keeps for this origin opens nothing.
    let asked = from_there(service.bare(env.url(), Method::POST, "/ask"));
    let asked = asked.header("cookie", format!("__Host-scrip={0}; scrip={0}; token={0}", service.token));
    refused(&read(asked).await?, 402, "BCK.X402.0030")?;
    let preflight = from_there(service.bare(env.url(), Method::OPTIONS, "/ask"))
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization")
        .send()
        .await?;
    assert_eq!((preflight.status().as_u16(), header(&preflight, "access-control-allow-origin")), (204, "*"));
    assert!(!preflight.headers().contains_key("access-control-allow-credentials"));
    assert_eq!(service.upstream.requests(), 0);
    // With the token that it was given it is answered, and may read that.
    let answer = from_there(service.request(env, Method::POST, "/ask")).send().await?;
    assert_eq!((answer.status().as_u16(), header(&answer, "access-control-allow-origin")), (200, "*"));
    service.settles_to(env, 0).await
}

async fn an_upstream_takes_no_more_than_the_range(env: &mut ServerEnv) -> Result<()> {
    let service = Service::open(env, (2, 9), Value::Null, 100).await?;
    let mut left = 100;
    for (claim, credits) in [
        ("", 2),
        ("&claim=5", 5),
        ("&claim=9", 9),
        ("&claim=10", 2),
        ("&claim=1", 2),
        ("&claim=-9", 2),
        ("&claim=1e9", 2),
    ] {
        let answer = service.get(env, &format!("/ask?x=1{claim}")).await?;
        left -= credits;
        assert_eq!(header(&answer, "scrip-credits-used"), credits.to_string(), "{claim}");
        assert_eq!(header(&answer, "scrip-credits-left"), left.to_string(), "{claim}");
    }
    // No more than the caller lets it take.
    let bounded =
        service.request(env, Method::GET, "/ask?claim=4").header("scrip-max-credits", "4").send().await?;
    assert_eq!(header(&bounded, "scrip-credits-used"), "4");
    let too_low = service.request(env, Method::GET, "/ask").header("scrip-max-credits", "1");
    refused(&read(too_low).await?, 400, "BCK.HTTP.400")?;
    // Its cookies, and what it would have browsers do at this origin, stay behind.
    let answer = service.get(env, "/ask").await?;
    assert_eq!(header(&answer, "set-cookie"), "");
    assert_eq!(header(&answer, "content-security-policy"), "sandbox; default-src 'none'");
    service.settles_to(env, left - 4 - 2).await
}

/// A server that answers whoever connects with these bytes, and hangs up.
async fn says(bytes: Vec<u8>) -> Result<(String, JoinHandle<()>)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let server = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let bytes = bytes.clone();
            tokio::spawn(async move {
                let mut asked = vec![0; 4_096];
                let _ = stream.read(&mut asked).await;
                let _ = stream.write_all(&bytes).await;
                // What was written is read before the connection is gone.
                sleep(Duration::from_millis(50)).await;
            });
        }
    });
    Ok((url, server))
}

async fn an_answer_that_is_none_costs_nothing(env: &mut ServerEnv) -> Result<()> {
    let huge = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(100_000));
    let many: String = (0..500).map(|number| format!("x-{number}: 1\r\n")).collect();
    for (what, bytes) in [
        ("nothing", String::new()),
        ("no HTTP", "SSH-2.0-OpenSSH\r\n".to_owned()),
        ("a head without an end", "HTTP/1.1 200 OK\r\nx: y".to_owned()),
        ("a huge head", huge),
        ("too many headers", format!("HTTP/1.1 200 OK\r\n{many}\r\n")),
        ("two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab".to_owned()),
    ] {
        let (url, server) = says(bytes.into_bytes()).await?;
        let service =
            Service::of(env, Upstream::start().await?, (1, 1), json!({ "upstream": url }), 1).await?;
        let answer = read(service.request(env, Method::GET, "/ask")).await?;
        refused(&answer, 502, "SCRIP.GATEWAY.UPSTREAM").map_err(|error| error.wrap_err(what))?;
        service.settles_to(env, 1).await?;
        server.abort();
    }
    // Less than it says: the caller sees that it is not all, and pays nothing.
    for bytes in [
        "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nshort",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nshort\r\n",
    ] {
        let (url, server) = says(bytes.as_bytes().to_vec()).await?;
        let service =
            Service::of(env, Upstream::start().await?, (1, 1), json!({ "upstream": url }), 1).await?;
        let answer = service.get(env, "/ask").await?;
        assert_eq!(answer.status(), 200);
        assert!(answer.bytes().await.is_err(), "{bytes}");
        service.settles_to(env, 1).await?;
        server.abort();
    }
    // More than it says is no part of it.
    let (url, server) =
        says(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n".to_vec()).await?;
    let service = Service::of(env, Upstream::start().await?, (1, 1), json!({ "upstream": url }), 1).await?;
    assert_eq!(service.get(env, "/ask").await?.text().await?, "ok");
    service.settles_to(env, 0).await?;
    server.abort();
    Ok(())
}
