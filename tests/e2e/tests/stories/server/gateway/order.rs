//! The order of things: checked, held, forwarded, settled, and told.

use base64::{Engine, prelude::BASE64_STANDARD};
use eyre::{OptionExt, Result};
use reqwest::Method;
use scrip_e2e::server::{Browser, ServerEnv};
use serde_json::{Value, json};

use super::{Service, header, read, redeemed_and_unpaid};
use crate::server::{on_each_database, refused};

on_each_database!(a_request_is_let_in_forwarded_and_redeemed);

async fn a_request_is_let_in_forwarded_and_redeemed(env: &mut ServerEnv) -> Result<()> {
    let service = Service::open(env, (1, 5), json!({ "unit": "request", "credits": 2 }), 5).await?;
    let shown = env.anyone.get(&format!("/api/v1/protocol/agents/{}", service.agent)).await?.ok()?;
    assert_eq!(shown["proxyUrl"], format!("https://scrip.example/proxy/{}", service.agent));

    // Who has no token is told what to buy and how, in words and in x402's.
    let asked = read(service.bare(env.url(), Method::POST, "/ask?q=1")).await?;
    refused(&asked, 402, "BCK.X402.0030")?;
    let demand = BASE64_STANDARD.decode(asked.headers["payment-required"].as_bytes())?;
    let demand: Value = serde_json::from_slice(&demand)?;
    assert_eq!((&demand["x402Version"], &demand["accepts"][0]["planId"]), (&json!(2), &json!(service.plan)));
    assert_eq!(demand["accepts"][0]["extra"]["agentId"], json!(service.agent));
    assert_eq!(asked.body["plans"][0]["name"], "Gateway");
    let page = asked.body["page"].as_str().and_then(|page| page.strip_prefix("https://scrip.example"));
    let shown = Browser::new(env.url())?.get(page.ok_or_eyre("no page")?).await?;
    assert!(shown.elsewhere()?.starts_with("/login?next="), "one logs in, and buys there: {shown:?}");
    assert_eq!(service.upstream.requests(), 0);

    // The token stays here, and the builder's secret goes on.
    let asked = service.request(env, Method::POST, "/ask?q=1&q=%20").body("a question").send().await?;
    assert_eq!((asked.status(), header(&asked, "scrip-credits-used")), (200.try_into()?, "2"));
    assert_eq!((header(&asked, "scrip-credits-left"), header(&asked, "nvmcreditsconsumed")), ("3", "2"));
    let asked: Value = asked.json().await?;
    assert_eq!((&asked["asked"]["method"], &asked["asked"]["body"]), (&json!("POST"), &json!("a question")));
    assert_eq!(asked["asked"]["uri"], "/ask?q=1&q=%20");
    let told = asked["asked"]["headers"].to_string();
    assert!(told.contains("Bearer the builder's") && !told.contains(&service.token), "{told}");

    // The other header does as well.
    let by_header = service.bare(env.url(), Method::GET, "/ask").header("payment-signature", &service.token);
    assert_eq!(by_header.send().await?.status(), 200);
    let refused_for_want = read(service.request(env, Method::GET, "/ask")).await?;
    refused(&refused_for_want, 402, "BCK.CREDITS.0003")?;
    assert!(refused_for_want.headers.contains_key("payment-required"));
    assert_eq!(service.upstream.requests(), 2);

    service.settles_to(env, 1).await?;
    assert_eq!(redeemed_and_unpaid(env).await?, (2, 0));

    // Who buys is let in at once.
    super::give(env, &service.plan, 1, 0).await?;
    assert_eq!(service.get(env, "/ask").await?.status(), 200);
    service.settles_to(env, 0).await
}
