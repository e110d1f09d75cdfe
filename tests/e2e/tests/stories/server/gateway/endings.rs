//! What an answer costs that does not come to its end, or takes its time; and bodies that flow both ways.

use std::{net::Ipv4Addr, time::Duration};

use eyre::{OptionExt, Result};
use reqwest::Response;
use scrip_e2e::{server::ServerEnv, upstream::Upstream};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::{
    Service,
    answers::{chunk, tells},
    header,
    risk::set,
    streams::cost,
};
use crate::server::on_each_database;

on_each_database!(
    what_takes_too_long_is_cut_and_costs_what_was_delivered,
    who_takes_too_long_over_an_answer_pays_for_it,
    an_answer_that_breaks_off_costs_what_was_delivered,
    seconds_are_rated,
    a_body_flows_before_all_of_it_is_sent,
);

const PLAIN: &str = "text/plain";
const EVENTS: &str = "text/event-stream";

/// The head of an answer in chunks.
fn head(kind: &str) -> (u64, String) {
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n";
    (0, format!("{head}content-type: {kind}\r\n\r\n"))
}

/// A part of a chat's answer, after so many milliseconds.
fn event(after: u64) -> (u64, String) {
    let data = json!({ "choices": [{ "index": 0, "delta": { "content": "x" } }] });
    (after, chunk(&format!("data: {data}\n\n")))
}

/// All that comes of an answer, and whether it came to an end of its own.
async fn heard(mut answer: Response) -> (String, bool) {
    let mut text = String::new();
    loop {
        match answer.chunk().await {
            Ok(Some(part)) => text.push_str(&String::from_utf8_lossy(&part)),
            Ok(None) => return (text, true),
            Err(_) => return (text, false),
        }
    }
}

async fn what_takes_too_long_is_cut_and_costs_what_was_delivered(env: &mut ServerEnv) -> Result<()> {
    set(env, |gateway| {
        gateway.patience = Duration::from_secs(2);
        gateway.longest = Duration::from_secs(3);
    })
    .await?;
    // An answer that has one price is not delivered by halves.
    let drip = std::iter::repeat_n((400, chunk("x")), 60);
    let (url, drips) = tells([head(PLAIN)].into_iter().chain(drip).collect()).await?;
    let service = Service::of(env, Upstream::start().await?, (2, 2), json!({ "upstream": url }), 9).await?;
    let answer = service.get(env, "/ask").await?;
    assert_eq!(answer.status(), 200);
    let id = header(&answer, "scrip-request-id").to_owned();
    let (text, is_whole) = heard(answer).await;
    assert!(!text.is_empty() && !is_whole, "{text}");
    assert_eq!(cost(env, &id).await?, 0);
    service.settles_to(env, 9).await?;
    drips.abort();

    let events = std::iter::repeat_n(event(400), 60);
    let (url, streams) = tells([head(EVENTS)].into_iter().chain(events).collect()).await?;
    let api = json!({ "upstream": url, "pricing": { "unit": "tokens", "per": 1 } });
    let service = Service::of(env, Upstream::start().await?, (1, 50), api, 100).await?;
    let answer = service.get(env, "/ask").await?;
    let id = header(&answer, "scrip-request-id").to_owned();
    let (text, is_whole) = heard(answer).await;
    assert!(is_whole && text.trim_end().ends_with('}') && text.contains("SCRIP.GATEWAY.TIMEOUT"), "{text}");
    let delivered = text.matches("content").count() as u64;
    assert!((1..10).contains(&delivered), "{text}");
    assert_eq!(cost(env, &id).await?, delivered);
    service.settles_to(env, 100 - delivered).await?;
    streams.abort();
    Ok(())
}

/// All of an answer of one price is there, and its caller does not take it.
async fn who_takes_too_long_over_an_answer_pays_for_it(env: &mut ServerEnv) -> Result<()> {
    set(env, |gateway| {
        gateway.patience = Duration::from_secs(2);
        gateway.longest = Duration::from_secs(3);
    })
    .await?;
    // More than the system keeps between two that are connected.
    let parts = std::iter::repeat_n((0, chunk(&"x".repeat(1 << 16))), 600);
    let (url, pours) = tells([head(PLAIN)].into_iter().chain(parts).collect()).await?;
    let service = Service::of(env, Upstream::start().await?, (2, 2), json!({ "upstream": url }), 9).await?;
    let mut stream = TcpStream::connect(env.url().strip_prefix("http://").ok_or_eyre("no place")?).await?;
    let head = format!(
        "GET /proxy/{}/ask HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n",
        service.agent, service.token
    );
    stream.write_all(head.as_bytes()).await?;
    let told = until(&mut stream, "\r\n\r\n").await?;
    let id = told.split("scrip-request-id: ").nth(1).and_then(|rest| rest.split("\r\n").next());
    assert_eq!(cost(env, id.ok_or_eyre("no id")?).await?, 2);
    service.settles_to(env, 7).await?;
    pours.abort();
    Ok(())
}

async fn an_answer_that_breaks_off_costs_what_was_delivered(env: &mut ServerEnv) -> Result<()> {
    // By the upstream: of one price nothing, of a stream its parts.
    let (url, breaks) = tells(vec![head(PLAIN), (0, chunk("half"))]).await?;
    let service = Service::of(env, Upstream::start().await?, (2, 2), json!({ "upstream": url }), 9).await?;
    let answer = service.get(env, "/ask").await?;
    let id = header(&answer, "scrip-request-id").to_owned();
    assert_eq!(heard(answer).await, ("half".to_owned(), false));
    assert_eq!(cost(env, &id).await?, 0);
    service.settles_to(env, 9).await?;
    breaks.abort();

    let (url, breaks) = tells(vec![head(EVENTS), event(0), event(100), event(100)]).await?;
    let api = json!({ "upstream": url, "pricing": { "unit": "tokens", "per": 1 } });
    let service = Service::of(env, Upstream::start().await?, (1, 50), api, 100).await?;
    let answer = service.get(env, "/ask").await?;
    let id = header(&answer, "scrip-request-id").to_owned();
    let (text, is_whole) = heard(answer).await;
    assert_eq!((text.matches("content").count(), is_whole), (3, false), "{text}");
    assert_eq!(cost(env, &id).await?, 3);
    service.settles_to(env, 97).await?;
    breaks.abort();

    // By the caller, in the middle of an answer of one price: that was asked for, and is being delivered.
    let (url, goes_on) = tells(vec![head(PLAIN), (0, chunk("half")), (5_000, chunk("half"))]).await?;
    let service = Service::of(env, Upstream::start().await?, (2, 2), json!({ "upstream": url }), 9).await?;
    let mut answer = service.get(env, "/ask").await?;
    let id = header(&answer, "scrip-request-id").to_owned();
    assert_eq!(answer.chunk().await?.as_deref(), Some(&b"half"[..]));
    drop(answer);
    assert_eq!(cost(env, &id).await?, 2);
    service.settles_to(env, 7).await?;
    goes_on.abort();
    Ok(())
}

async fn seconds_are_rated(env: &mut ServerEnv) -> Result<()> {
    let by_seconds = json!({ "unit": "seconds", "credits": 2, "per": 1 });
    let service = Service::open(env, (1, 6), by_seconds, 100).await?;
    let mut paid = 0;
    for (path, credits) in [("/quick", 2..=4), ("/ask?after=1200", 4..=6)] {
        let answer = service.get(env, path).await?;
        assert_eq!(header(&answer, "scrip-credits-held"), "6");
        let id = header(&answer, "scrip-request-id").to_owned();
        assert!(heard(answer).await.1);
        let cost = cost(env, &id).await?;
        assert!(credits.contains(&cost) && cost % 2 == 0, "{path} costs {cost}");
        paid += cost;
    }
    // No more of a stream than there are seconds for.
    let answer = service.get(env, "/stream?every=200").await?;
    let id = header(&answer, "scrip-request-id").to_owned();
    let (text, _) = heard(answer).await;
    assert!(text.contains("BCK.CREDITS.0003"), "{text}");
    assert_eq!(cost(env, &id).await?, 6);
    service.settles_to(env, 100 - paid - 6).await
}

/// The upstream has the first part of a body before the last is sent, and the caller the first part of the answer before that.
async fn a_body_flows_before_all_of_it_is_sent(env: &mut ServerEnv) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let api = json!({ "upstream": format!("http://{}", listener.local_addr()?) });
    let service = Service::of(env, Upstream::start().await?, (1, 1), api, 9).await?;
    let upstream = async {
        let (mut stream, _) = listener.accept().await?;
        until(&mut stream, "first").await?;
        stream.write_all(head(PLAIN).1.as_bytes()).await?;
        stream.write_all(chunk("heard the first").as_bytes()).await?;
        until(&mut stream, "0\r\n\r\n").await?;
        stream.write_all(chunk("and the last").as_bytes()).await?;
        stream.write_all(b"0\r\n\r\n").await?;
        Ok::<_, eyre::Report>(stream)
    };
    let place = env.url().strip_prefix("http://").ok_or_eyre("no place")?;
    let caller = async {
        let mut stream = TcpStream::connect(place).await?;
        let head = format!(
            "POST /proxy/{}/ask HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nconnection: close\r\n\
             transfer-encoding: chunked\r\n\r\n",
            service.agent, service.token
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(chunk("first").as_bytes()).await?;
        until(&mut stream, "heard the first").await?;
        stream.write_all((chunk("last") + "0\r\n\r\n").as_bytes()).await?;
        until(&mut stream, "and the last").await
    };
    timeout(Duration::from_secs(60), async { tokio::try_join!(upstream, caller) }).await??;
    service.settles_to(env, 8).await
}

/// Reads until some text has come; all that has.
async fn until(stream: &mut TcpStream, text: &str) -> Result<String> {
    let (mut heard, mut part) = (Vec::new(), [0; 1_024]);
    while !String::from_utf8_lossy(&heard).contains(text) {
        match stream.read(&mut part).await? {
            0 => eyre::bail!("{:?} instead of {text}", String::from_utf8_lossy(&heard)),
            length => heard.extend_from_slice(&part[..length]),
        }
    }
    Ok(String::from_utf8_lossy(&heard).into_owned())
}
