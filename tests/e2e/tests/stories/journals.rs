//! What every journal promises, of each of them.

use std::time::Duration;

use alloy::primitives::{Address, B256, Bytes, TxHash};
use eyre::{OptionExt, Result, ensure, eyre};
use futures_util::{
    FutureExt,
    future::{join_all, try_join_all},
};
use scrip::{
    Account, Entry, FileJournal, Inserted, Journal, JournalResult, MemoryJournal, Outcome, SqlJournal,
};
use scrip_e2e::postgres::Postgres;
use tokio::time::timeout;

const ACCOUNT: Account = Account { chain_id: 31_337, address: Address::repeat_byte(1) };

fn entry(account: Account, nonce: u64, key: Option<&str>) -> Entry {
    Entry {
        account,
        nonce,
        key: key.map(str::to_owned),
        intent: B256::repeat_byte(2),
        transactions: vec![format!("transaction {nonce}").into_bytes().into()],
        outcome: Outcome::Open,
    }
}

fn mined(block: u64) -> Outcome {
    Outcome::Mined { transaction: TxHash::repeat_byte(3), block, block_hash: B256::repeat_byte(4) }
}

/// Two handles of one journal, as two processes have them; the same twice where only one may have it.
async fn keeps_its_promises(one: &dyn Journal, other: &dyn Journal) -> JournalResult<()> {
    let elsewhere = Account { chain_id: 1, ..ACCOUNT };
    let another = Account { address: Address::repeat_byte(9), ..ACCOUNT };
    assert_eq!((one.last_nonce(ACCOUNT).await?, one.find(ACCOUNT, "a").await?), (None, None));

    // A key and a nonce are one account's, and taken once.
    let first = entry(ACCOUNT, 7, Some("it's $1; a \u{1f511}"));
    assert_eq!(one.insert(&first).await?, Inserted::New);
    assert_eq!(other.insert(&Entry { nonce: 8, ..first.clone() }).await?, Inserted::KeyTaken);
    assert_eq!(other.insert(&first).await?, Inserted::KeyTaken, "both are taken");
    assert_eq!(other.insert(&entry(ACCOUNT, 7, Some("b"))).await?, Inserted::NonceTaken);
    assert_eq!(other.insert(&entry(ACCOUNT, 7, None)).await?, Inserted::NonceTaken);
    for account in [elsewhere, another] {
        assert_eq!(other.insert(&Entry { account, ..first.clone() }).await?, Inserted::New);
    }
    assert_eq!(other.insert(&entry(ACCOUNT, 9, None)).await?, Inserted::New);
    assert_eq!(
        one.insert(&entry(ACCOUNT, 8, None)).await?,
        Inserted::New,
        "as many without a key as there are"
    );
    assert_eq!(other.find(ACCOUNT, "it's $1; a \u{1f511}").await?.as_ref(), Some(&first));
    assert_eq!(other.last_nonce(ACCOUNT).await?, Some(9));
    let nonces = |entries: Vec<Entry>| entries.iter().map(|entry| entry.nonce).collect::<Vec<_>>();
    assert_eq!(nonces(one.since(ACCOUNT, 0, usize::MAX).await?), [7, 8, 9]);
    assert_eq!(nonces(one.since(ACCOUNT, 8, 10).await?), [8, 9]);
    assert_eq!(nonces(one.since(ACCOUNT, 0, 2).await?), [7, 8], "no more than are asked for");
    assert_eq!((one.since(ACCOUNT, 0, 0).await?, one.since(ACCOUNT, 10, 1).await?), (vec![], vec![]));
    assert_eq!(other.at(ACCOUNT, 7).await?.as_ref(), Some(&first));
    assert_eq!(
        (one.at(ACCOUNT, 6).await?, one.at(another, 8).await?),
        (None, None),
        "not what comes after it"
    );

    // What replaces comes last, and of two at the same time none is lost.
    let replacements: Vec<_> = (0..20_u8).map(|number| Bytes::from(vec![number; 3])).collect();
    let replaced = replacements.iter().zip([one, other].into_iter().cycle());
    try_join_all(replaced.map(|(transaction, journal)| journal.replace(ACCOUNT, 7, transaction))).await?;
    let mut transactions = one.at(ACCOUNT, 7).await?.ok_or("nothing")?.transactions;
    assert_eq!(transactions[0], first.transactions[0]);
    one.replace(ACCOUNT, 7, &Bytes::new()).await?;
    transactions.push(Bytes::new());
    assert_eq!(other.at(ACCOUNT, 7).await?.map(|entry| entry.transactions).as_ref(), Some(&transactions));
    transactions.sort();
    transactions.dedup();
    assert_eq!(transactions.len(), 22, "each once");

    // What is known is not taken back by who comes late.
    let outcome = async |nonce| JournalResult::Ok(one.at(ACCOUNT, nonce).await?.ok_or("nothing")?.outcome);
    let by = TxHash::repeat_byte(5);
    for (settled, expected) in [
        (Outcome::Open, Outcome::Open),
        (Outcome::Superseded { by }, Outcome::Superseded { by }),
        (Outcome::Open, Outcome::Superseded { by }),
        (mined(1), mined(1)),
        (Outcome::Open, mined(1)),
        (Outcome::Superseded { by }, mined(1)),
        (mined(2), mined(2)),
    ] {
        other.settle(ACCOUNT, 8, settled).await?;
        assert_eq!(outcome(8).await?, expected, "after {settled:?}");
    }
    assert_eq!(outcome(9).await?, Outcome::Open);

    // Of many at the same time one has the key, and one each nonce.
    let inserted = join_all((0..40).map(|number| async move {
        let journal = if number % 2 == 0 { one } else { other };
        (
            journal.insert(&entry(ACCOUNT, 100 + number, Some("same"))).await,
            journal.insert(&entry(another, 100 + number / 4, None)).await,
        )
    }));
    let mut new = (0, 0);
    for (by_key, by_nonce) in inserted.await {
        match by_key? {
            Inserted::New => new.0 += 1,
            taken => assert_eq!(taken, Inserted::KeyTaken),
        }
        match by_nonce? {
            Inserted::New => new.1 += 1,
            taken => assert_eq!(taken, Inserted::NonceTaken),
        }
    }
    assert_eq!(new, (1, 10));
    Ok(())
}

async fn check(one: impl Journal, other: impl Journal) -> Result<()> {
    keeps_its_promises(&one, &other).await.map_err(|error| eyre!(error))
}

async fn connect(url: &str) -> Result<SqlJournal> {
    SqlJournal::connect(url).await.map_err(|error| eyre!(error))
}

#[tokio::test]
async fn a_journal_in_memory_keeps_its_promises() -> Result<()> {
    let journal = MemoryJournal::new();
    keeps_its_promises(&journal, &journal).await.map_err(|error| eyre!(error))
}

#[tokio::test]
async fn a_journal_in_a_file_keeps_its_promises() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("journal");
    let journal = FileJournal::open(&path)?;
    keeps_its_promises(&journal, &journal).await.map_err(|error| eyre!(error))?;
    let before = journal.since(ACCOUNT, 0, usize::MAX).await.map_err(|error| eyre!(error))?;
    drop(journal);
    let again = FileJournal::open(&path)?;
    assert_eq!(
        again.since(ACCOUNT, 0, usize::MAX).await.map_err(|error| eyre!(error))?,
        before,
        "read as it was written"
    );
    Ok(())
}

#[tokio::test]
async fn a_journal_in_sqlite_keeps_its_promises() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("50% of what?.sqlite");
    let open = async || SqlJournal::open(&path).await.map_err(|error| eyre!(error));
    check(open().await?, open().await?).await?;
    ensure!(path.exists(), "the file is where it was asked for");
    let url = format!("sqlite:{}", folder.path().join("journal").display());
    made_by_many_at_once(&url).await?;
    left_by_who_is_not_polled(&url).await?;
    renewed_by_none_that_is_older(&url).await
}

#[tokio::test]
async fn a_journal_in_postgres_keeps_its_promises() -> Result<()> {
    let Some(postgres) = Postgres::start()? else { return Ok(()) };
    made_by_many_at_once(&postgres.url()).await?;
    check(connect(&postgres.url()).await?, connect(&postgres.url()).await?).await?;
    left_by_who_is_not_polled(&postgres.url()).await?;
    renewed_by_none_that_is_older(&postgres.url()).await
}

/// Processes that start together find the tables, whoever makes them.
async fn made_by_many_at_once(url: &str) -> Result<()> {
    let journals = try_join_all((0..8).map(|_| connect(url))).await?;
    let inserted = journals.iter().zip(0..).map(|(journal, nonce)| async move {
        journal.insert(&entry(Account { chain_id: 5, ..ACCOUNT }, nonce, None)).await
    });
    for inserted in join_all(inserted).await {
        assert_eq!(inserted.map_err(|error| eyre!(error))?, Inserted::New);
    }
    Ok(())
}

/// Who has begun something and is not polled any more keeps nothing from others, however far it has come.
async fn left_by_who_is_not_polled(url: &str) -> Result<()> {
    let (other, account) = (connect(url).await?, Account { chain_id: 6, ..ACCOUNT });
    let mut left = Vec::new();
    for polls in 1..=30 {
        let (journal, entry) = (other.clone(), entry(account, polls, None));
        let mut inserting = Box::pin(async move { journal.insert(&entry).await });
        for _ in 0..polls {
            if inserting.as_mut().now_or_never().is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_micros(100)).await;
        }
        left.push(inserting);
        let found = timeout(Duration::from_secs(10), other.find(account, "a")).await;
        assert_eq!(found?.map_err(|error| eyre!(error))?, None, "after {polls} polls");
    }
    // What was begun is done all the same.
    drop(left);
    while other.last_nonce(account).await.map_err(|error| eyre!(error))? != Some(30) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// What a later version has made is not touched.
async fn renewed_by_none_that_is_older(url: &str) -> Result<()> {
    let pool = sqlx::AnyPool::connect(url).await?;
    sqlx::query("UPDATE scrip_journal_version SET version = 1000").execute(&pool).await?;
    let error = SqlJournal::new(pool).await.err().ok_or_eyre("it was touched")?;
    assert_eq!(error.to_string(), "the journal is of version 1000, this program knows 1 at most");
    Ok(())
}
