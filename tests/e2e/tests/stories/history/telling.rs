//! What is told of a chain that keeps what it has.

use std::time::Duration;

use alloy::{
    primitives::Address,
    providers::{Provider, ext::AnvilApi},
};
use eyre::{OptionExt, Result};
use scrip::{Batch, Change, Depth, Kind, Past, PlanId, RequestId, Terms, Use};
use scrip_devnet::Devnet;
use scrip_e2e::env::TestEnv;

use super::{Told, events, history, newest, next, on_chain};

const HOUR: Duration = Duration::from_secs(3_600);

/// A bit of everything, on two plans, and which they are.
async fn something_of_all(env: &TestEnv) -> Result<(PlanId, PlanId)> {
    let (builder, subscriber, agent) = (&env.builder, &env.subscriber, &env.agent);
    let holder = subscriber.signer();
    let plan = env.create(&env.premium()?.revocable()).await?;
    subscriber.order(plan).await?;
    agent.order(plan).gift_to(holder).await?;
    builder.mint(plan, agent.signer(), 7).await?;
    builder.mint_expirable(plan, holder, 5, HOUR).await?;
    env.devnet.warp(2 * HOUR).await?;
    builder.redeem(plan, holder, 3, "request-123").await?;
    let uses = [(holder, 1), (agent.signer(), 2)];
    let uses = uses.map(|(holder, amount)| Use { holder, amount, request: RequestId::from(amount) }).to_vec();
    builder.redeem_many(&[Batch { plan, uses }]).await?;
    subscriber.burn(plan, 2).await?;
    agent.revoke_session(plan, builder.signer(), alloy::primitives::U256::from(1)).await?;
    let access = env.create(&Terms::access("A day", HOUR)?).await?;
    subscriber.order(access).await?;
    builder.set_open(access, false).await?;
    Ok((plan, access))
}

#[tokio::test]
async fn everything_is_told_in_its_order_with_its_place_its_time_and_the_terms() -> Result<()> {
    let env = TestEnv::start().await?;
    let before = newest(&env.devnet).await?;
    let (plan, _) = something_of_all(&env).await?;

    let all = on_chain(&env.devnet, &env.stranger, 1).await?;
    assert!(all.len() > 20, "{all:?}");
    // Of a window of one block nearly all is read in ranges, of a wide one block by block.
    for window in [1, 128] {
        let Past { records, removed, cursor, .. } = history(&env.stranger).window(window).past().await?;
        assert_eq!(events(&records), all, "with a window of {window}");
        assert!(removed.is_empty());
        assert_eq!(cursor.block().number, newest(&env.devnet).await?);

        for record in &records {
            let block = env.devnet.reader().get_block_by_number(record.position.block.number.into()).await?;
            let header = block.ok_or_eyre("no block")?.header;
            assert_eq!((header.hash, header.timestamp), (record.position.block.hash, record.time));
            assert_eq!(record.terms.is_some(), record.event.kind() == Kind::Created);
        }
        let terms = records.iter().find(|record| record.event.plan() == Some(plan)).ok_or_eyre("no plan")?;
        assert_eq!(terms.terms.as_deref(), Some(&env.stranger.plan(plan).await?.terms));
        let written = serde_json::to_string(&records)?;
        assert_eq!(serde_json::from_str::<Vec<scrip::Record>>(&written)?, records);
    }

    let later = history(&env.stranger).from_block(before + 3).until(before + 5).past().await?;
    let expected = history(&env.stranger).past().await?.records.into_iter();
    let is_between = |number| (before + 3..=before + 5).contains(&number);
    let expected = expected.filter(|record| is_between(record.position.block.number));
    assert_eq!(later.records, expected.collect::<Vec<_>>(), "of some blocks");
    Ok(())
}

#[tokio::test]
async fn a_filter_lets_through_what_it_says_and_nothing_else() -> Result<()> {
    let env = TestEnv::start().await?;
    let (plan, access) = something_of_all(&env).await?;
    let all = history(&env.stranger).past().await?.records;
    let (subscriber, agent) = (env.subscriber.signer(), env.agent.signer());

    let plans: [&[PlanId]; 4] = [&[], &[plan], &[access], &[plan, access]];
    let holders: [&[Address]; 4] = [&[], &[subscriber], &[agent], &[subscriber, agent]];
    let kinds: [&[Kind]; 4] = [&[], &[Kind::Transferred], &[Kind::Redeemed, Kind::BatchRedeemed], &Kind::ALL];
    let mut told = 0;
    for plans in plans {
        for holders in holders {
            for kinds in kinds {
                for window in [1, 128] {
                    let filtered = history(&env.stranger).window(window);
                    let filtered =
                        filtered.plans(plans.to_vec()).holders(holders.to_vec()).kinds(kinds.to_vec());
                    let expected = all.iter().filter(|record| {
                        let event = &record.event;
                        (plans.is_empty() || event.plan().is_some_and(|plan| plans.contains(&plan)))
                            && (holders.is_empty()
                                || holders.iter().any(|holder| event.is_of_holder(*holder)))
                            && (kinds.is_empty() || kinds.contains(&event.kind()))
                    });
                    let expected: Vec<_> = expected.cloned().collect();
                    told += expected.len();
                    let records = filtered.past().await?.records;
                    assert_eq!(records, expected, "{plans:?} {holders:?} {kinds:?} {window}");
                }
            }
        }
    }
    assert!(told > 200, "{told} are too few to prove anything");
    Ok(())
}

#[tokio::test]
async fn a_stream_tells_what_comes_and_a_depth_tells_it_later() -> Result<()> {
    let env = TestEnv::start().await?;
    let plan = env.create(&env.premium()?).await?;
    let start = newest(&env.devnet).await?;
    let at_once = history(&env.stranger).from_block(start + 1);
    let mut at_once = at_once.kinds([Kind::Minted]).updates();
    let deep = history(&env.stranger).from_block(start + 1).kinds([Kind::Minted]).confirmations(3);
    let mut deep = deep.updates();

    env.builder.mint(plan, env.agent.signer(), 7).await?;
    let update = next(&mut at_once).await?;
    let Change::Happened(first) = update.change else { eyre::bail!("{update:?}") };
    assert_eq!(first.event.kind(), Kind::Minted);

    // Two blocks on top are too few: the next one that is reached is that before the mint.
    env.devnet.reader().anvil_mine(Some(2), None).await?;
    let mut told = Told::default();
    let early = tokio::time::timeout(Duration::from_millis(300), told.read(&mut deep, start + 1)).await;
    assert!(early.is_err() && told.records.is_empty(), "{told:?}");
    env.devnet.reader().anvil_mine(Some(1), None).await?;
    told.read(&mut deep, start + 1).await?;
    assert_eq!(told.records, [*first]);
    Ok(())
}

#[tokio::test]
async fn what_the_chain_calls_final_is_told_when_it_does() -> Result<()> {
    let env = TestEnv::start().await?;
    let plan = env.create(&env.premium()?).await?;
    env.builder.mint(plan, env.agent.signer(), 7).await?;
    let minted = newest(&env.devnet).await?;
    for depth in [Depth::Safe, Depth::Finalized] {
        let tag = if depth == Depth::Safe { "safe" } else { "finalized" };
        let tagged = || async {
            let block = env.devnet.reader().get_block_by_number(tag.parse()?).await?;
            eyre::Ok(block.map_or(0, |block| block.header.number))
        };
        let minted_at = || async {
            let past = history(&env.stranger).depth(depth).kinds([Kind::Minted]).past().await?;
            eyre::Ok((past.records.len(), past.cursor.block().number))
        };
        assert!(tagged().await? < minted, "{tag} too soon for this test");
        assert_eq!(minted_at().await?, (0, tagged().await?));
        while tagged().await? < minted {
            env.devnet.reader().anvil_mine(Some(16), None).await?;
        }
        assert_eq!(minted_at().await?, (1, tagged().await?));
        env.devnet.reader().anvil_rollback(Some(newest(&env.devnet).await? - minted)).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_history_can_begin_with_a_block_to_come() -> Result<()> {
    let env = TestEnv::on(Devnet::start().await?).await?;
    let plan = env.create(&env.premium()?).await?;
    let start = newest(&env.devnet).await?;
    let future = history(&env.stranger).from_block(start + 3);
    let future = future.kinds([Kind::Minted]).until(start + 3);
    // In a task of its own, as a server would.
    let scrip = env.devnet.scrip("stranger").await?;
    let read = async move { history(&scrip).from_block(start + 4).until(start + 4).past().await };
    let read = tokio::spawn(read);
    let (past, _) = tokio::try_join!(async { Ok(future.past().await?) }, async {
        for amount in 1..=4 {
            env.builder.mint(plan, env.agent.signer(), amount).await?;
        }
        eyre::Ok(())
    })?;
    let [record] = &past.records[..] else { eyre::bail!("{past:?}") };
    assert!(matches!(&record.event, scrip::Event::Minted(minted) if minted.amount == 3), "{record:?}");
    assert_eq!(read.await??.records.len(), 2, "a mint and a transfer in the block after it");
    Ok(())
}
