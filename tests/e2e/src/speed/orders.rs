//! Pipelined orders of one account, beside raw transactions that were signed before.

use std::time::Instant;

use alloy::{
    eips::eip2718::Encodable2718,
    network::{NetworkTransactionBuilder, TransactionBuilder},
    primitives::{Bytes, U256},
    providers::{Provider, WalletProvider as _, ext::AnvilApi},
};
use eyre::{Result, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use scrip::{PlanId, Scrip};
use scrip_devnet::WalletProvider;

use super::{Row, Unit};
use crate::env::TestEnv;

/// How many orders are made each time.
const ORDERS: u64 = 1_000;
/// How many are under way at once, ours and the rival's.
const AT_ONCE: usize = 32;
/// How often each is measured, one after the other; the best counts, for what disturbs only makes slower.
const RUNS: usize = 3;
/// Enough for an order.
const GAS: u64 = 200_000;

pub(super) async fn measure() -> Result<Vec<Row>> {
    let env = TestEnv::start().await?;
    let plan = env.create(&env.premium()?).await?;
    for payer in [&env.subscriber, &env.stranger] {
        payer.approve(env.devnet.dollar().address, U256::MAX).await?;
        payer.order(plan).await?;
    }
    let (mut ours, mut raw) = (0_f64, 0_f64);
    for _ in 0..RUNS {
        raw = raw.max(sent_raw(&env, &env.stranger, plan).await?);
        ours = ours.max(ordered(&env.subscriber, plan).await?);
    }
    let balance = env.stranger.balance(plan, env.subscriber.signer()).await?.balance;
    ensure!(balance == u128::from(100 * (1 + RUNS as u64 * ORDERS)), "not every order was made: {balance}");
    let rival = "eth_sendRawTransaction, signed before, no receipts";
    let row = Row::new("orders of one account, with receipts", Unit::PerSecond, ours, rival, raw);
    Ok(vec![row.at_least(0.8)])
}

/// How many orders a second, from nothing to what was learned from their receipts.
async fn ordered(payer: &Scrip<WalletProvider>, plan: PlanId) -> Result<f64> {
    let payer = &payer.clone().untried(GAS);
    let began = Instant::now();
    let orders = stream::iter(0..ORDERS).map(|_| async { payer.order(plan).await });
    let purchases: Vec<_> = orders.buffer_unordered(AT_ONCE).try_collect().await?;
    let took = began.elapsed().as_secs_f64();
    ensure!(purchases.iter().all(|purchase| purchase.ordered.credits == 100), "an order of another plan");
    Ok(ORDERS as f64 / took)
}

/// How many transactions a second a node takes that does nothing else meanwhile.
async fn sent_raw(env: &TestEnv, payer: &Scrip<WalletProvider>, plan: PlanId) -> Result<f64> {
    let (provider, holder) = (env.devnet.reader(), payer.signer());
    let first = provider.get_transaction_count(holder).await?;
    let fees = provider.estimate_eip1559_fees().await?;
    let mut signed = Vec::<Bytes>::new();
    for nonce in first..first + ORDERS {
        let call = payer.instance().order(plan.0, holder, 1, U256::MAX).into_transaction_request();
        let call =
            call.with_from(holder).with_nonce(nonce).with_chain_id(payer.chain_id()).with_gas_limit(GAS);
        let call = call
            .with_max_fee_per_gas(fees.max_fee_per_gas)
            .with_max_priority_fee_per_gas(fees.max_priority_fee_per_gas);
        signed.push(call.build(payer.provider().wallet()).await?.encoded_2718().into());
    }
    let began = Instant::now();
    let sent = stream::iter(&signed).map(|transaction| provider.send_raw_transaction(transaction));
    sent.buffer_unordered(AT_ONCE).try_collect::<Vec<_>>().await?;
    // Anvil leaves what overtook another in its pool until the next block.
    while provider.get_transaction_count(holder).await? < first + ORDERS {
        provider.evm_mine(None).await?;
    }
    let took = began.elapsed().as_secs_f64();
    Ok(ORDERS as f64 / took)
}
