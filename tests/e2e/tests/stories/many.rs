//! Ten thousand balances in few calls, all of one block.

use std::collections::BTreeMap;

use alloy::{
    primitives::{Address, Bytes, U256},
    providers::{Provider, ext::AnvilApi},
};
use eyre::Result;
use scrip::{Lens, PlanId, Scrip, Terms};
use scrip_e2e::{
    env::TestEnv,
    faults::{Fault, FaultyNode},
};

const PAIRS: u64 = 10_000;

fn holder(number: u64) -> Address {
    Address::from_word(U256::from(0x1_0000 + number).into())
}

/// Credits for the holders of these numbers: as many as their number's rest by 100.
async fn mint(env: &TestEnv, plan: PlanId, numbers: std::ops::Range<u64>) -> Result<()> {
    let numbers: Vec<_> = numbers.filter(|number| number % 100 != 0).collect();
    for numbers in numbers.chunks(200) {
        let mint = |&number: &u64| -> Bytes {
            env.builder.instance().mint(plan.0, holder(number), number % 100).calldata().clone()
        };
        env.builder.multicall(numbers.iter().map(mint).collect(), false).await?;
    }
    Ok(())
}

#[tokio::test]
async fn ten_thousand_pairs_in_twelve_calls() -> Result<()> {
    let env = TestEnv::start().await?;
    let node = FaultyNode::before(env.devnet.url()).await?;
    let scrip = Scrip::connect(node.reader(), env.devnet.deployment()).await?;
    let lens = Lens::connect(&scrip).await?;
    let plans = [env.create(&Terms::credits("A", 1)).await?, env.create(&Terms::credits("B", 1)).await?];
    mint(&env, plans[0], 0..PAIRS / 2).await?;
    // Of the second plan nobody has anything, which costs the most to find out.
    let pair = |number| (plans[(number / (PAIRS / 2)) as usize], holder(number));
    let pairs: Vec<_> = (0..PAIRS).map(pair).collect();
    let has = |number: u64| if number < PAIRS / 2 { u128::from(number % 100) } else { 0 };
    let latest = env.devnet.reader().get_block_by_number(Default::default()).await?.unwrap().header;

    let before = node.calls();
    let made = |before: &BTreeMap<String, u64>| -> u64 {
        node.calls().iter().map(|(method, count)| count - before.get(method).unwrap_or(&0)).sum()
    };
    let balances = scrip.balances(&pairs).await?;
    assert_eq!(made(&before), 5);
    assert!(balances.balances.iter().zip(0..).all(|(balance, number)| *balance == has(number)));
    assert_eq!(
        (balances.at.block, balances.at.hash, balances.at.time),
        (latest.number, latest.hash, latest.timestamp)
    );

    let before = node.calls();
    let holdings = lens.holdings(&pairs).await?;
    assert_eq!((made(&before), holdings.at, holdings.holdings.len()), (12, balances.at, pairs.len()));
    for (holding, number) in holdings.holdings.into_iter().zip(0..) {
        let holding = holding.expect("the plans exist");
        assert_eq!((holding.balance, holding.is_subscriber), (has(number), has(number) > 0), "{number}");
    }
    assert!(scrip.balances(&[]).await?.balances.is_empty());
    Ok(())
}

#[tokio::test]
async fn all_of_one_block_whatever_comes_meanwhile() -> Result<()> {
    let env = TestEnv::start().await?;
    let node = FaultyNode::before(env.devnet.url()).await?;
    let scrip = Scrip::connect(node.reader(), env.devnet.deployment()).await?;
    let plan = env.create(&Terms::credits("Plan", 1)).await?;
    let pairs: Vec<_> = (0..PAIRS).map(|number| (plan, holder(number))).collect();
    // The calls are late, and what is minted before they arrive does not count.
    node.next_times("eth_call", Fault::Delay, 4);
    let (balances, minted) = tokio::join!(scrip.balances(&pairs), async {
        while node.count(Fault::Delay) == 0 {
            tokio::task::yield_now().await;
        }
        mint(&env, plan, 0..200).await
    });
    let (balances, ()) = (balances?, minted?);
    assert!(balances.balances.iter().all(|balance| *balance == 0));
    assert!(env.devnet.reader().get_block_number().await? > balances.at.block);
    assert_eq!(scrip.balances(&pairs[..100]).await?.balances[99], 99);
    Ok(())
}

#[tokio::test]
async fn what_is_too_much_for_a_node_is_asked_in_halves() -> Result<()> {
    let env = TestEnv::start().await?;
    let node = FaultyNode::before(env.devnet.url()).await?;
    let scrip = Scrip::connect(node.reader(), env.devnet.deployment()).await?;
    let lens = Lens::connect(&scrip).await?;
    let plan = env.create(&Terms::credits("Plan", 1)).await?;
    mint(&env, plan, 0..1_000).await?;
    let pairs: Vec<_> = (0..1_000).map(|number| (plan, holder(number))).collect();
    let expected: Vec<_> = (0..1_000_u64).map(|number| u128::from(number % 100)).collect();

    // A block's gas is what Anvil gives to a call: enough for some of 1,000 pairs, but not for all.
    env.devnet.reader().raw_request::<_, bool>("evm_setBlockGasLimit".into(), ["0x1e8480"]).await?;
    env.devnet.reader().evm_mine(None).await?;
    assert!(!node.calls().contains_key("eth_call"));
    assert_eq!(scrip.balances(&pairs).await?.balances, expected);
    let calls = node.calls()["eth_call"];
    assert!((3..=7).contains(&calls), "{calls}");
    let holdings = lens.holdings(&pairs).await?.holdings;
    assert!(holdings.into_iter().map(|holding| holding.unwrap().balance).eq(expected));

    // What is refused for another reason is not asked again and again: neither when the node is gone, nor when it is busy.
    for fault in [Fault::TooManyRequests, Fault::DropBefore] {
        node.always(fault);
        assert!(scrip.balances(&pairs).await.is_err());
        node.heal();
        node.next("eth_call", fault);
        assert!(scrip.balances(&pairs).await.is_err());
        assert_eq!(node.count(fault), 2, "{fault:?}");
    }
    Ok(())
}

/// What is asked can be asked from another task.
#[tokio::test]
async fn from_other_tasks() -> Result<()> {
    let env = TestEnv::start().await?;
    let plan = env.create(&Terms::credits("Plan", 1)).await?;
    let (scrip, lens) = (env.agent.clone(), Lens::connect(&env.agent).await?);
    let pairs = [(plan, holder(1))];
    let balances = tokio::spawn(async move { scrip.balances(&pairs).await });
    let holdings = tokio::spawn(async move { lens.holdings(&pairs).await });
    assert_eq!((balances.await??.balances, holdings.await??.holdings.len()), (vec![0], 1));
    Ok(())
}
