//! Many balances in few calls, beside one call each.

use std::time::{Duration, Instant};

use alloy::{
    primitives::{Address, Bytes, U256},
    providers::RootProvider,
};
use eyre::{Result, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use scrip::{Lens, PlanId, Scrip, Terms};

use super::{Row, Unit};
use crate::env::TestEnv;

const PAIRS: u64 = 10_000;
/// How often what is fast is measured; the median counts.
const RUNS: usize = 9;
/// How many calls are under way at once, of the second rival.
const AT_ONCE: usize = 4;

pub(super) async fn measure() -> Result<Vec<Row>> {
    let env = TestEnv::start().await?;
    let plan = env.create(&Terms::credits("Plan", 1)).await?;
    let holders: Vec<_> =
        (0..PAIRS).map(|number| Address::from_word(U256::from(0x1_0000 + number).into())).collect();
    for holders in holders.chunks(200) {
        let mint = |&holder| -> Bytes { env.builder.instance().mint(plan.0, holder, 7).calldata().clone() };
        env.builder.multicall(holders.iter().map(mint).collect(), false).await?;
    }
    let pairs: Vec<_> = holders.into_iter().map(|holder| (plan, holder)).collect();
    let scrip = Scrip::connect(env.devnet.reader(), env.devnet.deployment()).await?;
    let lens = Lens::connect(&scrip).await?;

    let one_by_one = time(async || each(&scrip, &pairs, 1).await).await?;
    let some_at_once = time(async || each(&scrip, &pairs, AT_ONCE).await).await?;
    let balances = median_of(async || {
        let balances = scrip.balances(&pairs).await?.balances;
        ensure!(balances.iter().all(|balance| *balance == 7), "another balance than was minted");
        Ok(())
    });
    let balances = balances.await?;
    let holdings = median_of(async || {
        let holdings = lens.holdings(&pairs).await?.holdings;
        ensure!(
            holdings.iter().flatten().all(|holding| holding.balance == 7),
            "another balance than was minted"
        );
        Ok(())
    });
    let holdings = holdings.await?;

    let (one, four) = ("one call each, one after another", "one call each, four at once");
    let row = |task, ours, rival, theirs| Row::new(task, Unit::Milliseconds, ours, rival, theirs);
    Ok(vec![
        row("10,000 balances", balances, one, one_by_one).at_least(50.0),
        row("10,000 balances", balances, four, some_at_once),
        row("10,000 holdings, by the lens", holdings, one, one_by_one),
    ])
}

/// One call for each balance.
async fn each(scrip: &Scrip<RootProvider>, pairs: &[(PlanId, Address)], at_once: usize) -> Result<()> {
    let ask =
        async |&(plan, holder): &(PlanId, Address)| scrip.instance().balanceOf(holder, plan.0).call().await;
    let balances: Vec<U256> = stream::iter(pairs).map(ask).buffered(at_once).try_collect().await?;
    ensure!(balances.iter().all(|balance| *balance == U256::from(7)), "another balance than was minted");
    Ok(())
}

/// In milliseconds.
async fn time(run: impl AsyncFn() -> Result<()>) -> Result<f64> {
    let begun = Instant::now();
    run().await?;
    Ok(begun.elapsed().div_duration_f64(Duration::from_millis(1)))
}

/// The median of some runs in milliseconds, after one that does not count.
async fn median_of(run: impl AsyncFn() -> Result<()>) -> Result<f64> {
    run().await?;
    let mut times = Vec::new();
    for _ in 0..RUNS {
        times.push(time(&run).await?);
    }
    Ok(super::median(times))
}
