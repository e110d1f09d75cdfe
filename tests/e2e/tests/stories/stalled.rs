//! Writes that are begun and not gone on with, and journals that do not answer: neither stops others, nor is anything done twice.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use alloy::{primitives::Bytes, providers::Provider};
use async_trait::async_trait;
use eyre::{Result, eyre};
use scrip::{
    Account, Entry, Error, Inserted, Journal, JournalResult, MemoryJournal, Outcome, PlanId, SqlJournal,
    Waiting,
};
use scrip_e2e::{
    env::TestEnv,
    faults::{Fault, FaultyLine, FaultyNode},
    postgres::Postgres,
};
use tokio::time::timeout;

async fn balance(env: &TestEnv, plan: PlanId) -> Result<u128> {
    Ok(env.stranger.balance(plan, env.subscriber.signer()).await?.balance)
}

#[tokio::test]
async fn a_write_that_is_not_polled_any_more_stops_no_others() -> Result<()> {
    let env = TestEnv::start().await?;
    let (plan, holder) = (env.create(&env.premium()?).await?, env.subscriber.signer());
    let node = FaultyNode::before(env.devnet.url()).await?;
    let builder = node.scrip(&env.devnet, "builder").await?.untried(200_000);

    // It has the account's turn and waits for its first nonce, when it is left.
    node.next("eth_getTransactionCount", Fault::Delay);
    let mut left = pin!(builder.mint(plan, holder, 1));
    while node.count(Fault::Delay) == 0 {
        timeout(Duration::from_millis(5), left.as_mut()).await.unwrap_err();
    }
    // As many as wait behind it, those that are left, too.
    let mut behind = pin!(builder.mint(plan, holder, 10));
    timeout(Duration::from_millis(10), behind.as_mut()).await.unwrap_err();
    for amount in [100, 1_000] {
        timeout(Duration::from_secs(30), builder.mint(plan, holder, amount)).await??;
    }
    assert_eq!(balance(&env, plan).await?, 1_100);

    // Gone on with, they are done as well.
    left.await?;
    behind.await?;
    assert_eq!(balance(&env, plan).await?, 1_111);
    let count = env.devnet.reader().get_transaction_count(builder.signer()).await?;
    assert_eq!(count, 5, "the plan and four mints");
    Ok(())
}

#[tokio::test]
async fn a_write_that_is_dropped_half_way_leaves_no_gap() -> Result<()> {
    let env = TestEnv::start().await?;
    let (plan, holder) = (env.create(&env.premium()?).await?, env.subscriber.signer());
    let folder = tempfile::tempdir()?;
    let journal =
        SqlJournal::open(folder.path().join("journal.sqlite")).await.map_err(|error| eyre!(error))?;
    let builder = env.devnet.scrip("builder").await?.with_journal(Arc::new(journal));
    for step in 0..20_u64 {
        let builder = builder.once(format!("{step}"));
        let _ = timeout(Duration::from_millis(2 * step), builder.mint(plan, holder, 1)).await;
    }
    let patient = builder.with_patience(Duration::from_secs(60));
    for step in 0..20_u64 {
        patient.once(format!("{step}")).mint(plan, holder, 1).await?;
    }
    assert_eq!(balance(&env, plan).await?, 20);
    Ok(())
}

/// A journal whose answers get lost after it has taken a write down, and which is then gone until it is back.
#[derive(Debug)]
struct Lossy {
    journal: MemoryJournal,
    /// Whether the answer of the next insertion is lost.
    loses: AtomicBool,
    /// Whether it is gone after that.
    goes: AtomicBool,
    is_gone: AtomicBool,
}

impl Lossy {
    fn there(&self) -> JournalResult<&MemoryJournal> {
        if self.is_gone.load(Ordering::Relaxed) {
            Err("the connection is closed".into())
        } else {
            Ok(&self.journal)
        }
    }
}

#[async_trait]
impl Journal for Lossy {
    async fn find(&self, account: Account, key: &str) -> JournalResult<Option<Entry>> {
        self.there()?.find(account, key).await
    }

    async fn at(&self, account: Account, nonce: u64) -> JournalResult<Option<Entry>> {
        self.there()?.at(account, nonce).await
    }

    async fn since(&self, account: Account, nonce: u64, most: usize) -> JournalResult<Vec<Entry>> {
        self.there()?.since(account, nonce, most).await
    }

    async fn last_nonce(&self, account: Account) -> JournalResult<Option<u64>> {
        self.there()?.last_nonce(account).await
    }

    async fn insert(&self, entry: &Entry) -> JournalResult<Inserted> {
        let inserted = self.there()?.insert(entry).await?;
        if !self.loses.swap(false, Ordering::Relaxed) {
            return Ok(inserted);
        }
        self.is_gone.store(self.goes.load(Ordering::Relaxed), Ordering::Relaxed);
        Err("the connection is closed".into())
    }

    async fn replace(&self, account: Account, nonce: u64, transaction: &Bytes) -> JournalResult<()> {
        self.there()?.replace(account, nonce, transaction).await
    }

    async fn settle(&self, account: Account, nonce: u64, outcome: Outcome) -> JournalResult<()> {
        self.there()?.settle(account, nonce, outcome).await
    }
}

#[tokio::test]
async fn what_a_journal_has_perhaps_taken_down_has_not_failed() -> Result<()> {
    let env = TestEnv::start().await?;
    let (plan, holder) = (env.create(&env.premium()?).await?, env.subscriber.signer());
    let (loses, goes, is_gone) = (AtomicBool::new(true), AtomicBool::new(false), AtomicBool::new(false));
    let journal = Arc::new(Lossy { journal: MemoryJournal::new(), loses, goes, is_gone });
    let builder = env.devnet.scrip("builder").await?.with_journal(journal.clone());

    // By its key it is found there.
    builder.once("found").mint(plan, holder, 1).await?;
    assert_eq!(balance(&env, plan).await?, 1);

    // Without one, or while the journal is gone, it is not known; another process goes on with it.
    journal.loses.store(true, Ordering::Relaxed);
    let unkeyed = builder.mint(plan, holder, 10).await.unwrap_err();
    journal.loses.store(true, Ordering::Relaxed);
    journal.goes.store(true, Ordering::Relaxed);
    let keyed = builder.once("gone").mint(plan, holder, 100).await.unwrap_err();
    for error in [&unkeyed, &keyed] {
        assert!(error.is_pending(), "{error}");
        assert!(
            error
                .to_string()
                .ends_with("the journal has not said whether it has it: the connection is closed")
        );
        let Error::Pending { waiting, .. } = error else { panic!("{error}") };
        assert!(matches!(**waiting, Waiting::Journal(_)), "{error}");
    }
    assert_eq!(keyed.hint().as_deref(), Some("repeat it under its key, `gone`"));
    // Nor is it known of what is repeated while the journal is gone.
    let error = builder.once("gone").mint(plan, holder, 100).await.unwrap_err();
    assert!(matches!(error, Error::Journal(_)) && error.is_pending(), "{error}");
    journal.is_gone.store(false, Ordering::Relaxed);
    assert_eq!(balance(&env, plan).await?, 1);
    let other = env.devnet.scrip("builder").await?.with_journal(journal.clone());
    other.mint(plan, holder, 1_000).await?;
    assert_eq!(balance(&env, plan).await?, 1_111);

    let again = builder.once("gone").mint(plan, holder, 100).await?;
    assert_eq!(balance(&env, plan).await?, 1_111);
    let Error::Pending { transaction, .. } = keyed else { panic!("{keyed}") };
    assert_eq!(again.receipt.transaction, transaction);
    builder.once("next").mint(plan, holder, 10_000).await?;
    assert_eq!(balance(&env, plan).await?, 11_111);
    Ok(())
}

#[tokio::test]
async fn what_a_database_has_that_was_lost_when_it_committed_is_done_once() -> Result<()> {
    let Some(postgres) = Postgres::start()? else { return Ok(()) };
    let env = TestEnv::start().await?;
    let (plan, holder) = (env.create(&env.premium()?).await?, env.subscriber.signer());
    let line = FaultyLine::before(postgres.port()).await?;
    let client = async |url: String| -> Result<_> {
        let journal = SqlJournal::connect(&url).await.map_err(|error| eyre!(error))?;
        Ok(env.devnet.scrip("builder").await?.with_journal(Arc::new(journal)))
    };
    let (builder, other) = (client(Postgres::url_on(line.port())).await?, client(postgres.url()).await?);
    builder.mint(plan, holder, 1).await?;

    // Who is told nothing knows neither that the first is there, nor that the second is not, for the first has its nonce.
    for (key, amount, is_there) in [("first", 10, true), ("second", 100, false)] {
        // The signed transaction, which the insertion alone has in it.
        line.break_after(b"0x02f");
        let error = builder.once(key).mint(plan, holder, amount).await.unwrap_err();
        assert!(line.is_broken() && error.is_pending(), "{error}");
        assert!(matches!(&error, Error::Pending { waiting, .. } if matches!(**waiting, Waiting::Journal(_))));
        assert_eq!(other.once(key).entry().await?.is_some(), is_there, "{key}");
        line.mend();
    }
    other.mint(plan, holder, 1_000).await?;
    assert_eq!(balance(&env, plan).await?, 1_011, "whoever writes next sends what comes before");
    for (key, amount) in [("first", 10), ("second", 100)] {
        builder.once(key).mint(plan, holder, amount).await?;
    }
    assert_eq!(balance(&env, plan).await?, 1_111);
    Ok(())
}
