//! Each thing that is asked for is done once, whatever becomes of the connection, the caller and the server.

use std::time::Duration;

use alloy::{
    primitives::{Address, U256, utils::parse_ether},
    providers::ext::AnvilApi,
};
use eyre::{OptionExt, Result, ensure, eyre};
use reqwest::{Method, Url};
use scrip::{PlanId, abi::IERC20};
use scrip_e2e::{
    faults::FaultyLine,
    server::{Answer, Caller, DatabaseKind, Replica, ServerEnv},
};
use scrip_server::Config;
use serde_json::json;
use sqlx::{AnyPool, Row};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use super::{
    on_each_database, refused, register, tell,
    x402::{token, verify},
};

on_each_database!(
    a_key_stands_for_one_request,
    who_hangs_up_and_asks_again_pays_once,
    two_who_wait_for_the_same_pay_twice,
    what_a_killed_server_had_begun_is_gone_on_with_by_the_next,
    a_server_that_ends_answers_what_was_begun,
    what_was_signed_is_waited_for_when_there_is_nothing_left_for_gas,
    what_cannot_be_read_is_in_nobodys_way,
);

/// A plan, and what there is to see of its orders.
pub(super) struct Shop<'a> {
    pub(super) env: &'a ServerEnv,
    pub(super) order: String,
    pub(super) plan: PlanId,
    /// What the builder had before.
    pub(super) before: U256,
}

impl<'a> Shop<'a> {
    pub(super) async fn open(env: &'a ServerEnv) -> Result<Self> {
        let plan = register(env, "P").await?;
        let order = format!("/api/v1/protocol/plans/{plan}/order");
        Ok(Self { env, order, plan: plan.parse()?, before: dollars(env, env.builder.address).await? })
    }

    /// How many orders there were: by the credits, by the money.
    pub(super) async fn sold(&self) -> Result<u64> {
        let balance = self.env.chain.stranger.balance(self.plan, self.env.subscriber.address).await?;
        let earned = dollars(self.env, self.env.builder.address).await? - self.before;
        ensure!(earned * U256::from(5) == U256::from(balance.balance), "{earned} for {}", balance.balance);
        Ok(u64::try_from(balance.balance)? / 100)
    }

    pub(super) async fn sold_within(&self, patience: Duration) -> Result<u64> {
        let began = Instant::now();
        let balance = async || self.env.chain.stranger.balance(self.plan, self.env.subscriber.address).await;
        while balance().await?.balance == 0 && began.elapsed() < patience {
            sleep(Duration::from_millis(50)).await;
        }
        self.sold().await
    }

    /// Orders in the background.
    pub(super) fn ordering(&self) -> JoinHandle<Result<Answer>> {
        let (caller, order) = (self.env.subscriber.clone(), self.order.clone());
        tokio::spawn(async move { caller.post_nothing(&order).await })
    }
}

async fn dollars(env: &ServerEnv, account: Address) -> Result<U256> {
    let dollar = IERC20::new(env.chain.devnet.dollar().address, env.chain.devnet.reader());
    Ok(dollar.balanceOf(account).call().await?)
}

/// The chain mines nothing until it is told to go on.
pub(super) async fn halt(env: &ServerEnv) -> Result<()> {
    Ok(env.chain.devnet.reader().anvil_set_auto_mine(false).await?)
}

pub(super) async fn go_on(env: &ServerEnv) -> Result<()> {
    env.chain.devnet.reader().anvil_set_auto_mine(true).await?;
    env.chain.devnet.reader().evm_mine(None).await?;
    Ok(())
}

/// Waits until so many operations are open, of which so many are waited for.
pub(super) async fn open(database: &AnyPool, operations: i64, waited_for: i64) -> Result<()> {
    let query = "SELECT count(*), count(waiter) FROM operations WHERE status = 'open'";
    let began = Instant::now();
    loop {
        let row = sqlx::query(query).fetch_one(database).await?;
        let found: (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        if found == (operations, waited_for) {
            return Ok(());
        }
        ensure!(began.elapsed() < Duration::from_secs(60), "{found:?}, not {operations} and {waited_for}");
        sleep(Duration::from_millis(20)).await;
    }
}

async fn a_key_stands_for_one_request(env: &mut ServerEnv) -> Result<()> {
    let shop = Shop::open(env).await?;
    let with_key = |caller: &Caller, key: &str| {
        let request = caller.request(Method::POST, &shop.order).header("idempotency-key", key);
        Answer::of(request)
    };
    let first = with_key(&env.subscriber, "k").await?.ok()?;
    let again = with_key(&env.subscriber, "k").await?.ok()?;
    assert_eq!(first["txHash"], again["txHash"]);
    assert_eq!(shop.sold().await?, 1);

    // At the same time, too.
    halt(env).await?;
    let both = [with_key(&env.subscriber, "l"), with_key(&env.subscriber, "l")];
    let both = tokio::spawn(futures_util::future::join_all(both));
    open(&env.database().connect().await?, 1, 1).await?;
    sleep(Duration::from_millis(200)).await;
    go_on(env).await?;
    let both = both.await?.into_iter().map(|answer| answer?.ok()).collect::<Result<Vec<_>>>()?;
    assert_eq!(both[0]["txHash"], both[1]["txHash"]);
    assert_eq!(shop.sold().await?, 2);

    // Another request, by its body or its path, may not have it; another account may.
    let mint =
        json!({ "planId": shop.plan.0.to_string(), "amount": 1, "creditsReceiver": env.stranger.address });
    let mint = |amount: u64| {
        let mut mint = mint.clone();
        mint["amount"] = json!(amount);
        let request = env.builder.request(Method::POST, "/api/v1/protocol/plans/mint").json(&mint);
        Answer::of(request.header("idempotency-key", "k"))
    };
    mint(1).await?.ok()?;
    let answer = mint(2).await?;
    assert_eq!((answer.status, answer.problem()?), (409, "SCRIP.REQUEST.REUSED"));
    let other = env.subscriber.request(Method::POST, "/api/v1/protocol/plans/11111/order");
    let answer = Answer::of(other.header("idempotency-key", "k")).await?;
    assert_eq!((answer.status, answer.problem()?), (409, "SCRIP.REQUEST.REUSED"));
    mint(1).await?.ok()?;
    assert_eq!(env.chain.stranger.balance(shop.plan, env.stranger.address).await?.balance, 1);

    // What was done is not judged anew: the same is answered when all that is left is reserved.
    let burn = || {
        let burn = json!({ "planId": shop.plan.0.to_string(), "creditsAmount": 150 });
        let request = env.subscriber.request(Method::POST, "/api/v1/protocol/plans/burn").json(&burn);
        Answer::of(request.header("idempotency-key", "b"))
    };
    let burned = burn().await?.ok()?;
    let plan = shop.plan.0.to_string();
    verify(&env.builder, &plan, &token(env, &plan).await?, 50).await?.ok()?;
    assert_eq!(burn().await?.ok()?["txHash"], burned["txHash"]);
    assert_eq!(env.chain.stranger.balance(shop.plan, env.subscriber.address).await?.balance, 50);

    // What was refused may be tried again with the same key, once it can be.
    let made = env.admin.post("/api/v1/accounts", &json!({ "name": "poor" })).await?.ok()?;
    let poor = env.anyone.with_key(made["key"].as_str().ok_or_eyre("no key")?);
    let account: Address = made["address"].as_str().ok_or_eyre("no address")?.parse()?;
    assert_eq!(with_key(&poor, "m").await?.status, 402);
    env.chain.devnet.mint_dollars(account, U256::from(20)).await?;
    let bought = with_key(&poor, "m").await?.ok()?;
    assert_eq!(with_key(&poor, "m").await?.ok()?["txHash"], bought["txHash"]);
    assert_eq!(env.chain.stranger.balance(shop.plan, account).await?.balance, 100);
    Ok(())
}

async fn who_hangs_up_and_asks_again_pays_once(env: &mut ServerEnv) -> Result<()> {
    let shop = Shop::open(env).await?;
    let database = env.database().connect().await?;
    for (round, is_over) in [(1, false), (2, true)] {
        halt(env).await?;
        let impatient = timeout(Duration::from_millis(700), env.subscriber.post_nothing(&shop.order));
        ensure!(impatient.await.is_err(), "it was answered");
        // The connection is gone, and the server has seen it.
        open(&database, 1, 0).await?;
        let answer = if is_over {
            go_on(env).await?;
            open(&database, 0, 0).await?;
            env.subscriber.post_nothing(&shop.order).await?
        } else {
            let again = shop.ordering();
            open(&database, 1, 1).await?;
            go_on(env).await?;
            again.await??
        };
        ensure!(answer.ok()?["txHash"].is_string());
        assert_eq!(shop.sold().await?, round);
    }
    // Once it was answered, the next is another order.
    env.subscriber.post_nothing(&shop.order).await?.ok()?;
    assert_eq!(shop.sold().await?, 3);
    Ok(())
}

async fn two_who_wait_for_the_same_pay_twice(env: &mut ServerEnv) -> Result<()> {
    let shop = Shop::open(env).await?;
    halt(env).await?;
    let (one, other) = (shop.ordering(), shop.ordering());
    open(&env.database().connect().await?, 2, 2).await?;
    go_on(env).await?;
    let (one, other) = (one.await??.ok()?, other.await??.ok()?);
    assert_ne!(one["txHash"], other["txHash"]);
    assert_eq!(shop.sold().await?, 2);
    Ok(())
}

async fn what_a_killed_server_had_begun_is_gone_on_with_by_the_next(env: &mut ServerEnv) -> Result<()> {
    let shop = Shop::open(env).await?;
    let (plan, order, before) = (shop.plan, shop.order.clone(), shop.before);
    halt(env).await?;
    let ordering = shop.ordering();
    open(&env.database().connect().await?, 1, 1).await?;
    env.kill();
    ensure!(ordering.await?.is_err(), "a dead server has answered");
    go_on(env).await?;
    env.restart().await?;

    // Nobody has asked again.
    let shop = Shop { env, order, plan, before };
    assert_eq!(shop.sold_within(Duration::from_secs(60)).await?, 1);
    open(&env.database().connect().await?, 0, 0).await?;
    env.subscriber.post_nothing(&shop.order).await?.ok()?;
    assert_eq!(shop.sold().await?, 1, "who asks again gets what there is");
    env.subscriber.post_nothing(&shop.order).await?.ok()?;
    assert_eq!(shop.sold().await?, 2);
    Ok(())
}

async fn what_was_signed_is_waited_for_when_there_is_nothing_left_for_gas(env: &mut ServerEnv) -> Result<()> {
    let shop = Shop::open(env).await?;
    let (plan, order, before) = (shop.plan, shop.order.clone(), shop.before);
    // What it costs to approve is not what is looked at.
    env.subscriber.post_nothing(&order).await?.ok()?;
    halt(env).await?;
    let ordering = shop.ordering();
    let database = env.database().connect().await?;
    open(&database, 1, 1).await?;
    let signed = "SELECT 1 FROM operations JOIN scrip_journal ON scrip_journal.once_key = operations.id WHERE status = 'open'";
    while sqlx::query(signed).fetch_optional(&database).await?.is_none() {
        sleep(Duration::from_millis(20)).await;
    }
    env.kill();
    ensure!(ordering.await?.is_err(), "a dead server has answered");
    // By now the account would be given gas, and there is none to give.
    let node = env.chain.devnet.reader();
    node.anvil_set_balance(env.subscriber.address, parse_ether("0.009")?).await?;
    node.anvil_set_balance(env.chain.devnet.actor("deployer")?.address(), U256::ZERO).await?;
    env.restart().await?;
    sleep(Duration::from_secs(2)).await;
    go_on(env).await?;
    env.subscriber.post_nothing(&order).await?.ok()?;
    let shop = Shop { env, order, plan, before };
    assert_eq!(shop.sold().await?, 2);
    Ok(())
}

async fn what_cannot_be_read_is_in_nobodys_way(env: &mut ServerEnv) -> Result<()> {
    let shop = Shop::open(env).await?;
    let (plan, order, before) = (shop.plan, shop.order.clone(), shop.before);
    halt(env).await?;
    let ordering = shop.ordering();
    let database = env.database().connect().await?;
    open(&database, 1, 1).await?;
    env.kill();
    ensure!(ordering.await?.is_err(), "a dead server has answered");
    // Of a later version, it may be.
    for id in ["0", "zz"] {
        let later = "INSERT INTO operations (id, account, digest, work, status, worker, heard, created_at) \
                     SELECT $1, account, digest, '{\"later\":{}}', 'open', worker, 0, created_at FROM operations WHERE status = 'open' LIMIT 1";
        sqlx::query(later).bind(id).execute(&database).await?;
    }
    go_on(env).await?;
    env.restart().await?;
    let shop = Shop { env, order, plan, before };
    assert_eq!(shop.sold_within(Duration::from_secs(60)).await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_server_had_begun_is_gone_on_with_by_another() -> Result<()> {
    tell(DatabaseKind::Postgres, async |env: &mut ServerEnv| {
        let other = env.another(None).await?;
        let shop = Shop::open(env).await?;
        let (plan, order, before) = (shop.plan, shop.order.clone(), shop.before);
        halt(env).await?;
        let ordering = shop.ordering();
        let database = env.database().connect().await?;
        open(&database, 1, 1).await?;
        env.kill();
        ensure!(ordering.await?.is_err(), "a dead server has answered");
        go_on(env).await?;
        // The other notices that nothing is heard of the first, and lets go of its callers.
        let shop = Shop { env, order, plan, before };
        assert_eq!(shop.sold_within(Duration::from_secs(60)).await?, 1);
        open(&database, 0, 0).await?;
        env.subscriber.at(&other).post_nothing(&shop.order).await?.ok()?;
        assert_eq!(shop.sold().await?, 1, "who asks another replica gets what there is");
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_another_as_soon_as_one_is_killed_pays_once() -> Result<()> {
    tell(DatabaseKind::Postgres, async |env: &mut ServerEnv| {
        let other = env.another(None).await?;
        let shop = Shop::open(env).await?;
        let (plan, order, before) = (shop.plan, shop.order.clone(), shop.before);
        halt(env).await?;
        let ordering = shop.ordering();
        let database = env.database().connect().await?;
        open(&database, 1, 1).await?;
        env.kill();
        ensure!(ordering.await?.is_err(), "a dead server has answered");
        // Nobody can know yet that it is dead.
        let caller = env.subscriber.at(&other);
        let path = order.clone();
        let again = tokio::spawn(async move { caller.post_nothing(&path).await });
        sleep(Duration::from_millis(500)).await;
        open(&database, 1, 1).await?;
        go_on(env).await?;
        again.await??.ok()?;
        let shop = Shop { env, order, plan, before };
        assert_eq!(shop.sold().await?, 1);
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_two_that_are_there_pays_twice() -> Result<()> {
    tell(DatabaseKind::Postgres, async |env: &mut ServerEnv| {
        let other = env.another(None).await?;
        let shop = Shop::open(env).await?;
        halt(env).await?;
        let ordering = shop.ordering();
        let database = env.database().connect().await?;
        open(&database, 1, 1).await?;
        let (caller, path) = (env.subscriber.at(&other), shop.order.clone());
        let same = tokio::spawn(async move { caller.post_nothing(&path).await });
        open(&database, 2, 2).await?;
        go_on(env).await?;
        let (one, same) = (ordering.await??.ok()?, same.await??.ok()?);
        assert_ne!(one["txHash"], same["txHash"]);
        assert_eq!(shop.sold().await?, 2);
        Ok(())
    })
    .await
}

async fn a_server_that_ends_answers_what_was_begun(env: &mut ServerEnv) -> Result<()> {
    let shop = Shop::open(env).await?;
    let (plan, order, before) = (shop.plan, shop.order.clone(), shop.before);
    halt(env).await?;
    let ordering = shop.ordering();
    open(&env.database().connect().await?, 1, 1).await?;
    let ended = tokio::spawn(env.take_replica().ok_or_eyre("it runs")?.shut_down());
    sleep(Duration::from_millis(300)).await;
    go_on(env).await?;
    ensure!(ordering.await??.ok()?["txHash"].is_string());
    ended.await??;
    env.restart().await?;
    let shop = Shop { env, order, plan, before };
    assert_eq!(shop.sold().await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_again_after_the_database_was_away_pays_once() -> Result<()> {
    tell(DatabaseKind::Postgres, async |env: &mut ServerEnv| {
        let shop = Shop::open(env).await?;
        let mut behind: Url = env.database().url().parse()?;
        let line = FaultyLine::before(behind.port().ok_or_eyre("a port")?).await?;
        behind.set_port(Some(line.port())).map_err(|()| eyre!("a port"))?;
        let server = Replica::start(Config { database: behind.into(), ..env.config(None)? }).await?;
        let caller = env.subscriber.at(&server);

        halt(env).await?;
        let (asking, path) = (caller.clone(), shop.order.clone());
        let first = tokio::spawn(async move { asking.post_nothing(&path).await });
        open(&env.database().connect().await?, 1, 1).await?;
        line.cut();
        // That the caller has gone cannot be written either.
        refused(&first.await??, 503, "BCK.HTTP.503")?;
        sleep(Duration::from_millis(200)).await;
        line.mend();
        let path = shop.order.clone();
        let again = tokio::spawn(async move { caller.post_nothing(&path).await });
        sleep(Duration::from_millis(500)).await;
        go_on(env).await?;
        again.await??.ok()?;
        // What goes on of the first would come later.
        open(&env.database().connect().await?, 0, 0).await?;
        assert_eq!(shop.sold().await?, 1);
        Ok(())
    })
    .await
}
