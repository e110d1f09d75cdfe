//! Requests that are meant to be read in two ways.

use eyre::{OptionExt, Result};
use scrip_e2e::server::ServerEnv;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Duration, timeout},
};

use super::Service;
use crate::server::on_each_database;

on_each_database!(nothing_is_smuggled_past_the_gateway);

/// Sends these bytes, and reads until the server hangs up, or says nothing more.
async fn say(env: &ServerEnv, bytes: &str) -> Result<String> {
    let place = env.url().strip_prefix("http://").ok_or_eyre("no place")?;
    let mut stream = TcpStream::connect(place).await?;
    stream.write_all(bytes.as_bytes()).await?;
    let mut answer = Vec::new();
    let _ = timeout(Duration::from_secs(2), stream.read_to_end(&mut answer)).await;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

async fn nothing_is_smuggled_past_the_gateway(env: &mut ServerEnv) -> Result<()> {
    let service = Service::open(env, (1, 1), Value::Null, 100).await?;
    let head = |path: &str, more: &str| {
        format!(
            "POST /proxy/{}{path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nconnection: close\r\n{more}\r\n",
            service.agent, service.token
        )
    };
    let hidden = format!("GET /proxy/{}/ask?hidden=1 HTTP/1.1\r\nhost: x\r\n\r\n", service.agent);

    // Two lengths: one request at most is read, and what hides behind it is no second one upstream.
    let chunked = format!("0\r\n\r\n{hidden}");
    for more in [
        format!("content-length: {}\r\ntransfer-encoding: chunked\r\n", chunked.len()),
        format!("transfer-encoding: chunked\r\ncontent-length: {}\r\n", chunked.len()),
        format!("transfer-encoding: chunked, identity\r\ncontent-length: {}\r\n", chunked.len()),
        "transfer-encoding: xchunked\r\ncontent-length: 5\r\n".to_owned(),
        "content-length: 5\r\ncontent-length: 6\r\n".to_owned(),
    ] {
        let before = service.upstream.requests();
        let answer = say(env, &(head("/ask", &more) + &chunked)).await?;
        let sent = service.upstream.requests() - before;
        assert!(sent <= 1 && answer.matches("HTTP/1.1 ").count() <= 1, "{more}: {sent} {answer}");
        if sent == 1 {
            let last = service.upstream.last();
            assert!(!last["uri"].to_string().contains("hidden"), "{more}: {last}");
            let lengths = ["content-length", "transfer-encoding"];
            let headers = last["headers"].as_array().ok_or_eyre("no headers")?;
            let framing =
                headers.iter().filter(|pair| lengths.contains(&pair[0].as_str().unwrap_or_default()));
            assert!(framing.count() <= 1, "{more}: {last}");
        }
    }

    // A header that is said to be of the connection takes neither the secret nor what tells who pays out of the request.
    let listed = "connection: authorization, scrip-holder, host\r\nx-forwarded-for: 10.0.0.1\r\nforwarded: for=10.0.0.1\r\n\
                  x_forwarded_host: evil\r\ntrue-client-ip: 10.0.0.1\r\nx-http-method-override: DELETE\r\nnvmcreditsconsumed: 1\r\nx-real-ip: 10.0.0.1\r\nscrip-holder: 0xevil\r\ncookie: session=ours\r\ncontent-length: 0\r\n";
    let answer = say(env, &head("/ask", listed)).await?;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let told = service.upstream.last()["headers"].clone();
    let values = |name: &str| -> Vec<&str> {
        let headers = told.as_array().map(Vec::as_slice).unwrap_or_default();
        headers.iter().filter(|pair| pair[0] == name).filter_map(|pair| pair[1].as_str()).collect()
    };
    assert_eq!(values("authorization"), ["Bearer the builder's"]);
    assert_eq!(values("scrip-holder"), [env.subscriber.address.to_string()]);
    for gone in [
        "x-forwarded-for",
        "forwarded",
        "x_forwarded_host",
        "true-client-ip",
        "x-http-method-override",
        "nvmcreditsconsumed",
        "x-real-ip",
        "cookie",
    ] {
        assert_eq!(values(gone), [""; 0], "{gone}");
    }

    // Nothing asks for the headers that the upstream was sent, the builder's secret among them, or for a way through it.
    for method in ["TRACE", "CONNECT"] {
        let before = service.upstream.requests();
        let answer = say(env, &head("/ask", "").replacen("POST", method, 1)).await?;
        assert!(
            answer.starts_with("HTTP/1.1 405") && !answer.contains("the builder's"),
            "{method}: {answer}"
        );
        assert_eq!(service.upstream.requests(), before, "{method}");
    }

    // Nor does a path lead elsewhere, or another service's.
    for path in ["/../ask", "/%2e%2e/ask", "/a/%2e%2e%2fask", "/..%5cask", "/..;/ask", "/%2e%2e%3bx/ask"] {
        let before = service.upstream.requests();
        let answer = say(env, &head(path, "content-length: 0\r\n")).await?;
        assert!(answer.starts_with("HTTP/1.1 400"), "{path}: {answer}");
        assert_eq!(service.upstream.requests(), before, "{path}");
    }
    // What is asked of the gateway by a whole URL is asked of no other host.
    let absolute =
        head("/ask", "content-length: 0\r\n").replacen("POST /proxy", "POST http://169.254.169.254/proxy", 1);
    let answer = say(env, &absolute).await?;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(service.upstream.last()["uri"], json!("/ask"));
    Ok(())
}
