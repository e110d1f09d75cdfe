//! Gas: whose accounts have none, and what is given for it.

use alloy::{
    primitives::{Address, U256, utils::parse_ether},
    providers::{Provider, ext::AnvilApi},
};
use eyre::Result;
use scrip::{Terms, Token};
use scrip_e2e::server::{Replica, ServerEnv};
use serde_json::json;

use super::{
    changed, on_each_database, plan, refused, register,
    x402::{give, request, token, verify},
};
use crate::common::deploy;

on_each_database!(
    a_seller_without_gas_verifies_nothing,
    what_was_given_for_gas_buys_nothing,
    a_price_that_changes_takes_nothing_that_was_given_for_gas,
);

async fn a_seller_without_gas_verifies_nothing(env: &mut ServerEnv) -> Result<()> {
    let plan = register(env, "Gasless").await?;
    give(env, &plan, 10, 0).await?;
    let token = token(env, &plan).await?;
    let without_fund = Replica::start(scrip_server::Config { fund: None, ..env.config(None)? }).await?;
    let seller = env.builder.at(&without_fund);
    request(verify(&seller, &plan, &token, 1).await?)?;
    env.chain.devnet.reader().anvil_set_balance(env.builder.address, U256::from(1_000)).await?;
    refused(&verify(&seller, &plan, &token, 1).await?, 409, "SCRIP.ACCOUNT.GAS")?;
    // Where there is a fund, it is given.
    request(verify(&env.builder, &plan, &token, 1).await?)?;
    Ok(())
}

async fn what_was_given_for_gas_buys_nothing(env: &mut ServerEnv) -> Result<()> {
    let price = parse_ether("0.015")?;
    let asked = [
        ("/priceConfig/tokenAddress", json!(Address::ZERO)),
        ("/priceConfig/amounts", json!([price.to_string()])),
    ];
    let made = env.builder.post("/api/v1/protocol/plans", &changed(plan(env, "Coin"), &asked)).await?.ok()?;
    let order = format!("/api/v1/protocol/plans/{}/order", made["planId"].as_str().unwrap_or_default());
    let node = env.chain.devnet.reader();
    let has = async |ether: &str| -> Result<()> {
        Ok(node.anvil_set_balance(env.subscriber.address, parse_ether(ether)?).await?)
    };
    // The fund gives 0.02 to who has less than 0.01.
    for some in ["0", "0.009", "0.0449"] {
        has(some).await?;
        refused(&env.subscriber.post_nothing(&order).await?, 402, "BCK.PROTOCOL.0011")?;
    }
    has("0.046").await?;
    env.subscriber.post_nothing(&order).await?.ok()?;
    // Two at once do not spend the same.
    has("0.052").await?;
    let both = [env.subscriber.post_nothing(&order), env.subscriber.post_nothing(&order)];
    let both = futures_util::future::try_join_all(both).await?;
    assert_eq!(both.iter().filter(|answer| answer.status == 200).count(), 1, "{both:?}");
    Ok(())
}

async fn a_price_that_changes_takes_nothing_that_was_given_for_gas(env: &mut ServerEnv) -> Result<()> {
    // Who looks at it is told that it costs nothing; who orders pays.
    let source = deploy(&env.chain, "Fickle").await?;
    let payee = env.chain.stranger.signer();
    let terms = Terms::credits("Fickle", 1).quoted_by(source, &Token::native("ETH")).paid_to(payee);
    let plan = env.chain.stranger.create_plan(&terms).await?.plan;
    let node = env.chain.devnet.reader();
    node.anvil_set_balance(env.subscriber.address, parse_ether("0.05")?).await?;
    let before = node.get_balance(payee).await?;
    let order = format!("/api/v1/protocol/plans/{}/order", plan.0);
    refused(&env.subscriber.post_nothing(&order).await?, 409, "SCRIP.CHAIN.REFUSED")?;
    assert_eq!(node.get_balance(payee).await?, before);
    Ok(())
}
