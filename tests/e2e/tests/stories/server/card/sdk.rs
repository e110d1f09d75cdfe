//! Stripe's own library reads what the stand-in speaks and signs, so that it is no stand-in for something else.

use std::process::Stdio;

use eyre::{OptionExt, Result, ensure};
use scrip_e2e::server::{
    ServerEnv,
    python::{Python, printed},
    stripe::{SECRET_KEY, StandIn, WEBHOOK_SECRET, deliver},
};
use scrip_server::Clock;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use super::{super::on_each_database, Sale};

on_each_database!(
    stripes_library_accepts_and_refuses_what_the_server_does,
    stripes_library_is_answered_as_by_stripe,
);

async fn stripes_library_accepts_and_refuses_what_the_server_does(env: &mut ServerEnv) -> Result<()> {
    let Some(python) = Python::find("stripe")? else { return Ok(()) };
    let sale = Sale::open(env).await?;
    let mut events = env.stripe.pay(&sale.session)?;
    events.extend(env.stripe.refund(&sale.session, 1)?);
    events.extend(env.stripe.dispute(&sale.session)?);
    events.extend(env.stripe.decide(&sale.session, false)?);
    let now = Clock::default().now();
    let mut deliveries = Vec::new();
    for event in &events {
        let payload = &event.payload;
        let right = StandIn::sign(payload, WEBHOOK_SECRET, now)?;
        let (_, other) = right.split_once(',').ok_or_eyre("no signature")?;
        deliveries.extend([
            (payload.clone(), StandIn::sign(payload, WEBHOOK_SECRET, now - 290)?),
            (payload.clone(), format!("t={now},v1={},{other},v0=00", "0".repeat(64))),
            (payload.clone(), StandIn::sign(payload, "whsec_another", now)?),
            (payload.clone(), StandIn::sign(payload, WEBHOOK_SECRET, now - 400)?),
            (payload.clone(), right.replace("t=", "t=1")),
            (payload.replacen("evt", "evu", 1), right.clone()),
            (payload.clone(), right),
        ]);
    }
    let mut script = python.script("stripe_events.py");
    script.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut running = script.spawn()?;
    let mut input = running.stdin.take().ok_or_eyre("no input")?;
    for (payload, signature) in &deliveries {
        let line = json!({ "payload": payload, "signature": signature, "secret": WEBHOOK_SECRET });
        input.write_all(format!("{line}\n").as_bytes()).await?;
    }
    drop(input);
    let output = running.wait_with_output().await?;
    let verdicts = String::from_utf8(output.stdout)?;
    ensure!(output.status.success() && verdicts.lines().count() == deliveries.len(), "{verdicts}");
    let mut accepted = 0;
    for ((payload, signature), verdict) in deliveries.iter().zip(verdicts.lines()) {
        let event: Value = serde_json::from_str(payload)?;
        let answer = deliver(&env.anyone, payload, signature).await?;
        if answer.status == 200 {
            accepted += 1;
            let read = format!("{} {}", event["type"], event["id"]).replace('"', "");
            assert_eq!(verdict, read, "{signature}");
        } else {
            assert_eq!((verdict, answer.problem()?), ("not signed", "SCRIP.CARD.SIGNATURE"), "{signature}");
        }
    }
    assert_eq!(accepted, 3 * events.len());
    Ok(())
}

async fn stripes_library_is_answered_as_by_stripe(env: &mut ServerEnv) -> Result<()> {
    let Some(python) = Python::find("stripe")? else { return Ok(()) };
    let sale = Sale::open(env).await?;
    env.stripe.pay(&sale.session)?;
    env.stripe.refund(&sale.session, 99)?;
    env.stripe.dispute(&sale.session)?;
    let mut script = python.script("stripe_client.py");
    ensure!(SECRET_KEY == "sk_test_stand_in");
    script.env("STRIPE_API_BASE", env.stripe.url()).env("SESSION", &sale.session);
    let expected = [
        "Opened: open 500 usd, the same again: True",
        "Another under that key: 400",
        "With a surprise: Received unknown parameter: surprise",
        "None: 404",
        "Session: complete paid, charged 999, refunded 99",
        "Disputes: ['needs_response']",
        "Refund: succeeded 900",
        "Once more: Charge has already been refunded.",
        "Account: express ES, 300 s",
    ];
    assert_eq!(printed(script).await?.lines().collect::<Vec<_>>(), expected);
    Ok(())
}
