//! Refunds and disputes take back what was granted, and what is won is given again.

use std::time::Duration;

use eyre::{OptionExt, Result, ensure};
use scrip_e2e::server::ServerEnv;
use serde_json::json;
use tokio::time::sleep;

use super::{
    super::{changed, on_each_database},
    PRICE, Sale, fiat_plan,
};

on_each_database!(
    a_refund_takes_back_in_proportion,
    a_refund_before_the_payment_is_heard_of_counts,
    a_lost_dispute_takes_what_is_left,
    a_won_dispute_gives_again,
    a_won_dispute_gives_again_what_was_not_refunded,
    an_inquiry_takes_nothing,
    access_is_taken_back_as_a_whole,
);

async fn a_refund_takes_back_in_proportion(env: &mut ServerEnv) -> Result<()> {
    let sale = Sale::paid(env).await?;
    // 25.5 credits, rounded down.
    sale.refund(255).await?;
    let shown = sale.until_taken_back(25).await?;
    assert_eq!((&shown["status"], &shown["amountRefunded"]), (&json!("settled"), &json!("255")));
    assert_eq!(sale.balance().await?, 75);
    // 75.07 of all, and 60 of them are spent: 15 of these 50 are left.
    sale.spend(60).await?;
    sale.refund(495).await?;
    sale.until_taken_back(75).await?;
    assert_eq!(sale.balance().await?, 0);
    // The last cent takes the last credit, of which nothing is left.
    sale.refund(PRICE - 750).await?;
    let shown = sale.until_taken_back(100).await?;
    assert_eq!(shown["status"], "refunded");
    let settlement = sale.settlement().await?.ok_or_eyre("it is settled")?;
    assert_eq!((settlement.granted, settlement.taken_back, settlement.burned), (100, 100, 40));
    Ok(())
}

async fn a_refund_before_the_payment_is_heard_of_counts(env: &mut ServerEnv) -> Result<()> {
    // In part: what is heard last is the payment.
    let sale = Sale::open(env).await?;
    let paid = env.stripe.pay(&sale.session)?;
    sale.refund(500).await?;
    ensure!(sale.shown().await?["status"] == "open", "{}", sale.shown().await?);
    env.stripe.deliver_all(&env.anyone, &paid).await?;
    sale.until_taken_back(50).await?;
    assert_eq!(sale.balance().await?, 50);

    // As a whole: nothing is granted.
    let sale = Sale::open(env).await?;
    let paid = env.stripe.pay(&sale.session)?;
    sale.refund(PRICE).await?;
    env.stripe.deliver_all(&env.anyone, &paid).await?;
    sale.until("refunded").await?;
    assert_eq!((sale.settlement().await?, sale.balance().await?), (None, 0));

    // A dispute that is decided before any of it is heard: all that counts is how it ended.
    let sale = Sale::open(env).await?;
    let mut events = env.stripe.pay(&sale.session)?;
    events.extend(env.stripe.dispute(&sale.session)?);
    events.extend(env.stripe.decide(&sale.session, true)?);
    events.reverse();
    env.stripe.deliver_all(&env.anyone, &events).await?;
    sale.until("settled").await?;
    assert_eq!(sale.balance().await?, 100);
    Ok(())
}

async fn a_lost_dispute_takes_what_is_left(env: &mut ServerEnv) -> Result<()> {
    let sale = Sale::paid(env).await?;
    sale.spend(30).await?;
    let events = env.stripe.dispute(&sale.session)?;
    env.stripe.deliver_all(&env.anyone, &events).await?;
    let shown = sale.until_taken_back(100).await?;
    assert_eq!((&shown["status"], sale.balance().await?), (&json!("disputed"), 0));
    env.stripe.deliver_all(&env.anyone, &env.stripe.decide(&sale.session, false)?).await?;
    sale.until("charged_back").await?;
    let settlement = sale.settlement().await?.ok_or_eyre("it is settled")?;
    assert_eq!((settlement.taken_back, settlement.burned, settlement.reversed), (100, 70, false));
    assert_eq!(sale.balance().await?, 0);
    Ok(())
}

async fn a_won_dispute_gives_again(env: &mut ServerEnv) -> Result<()> {
    let sale = Sale::paid(env).await?;
    sale.spend(30).await?;
    env.stripe.deliver_all(&env.anyone, &env.stripe.dispute(&sale.session)?).await?;
    sale.until_taken_back(100).await?;
    let won = env.stripe.decide(&sale.session, true)?;
    for _ in 0..3 {
        env.stripe.deliver_all(&env.anyone, &won).await?;
    }
    sale.until("settled").await?;
    until_balance(&sale, 70).await?;
    ensure!(sale.settlement().await?.is_some_and(|settlement| settlement.reversed));
    Ok(())
}

async fn a_won_dispute_gives_again_what_was_not_refunded(env: &mut ServerEnv) -> Result<()> {
    let sale = Sale::paid(env).await?;
    sale.spend(30).await?;
    sale.refund(500).await?;
    sale.until_taken_back(50).await?;
    assert_eq!(sale.balance().await?, 20);
    env.stripe.deliver_all(&env.anyone, &env.stripe.dispute(&sale.session)?).await?;
    sale.until_taken_back(100).await?;
    assert_eq!(sale.balance().await?, 0);
    env.stripe.deliver_all(&env.anyone, &env.stripe.decide(&sale.session, true)?).await?;
    until_balance(&sale, 20).await?;
    // Another look changes nothing.
    env.stripe.deliver_all(&env.anyone, &env.stripe.decide(&sale.session, true)?).await?;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(sale.balance().await?, 20);
    Ok(())
}

async fn an_inquiry_takes_nothing(env: &mut ServerEnv) -> Result<()> {
    let sale = Sale::paid(env).await?;
    env.stripe.deliver_all(&env.anyone, &env.stripe.inquire(&sale.session)?).await?;
    sleep(Duration::from_secs(2)).await;
    let shown = sale.shown().await?;
    assert_eq!((&shown["status"], &shown["creditsTakenBack"]), (&json!("settled"), &json!("0")));
    assert_eq!(sale.balance().await?, 100);
    // It becomes a dispute, of which there is one more.
    env.stripe.deliver_all(&env.anyone, &env.stripe.dispute(&sale.session)?).await?;
    sale.until_taken_back(100).await?;
    Ok(())
}

async fn access_is_taken_back_as_a_whole(env: &mut ServerEnv) -> Result<()> {
    let time = [("/creditsConfig/durationSecs", json!("86400")), ("/accessLimit", json!("time"))];
    let sale = Sale::of(env, &changed(fiat_plan(env, "Time"), &time)).await?;
    env.stripe.deliver_all(&env.anyone, &env.stripe.pay(&sale.session)?).await?;
    let shown = sale.until("settled").await?;
    assert_eq!((&shown["credits"], sale.balance().await?), (&json!("1"), 1));
    sale.refund(PRICE - 1).await?;
    let shown = sale.until_shown(|shown| shown["amountRefunded"] == "998").await?;
    assert_eq!((&shown["creditsTakenBack"], sale.balance().await?), (&json!("0"), 1));
    sale.refund(1).await?;
    sale.until_taken_back(1).await?;
    assert_eq!(sale.balance().await?, 0);
    Ok(())
}

async fn until_balance(sale: &Sale<'_>, credits: u128) -> Result<()> {
    for _ in 0..200 {
        if sale.balance().await? == credits {
            return Ok(());
        }
        sleep(Duration::from_millis(50)).await;
    }
    eyre::bail!("{} and not {credits}: {}", sale.balance().await?, sale.shown().await?)
}
