//! Orders and redemptions through a node that misbehaves, on a chain that takes blocks back, by a process that is killed: each is
//! done exactly once.

use std::{collections::HashSet, future::Future, process::Stdio, sync::Arc, time::Duration};

use alloy::{
    primitives::{TxHash, U256, keccak256},
    providers::ext::AnvilApi,
    rpc::types::anvil::ReorgOptions,
};
use eyre::{OptionExt, Result, bail, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use scrip::{Done, Error, MemoryJournal, Permissions, PlanId, Scrip, abi::IERC20};
use scrip_devnet::{Devnet, WalletProvider};
use scrip_e2e::{
    env::TestEnv,
    faults::{Chance, Fault, FaultyNode},
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    time::timeout,
};

/// How many orders, and how many redemptions.
const MANY: u64 = 1_000;
const AT_ONCE: usize = 32;
/// Of a thousand calls, so many meet a fault.
const FAULTS: u64 = 100;

/// Repeats a write under its key until it is known what became of it. What is refused by a contract is no fault of the node.
async fn until_done<E, F: Future<Output = Result<Done<E>, Error>>>(write: impl Fn() -> F) -> Result<TxHash> {
    for _ in 0..200 {
        match write().await {
            Ok(done) => return Ok(done.receipt.transaction),
            Err(error) if error.refused_by().is_some() => return Err(error.into()),
            Err(error @ (Error::Superseded { .. } | Error::KeyReused { .. } | Error::MinedRevert { .. })) => {
                return Err(error.into());
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
    bail!("what became of a write was never known")
}

struct Parties {
    plan: PlanId,
    subscriber: Scrip<WalletProvider>,
    agent: Scrip<WalletProvider>,
}

impl Parties {
    /// Reached through the node, each with a journal.
    async fn before(node: &FaultyNode, env: &TestEnv, plan: PlanId) -> Result<Self> {
        let client = async |name| -> Result<_> {
            let client = node.scrip(&env.devnet, name).await?.with_journal(Arc::new(MemoryJournal::new()));
            // Anvil leaves transactions in its queue for ever now and then, when blocks are taken back: only what replaces them is
            // mined. So it has to be replaced, though nobody waits for as long.
            Ok(client.with_patience(Duration::from_secs(4)).replaced_after(Duration::from_secs(6)))
        };
        Ok(Self { plan, subscriber: client("subscriber").await?, agent: client("agent").await? })
    }

    async fn order(&self, number: u64) -> Result<TxHash> {
        let client = self.subscriber.once(format!("order {number}"));
        until_done(|| async { Ok(client.order(self.plan).await?.ordered) }).await
    }

    async fn redeem(&self, number: u64) -> Result<TxHash> {
        let (client, holder) = (self.agent.once(format!("redemption {number}")), self.subscriber.signer());
        until_done(|| client.redeem_without_id(self.plan, holder, 1)).await
    }

    /// All of them, many at a time; gives their transactions.
    async fn all(&self) -> Result<Vec<TxHash>> {
        let writes = stream::iter(0..2 * MANY).map(|number| async move {
            if number % 2 == 0 { self.order(number / 2).await } else { self.redeem(number / 2).await }
        });
        writes.buffer_unordered(AT_ONCE).try_collect().await
    }
}

/// Takes blocks back, and what was in them, for ever.
async fn reorganise(devnet: &Devnet) -> Result<()> {
    for depth in [1, 3, 2].into_iter().cycle() {
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        devnet.reader().anvil_reorg(ReorgOptions { depth, tx_block_pairs: vec![] }).await?;
    }
    Ok(())
}

/// A plan that the agent redeems, with credits for so many redemptions and the allowance for any number of orders.
async fn plan(env: &TestEnv, redemptions: u64) -> Result<PlanId> {
    let plan = env.create(&env.premium()?).await?;
    env.builder
        .set_operator(plan, env.agent.signer(), Permissions { redeem: true, ..Permissions::NONE })
        .await?;
    env.builder.mint(plan, env.subscriber.signer(), redemptions).await?;
    env.subscriber.approve(env.devnet.dollar().address, U256::MAX).await?;
    Ok(plan)
}

/// What the builder has.
async fn dollars(env: &TestEnv) -> Result<U256> {
    let dollar = IERC20::new(env.devnet.dollar().address, env.devnet.reader());
    Ok(dollar.balanceOf(env.builder.signer()).call().await?)
}

#[tokio::test]
async fn a_thousand_orders_and_redemptions_through_faults_are_each_done_once() -> Result<()> {
    let env = TestEnv::start().await?;
    let (plan, holder) = (plan(&env, MANY).await?, env.subscriber.signer());
    // Deeper than any reorganisation to come.
    env.devnet.reader().anvil_mine(Some(16), None).await?;
    let before = dollars(&env).await?;

    let node = FaultyNode::before(env.devnet.url()).await?;
    let parties = Parties::before(&node, &env, plan).await?;
    node.at_random(Chance::per_mille(FAULTS, 7));
    tokio::select! {
        done = parties.all() => { done?; }
        chaos = reorganise(&env.devnet) => chaos?,
    }
    node.heal();
    // What was taken back after it was known to be done is done again by whoever repeats it, and only that.
    let transactions = parties.all().await?;

    let unique: HashSet<_> = transactions.iter().collect();
    ensure!(unique.len() as u64 == 2 * MANY, "{} transactions", unique.len());
    let balance = env.stranger.balance(plan, holder).await?.balance;
    assert_eq!(
        balance,
        u128::from(MANY * 100),
        "{MANY} orders of 100 credits, and as many minted as redeemed"
    );
    assert_eq!(dollars(&env).await? - before, U256::from(MANY * 20_000_000), "20 dollars each");
    let sent = node.calls()["eth_sendRawTransaction"];
    assert!(sent > 2 * MANY + 100, "nothing had to be sent again: {sent}");
    for fault in Fault::ALL {
        assert!(node.count(fault) > 0, "{fault:?} never happened");
    }
    Ok(())
}

/// How often the process is killed, unless the environment says otherwise.
const KILLS: u64 = 12;

#[tokio::test]
async fn a_process_killed_again_and_again_does_each_once() -> Result<()> {
    let folder = tempfile::tempdir()?;
    killed_with_journal(folder.path().join("journal").to_str().ok_or_eyre("a path")?).await
}

#[tokio::test]
async fn a_process_killed_again_and_again_does_each_once_by_a_journal_in_a_database() -> Result<()> {
    let folder = tempfile::tempdir()?;
    killed_with_journal(&format!("sqlite:{}", folder.path().join("journal.sqlite").display())).await
}

/// Kills a process until all is done that it does by a journal.
async fn killed_with_journal(journal: &str) -> Result<()> {
    let kills: u64 = std::env::var("SCRIP_KILLS").map_or(Ok(KILLS), |kills| kills.parse())?;
    let many = 10 * kills;
    let env = TestEnv::start().await?;
    let (plan, holder) = (plan(&env, many).await?, env.subscriber.signer());
    let before = dollars(&env).await?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
    command.arg(env.devnet.url()).arg(journal).arg(plan.to_string()).arg(many.to_string());
    command.stdout(Stdio::piped()).kill_on_drop(true);

    let mut killed = 0_u64;
    loop {
        let mut worker = command.spawn()?;
        let mut lines = BufReader::new(worker.stdout.take().ok_or_eyre("no output")?).lines();
        ensure!(lines.next_line().await?.as_deref() == Some("begun"), "it did not begin");
        // At any moment, and spread so that not all is done before it has been killed often enough. Every fourth time it
        // may still be with what was done before; else all of its time is for what is new.
        let mut line = None;
        if !killed.is_multiple_of(4) {
            line = lines.next_line().await?;
        }
        let moment = Duration::from_micros(u64::from(keccak256(killed.to_be_bytes())[0]) * 1_200);
        let until_done = async {
            while line.as_deref() != Some("done") {
                line = Some(lines.next_line().await?.ok_or_eyre("it failed")?);
            }
            Ok::<_, eyre::Report>(())
        };
        let is_last = killed == kills;
        match timeout(if is_last { Duration::from_secs(600) } else { moment }, until_done).await {
            Err(_) if is_last => bail!("left alone, it did not end"),
            Err(_) => {
                worker.kill().await?;
                killed += 1;
            }
            Ok(done) => break done?,
        }
    }

    assert!(killed * 3 >= kills, "it was done after {killed} kills");
    assert_eq!(env.stranger.balance(plan, holder).await?.balance, u128::from(many * 100));
    assert_eq!(dollars(&env).await? - before, U256::from(many * 20_000_000), "20 dollars each");
    Ok(())
}
