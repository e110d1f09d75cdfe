//! Answers that are sent in odd ways, and requests that are.

use std::{net::Ipv4Addr, time::Duration};

use eyre::{OptionExt, Result};
use reqwest::Method;
use scrip_e2e::{server::ServerEnv, upstream::Upstream};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use super::{Books, Service, header, read, risk::set, streams::cost};
use crate::server::{on_each_database, refused};

on_each_database!(
    an_answer_of_json_costs_what_it_says_at_its_end,
    what_costs_more_than_it_may_is_not_delivered,
    what_drips_ends,
    who_goes_while_credits_are_held_keeps_none,
);

/// A server that answers whoever connects with these parts, each after so many milliseconds.
pub(super) async fn tells(parts: Vec<(u64, String)>) -> Result<(String, JoinHandle<()>)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    let server = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let parts = parts.clone();
            tokio::spawn(async move {
                let mut asked = vec![0; 4_096];
                let _ = stream.read(&mut asked).await;
                for (after, part) in parts {
                    sleep(Duration::from_millis(after)).await;
                    if stream.write_all(part.as_bytes()).await.is_err() {
                        return;
                    }
                }
                sleep(Duration::from_millis(200)).await;
            });
        }
    });
    Ok((url, server))
}

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";

pub(super) fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

/// An answer of so many bytes that has used 41 tokens, the end of which comes late.
fn answer(length: usize) -> Vec<(u64, String)> {
    let body = json!({ "data": "x".repeat(length), "object": "list" }).to_string();
    let usage = r#","usage":{"prompt_tokens":41,"total_tokens":41}}"#;
    let body = chunk(&format!("{}{usage}", &body[..body.len() - 1]));
    vec![(0, HEAD.to_owned() + &body), (700, "0\r\n\r\n".to_owned())]
}

/// Whoever has all of it but its end has it, and pays for it.
async fn an_answer_of_json_costs_what_it_says_at_its_end(env: &mut ServerEnv) -> Result<()> {
    for length in [100, 100_000, 3 << 20] {
        let (url, server) = tells(answer(length)).await?;
        let api = json!({ "upstream": url, "pricing": { "unit": "tokens", "per": 1 } });
        let service = Service::of(env, Upstream::start().await?, (1, 100), api, 1_000).await?;
        for hangs_up in [false, true] {
            let mut answer = service.get(env, "/ask").await?;
            assert_eq!(answer.status(), 200, "{answer:?}");
            let id = header(&answer, "scrip-request-id").to_owned();
            let mut heard = Vec::new();
            while !(hangs_up && heard.ends_with(b"41}}")) {
                let Some(part) = answer.chunk().await? else { break };
                heard.extend_from_slice(&part);
            }
            drop(answer);
            assert_eq!(cost(env, &id).await?, 41, "{length} bytes, hung up: {hangs_up}");
        }
        service.settles_to(env, 1_000 - 2 * 41).await?;
        server.abort();
    }
    Ok(())
}

async fn what_costs_more_than_it_may_is_not_delivered(env: &mut ServerEnv) -> Result<()> {
    let ask = |service: &Service, path: &str, most: u64| {
        service.request(env, Method::GET, path).header("scrip-max-credits", most)
    };
    let service = Service::open(env, (2, 9), Value::Null, 100).await?;
    for key in [false, true] {
        let mut request = ask(&service, "/ask?claim=9", 2);
        if key {
            request = request.header("idempotency-key", "key");
        }
        let answer = read(request).await?;
        refused(&answer, 409, "SCRIP.GATEWAY.MOST")?;
        assert!(!answer.body.to_string().contains("asked"), "nothing of it: {}", answer.body);
    }
    assert_eq!(header(&ask(&service, "/ask?claim=9", 9).send().await?, "scrip-credits-used"), "9");
    assert_eq!(header(&ask(&service, "/ask?claim=4", 4).send().await?, "scrip-credits-used"), "4");
    service.settles_to(env, 100 - 9 - 4).await?;

    let tokens = json!({ "unit": "tokens", "per": 1 });
    let service = Service::open(env, (1, 50), tokens.clone(), 100).await?;
    refused(&read(ask(&service, "/ask?tokens=41", 40)).await?, 409, "SCRIP.GATEWAY.MOST")?;
    let paid = ask(&service, "/ask?tokens=41", 41).send().await?;
    assert_eq!(header(&paid, "scrip-credits-used"), "41");
    service.settles_to(env, 100 - 41).await?;
    // What is too long to be known before it is delivered.
    let (url, server) = tells(answer(100_000)).await?;
    let api = json!({ "upstream": url, "pricing": tokens });
    let service = Service::of(env, Upstream::start().await?, (1, 50), api, 100).await?;
    refused(&read(ask(&service, "/ask", 49)).await?, 409, "SCRIP.GATEWAY.MOST")?;
    service.settles_to(env, 100).await?;
    server.abort();
    Ok(())
}

/// Neither a caller nor an upstream that sends a byte now and then is waited for without end where all of it is read first.
async fn what_drips_ends(env: &mut ServerEnv) -> Result<()> {
    set(env, |gateway| {
        gateway.patience = Duration::from_secs(2);
        gateway.longest = Duration::from_secs(4);
    })
    .await?;
    let drip = std::iter::repeat_n((800, chunk("x")), 60);
    let (url, server) = tells([(0, HEAD.to_owned())].into_iter().chain(drip).collect()).await?;
    let service = Service::of(env, Upstream::start().await?, (1, 1), json!({ "upstream": url }), 2).await?;
    let began = Instant::now();
    let answer = read(service.request(env, Method::GET, "/ask").header("idempotency-key", "drip")).await?;
    refused(&answer, 504, "SCRIP.GATEWAY.TIMEOUT")?;
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    service.settles_to(env, 2).await?;
    server.abort();

    let place = env.url().strip_prefix("http://").ok_or_eyre("no place")?;
    let mut stream = TcpStream::connect(place).await?;
    let head = format!(
        "POST /proxy/{}/ask HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nidempotency-key: slow\r\n\
         content-length: 100\r\nconnection: close\r\n\r\n",
        service.agent, service.token
    );
    stream.write_all(head.as_bytes()).await?;
    let mut told = [0; 12];
    let answered = async {
        let (mut from, mut to) = stream.split();
        let sending = async {
            loop {
                let _ = to.write_all(b"x").await;
                sleep(Duration::from_millis(300)).await;
            }
        };
        tokio::select! {
            () = sending => unreachable!(),
            read = from.read_exact(&mut told) => read,
        }
    };
    timeout(Duration::from_secs(30), answered).await??;
    assert_eq!(String::from_utf8_lossy(&told), "HTTP/1.1 400");
    Ok(())
}

/// Callers who go at any moment between asking and being let in.
async fn who_goes_while_credits_are_held_keeps_none(env: &mut ServerEnv) -> Result<()> {
    let service = Service::open(env, (1, 1), Value::Null, 10_000).await?;
    let place = env.url().strip_prefix("http://").ok_or_eyre("no place")?;
    let head = format!(
        "GET /proxy/{}/ask?after=400 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n",
        service.agent, service.token
    );
    assert_eq!(service.get(env, "/ask").await?.status(), 200);
    for round in 0..50_u64 {
        let going = (0..40_u64).map(|number| {
            let head = &head;
            async move {
                let mut stream = TcpStream::connect(place).await?;
                stream.write_all(head.as_bytes()).await?;
                sleep(Duration::from_micros((round * 40 + number) * 97 % 20_000)).await;
                Ok::<_, eyre::Report>(())
            }
        });
        futures_util::future::try_join_all(going).await?;
    }
    sleep(Duration::from_secs(2)).await;
    service.settles_to(env, 10_000 - 1).await.map_err(|error| error.wrap_err("held for nobody"))?;
    assert_eq!(Books::read(&env.database().connect().await?).await?.open, 0);
    Ok(())
}
