//! What is told when the chain takes back what it had.

use alloy::{primitives::TxHash, providers::ext::AnvilApi};
use eyre::Result;
use futures_util::StreamExt;
use scrip::{Change, Cursor, Error, Permissions, PlanId, Terms};
use scrip_e2e::env::TestEnv;

use super::{OFTEN, Told, events, history, newest, next, node::Node, on_chain, reorganise};
use crate::reorg::raw;

/// A plan of which the builder and the agent may mint.
async fn plan(env: &TestEnv) -> Result<PlanId> {
    let plan = env.create(&Terms::credits("Plan", 1)).await?;
    env.builder
        .set_operator(plan, env.agent.signer(), Permissions { mint: true, ..Permissions::NONE })
        .await?;
    Ok(plan)
}

/// Somebody mints, in a block of its own.
async fn mint(env: &TestEnv, name: &str, plan: PlanId, amount: u64) -> Result<TxHash> {
    // Anew: a provider goes on counting nonces from what the chain has taken back.
    let minter = env.devnet.scrip(name).await?;
    Ok(minter.mint(plan, env.subscriber.signer(), amount).await?.receipt.transaction)
}

/// What is told must be what the chain has now, all of it.
async fn assert_true(env: &TestEnv, told: &Told, from: u64, context: &str) -> Result<()> {
    assert_eq!(events(&told.records), on_chain(&env.devnet, &env.stranger, from).await?, "{context}");
    Ok(())
}

#[tokio::test]
async fn what_is_removed_is_marked_newest_first_and_what_comes_instead_is_told() -> Result<()> {
    let env = TestEnv::start().await?;
    let plan = plan(&env).await?;
    let start = newest(&env.devnet).await? + 1;
    let mut updates = history(&env.stranger).from_block(start).updates();
    let mut told = Told::default();

    mint(&env, "builder", plan, 1).await?;
    mint(&env, "agent", plan, 2).await?;
    let third = mint(&env, "builder", plan, 3).await?;
    told.read(&mut updates, newest(&env.devnet).await?).await?;
    let before = told.records.clone();
    assert_eq!(before.len(), 6, "a mint and a transfer each");

    // The second is gone, and the third comes again in its place.
    let again = raw(&env.devnet, third).await?;
    reorganise(&env.devnet, 2, vec![(again, 0)]).await?;
    told.read(&mut updates, newest(&env.devnet).await?).await?;
    let removed: Vec<_> = before[2..].iter().rev().map(|record| record.position).collect();
    assert_eq!(told.removed, removed, "the newest first");
    assert_true(&env, &told, start, "after a reorg").await?;
    assert_eq!(told.records[2].event, before[4].event, "the third event");
    assert_ne!(told.records[2].position, before[4].position, "stands elsewhere");

    // And now all of it goes, for nothing.
    reorganise(&env.devnet, 3, vec![]).await?;
    told.read(&mut updates, newest(&env.devnet).await?).await?;
    assert_eq!(told.removed.len(), 8);
    assert_true(&env, &told, start, "after another").await?;
    assert!(told.records.is_empty());
    Ok(())
}

#[tokio::test]
async fn from_every_cursor_that_was_ever_saved_the_truth_is_found() -> Result<()> {
    let env = TestEnv::start().await?;
    let plan = plan(&env).await?;
    let start = newest(&env.devnet).await? + 1;
    let mut updates = history(&env.stranger).from_block(start).updates();
    // What a consumer held when it stopped: its records and, as text, where it was.
    let mut saved: Vec<(Vec<scrip::Record>, String)> = Vec::new();
    let mut held = Vec::new();
    for depth in [0, 3, 5, 2, 0] {
        let agent = mint(&env, "agent", plan, 1).await?;
        for amount in [2, 3] {
            mint(&env, "builder", plan, amount).await?;
        }
        let again = raw(&env.devnet, agent).await?;
        env.devnet.reader().anvil_mine(Some(1), None).await?;
        loop {
            let update = next(&mut updates).await?;
            let end = newest(&env.devnet).await?;
            let is_read = matches!(update.change, Change::Reached(block) if block.number == end);
            match update.change {
                Change::Happened(record) => held.push(*record),
                Change::Removed(_) => drop(held.pop()),
                _ => {}
            }
            saved.push((held.clone(), update.cursor.to_string()));
            if is_read {
                break;
            }
        }
        if depth > 0 {
            let agains = if depth > 3 { vec![(again, depth - 1)] } else { vec![] };
            reorganise(&env.devnet, depth, agains).await?;
        }
    }

    assert!(saved.len() > 30, "{}", saved.len());
    assert!(saved.iter().any(|(_, cursor)| cursor.contains("\"whole\":false")), "none within a block");
    for (records, cursor) in saved {
        let resumed = history(&env.stranger).from_cursor(cursor.parse()?);
        let mut told = Told { records, ..Told::default() };
        told.read(&mut resumed.updates(), newest(&env.devnet).await?).await?;
        assert_true(&env, &told, start, &cursor).await?;
        assert!(
            told.records
                .iter()
                .is_sorted_by_key(|record| (record.position.block.number, record.position.log))
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_storm_of_reorgs_and_restarts_ends_with_the_truth() -> Result<()> {
    let env = TestEnv::start().await?;
    let plan = plan(&env).await?;
    let start = newest(&env.devnet).await? + 1;
    let mut updates = history(&env.stranger).from_block(start).updates();
    let mut told = Told::default();
    let mut seed = 7_u64;
    let mut dice = |sides: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % sides
    };
    for round in 0..40 {
        let mut transactions = Vec::new();
        for _ in 0..dice(4) {
            let name = ["builder", "agent"][usize::try_from(dice(2))?];
            let transaction = mint(&env, name, plan, 1 + dice(9)).await?;
            transactions.push(raw(&env.devnet, transaction).await?);
        }
        // Often read in part only, so that a reorg comes in the middle.
        for _ in 0..dice(6) {
            let Ok(update) = tokio::time::timeout(10 * OFTEN, updates.next()).await else { break };
            let Some(update) = update.transpose()? else { break };
            match update.change {
                Change::Happened(record) => told.records.push(*record),
                Change::Removed(position) => {
                    let last = told.records.pop().map(|last| last.position);
                    assert_eq!(last, Some(position), "round {round}");
                    told.removed.push(position);
                }
                _ => {}
            }
            told.cursor = Some(update.cursor);
        }
        let depth = dice(7).min(newest(&env.devnet).await? - start);
        if depth > 0 {
            let keeps: Vec<_> = transactions.into_iter().filter(|_| dice(2) == 0).collect();
            // What depends on what is gone cannot come again; then nothing does.
            let again = keeps.into_iter().map(|transaction| (transaction, depth - 1)).collect();
            if reorganise(&env.devnet, depth, again).await.is_err() {
                reorganise(&env.devnet, depth, vec![]).await?;
            }
        }
        if let (0, Some(cursor)) = (dice(3), &told.cursor) {
            updates = history(&env.stranger).from_cursor(cursor.to_string().parse()?).updates();
        }
    }
    told.read(&mut updates, newest(&env.devnet).await?).await?;
    assert!(told.removed.len() > 20, "{} removals prove little", told.removed.len());
    assert_true(&env, &told, start, "in the end").await
}

#[tokio::test]
async fn at_a_depth_nothing_is_told_that_a_shallower_reorg_removes() -> Result<()> {
    let env = TestEnv::start().await?;
    let plan = plan(&env).await?;
    let start = newest(&env.devnet).await? + 1;
    let mut updates = history(&env.stranger).from_block(start).confirmations(3).updates();
    let mut told = Told::default();
    for depth in [1, 2, 3, 3, 2, 1] {
        for amount in 1..=4 {
            mint(&env, "builder", plan, amount).await?;
        }
        told.read(&mut updates, newest(&env.devnet).await? - 3).await?;
        reorganise(&env.devnet, depth, vec![]).await?;
    }
    env.devnet.reader().anvil_mine(Some(3), None).await?;
    told.read(&mut updates, newest(&env.devnet).await? - 3).await?;
    assert_eq!(told.removed, [], "nothing was told too early");
    assert!(told.records.len() >= 24, "{}", told.records.len());
    assert_true(&env, &told, start, "all the same").await?;

    // One that is deeper is marked all the same.
    mint(&env, "builder", plan, 9).await?;
    env.devnet.reader().anvil_mine(Some(3), None).await?;
    told.read(&mut updates, newest(&env.devnet).await? - 3).await?;
    reorganise(&env.devnet, 5, vec![]).await?;
    env.devnet.reader().anvil_mine(Some(1), None).await?;
    told.read(&mut updates, newest(&env.devnet).await? - 3).await?;
    assert_eq!(told.removed.len(), 2);
    assert_true(&env, &told, start, "after a deep one").await
}

#[tokio::test]
async fn a_reorg_deeper_than_the_window_is_said_to_be() -> Result<()> {
    let env = TestEnv::start().await?;
    let plan = plan(&env).await?;
    let start = newest(&env.devnet).await? + 1;
    let mut updates = history(&env.stranger).from_block(start).window(4).updates();
    let mut told = Told::default();
    for amount in 1..=10 {
        mint(&env, "builder", plan, amount).await?;
    }
    told.read(&mut updates, newest(&env.devnet).await?).await?;
    let cursor = told.cursor.clone().map(|cursor| cursor.to_string()).unwrap_or_default();
    assert!(cursor.len() < 1_000, "{cursor}");

    reorganise(&env.devnet, 4, vec![]).await?;
    told.read(&mut updates, newest(&env.devnet).await?).await?;
    assert_true(&env, &told, start, "as deep as the window").await?;

    env.devnet.reader().anvil_mine(Some(5), None).await?;
    told.read(&mut updates, newest(&env.devnet).await?).await?;
    reorganise(&env.devnet, 11, vec![]).await?;
    let error = tokio::time::timeout(super::PATIENCE, updates.next()).await?;
    let Some(Err(error @ Error::ReorgTooDeep { .. })) = error else { eyre::bail!("{error:?}") };
    assert!(
        error.to_string().starts_with("a reorg goes deeper than the history remembers: block "),
        "{error}"
    );
    assert!(error.hint().is_some_and(|hint| hint.contains("wider window")));
    assert!(updates.next().await.is_none(), "nothing can come after it");

    let resumed = history(&env.stranger).from_cursor(cursor.parse()?).past().await.unwrap_err();
    assert!(matches!(resumed, Error::ReorgTooDeep { .. }), "{resumed}");
    Ok(())
}

#[tokio::test]
async fn a_chain_that_becomes_shorter_is_believed_once_it_proves_it() -> Result<()> {
    let env = TestEnv::start().await?;
    let plan = plan(&env).await?;
    let start = newest(&env.devnet).await? + 1;
    let mut updates = history(&env.stranger).from_block(start).updates();
    let mut told = Told::default();
    for amount in 1..=4 {
        mint(&env, "builder", plan, amount).await?;
    }
    told.read(&mut updates, newest(&env.devnet).await?).await?;

    // By itself it could be a node that lags.
    env.devnet.reader().anvil_rollback(Some(3)).await?;
    assert!(tokio::time::timeout(10 * OFTEN, updates.next()).await.is_err(), "told too soon");
    // A block at a height that was told, and is another one, is the proof.
    mint(&env, "builder", plan, 9).await?;
    told.read(&mut updates, newest(&env.devnet).await?).await?;
    assert_eq!(told.removed.len(), 6);
    assert_true(&env, &told, start, "shorter").await
}

#[tokio::test]
async fn a_node_that_lags_loses_and_repeats_nothing() -> Result<()> {
    let env = TestEnv::start().await?;
    let plan = plan(&env).await?;
    let start = newest(&env.devnet).await? + 1;
    for amount in 1..=12 {
        mint(&env, "builder", plan, amount).await?;
    }
    let node = Node::before(&env.devnet).await?;
    let scrip = node.scrip(&env.devnet).await?;
    // In ranges for the most part, or block by block.
    for window in [2, 128] {
        let newest = newest(&env.devnet).await?;
        node.limits().end = Some(newest - 6);
        let mut updates = history(&scrip).from_block(start).window(window).updates();
        let mut told = Told::default();
        told.read(&mut updates, newest - 6).await?;
        assert!(!told.records.is_empty());
        for end in [newest - 9, newest - 12, newest - 6, newest - 3, newest - 7, newest - 1] {
            node.limits().end = Some(end);
            tokio::time::timeout(5 * OFTEN, told.read(&mut updates, newest)).await.unwrap_err();
        }
        node.limits().end = None;
        node.limits().unknown = 3;
        told.read(&mut updates, newest).await?;
        assert_eq!(told.removed, [], "with a window of {window}");
        assert_true(&env, &told, start, &format!("with a window of {window}")).await?;
    }

    // From within a block that the node does not have yet.
    let newest = newest(&env.devnet).await?;
    let mut updates = history(&scrip).from_block(newest).updates();
    let update = next(&mut updates).await?;
    assert!(!update.cursor.is_whole(), "{update:?}");
    let Change::Happened(first) = update.change else { eyre::bail!("{:?}", update.change) };
    node.limits().end = Some(newest - 1);
    let mut resumed = history(&scrip).from_cursor(update.cursor).updates();
    let mut told = Told { records: vec![*first], ..Told::default() };
    tokio::time::timeout(5 * OFTEN, told.read(&mut resumed, newest)).await.unwrap_err();
    assert_eq!(told.records.len(), 1, "the rest was told too soon");
    node.limits().end = None;
    told.read(&mut resumed, newest).await?;
    assert_true(&env, &told, newest, "the rest of a block").await
}

#[tokio::test]
async fn a_reorg_in_the_middle_of_a_reading_is_noticed_wherever_it_comes() -> Result<()> {
    let env = TestEnv::start().await?;
    let plan = plan(&env).await?;
    let start = newest(&env.devnet).await? + 1;
    let node = Node::before(&env.devnet).await?;
    let scrip = node.scrip(&env.devnet).await?;
    let mut followed = history(&scrip).from_block(start).window(6).updates();
    let mut told = Told::default();
    for amount in 1..=8 {
        mint(&env, "builder", plan, amount).await?;
    }
    let mut reorgs = 0;
    // Before each of the calls that it takes to go on, and to read all anew, for the most part in ranges.
    for calls in 0..18 {
        for amount in 1..=4 {
            mint(&env, ["agent", "builder"][amount % 2], plan, amount as u64).await?;
        }
        node.limits().reorg = Some((calls, 3));
        told.read(&mut followed, newest(&env.devnet).await?).await?;
        reorgs += u64::from(node.limits().reorg.is_none());

        node.limits().reorg = Some((calls, 5));
        let mut anew = Told::default();
        let mut updates = history(&scrip).from_block(start).window(6).range(7).updates();
        anew.read(&mut updates, newest(&env.devnet).await?).await?;
        reorgs += u64::from(node.limits().reorg.take().is_none());

        env.devnet.reader().anvil_mine(Some(1), None).await?;
        told.read(&mut followed, newest(&env.devnet).await?).await?;
        anew.read(&mut updates, newest(&env.devnet).await?).await?;
        assert_true(&env, &told, start, &format!("with a reorg after {calls} calls")).await?;
        assert_eq!(anew.records, told.records, "anew, with a reorg after {calls} calls");
    }
    assert!(reorgs >= 25 && told.removed.len() > 80, "{reorgs} reorgs, {} removals", told.removed.len());
    Ok(())
}

#[tokio::test]
async fn a_block_that_is_no_child_of_the_last_one_told_is_not_told() -> Result<()> {
    let env = TestEnv::start().await?;
    let plan = plan(&env).await?;
    let start = newest(&env.devnet).await? + 1;
    let node = Node::before(&env.devnet).await?;
    let scrip = node.scrip(&env.devnet).await?;
    let mut updates = history(&scrip).from_block(start).updates();
    let mut told = Told::default();
    // The newest block, the last told, the one after it, and its logs.
    for calls in 0..4 {
        for amount in 1..=3 {
            mint(&env, "builder", plan, amount).await?;
        }
        told.read(&mut updates, newest(&env.devnet).await?).await?;
        mint(&env, "builder", plan, 4).await?;
        // Two blocks that were told go, too: perhaps after it was found that they are there.
        node.limits().reorg = Some((calls, 3));
        told.read(&mut updates, newest(&env.devnet).await?).await?;
        assert!(node.limits().reorg.is_none(), "it takes fewer calls");
        mint(&env, "builder", plan, 5).await?;
        told.read(&mut updates, newest(&env.devnet).await?).await?;
        assert_true(&env, &told, start, &format!("with a reorg after {calls} calls")).await?;
    }
    assert_eq!(told.removed.len(), 16, "of two blocks each time");
    Ok(())
}

#[tokio::test]
async fn a_range_that_changes_while_it_is_read_is_read_again() -> Result<()> {
    let env = TestEnv::start().await?;
    let plan = plan(&env).await?;
    let start = newest(&env.devnet).await? + 1;
    let node = Node::before(&env.devnet).await?;
    let scrip = node.scrip(&env.devnet).await?;
    // The block before, the newest one, the last told, the last of the range, its logs, and both ends again.
    for calls in 0..7 {
        for amount in 1..=8 {
            mint(&env, "builder", plan, amount).await?;
        }
        // Deeper than the window, so that it could not be undone if anything had been told.
        node.limits().reorg = Some((calls, 5));
        let mut updates = history(&scrip).from_block(start).window(2).updates();
        let mut told = Told::default();
        told.read(&mut updates, newest(&env.devnet).await?).await?;
        assert!(node.limits().reorg.is_none(), "it takes fewer calls");
        assert_eq!(told.removed, [], "with a reorg after {calls} calls");
        assert_true(&env, &told, start, &format!("with a reorg after {calls} calls")).await?;
    }
    Ok(())
}

#[tokio::test]
async fn after_an_error_it_goes_on_where_it_was() -> Result<()> {
    let env = TestEnv::start().await?;
    let plan = plan(&env).await?;
    let start = newest(&env.devnet).await? + 1;
    let node = Node::before(&env.devnet).await?;
    let scrip = node.scrip(&env.devnet).await?;
    let mut updates = history(&scrip).from_block(start).updates();
    let mut told = Told::default();
    mint(&env, "builder", plan, 1).await?;
    told.read(&mut updates, newest(&env.devnet).await?).await?;

    node.limits().down = true;
    mint(&env, "builder", plan, 2).await?;
    for _ in 0..2 {
        let error = next(&mut updates).await.unwrap_err();
        assert!(error.to_string().contains("out of service"), "{error}");
    }
    node.limits().down = false;
    told.read(&mut updates, newest(&env.devnet).await?).await?;
    assert_true(&env, &told, start, "in service again").await
}

#[tokio::test]
async fn a_cursor_of_another_contract_is_refused() -> Result<()> {
    let env = TestEnv::start().await?;
    plan(&env).await?;
    let cursor = history(&env.stranger).past().await?.cursor;
    let other = cursor.to_string().replace("31337", "1").parse::<Cursor>()?;
    let mut updates = history(&env.stranger).from_cursor(other).updates();
    let Some(Err(error)) = updates.next().await else { eyre::bail!("it was taken") };
    assert!(error.to_string().contains("on chain 1, not of"), "{error}");
    assert!(updates.next().await.is_none());
    Ok(())
}
