//! What is said when events are missing, or the chain says otherwise.

use std::time::Duration;

use alloy::{
    primitives::{Address, U256, keccak256},
    providers::{Provider, ext::AnvilApi},
};
use eyre::{OptionExt, Result};
use scrip::{
    Amounts, BlockRef, Difference, Event, Hook, Kind, Ledger, Lens, Permissions, PlanId, Record, Terms,
};
use scrip_e2e::env::TestEnv;

use crate::{common::deploy, history::history};

const HOUR: Duration = Duration::from_secs(3_600);

/// Credits of two kinds and access, some of it spent; the plans of credits and of access, all events and the last block.
async fn story(env: &TestEnv) -> Result<(PlanId, PlanId, Vec<Record>, BlockRef)> {
    let holder = env.subscriber.signer();
    let plan = env.create(&Terms::credits("Plan", 100)).await?;
    let access = env.create(&Terms::access("An hour", HOUR)?).await?;
    env.subscriber.order(plan).await?;
    env.subscriber.order(access).await?;
    env.builder.mint_expirable(plan, holder, 5, HOUR).await?;
    env.builder.mint(plan, env.agent.signer(), 7).await?;
    env.builder.redeem(plan, holder, 3, "request-123").await?;
    let past = history(&env.stranger).past().await?;
    Ok((plan, access, past.records, past.cursor.block()))
}

/// The books without some of the events.
fn without(records: &[Record], is_lost: impl Fn(&Record) -> bool) -> scrip::Result<Ledger> {
    let mut ledger = Ledger::default();
    records.iter().filter(|record| !is_lost(record)).try_for_each(|record| ledger.apply(record))?;
    Ok(ledger)
}

fn is_of(record: &Record, kind: Kind, holder: Address) -> bool {
    record.event.kind() == kind && record.event.is_of_holder(holder)
}

#[tokio::test]
async fn a_lost_event_is_a_difference_with_both_values() -> Result<()> {
    let env = TestEnv::start().await?;
    let (holder, agent) = (env.subscriber.signer(), env.agent.signer());
    let (plan, access, records, block) = story(&env).await?;
    let lens = Lens::connect(&env.stranger).await?;
    let amounts = |balance| Amounts { balance, access_end: None };
    assert_eq!(without(&records, |_| false)?.compare(&lens, block).await?, []);

    let ledger = without(&records, |record| is_of(record, Kind::Minted, agent))?;
    let found = ledger.compare_pairs(&lens, block, &[(plan, holder), (plan, agent)]).await?;
    let expected = Difference { plan, holder: agent, rebuilt: amounts(0), chain: Some(amounts(7)) };
    assert_eq!(found, [expected], "a mint was lost");
    let message = format!("plan {plan}: {agent} has 0 by the events, and by the chain 7");
    assert_eq!(found[0].to_string(), message);

    let transfer = |record: &Record| matches!(&record.event, Event::Transferred(event) if event.to.is_none());
    let found = without(&records, transfer)?.compare(&lens, block).await?;
    assert_eq!(found, [Difference { plan, holder, rebuilt: amounts(105), chain: Some(amounts(102)) }]);

    let ordered =
        |record: &Record| record.event.kind() == Kind::Ordered && record.event.plan() == Some(access);
    let ledger = without(&records, ordered)?;
    let [found] = ledger.compare_pairs(&lens, block, &[(access, holder)]).await?[..] else {
        eyre::bail!("access was lost and nobody noticed")
    };
    let end = env.stranger.access_end(access, holder).await?;
    assert_eq!((found.rebuilt, found.chain), (amounts(0), Some(Amounts { balance: 1, access_end: end })));
    Ok(())
}

#[tokio::test]
async fn a_chain_that_says_otherwise_is_a_difference() -> Result<()> {
    let env = TestEnv::start().await?;
    let agent = env.agent.signer();
    let (plan, _, records, block) = story(&env).await?;
    let lens = Lens::connect(&env.stranger).await?;
    let ledger = without(&records, |_| false)?;

    // The account's first word lies somewhere in the mapping of accounts; a chain that was tampered with has another there.
    let reader = env.devnet.reader();
    let mut planted = None;
    for slot in 0..30_u64 {
        let plans = keccak256([plan.0.to_be_bytes::<32>(), U256::from(slot).to_be_bytes()].concat());
        let account = keccak256([agent.into_word(), plans].concat());
        let place = U256::from_be_bytes(account.0);
        if reader.get_storage_at(env.stranger.address(), place).await? == U256::from(7) {
            planted = Some(place);
        }
    }
    let place = planted.ok_or_eyre("the account was not found")?;
    reader.anvil_mine(Some(1), None).await?;
    reader.anvil_set_storage_at(env.stranger.address(), place, U256::from(9).into()).await?;
    reader.anvil_mine(Some(1), None).await?;
    let past = history(&env.stranger).past().await?;
    let found = ledger.compare(&lens, past.cursor.block()).await?;
    let [difference] = found[..] else { eyre::bail!("{found:?}") };
    assert_eq!((difference.plan, difference.holder), (plan, agent));
    assert_eq!((difference.rebuilt.balance, difference.chain.map(|chain| chain.balance)), (7, Some(9)));

    // As it was then nothing differs: the chain is asked about the block that is named, and not about now.
    assert_eq!(ledger.compare(&lens, block).await?, []);
    Ok(())
}

#[tokio::test]
async fn many_holders_are_compared_at_the_block_that_is_named() -> Result<()> {
    let env = TestEnv::start().await?;
    let plan = env.create(&Terms::credits("Plan", 1).lasting(HOUR)?).await?;
    let holders: Vec<_> =
        (1..=600_u64).map(|number| Address::left_padding_from(&number.to_be_bytes())).collect();
    for some in holders.chunks(100) {
        let mint = |holder: &Address| env.builder.instance().mint(plan.0, *holder, 3).calldata().clone();
        env.builder.multicall(some.iter().map(mint).collect(), false).await?;
    }
    let replay = env.stranger.history().replay().await?;
    let lens = Lens::connect(&env.stranger).await?;
    assert_eq!(replay.ledger.holders().count(), 600);

    // What comes after it does not count, be it an event or time.
    env.builder.mint_expirable(plan, holders[0], 5, Duration::from_secs(1)).await?;
    env.devnet.warp(HOUR).await?;
    assert_eq!(replay.ledger.compare(&lens, replay.block).await?, []);
    let later = history(&env.stranger).past().await?.cursor.block();
    assert_eq!(replay.ledger.compare(&lens, later).await?, [], "what had come has expired since");
    Ok(())
}

#[tokio::test]
async fn events_that_cannot_follow_are_refused_and_change_nothing() -> Result<()> {
    let env = TestEnv::start().await?;
    let holder = env.subscriber.signer();
    let (_, _, records, _) = story(&env).await?;
    let refused = |is_lost: &dyn Fn(&Record) -> bool| without(&records, is_lost).unwrap_err();

    let error = refused(&|record| record.event.kind() == Kind::Created);
    assert!(error.to_string().contains("does not follow from the events before it: plan 0x"), "{error}");
    assert!(error.to_string().ends_with("was never created"), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("every kind of event")));
    let error = refused(&|record| {
        is_of(record, Kind::Ordered, holder)
            || matches!(&record.event, Event::Minted(minted) if minted.holder == holder)
    });
    assert!(error.to_string().ends_with("3 were spent where there were 0"), "{error}");

    let mut ledger = without(&records, |_| false)?;
    let whole = ledger.clone();
    let last = records.last().ok_or_eyre("nothing happened")?;
    let error = ledger.apply(last).unwrap_err();
    assert!(error.to_string().contains("it comes after log"), "{error}");
    let mut again = last.clone();
    again.position.log += 1;
    let error = ledger.apply(&again).unwrap_err();
    assert!(error.to_string().contains("was redeemed before"), "{error}");
    let error = ledger.undo(records[0].position).unwrap_err();
    assert!(error.to_string().contains("it cannot be removed"), "{error}");
    assert_eq!(ledger, whole, "nothing was changed");

    // And all of it can be undone, one by one, to books in which nothing stands.
    for record in records.iter().rev() {
        ledger.undo(record.position)?;
    }
    assert_eq!(ledger, Ledger::default());
    Ok(())
}

#[tokio::test]
async fn what_a_hook_gives_in_the_middle_of_a_redemption_is_not_what_was_spent() -> Result<()> {
    let env = TestEnv::start().await?;
    let holder = env.subscriber.signer();
    let account = deploy(&env, "GivingHook").await?;
    let hook = Hook {
        account,
        before_order: false,
        after_order: false,
        before_redemption: false,
        after_redemption: true,
    };
    let plan = env.create(&Terms { hook: Some(hook), ..Terms::credits("Generous", 100) }).await?;
    env.builder.set_operator(plan, account, Permissions { mint: true, ..Permissions::NONE }).await?;
    env.subscriber.order(plan).await?;
    env.builder.mint_expirable(plan, holder, 3, HOUR).await?;
    // Of the lot of an hour, and of what never expires; what the hook gives expires before both and comes too late.
    let redeemed = env.builder.redeem(plan, holder, 4, 1).await?.receipt;
    let kinds = env.stranger.events(redeemed.transaction).await?;
    let kinds: Vec<_> = kinds.iter().map(Event::kind).collect();
    assert_eq!(kinds, [Kind::Transferred, Kind::Transferred, Kind::Minted, Kind::Redeemed]);

    let replay = env.stranger.history().replay().await?;
    let lots = replay.ledger.lots_at(plan, holder, env.devnet.now().await?);
    assert_eq!(lots, env.stranger.lots(plan, holder).await?);
    assert_eq!(lots.iter().map(|lot| lot.amount).collect::<Vec<_>>(), [5, 99]);
    Ok(())
}
