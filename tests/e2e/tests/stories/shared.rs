//! Several processes that write as one account, by one journal in a database.

use std::{path::Path, process::Stdio, sync::Arc, time::Duration};

use alloy::{
    primitives::{TxHash, U256, keccak256},
    providers::{Provider, ext::AnvilApi},
};
use eyre::{OptionExt, Result, ensure, eyre};
use futures_util::future::{join_all, try_join_all};
use scrip::{
    Account, Entry, Journal, MemoryJournal, Outcome, Permissions, PlanId, Scrip, SqlJournal, abi::IERC20,
};
use scrip_devnet::WalletProvider;
use scrip_e2e::{
    env::TestEnv,
    faults::{Chance, Fault, FaultyNode},
    postgres::Postgres,
};
use tokio::process::{Child, Command};

type Client = Scrip<WalletProvider>;

async fn connect(url: &str) -> Result<Arc<SqlJournal>> {
    Ok(Arc::new(SqlJournal::connect(url).await.map_err(|error| eyre!(error))?))
}

fn sqlite(folder: &Path) -> String {
    format!("sqlite:{}", folder.join("journal.sqlite").display())
}

/// All that a client has signed.
async fn entries(client: &Client, journal: &dyn Journal) -> Result<Vec<Entry>> {
    let account = Account { chain_id: client.chain_id(), address: client.signer() };
    journal.since(account, 0, usize::MAX).await.map_err(|error| eyre!(error))
}

/// Whether all of an account's nonces are taken, one after another, and mined.
async fn has_no_gap(env: &TestEnv, client: &Client, journal: &dyn Journal) -> Result<()> {
    let entries = entries(client, journal).await?;
    let nonces: Vec<_> = entries.iter().map(|entry| entry.nonce).collect();
    let first = nonces.first().copied().ok_or_eyre("nothing was written")?;
    assert_eq!(nonces, (first..first + nonces.len() as u64).collect::<Vec<_>>());
    for entry in &entries {
        ensure!(matches!(entry.outcome, Outcome::Mined { .. }), "{entry:?}");
    }
    let count = env.devnet.reader().get_transaction_count(client.signer()).await?;
    assert_eq!(count, first + nonces.len() as u64, "the chain has them all, and no other");
    Ok(())
}

async fn balance(env: &TestEnv, plan: PlanId) -> Result<u128> {
    Ok(env.stranger.balance(plan, env.subscriber.signer()).await?.balance)
}

#[tokio::test]
async fn processes_that_share_a_file_of_sqlite_do_each_once() -> Result<()> {
    let folder = tempfile::tempdir()?;
    processes_do_each_once(&sqlite(folder.path())).await
}

#[tokio::test]
async fn processes_that_share_a_postgres_do_each_once() -> Result<()> {
    let Some(postgres) = Postgres::start()? else { return Ok(()) };
    processes_do_each_once(&postgres.url()).await
}

/// Three processes race for the same keys of the same accounts, one of which is killed on the way.
async fn processes_do_each_once(journal: &str) -> Result<()> {
    const MANY: u64 = 100;
    let env = TestEnv::start().await?;
    let (plan, holder) = (env.create(&env.premium()?).await?, env.subscriber.signer());
    let redeem = Permissions { redeem: true, ..Permissions::NONE };
    env.builder.set_operator(plan, env.agent.signer(), redeem).await?;
    env.builder.mint(plan, holder, MANY).await?;
    env.subscriber.approve(env.devnet.dollar().address, U256::MAX).await?;
    let dollar = IERC20::new(env.devnet.dollar().address, env.devnet.reader());
    let before = dollar.balanceOf(env.builder.signer()).call().await?;

    let worker = || -> Result<Child> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
        command.arg(env.devnet.url()).arg(journal).arg(plan.to_string()).arg(MANY.to_string());
        Ok(command.stdout(Stdio::null()).kill_on_drop(true).spawn()?)
    };
    let (mut one, mut other, mut killed) = (worker()?, worker()?, worker()?);
    tokio::time::sleep(Duration::from_millis(700)).await;
    killed.kill().await?;
    for status in [one.wait().await?, other.wait().await?] {
        ensure!(status.success(), "a process failed: {status}");
    }

    assert_eq!(balance(&env, plan).await?, u128::from(MANY * 100), "as many minted as redeemed");
    assert_eq!(dollar.balanceOf(env.builder.signer()).call().await? - before, U256::from(MANY * 20_000_000));
    let journal = connect(journal).await?;
    for (client, many) in [(&env.subscriber, MANY), (&env.agent, MANY)] {
        has_no_gap(&env, client, &*journal).await?;
        assert_eq!(entries(client, &*journal).await?.len() as u64, many);
    }
    Ok(())
}

/// Two clients of one account, each with a connection to the journal, as two replicas of a server are.
async fn replicas(env: &TestEnv, url: &str) -> Result<(Client, Client, Arc<SqlJournal>)> {
    let client = async || -> Result<Client> {
        Ok(env.devnet.scrip("builder").await?.with_journal(connect(url).await?))
    };
    Ok((client().await?, client().await?, connect(url).await?))
}

#[tokio::test]
async fn replicas_on_a_file_of_sqlite_take_each_others_nonces_into_account() -> Result<()> {
    let folder = tempfile::tempdir()?;
    replicas_write(&sqlite(folder.path())).await
}

#[tokio::test]
async fn replicas_on_a_postgres_take_each_others_nonces_into_account() -> Result<()> {
    let Some(postgres) = Postgres::start()? else { return Ok(()) };
    replicas_write(&postgres.url()).await
}

async fn replicas_write(url: &str) -> Result<()> {
    let env = TestEnv::start().await?;
    let (plan, holder) = (env.create(&env.premium()?).await?, env.subscriber.signer());
    let (one, other, journal) = replicas(&env, url).await?;

    // At the same time, the same keys and others, tried and untried.
    let quick = other.clone().untried(200_000);
    let same = join_all((0..40).map(|number| {
        let client = if number % 2 == 0 { &one } else { &other };
        let client = client.once(format!("{}", number / 2));
        async move { client.mint(plan, holder, 1).await }
    }));
    let others = try_join_all((0..20).map(|_| async { one.mint(plan, holder, 100).await }));
    let untried = try_join_all((0..20).map(|_| async { quick.mint(plan, holder, 10_000).await }));
    let (same, others, untried) = tokio::join!(same, others, untried);
    assert_eq!((others?.len(), untried?.len()), (20, 20));
    let same: Vec<_> = same.into_iter().collect::<Result<_, _>>()?;
    for pair in same.chunks(2) {
        assert_eq!(pair[0], pair[1], "both are told of the one that was done");
    }
    assert_eq!(balance(&env, plan).await?, 20 + 20 * 100 + 20 * 10_000);
    has_no_gap(&env, &one, &*journal).await?;

    // One has written a while since the other did, which goes on after it.
    for _ in 0..5 {
        one.mint(plan, holder, 1).await?;
    }
    quick.mint(plan, holder, 1).await?;
    has_no_gap(&env, &one, &*journal).await
}

#[tokio::test]
async fn what_a_process_signed_that_died_then_is_sent_by_the_next() -> Result<()> {
    let folder = tempfile::tempdir()?;
    died_before_it_sent(&sqlite(folder.path())).await?;
    let Some(postgres) = Postgres::start()? else { return Ok(()) };
    died_before_it_sent(&postgres.url()).await
}

async fn died_before_it_sent(url: &str) -> Result<()> {
    let env = TestEnv::start().await?;
    let (plan, holder) = (env.create(&env.premium()?).await?, env.subscriber.signer());
    let (_, living, journal) = replicas(&env, url).await?;
    living.once("before").mint(plan, holder, 1).await?;

    // Its node takes nothing from it: what it signs is in the journal alone when it dies.
    let node = FaultyNode::before(env.devnet.url()).await?;
    let dying = node.scrip(&env.devnet, "builder").await?.with_journal(connect(url).await?);
    let never = Chance::per_mille(1_000, 1).of([Fault::Unavailable]).on(["eth_sendRawTransaction"]);
    node.at_random(never);
    let dying = dying.with_patience(Duration::from_millis(100));
    for (key, amount) in [("first", 10), ("second", 100)] {
        let error = dying.once(key).mint(plan, holder, amount).await.err().ok_or_eyre("it was sent")?;
        ensure!(error.is_pending(), "{error}");
    }
    drop(dying);
    assert_eq!(balance(&env, plan).await?, 1);

    // Neither repeats these writes, but who writes next has to come after them.
    living.once("after").mint(plan, holder, 1_000).await?;
    assert_eq!(balance(&env, plan).await?, 1_111);
    // Until they are asked for, nobody has looked what became of them.
    for (key, amount) in [("first", 10), ("second", 100)] {
        living.once(key).mint(plan, holder, amount).await?;
    }
    assert_eq!(balance(&env, plan).await?, 1_111);
    has_no_gap(&env, &living, &*journal).await
}

#[tokio::test]
async fn who_repeats_a_write_at_the_same_time_may_replace_it() -> Result<()> {
    let env = TestEnv::start().await?;
    let (plan, holder) = (env.create(&env.premium()?).await?, env.subscriber.signer());
    let journal = Arc::new(MemoryJournal::new());
    let client = async |after| -> Result<Client> {
        let client = env.devnet.scrip("builder").await?.with_journal(journal.clone());
        Ok(client.replaced_after(after).once("mint"))
    };
    let (patient, hasty) =
        (client(Duration::from_secs(600)).await?, client(Duration::from_millis(300)).await?);
    env.devnet.reader().anvil_set_auto_mine(false).await?;
    let mint = |client: Client| tokio::spawn(async move { client.mint(plan, holder, 1).await });
    let (patient, hasty) = (mint(patient), mint(hasty));
    let replaced: TxHash = loop {
        let account = Account { chain_id: env.builder.chain_id(), address: env.builder.signer() };
        let entries = journal.since(account, 0, usize::MAX).await.map_err(|error| eyre!(error))?;
        if let Some(entry) = entries.last()
            && entry.transactions.len() > 1
        {
            break keccak256(&entry.transactions[1]);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    while env.devnet.reader().get_transaction_by_hash(replaced).await?.is_none() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    env.devnet.reader().evm_mine(None).await?;

    // Who did not replace it knows it for the same write all the same.
    let (patient, hasty) = (patient.await??, hasty.await??);
    assert_eq!(patient, hasty);
    assert_eq!(balance(&env, plan).await?, 1);
    Ok(())
}

#[tokio::test]
async fn what_is_stuck_of_a_process_that_died_is_replaced_by_the_next() -> Result<()> {
    let env = TestEnv::start().await?;
    let (plan, holder) = (env.create(&env.premium()?).await?, env.subscriber.signer());
    let journal = Arc::new(MemoryJournal::new());
    let client = env.devnet.scrip("builder").await?.with_journal(journal.clone());
    let reader = env.devnet.reader();

    // Signed for less than a block asks by then.
    reader.anvil_set_auto_mine(false).await?;
    let dying = client.clone().with_patience(Duration::from_millis(100));
    let error = dying.once("stuck").mint(plan, holder, 1).await.unwrap_err();
    ensure!(error.is_pending(), "{error}");
    let stuck = entries(&client, &*journal).await?.pop().ok_or_eyre("nothing was signed")?;
    reader.anvil_set_next_block_base_fee_per_gas(1_000_000_000_000).await?;
    reader.evm_mine(None).await?;
    reader.anvil_set_auto_mine(true).await?;

    // A client of another process: it knows of the first by the journal alone.
    let next = env.devnet.scrip("builder").await?.with_journal(journal.clone());
    let next = next.replaced_after(Duration::from_secs(1)).with_patience(Duration::from_secs(60));
    try_join_all((0..5).map(|_| async { next.mint(plan, holder, 10).await })).await?;
    assert_eq!(balance(&env, plan).await?, 51);
    let replaced = entries(&client, &*journal).await?.swap_remove(0);
    assert_eq!((replaced.nonce, replaced.transactions.len()), (stuck.nonce, 2), "once, by one of the five");
    client.once("stuck").mint(plan, holder, 1).await?;
    assert_eq!(balance(&env, plan).await?, 51);
    has_no_gap(&env, &client, &*journal).await
}
