//! How the index follows: through reorgs, kills, changes of who follows, and from nothing.

use std::time::Duration;

use alloy::{
    primitives::{B256, U256},
    providers::ext::AnvilApi,
    rpc::client::ClientBuilder,
};
use eyre::{OptionExt, Result, ensure};
use scrip::{Batch, PlanId, Scrip, Services, Terms, Use};
use scrip_devnet::WalletProvider;
use scrip_e2e::server::{DatabaseKind, Replica, ServerEnv};
use sqlx::{AnyPool, Row};
use tokio::time::{Instant, sleep};

use super::{PATIENCE, assert_as_the_chain, history, indexed, list, plans, records, rows};
use crate::{
    history::{node::Node, reorganise},
    reorg::raw,
    server::{on_each_database, tell},
};

on_each_database!(
    a_reorg_undoes_what_it_undid,
    a_killed_server_goes_on_without_a_gap_or_a_double,
    from_nothing_the_index_is_the_same,
    who_was_taken_for_dead_writes_nothing,
    a_node_with_limits_is_enough,
);

/// Scrip as an account uses it, without the server; anew, since a provider goes on counting nonces from what the chain has taken
/// back.
async fn as_(env: &ServerEnv, name: &str) -> Result<Scrip<WalletProvider>> {
    Ok(env.chain.devnet.scrip(name).await?)
}

/// Something of every kind that there is a row for.
async fn bustle(env: &ServerEnv, rounds: u64) -> Result<PlanId> {
    let (builder, subscriber) = (as_(env, "builder").await?, as_(env, "subscriber").await?);
    let plan = builder.create_plan_with_salt(&Terms::credits("Busy", 50), U256::random()).await?.plan;
    let services = Services::connect(&builder).await?;
    let service = services.create(B256::random(), "", [plan]).await?.did;
    for round in 0..rounds {
        subscriber.order(plan).await?;
        builder.mint(plan, env.stranger.address, 9).await?;
        let uses = [env.subscriber.address, env.stranger.address].map(|holder| Use {
            holder,
            amount: 1,
            request: (round * 7 + u64::from(holder[19])).into(),
        });
        builder.redeem_many(&[Batch { plan, uses: uses.to_vec() }]).await?;
        subscriber.burn(plan, 2).await?;
        builder.set_open(plan, round % 2 == 0).await?;
        builder.set_open(plan, true).await?;
        let more = builder.create_plan_with_salt(&Terms::credits("More", 1), U256::random()).await?.plan;
        services.add_plan(service, more).await?;
    }
    Ok(plan)
}

async fn a_reorg_undoes_what_it_undid(env: &mut ServerEnv) -> Result<()> {
    let builder = as_(env, "builder").await?;
    let kept = builder.create_plan(&Terms::credits("Kept", 10)).await?.plan;
    let services = Services::connect(&builder).await?;
    let service = services.create(B256::repeat_byte(1), "", [kept]).await?.did;
    let before = indexed(env).await?;
    let rows_before = rows(env).await?;

    let ordered = as_(env, "subscriber").await?.order(kept).await?.ordered.receipt.transaction;
    let ordered = raw(&env.chain.devnet, ordered).await?;
    let lost = builder.create_plan(&Terms::credits("Lost", 10)).await?.plan;
    builder.mint(kept, env.subscriber.address, 7).await?;
    builder.redeem(kept, env.subscriber.address, 3, "r").await?;
    builder.set_open(kept, false).await?;
    services.add_plan(service, lost).await?;
    services.remove_plan(service, kept).await?;
    services.create(B256::repeat_byte(2), "", [lost]).await?;
    let now = indexed(env).await?;
    let all = async |env: &ServerEnv| -> Result<_> {
        let agents = list(&env.builder, "/api/v1/protocol/agents", "agents", "/registry/plans").await?;
        let open = list(&env.builder, "/api/v1/protocol/plans", "plans", "/isOpen").await?.1;
        Ok((plans(&env.builder, "").await?.1, open, agents, history(&env.subscriber, "history").await?))
    };
    let (names, open, agents, told) = all(env).await?;
    assert_eq!((names, open), (vec!["Lost".into(), "Kept".into()], vec!["true".into(), "false".into()]));
    let links = |plans: &[PlanId]| {
        let plans: Vec<_> = plans.iter().map(|plan| format!("\"{}\"", plan.0)).collect();
        format!("[{}]", plans.join(","))
    };
    assert_eq!(agents, (2, vec![links(&[lost]), links(&[lost])]));
    let event = |kind: &str, credits: &str| (kind.to_owned(), credits.to_owned());
    assert_eq!(told, [event("ordered", "10"), event("minted", "7"), event("redeemed", "3")]);

    // Of all this the order alone comes again, in the last of the blocks.
    reorganise(&env.chain.devnet, now - before, vec![(ordered, now - before - 1)]).await?;
    assert_as_the_chain(env, "after the reorg").await?;
    let (names, open, agents, told) = all(env).await?;
    assert_eq!((names, open), (vec!["Kept".to_owned()], vec!["true".to_owned()]));
    assert_eq!((agents, told), ((1, vec![links(&[kept])]), vec![event("ordered", "10")]));
    let told = env.subscriber.get("/api/v1/protocol/history").await?.ok()?;
    assert_eq!(told["history"][0]["block"], now, "it stands elsewhere");

    // A reorg that nobody saw, for the server was dead: all of it is undone when it is back.
    let minted = as_(env, "builder").await?.mint(kept, env.stranger.address, 1).await?;
    assert_as_the_chain(env, "before the server dies").await?;
    env.kill();
    let depth = minted.receipt.block - before;
    reorganise(&env.chain.devnet, depth, vec![]).await?;
    env.restart().await?;
    assert_as_the_chain(env, "after the second reorg").await?;
    assert_eq!(rows(env).await?, rows_before);
    assert_eq!(history(&env.subscriber, "history").await?, []);
    Ok(())
}

async fn a_killed_server_goes_on_without_a_gap_or_a_double(env: &mut ServerEnv) -> Result<()> {
    bustle(env, 1).await?;
    for (round, pause) in [20, 150, 300].into_iter().enumerate() {
        // In the middle of what it reads.
        let replica = env.take_replica();
        let dies = async {
            sleep(Duration::from_millis(pause)).await;
            drop(replica);
        };
        let (done, ()) = tokio::join!(bustle(env, 2), dies);
        done?;
        bustle(env, 1).await?;
        env.restart().await?;
        if round > 0 {
            assert_as_the_chain(env, &format!("round {round}")).await?;
        }
    }
    let records = records(env).await?;
    ensure!(records.len() > 100, "only {} events", records.len());
    Ok(())
}

async fn cursor(database: &AnyPool) -> Result<Option<String>> {
    Ok(sqlx::query("SELECT cursor FROM index_state").fetch_one(database).await?.try_get(0)?)
}

async fn from_nothing_the_index_is_the_same(env: &mut ServerEnv) -> Result<()> {
    let plan = bustle(env, 3).await?;
    indexed(env).await?;
    let before = rows(env).await?;
    env.kill();
    let (replica, check) = Replica::checked(env.config(None)?, true).await?;
    env.turn_to(replica);
    let check = check?;
    assert!(check.differences.is_empty(), "{check}");
    assert_eq!((check.holdings, check.events), (2, records(env).await?.len() as u64));
    assert_as_the_chain(env, "made anew").await?;
    assert_eq!(rows(env).await?, before);
    assert_eq!(history(&env.builder, &format!("plans/{plan}/history")).await?.len(), 15);

    // An index that has lost something does not agree with the chain, and is made good by making it anew.
    env.kill();
    let database = env.database().connect().await?;
    let lost =
        "DELETE FROM index_events WHERE block = (SELECT MAX(block) FROM index_events WHERE kind = 'minted')";
    ensure!(sqlx::query(lost).execute(&database).await?.rows_affected() == 2);
    let (replica, check) = Replica::checked(env.config(None)?, false).await?;
    ensure!(!check.is_ok_and(|check| check.differences.is_empty()), "nothing is missed");
    drop(replica);
    let (replica, check) = Replica::checked(env.config(None)?, true).await?;
    assert!(check?.differences.is_empty());
    env.turn_to(replica);
    indexed(env).await?;
    assert_eq!(rows(env).await?, before);

    // One that has lost its place is told what it has, and begins anew.
    env.kill();
    sqlx::query("UPDATE index_state SET cursor = NULL").execute(&database).await?;
    env.restart().await?;
    let began = Instant::now();
    while cursor(&database).await?.is_none() {
        ensure!(began.elapsed() < PATIENCE, "it goes on nowhere");
        sleep(Duration::from_millis(20)).await;
    }
    indexed(env).await?;
    assert_eq!(rows(env).await?, before);

    // So does one that a reorg has left behind further than can be undone.
    env.chain.devnet.reader().anvil_mine(Some(150), None).await?;
    indexed(env).await?;
    env.kill();
    reorganise(&env.chain.devnet, 140, vec![]).await?;
    as_(env, "builder").await?.mint(plan, env.stranger.address, 1).await?;
    env.restart().await?;
    assert_as_the_chain(env, "after a deep reorg").await?;
    // One more was minted, which is in a sum.
    let is_sum = |row: &&String| row.starts_with("index_days") && row.contains(" minted ");
    let before = before.iter().filter(|row| !is_sum(row)).cloned().collect();
    ensure!(rows(env).await?.is_superset(&before));
    Ok(())
}

async fn a_node_with_limits_is_enough(env: &mut ServerEnv) -> Result<()> {
    bustle(env, 3).await?;
    env.chain.devnet.reader().anvil_mine(Some(200), None).await?;
    indexed(env).await?;
    let before = rows(env).await?;
    env.kill();
    let node = Node::before(&env.chain.devnet).await?;
    {
        let mut limits = node.limits();
        (limits.blocks, limits.logs, limits.timeless) = (Some(20), Some(15), true);
    }
    // Not by an endpoint, which asks again for what is refused, and waits each time.
    let client = ClientBuilder::default().http(node.url().parse()?);
    let (replica, check) = Replica::checked(env.config(Some(client))?, true).await?;
    env.turn_to(replica);
    assert!(check?.differences.is_empty());
    indexed(env).await?;
    assert_eq!(rows(env).await?, before);
    ensure!(node.limits().refused > 3, "{:?}", node.limits());

    // It answers nothing for a while.
    node.limits().down = true;
    bustle(env, 1).await?;
    sleep(Duration::from_secs(2)).await;
    let ready = env.anyone.get("/readyz").await?;
    assert_eq!((ready.status, ready.problem()?), (503, "SCRIP.CHAIN.UNREACHABLE"));
    node.limits().down = false;
    assert_as_the_chain(env, "after it was down").await?;

    // And the chain changes while it is read.
    for calls in [3, 6, 9, 20, 40] {
        node.limits().down = true;
        bustle(env, 1).await?;
        {
            let mut limits = node.limits();
            (limits.down, limits.reorg) = (false, Some((calls, 4)));
        }
        while node.limits().reorg.is_some() {
            sleep(Duration::from_millis(20)).await;
        }
        assert_as_the_chain(env, &format!("a reorg after {calls} calls")).await?;
    }
    Ok(())
}

async fn who_was_taken_for_dead_writes_nothing(env: &mut ServerEnv) -> Result<()> {
    indexed(env).await?;
    let database = env.database().connect().await?;
    // Another has taken the place of the server, which does not know.
    let taken = "UPDATE index_state SET leader = 'another', term = term + 1";
    sqlx::query(taken).execute(&database).await?;
    let before = records(env).await?;
    bustle(env, 1).await?;
    for _ in 0..30 {
        sleep(Duration::from_millis(100)).await;
        sqlx::query("UPDATE index_state SET beats = beats + 1").execute(&database).await?;
        ensure!(records(env).await? == before, "it writes beside another");
    }
    // The other is silent, and the server takes its place again.
    let silent = Instant::now();
    assert_as_the_chain(env, "after another").await?;
    ensure!(silent.elapsed() > Duration::from_secs(3), "it was taken for dead too early");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_follow_once_and_one_takes_over_from_the_other() -> Result<()> {
    tell(DatabaseKind::Postgres, async |env: &mut ServerEnv| {
        let database = env.database().connect().await?;
        let leader = async || -> Result<(Option<String>, i64)> {
            let row = sqlx::query("SELECT leader, term FROM index_state").fetch_one(&database).await?;
            Ok((row.try_get(0)?, row.try_get(1)?))
        };
        indexed(env).await?;
        let (first, term) = leader().await?;
        let other = env.another(None).await?;
        bustle(env, 2).await?;
        assert_as_the_chain(env, "two servers").await?;
        sleep(Duration::from_secs(7)).await;
        assert_eq!(leader().await?, (first.clone(), term), "who lives is left to it");

        // The one that follows dies, and says nothing to anyone.
        env.kill();
        let began = Instant::now();
        bustle(env, 1).await?;
        env.turn_to(other);
        assert_as_the_chain(env, "after the first has died").await?;
        ensure!(began.elapsed() > Duration::from_secs(3), "it was taken for dead too early");
        let (second, later) = leader().await?;
        ensure!(second.is_some() && second != first && later == term + 1, "{second:?} {later}");

        // One that ends as it should leaves it to the next at once.
        let third = env.another(None).await?;
        env.take_replica().ok_or_eyre("it runs")?.shut_down().await?;
        ensure!(leader().await?.0 != second, "it leads still");
        env.turn_to(third);
        bustle(env, 1).await?;
        assert_as_the_chain(env, "after the second has ended").await?;
        Ok(())
    })
    .await
}
