//! How much a node is asked for, and what it may refuse.

use alloy::providers::ext::AnvilApi;
use eyre::Result;
use scrip::{Kind, Terms};
use scrip_e2e::env::TestEnv;

use super::{history, newest, node::Node};

/// How many transactions there are, how many mints each, and how many blocks follow each.
const TRANSACTIONS: u64 = 100;
const MINTS: u64 = 20;
const BLOCKS: u64 = 20;

/// Thousands of events over thousands of blocks; the first of them.
async fn many(env: &TestEnv) -> Result<u64> {
    let plan = env.create(&Terms::credits("Plan", 1)).await?;
    let start = newest(&env.devnet).await? + 1;
    for _ in 0..TRANSACTIONS {
        let mint = env.builder.instance().mint(plan.0, env.agent.signer(), 1).calldata().clone();
        let done = env.builder.multicall(vec![mint; usize::try_from(MINTS)?], false).await?;
        assert_eq!(done.event.len() as u64, 2 * MINTS);
        env.devnet.reader().anvil_mine(Some(BLOCKS), None).await?;
    }
    Ok(start)
}

#[tokio::test]
async fn thousands_of_events_are_read_in_few_calls_within_the_limits_of_the_node() -> Result<()> {
    let env = TestEnv::start().await?;
    let start = many(&env).await?;
    let node = Node::before(&env.devnet).await?;
    let scrip = node.scrip(&env.devnet).await?;
    let read = || async {
        node.take_calls();
        node.limits().refused = 0;
        let records = history(&scrip).from_block(start).window(16).past().await?.records;
        let refused = node.limits().refused;
        let calls = node.take_calls();
        eyre::Ok((records, calls["eth_getLogs"], calls["eth_getBlockByNumber"], refused))
    };

    let (all, logs, headers, refused) = read().await?;
    assert_eq!(all.len() as u64, TRANSACTIONS * MINTS * 2, "all of them");
    assert_eq!((logs, refused), (17, 0), "one range, and the window block by block");
    assert!(headers < 30, "{headers} headers");

    // As many blocks as some endpoints allow, and as many logs.
    node.limits().blocks = Some(500);
    let (some, logs, _, refused) = read().await?;
    assert_eq!(some, all, "in ranges of 500 blocks at most");
    assert!((1..10).contains(&refused) && logs < 40, "{logs} calls, {refused} of them refused");
    node.limits().blocks = None;
    node.limits().logs = Some(1_000);
    let (some, logs, _, refused) = read().await?;
    assert_eq!(some, all, "a thousand logs at most");
    assert!((1..10).contains(&refused) && logs < 40, "{logs} calls, {refused} of them refused");

    // A node that does not tell times with its logs is asked for those of the blocks that have any.
    node.limits().logs = None;
    node.limits().timeless = true;
    let (some, _, headers, _) = read().await?;
    assert_eq!(some, all, "without times");
    assert!((TRANSACTIONS - 1..TRANSACTIONS + 30).contains(&headers), "{headers} headers");

    // Less than one block cannot be asked for.
    node.limits().logs = Some(0);
    let error = read().await.unwrap_err();
    assert!(error.to_string().contains("query returned more than 0 results"), "{error}");
    Ok(())
}

#[tokio::test]
async fn on_the_tip_it_asks_for_little() -> Result<()> {
    let env = TestEnv::start().await?;
    let plan = env.create(&Terms::credits("Plan", 1)).await?;
    let node = Node::before(&env.devnet).await?;
    let scrip = node.scrip(&env.devnet).await?;
    let start = newest(&env.devnet).await? + 1;
    let mut updates = history(&scrip).from_block(start).kinds([Kind::Minted]).updates();
    env.builder.mint(plan, env.agent.signer(), 1).await?;
    super::next(&mut updates).await?;
    super::next(&mut updates).await?;

    // While nothing happens it asks for the newest block, and when it has not changed for no other.
    node.take_calls();
    let nothing = tokio::time::timeout(20 * super::OFTEN, super::next(&mut updates)).await;
    assert!(nothing.is_err());
    let calls = node.take_calls();
    assert_eq!(calls.keys().collect::<Vec<_>>(), ["eth_getBlockByNumber"]);
    assert!(calls["eth_getBlockByNumber"] <= 22, "{calls:?}");
    Ok(())
}
