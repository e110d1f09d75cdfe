//! A node that is behind what was told before: what was done is not done again.

use alloy::{primitives::Bytes, providers::ext::AnvilApi, rpc::client::RpcClient};
use eyre::{Result, ensure};
use scrip_devnet::Devnet;
use scrip_e2e::server::{Replica, ServerEnv};

use super::{super::on_each_database, Sale};

on_each_database!(what_was_taken_back_is_not_taken_again, what_was_settled_is_not_given_back);

/// A server takes the place of the first that asks a node which has come only so far as this state.
async fn behind(env: &mut ServerEnv, state: Bytes) -> Result<Devnet> {
    let late = Devnet::start().await?;
    ensure!(late.reader().anvil_load_state(state).await?, "the state is not taken");
    env.kill();
    let node = RpcClient::new_http(late.url().parse()?);
    let replica: Replica = env.another(Some(node)).await?;
    env.turn_to(replica);
    Ok(late)
}

async fn what_was_taken_back_is_not_taken_again(env: &mut ServerEnv) -> Result<()> {
    let (plan, session, state) = {
        let sale = Sale::paid(env).await?;
        let state = env.chain.devnet.reader().anvil_dump_state().await?;
        sale.refund(333).await?;
        sale.until_taken_back(33).await?;
        sale.until_nothing_is_due().await?;
        (sale.plan, sale.session.clone(), state)
    };
    let late = behind(env, state).await?;
    let sale = Sale { env, plan, session };
    // The chain as this node has it lacks what was taken back, and Stripe tells that more is to be.
    sale.refund(333).await?;
    let shown = sale.until_shown(|shown| shown["problem"].is_string()).await?;
    assert_eq!(shown["creditsTakenBack"], "33", "{shown}");
    let as_it_has = late.scrip("stranger").await?.settlement(sale.plan, &sale.session).await?;
    assert_eq!(as_it_has.map(|settlement| settlement.taken_back), Some(0), "it was sent something");

    let session = sale.session.clone();
    env.kill();
    env.restart().await?;
    let sale = Sale { env, plan, session };
    sale.until_taken_back(66).await?;
    assert_eq!(sale.balance().await?, 34);
    Ok(())
}

async fn what_was_settled_is_not_given_back(env: &mut ServerEnv) -> Result<()> {
    let (plan, session, state) = {
        let sale = Sale::open(env).await?;
        let state = env.chain.devnet.reader().anvil_dump_state().await?;
        env.stripe.deliver_all(&env.anyone, &env.stripe.pay(&sale.session)?).await?;
        sale.until("settled").await?;
        sale.until_nothing_is_due().await?;
        (sale.plan, sale.session.clone(), state)
    };
    let late = behind(env, state).await?;
    // More than a day after it was paid, this node knows nothing of it.
    env.advance(90_000);
    let sale = Sale { env, plan, session };
    env.stripe.deliver_all(&env.anyone, &env.stripe.inquire(&sale.session)?).await?;
    sale.until_shown(|shown| shown["problem"].is_string()).await?;
    assert_eq!(env.stripe.refunded(&sale.session)?, 0, "the credits are there, and the money went back");
    assert_eq!(late.scrip("stranger").await?.settlement(sale.plan, &sale.session).await?, None);

    let session = sale.session.clone();
    env.kill();
    env.restart().await?;
    let sale = Sale { env, plan, session };
    sale.until("settled").await?;
    assert_eq!((sale.balance().await?, env.stripe.refunded(&sale.session)?), (100, 0));
    Ok(())
}
