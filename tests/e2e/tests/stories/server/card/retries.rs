//! What is paid and cannot be settled is tried again, seen meanwhile, and given back after a day; whatever breaks on the way.

use std::{sync::Arc, time::Duration};

use alloy::{
    providers::{Provider, ext::AnvilApi},
    rpc::client::RpcClient,
};
use eyre::{Result, ensure};
use reqwest::Method;
use scrip_e2e::{
    faults::{Fault, FaultyNode},
    server::{Answer, Caller, ServerEnv, stripe::Mishap},
};
use serde_json::json;
use sqlx::Row;
use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};

use super::{super::on_each_database, PAY, PRICE, Sale, fiat_plan, register};

on_each_database!(
    what_nobody_may_settle_is_settled_once_somebody_may,
    what_cannot_be_settled_within_a_day_goes_back,
    a_refund_whose_answer_is_lost_is_made_once,
    while_the_chain_is_down_nothing_is_lost_and_after_a_day_it_goes_back,
    while_stripe_is_down_nothing_is_lost,
    what_stripe_says_wrongly_is_not_believed,
    a_lost_answer_opens_no_second_session,
    a_killed_server_settles_once,
    what_nobody_tells_of_is_asked_for,
    what_happens_while_stripe_is_asked_is_not_missed,
    what_is_not_known_to_be_done_is_not_done_again,
);

/// The plan goes to somebody for whom the server does not sign.
async fn hand_over(env: &ServerEnv, sale: &Sale<'_>) -> Result<()> {
    env.chain.builder.transfer_ownership(sale.plan, env.chain.agent.signer()).await?;
    env.chain.agent.accept_ownership(sale.plan).await?;
    Ok(())
}

async fn what_nobody_may_settle_is_settled_once_somebody_may(env: &mut ServerEnv) -> Result<()> {
    let sale = Sale::open(env).await?;
    hand_over(env, &sale).await?;
    env.stripe.deliver_all(&env.anyone, &env.stripe.pay(&sale.session)?).await?;
    let shown = sale.until_shown(|shown| shown["problem"].is_string()).await?;
    assert_eq!((&shown["status"], &shown["credits"]), (&json!("paid"), &json!("0")));
    ensure!(shown["nextTry"].is_string() && shown["paidAt"].is_string(), "{shown}");
    // The buyer sees it as well.
    let seen = env.subscriber.get(&format!("/api/v1/fiat/payments/{}", sale.session)).await?.ok()?;
    assert_eq!(seen["status"], "paid");
    // It comes back, and goes on without anybody asking.
    env.chain.agent.transfer_ownership(sale.plan, env.builder.address).await?;
    env.chain.builder.accept_ownership(sale.plan).await?;
    sale.until("settled").await?;
    assert_eq!((sale.balance().await?, env.stripe.refunded(&sale.session)?), (100, 0));
    Ok(())
}

async fn what_cannot_be_settled_within_a_day_goes_back(env: &mut ServerEnv) -> Result<()> {
    let sale = Sale::open(env).await?;
    hand_over(env, &sale).await?;
    env.stripe.deliver_all(&env.anyone, &env.stripe.pay(&sale.session)?).await?;
    sale.until_shown(|shown| shown["problem"].is_string()).await?;
    env.advance(86_000);
    sale.until_shown(|shown| shown["problem"].is_string() && shown["status"] == "paid").await?;
    assert_eq!(env.stripe.refunded(&sale.session)?, 0, "the day is not over");
    // Stripe gives it back, and the answer is lost.
    env.stripe.set_down(true);
    env.advance(400);
    sale.until_shown(|shown| shown["problem"].as_str().is_some_and(|problem| problem.contains("Stripe")))
        .await?;
    env.stripe.set_down(false);
    sale.until("refunded").await?;
    assert_eq!(env.stripe.refunded(&sale.session)?, PRICE);
    env.stripe.deliver_all(&env.anyone, &env.stripe.own_events()).await?;
    // Whoever may settle now finds nothing to settle.
    env.chain.agent.transfer_ownership(sale.plan, env.builder.address).await?;
    env.chain.builder.accept_ownership(sale.plan).await?;
    env.advance(7_200);
    sleep(Duration::from_secs(2)).await;
    assert_eq!((sale.balance().await?, sale.settlement().await?), (0, None));
    Ok(())
}

async fn a_refund_whose_answer_is_lost_is_made_once(env: &mut ServerEnv) -> Result<()> {
    let sale = Sale::open(env).await?;
    hand_over(env, &sale).await?;
    env.stripe.deliver_all(&env.anyone, &env.stripe.pay(&sale.session)?).await?;
    sale.until_shown(|shown| shown["problem"].is_string()).await?;
    env.advance(86_400);
    env.stripe.lose_refund();
    sale.until("refunded").await?;
    assert_eq!((env.stripe.count("POST", "/v1/refunds"), env.stripe.refunded(&sale.session)?), (2, PRICE));
    Ok(())
}

/// A server before a chain that can be down, and who asks it.
async fn behind(node: &FaultyNode, env: &mut ServerEnv) -> Result<scrip_e2e::server::Replica> {
    env.kill();
    env.another(Some(RpcClient::new_http(node.url().clone()))).await
}

async fn while_the_chain_is_down_nothing_is_lost_and_after_a_day_it_goes_back(
    env: &mut ServerEnv,
) -> Result<()> {
    let node = FaultyNode::before(env.chain.devnet.url()).await?;
    let replica = behind(&node, env).await?;
    for caller in [&mut env.builder, &mut env.subscriber, &mut env.anyone] {
        *caller = caller.at(&replica);
    }
    let (sale, other) = (Sale::open(env).await?, Sale::open(env).await?);
    node.always(Fault::Unavailable);
    env.stripe.deliver_all(&env.anyone, &env.stripe.pay(&sale.session)?).await?;
    let shown = sale.until_shown(|shown| shown["problem"].is_string()).await?;
    ensure!(!shown.to_string().contains("http://"), "{shown}");
    node.heal();
    sale.until("settled").await?;
    assert_eq!(sale.balance().await?, 100);

    node.always(Fault::Unavailable);
    env.stripe.deliver_all(&env.anyone, &env.stripe.pay(&other.session)?).await?;
    other.until_shown(|shown| shown["problem"].is_string()).await?;
    env.advance(86_400);
    other.until("refunded").await?;
    assert_eq!(env.stripe.refunded(&other.session)?, PRICE);
    node.heal();
    env.advance(7_200);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(other.settlement().await?, None);
    Ok(())
}

async fn while_stripe_is_down_nothing_is_lost(env: &mut ServerEnv) -> Result<()> {
    let sale = Sale::open(env).await?;
    env.stripe.set_down(true);
    let asked = json!({ "planId": sale.plan.0.to_string() });
    let answer = env.subscriber.post(PAY, &asked).await?;
    assert_eq!((answer.status, answer.problem()?), (503, "SCRIP.CARD.UNREACHABLE"));
    env.stripe.deliver_all(&env.anyone, &env.stripe.pay(&sale.session)?).await?;
    sale.until_shown(|shown| shown["problem"].is_string()).await?;
    assert_eq!(sale.balance().await?, 0, "nothing is believed that Stripe has not been asked");
    env.stripe.set_down(false);
    sale.until("settled").await?;
    assert_eq!(sale.balance().await?, 100);
    Ok(())
}

async fn what_stripe_says_wrongly_is_not_believed(env: &mut ServerEnv) -> Result<()> {
    let (sale, lies) = (
        Sale::open(env).await?,
        [
            ("/amount_total", json!(99)),
            ("/currency", json!("jpy")),
            ("/client_reference_id", json!("another's")),
            ("/id", json!("cs_test_another")),
            ("/payment_intent/latest_charge/amount", json!(1)),
            ("/payment_intent", json!(null)),
        ],
    );
    for lie in lies {
        env.stripe.next(Mishap::Lie(lie.0, lie.1));
    }
    env.stripe.deliver_all(&env.anyone, &env.stripe.pay(&sale.session)?).await?;
    let shown = sale.until_shown(|shown| shown["problem"].is_string()).await?;
    ensure!(shown["problem"].as_str().is_some_and(|problem| problem.contains("is about")), "{shown}");
    assert_eq!(sale.balance().await?, 0);
    // Sooner than the waits between the tries have grown to, however busy the machine is.
    for _ in 0..30 {
        if sale.shown().await?["status"] == "settled" {
            break;
        }
        env.advance(60);
        sleep(Duration::from_millis(1_200)).await;
    }
    sale.until("settled").await?;
    assert_eq!(sale.balance().await?, 100);

    // Nor what it opens. It is asked for nothing else meanwhile.
    sale.until_nothing_is_due().await?;
    env.stripe.next(Mishap::Lie("/amount_total", json!(1)));
    let asked = json!({ "planId": sale.plan.0.to_string() });
    let answer = env.subscriber.post(PAY, &asked).await?;
    assert_eq!((answer.status, answer.problem()?), (503, "SCRIP.CARD.UNREACHABLE"));
    Ok(())
}

async fn a_lost_answer_opens_no_second_session(env: &mut ServerEnv) -> Result<()> {
    let plan = register(env, &fiat_plan(env, "Card")).await?;
    let asked = json!({ "planId": plan.0.to_string(), "sessionType": "embedded" });
    let pay = async |caller: &Caller, key: &str| -> Result<Answer> {
        Answer::of(caller.request(Method::POST, PAY).header("idempotency-key", key).json(&asked)).await
    };
    env.stripe.next(Mishap::Lost);
    let answer = pay(&env.subscriber, "k").await?;
    assert_eq!((answer.status, answer.problem()?), (503, "SCRIP.CARD.UNREACHABLE"));
    let opened = pay(&env.subscriber, "k").await?.ok()?;
    assert_eq!(pay(&env.subscriber, "k").await?.ok()?, opened);
    // Stripe was asked twice, and has opened one.
    assert_eq!(env.stripe.count("POST", "/v1/checkout/sessions"), 2);
    assert_eq!(opened["sessionId"], "cs_test_1");
    assert_ne!(pay(&env.stranger, "k").await?.ok()?["sessionId"], opened["sessionId"]);
    let other = json!({ "planId": plan.0.to_string() });
    let other = env.subscriber.request(Method::POST, PAY).header("idempotency-key", "k").json(&other);
    let other = Answer::of(other).await?;
    assert_eq!((other.status, other.problem()?), (409, "SCRIP.REQUEST.REUSED"));
    // A session of which only the event was heard, for its answer was lost, is known by its reference.
    env.stripe.next(Mishap::Lost);
    assert_eq!(pay(&env.subscriber, "l").await?.status, 503);
    let session = "cs_test_3".to_owned();
    let sale = Sale { env, plan, session };
    env.stripe.deliver_all(&env.anyone, &env.stripe.pay(&sale.session)?).await?;
    sale.until("settled").await?;
    assert_eq!(sale.balance().await?, 100);
    Ok(())
}

async fn a_killed_server_settles_once(env: &mut ServerEnv) -> Result<()> {
    let sale = Sale::open(env).await?;
    let (plan, session) = (sale.plan, sale.session.clone());
    let reader = env.chain.devnet.reader();
    reader.anvil_set_auto_mine(false).await?;
    env.stripe.deliver_all(&env.anyone, &env.stripe.pay(&session)?).await?;
    // It is sent, and not mined.
    let nonce = reader.get_transaction_count(env.builder.address).await?;
    let sent = async || reader.get_transaction_count(env.builder.address).pending().await;
    for _ in 0..200 {
        if sent().await? > nonce {
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    ensure!(sent().await? == nonce + 1, "nothing was sent");
    env.kill();
    env.chain.devnet.reader().anvil_set_auto_mine(true).await?;
    env.chain.devnet.reader().evm_mine(None).await?;
    env.restart().await?;
    if env.database().url().starts_with("postgres") {
        // Whoever had the lease is dead; of a file's process that is known.
        env.advance(120);
    }
    let sale = Sale { env, plan, session };
    sale.until("settled").await?;
    assert_eq!(sale.balance().await?, 100);
    Ok(())
}

async fn what_nobody_tells_of_is_asked_for(env: &mut ServerEnv) -> Result<()> {
    // Stripe's events never arrive.
    let (paid, left) = (Sale::open(env).await?, Sale::open(env).await?);
    env.stripe.pay(&paid.session)?;
    env.stripe.expire(&left.session)?;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(env.stripe.count("GET", "/v1/checkout/sessions"), 0);
    env.advance(600);
    paid.until("settled").await?;
    left.until("expired").await?;
    assert_eq!((paid.balance().await?, left.settlement().await?), (100, None));
    Ok(())
}

async fn what_happens_while_stripe_is_asked_is_not_missed(env: &mut ServerEnv) -> Result<()> {
    let sale = Sale::open(env).await?;
    let paid = env.stripe.pay(&sale.session)?;
    env.stripe.deliver_all(&env.anyone, &env.stripe.dispute(&sale.session)?).await?;
    let answered = Arc::new(Notify::new());
    env.stripe.next(Mishap::None);
    env.stripe.next(Mishap::Late(Arc::clone(&answered)));
    env.stripe.deliver_all(&env.anyone, &paid).await?;
    while env.stripe.count("GET", "/v1/disputes") == 0 {
        sleep(Duration::from_millis(20)).await;
    }
    // The answer is on its way and says nothing of this, and the events are about an intent that nobody has heard of.
    env.stripe.deliver_all(&env.anyone, &env.stripe.decide(&sale.session, true)?).await?;
    sale.refund(500).await?;
    answered.notify_one();
    sale.until_taken_back(50).await?;
    assert_eq!(
        (sale.until("settled").await?["amountRefunded"].as_str(), sale.balance().await?),
        (Some("500"), 50)
    );
    Ok(())
}

async fn what_is_not_known_to_be_done_is_not_done_again(env: &mut ServerEnv) -> Result<()> {
    let sale = Sale::paid(env).await?;
    let reader = env.chain.devnet.reader();
    reader.anvil_set_auto_mine(false).await?;
    sale.refund(500).await?;
    // After 25 seconds it is not waited for any more.
    let began = Instant::now();
    while sale.shown().await?["problem"].is_null() {
        ensure!(began.elapsed() < Duration::from_secs(60), "{}", sale.shown().await?);
        sleep(Duration::from_millis(200)).await;
    }
    sale.refund(100).await?;
    sleep(Duration::from_secs(2)).await;
    reader.anvil_set_auto_mine(true).await?;
    reader.evm_mine(None).await?;
    sale.until_taken_back(60).await?;
    assert_eq!(sale.balance().await?, 40);
    let database = env.database().connect().await?;
    let query = "SELECT count(*) FROM operations WHERE work LIKE '%take_back%'";
    assert_eq!(sqlx::query(query).fetch_one(&database).await?.try_get::<i64, _>(0)?, 2);
    Ok(())
}
