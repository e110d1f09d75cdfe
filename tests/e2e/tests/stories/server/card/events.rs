//! Events arrive as they do: often, in any order, at any replica, and from anyone.

use alloy::primitives::keccak256;
use eyre::{OptionExt, Result, ensure};
use scrip_e2e::server::{
    Answer, Caller, ServerEnv,
    stripe::{StandIn, WEBHOOK_SECRET, deliver},
};
use scrip_server::Clock;
use sqlx::Row;

use super::{super::on_each_database, Sale};

on_each_database!(
    ten_deliveries_in_any_order_to_two_replicas_settle_once,
    what_is_not_signed_is_refused,
    an_event_is_taken_down_once,
    what_is_about_nothing_of_ours_is_let_be,
);

async fn ten_deliveries_in_any_order_to_two_replicas_settle_once(env: &mut ServerEnv) -> Result<()> {
    // One file has one process.
    let other =
        if env.database().url().starts_with("postgres") { Some(env.another(None).await?) } else { None };
    let at: Vec<Caller> = [Some(env.anyone.clone()), other.as_ref().map(|other| env.anyone.at(other))]
        .into_iter()
        .flatten()
        .collect();
    let (first, second) = (Sale::open(env).await?, Sale::open(env).await?);
    let mut events = env.stripe.pay(&first.session)?;
    events.extend(env.stripe.promise(&second.session)?);
    events.extend(env.stripe.arrive(&second.session)?);
    events.extend(env.stripe.refund(&second.session, 500)?);
    let each = events.len();
    let mut deliveries: Vec<_> =
        (0..10).flat_map(|round| events.iter().map(move |event| (round, event))).collect();
    deliveries.sort_by_key(|(round, event)| keccak256(format!("{round} {}", event.payload)));
    let mut new = 0;
    for (round, some) in deliveries.chunks(8).enumerate() {
        let deliveries = some.iter().enumerate();
        let deliveries =
            deliveries.map(|(place, (_, event))| env.stripe.deliver(&at[(round + place) % at.len()], event));
        for answer in futures_util::future::join_all(deliveries).await {
            new += usize::from(answer?.ok()?["new"] == true);
        }
    }
    assert_eq!(new, each, "each is new once");
    first.until("settled").await?;
    second.until_taken_back(50).await?;
    assert_eq!((first.balance().await?, second.balance().await?), (100, 50));
    // Not one transaction more: two settlements and a take-back.
    let database = env.database().connect().await?;
    let row = sqlx::query("SELECT count(*) FROM operations WHERE work LIKE '{\"card\"%'")
        .fetch_one(&database)
        .await?;
    assert_eq!(row.try_get::<i64, _>(0)?, 3);
    for sale in [first, second] {
        let settlement = sale.settlement().await?.ok_or_eyre("it is settled")?;
        assert_eq!((settlement.holder, settlement.granted), (env.subscriber.address, 100));
    }
    Ok(())
}

async fn what_is_not_signed_is_refused(env: &mut ServerEnv) -> Result<()> {
    let sale = Sale::open(env).await?;
    let event = env.stripe.pay(&sale.session)?.swap_remove(0);
    let payload = &event.payload;
    let now = Clock::default().now();
    let right = StandIn::sign(payload, WEBHOOK_SECRET, now)?;
    let refused = async |payload: &str, signature: &str| -> Result<()> {
        let answer = deliver(&env.anyone, payload, signature).await?;
        ensure!(
            (answer.status, answer.problem()?) == (400, "SCRIP.CARD.SIGNATURE"),
            "{signature}: {}",
            answer.body
        );
        Ok(())
    };
    refused(payload, &StandIn::sign(payload, "whsec_another", now)?).await?;
    refused(payload, &StandIn::sign(payload, WEBHOOK_SECRET, now - 310)?).await?;
    refused(payload, &StandIn::sign(payload, WEBHOOK_SECRET, now + 310)?).await?;
    refused(&payload.replace("999", "998"), &right).await?;
    refused(&format!("{payload} "), &right).await?;
    for signature in [
        "",
        "t=,v1=",
        "v1=00",
        &right.replace("v1=", "v0="),
        &right.replace("t=", "t=1"),
        &right[..right.len() - 2],
    ] {
        refused(payload, signature).await?;
    }
    let unsigned = env.anyone.post("/api/v1/fiat/stripe/webhook", &serde_json::from_str(payload)?).await?;
    assert_eq!((unsigned.status, unsigned.problem()?), (400, "SCRIP.CARD.SIGNATURE"));
    assert_eq!(sale.shown().await?["status"], "open");
    // One of several signatures is enough, as when the secret is exchanged, and within five minutes.
    let old = StandIn::sign(payload, "whsec_old", now - 280)?;
    let (_, old) = old.split_once(',').ok_or_eyre("no signature")?;
    let both = StandIn::sign(payload, WEBHOOK_SECRET, now - 280)?.replace(",v1", &format!(",{old},v1"));
    deliver(&env.anyone, payload, &both).await?.ok()?;
    sale.until("settled").await?;
    Ok(())
}

async fn an_event_is_taken_down_once(env: &mut ServerEnv) -> Result<()> {
    let sale = Sale::open(env).await?;
    let event = env.stripe.pay(&sale.session)?.swap_remove(0);
    let signature = env.stripe.signature(&event.payload)?;
    assert_eq!(deliver(&env.anyone, &event.payload, &signature).await?.ok()?["new"], true);
    sale.until("settled").await?;
    sale.until_nothing_is_due().await?;
    let asked = env.stripe.count("GET", "/v1/checkout/sessions");
    assert_eq!(asked, 3, "before the intent was known, once it was, and after it was settled");
    // Whether it is replayed as it was, or signed anew: Stripe is not even asked.
    assert_eq!(deliver(&env.anyone, &event.payload, &signature).await?.ok()?["new"], false);
    env.advance(3_600);
    assert_eq!(env.stripe.deliver(&env.anyone, &event).await?.ok()?["new"], false);
    let old = deliver(&env.anyone, &event.payload, &signature).await?;
    assert_eq!((old.status, old.problem()?), (400, "SCRIP.CARD.SIGNATURE"));
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert_eq!(env.stripe.count("GET", "/v1/checkout/sessions"), asked);
    Ok(())
}

async fn what_is_about_nothing_of_ours_is_let_be(env: &mut ServerEnv) -> Result<()> {
    let sale = Sale::open(env).await?;
    let event = env.stripe.pay(&sale.session)?.swap_remove(0);
    let other = async |payload: String| -> Result<Answer> {
        let signature = StandIn::sign(&payload, WEBHOOK_SECRET, Clock::default().now())?;
        deliver(&env.anyone, &payload, &signature).await
    };
    // Of another seller of the same Stripe account, of a kind that does not matter, of a shape that nobody knows.
    let payload =
        |from: &str, to: &str| event.payload.replace(from, to).replace("evt_", &format!("evt_{}", to.len()));
    other(payload(&sale.session, "cs_test_other")).await?.ok()?;
    other(payload("checkout.session.completed", "customer.created")).await?.ok()?;
    other(payload("checkout.session.completed", "something.new")).await?.ok()?;
    assert_eq!(sale.shown().await?["status"], "open");
    for payload in ["", "{}", "[]", "null", r#"{"id":"evt_x"}"#] {
        let answer = other(payload.to_owned()).await?;
        assert_eq!((answer.status, answer.problem()?), (400, "BCK.HTTP.400"), "{payload}");
    }
    // What is said of a payment is not believed, but asked: nobody has paid this one.
    let unpaid = Sale::open(env).await?;
    let lie = event.payload.replace(&sale.session, &unpaid.session).replace("evt_", "evt_lie_");
    let reference = env.stripe.session(&sale.session)?["client_reference_id"].clone();
    let of_unpaid = env.stripe.session(&unpaid.session)?["client_reference_id"].clone();
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned).ok_or_eyre("no reference");
    other(lie.replace(&text(&reference)?, &text(&of_unpaid)?)).await?.ok()?;
    let asked = env.stripe.count("GET", &format!("/v1/checkout/sessions/{}", unpaid.session));
    for _ in 0..40 {
        if asked > 0 || env.stripe.count("GET", &format!("/v1/checkout/sessions/{}", unpaid.session)) > 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(env.stripe.count("GET", &format!("/v1/checkout/sessions/{}", unpaid.session)), 1);
    assert_eq!((unpaid.shown().await?["status"].as_str(), unpaid.balance().await?), (Some("open"), 0));
    Ok(())
}
