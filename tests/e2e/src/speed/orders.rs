//! Pipelined orders of one account, beside raw transactions that were signed before.

use std::time::{Duration, Instant};

use alloy::{
    eips::eip2718::Encodable2718,
    network::{NetworkTransactionBuilder, TransactionBuilder},
    primitives::{Bytes, U256},
    providers::{Provider, RootProvider, WalletProvider as _, ext::AnvilApi},
};
use eyre::{Result, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use scrip::{PlanId, Scrip};
use scrip_devnet::WalletProvider;
use tokio::{task::JoinHandle, time::sleep};

use super::{Row, Unit};
use crate::env::TestEnv;

/// How many orders are made each time.
const ORDERS: u64 = 2_000;
/// How many are under way at once, ours and the rival's.
const AT_ONCE: usize = 256;
/// How often each is measured, one after the other on a chain of their own; the median of what they are to each other counts.
const RUNS: usize = 5;
/// How long the chain may stand still before it is made to mine.
const STUCK: Duration = Duration::from_millis(20);
/// After how long without progress the rival sends again what comes next: Anvil loses a transaction now and then that it has
/// accepted.
const LOST: Duration = Duration::from_millis(50);
/// How long without progress is being stuck: Anvil then mines empty blocks beside a pool of what could be mined.
const STANDS: Duration = Duration::from_secs(1);
/// How many rounds there are at most, with those in which Anvil gets stuck.
const MOST_ROUNDS: usize = 20;
/// The gas of a block with room for all orders that are under way.
pub(crate) const ROOM: u64 = 1_000_000_000;
/// Enough for an order.
const GAS: u64 = 200_000;

pub(super) async fn measure() -> Result<Vec<Row>> {
    let mut pairs = Vec::new();
    for _ in 0..MOST_ROUNDS {
        if pairs.len() < RUNS
            && let Some(pair) = round().await?
        {
            pairs.push(pair);
        }
    }
    ensure!(pairs.len() == RUNS, "Anvil got stuck in all but {} of {MOST_ROUNDS} rounds", pairs.len());
    pairs.sort_by(|one, other| (one.0 / one.1).total_cmp(&(other.0 / other.1)));
    let (ours, theirs) = pairs[RUNS / 2];
    let rival = "eth_sendRawTransaction, signed before, no receipts";
    let row = Row::new("orders of one account, with receipts", Unit::PerSecond, ours, rival, theirs);
    Ok(vec![row.at_least(0.8)])
}

/// Ours and the rival's, on a chain of their own; nothing when Anvil gets stuck with what the rival has sent.
async fn round() -> Result<Option<(f64, f64)>> {
    let env = TestEnv::start().await?;
    let plan = env.create(&env.premium()?).await?;
    for payer in [&env.subscriber, &env.stranger] {
        payer.approve(env.devnet.dollar().address, U256::MAX).await?;
        payer.order(plan).await?;
    }
    // Blocks that are never half full keep the base fee where it is: what was signed before would wait for it to fall again.
    env.devnet.reader().anvil_set_block_gas_limit(ROOM).await?;
    let _mining = Mining::of(env.devnet.reader());
    let ours = ordered(&env.subscriber, plan).await?;
    let Some(raw) = sent_raw(&env, &env.stranger, plan).await? else { return Ok(None) };
    let balance = env.stranger.balance(plan, env.subscriber.signer()).await?.balance;
    ensure!(balance == u128::from(100 * (1 + ORDERS)), "not every order was made: {balance}");
    Ok(Some((ours, raw)))
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

/// How many transactions a second a node takes that does nothing else meanwhile; nothing if it gets stuck.
async fn sent_raw(env: &TestEnv, payer: &Scrip<WalletProvider>, plan: PlanId) -> Result<Option<f64>> {
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
    let (mut mined, mut moved, mut asked) = (0, Instant::now(), Instant::now());
    while mined < first + ORDERS {
        sleep(Duration::from_millis(1)).await;
        let count = provider.get_transaction_count(holder).await?;
        if count > mined {
            (mined, moved) = (count, Instant::now());
        } else if moved.elapsed() > STANDS {
            return Ok(None);
        } else if moved.elapsed() > LOST && asked.elapsed() > LOST {
            let lost = &signed[usize::try_from(mined - first)?];
            // It may be there by now.
            let _ = provider.send_raw_transaction(lost).await;
            asked = Instant::now();
        }
    }
    let took = began.elapsed().as_secs_f64();
    Ok(Some(ORDERS as f64 / took))
}

/// Has a chain mine that stands still, until it is dropped: Anvil leaves what overtook another in its pool until the next block.
#[derive(Debug)]
pub(crate) struct Mining(JoinHandle<Result<()>>);

impl Mining {
    pub(crate) fn of(provider: RootProvider) -> Self {
        Self(tokio::spawn(async move {
            let mut last = 0;
            loop {
                let now = provider.get_block_number().await?;
                if now == last {
                    provider.evm_mine(None).await?;
                }
                last = now;
                sleep(STUCK).await;
            }
        }))
    }
}

impl Drop for Mining {
    fn drop(&mut self) {
        self.0.abort();
    }
}
