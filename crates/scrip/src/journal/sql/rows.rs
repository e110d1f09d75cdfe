//! What a journal asks of its database.

use std::time::Duration;

use alloy::primitives::{B256, Bytes};
use sqlx::AnyPool;

use super::super::{Account, Entry, Inserted, JournalResult, Outcome};

/// How often an insertion is tried that the database did not answer.
const TRIES: u32 = 3;

/// How long it is waited for the database between these.
const PAUSE: Duration = Duration::from_millis(200);

/// The rows of a journal.
#[derive(Debug, Clone)]
pub(super) struct Rows(pub(super) AnyPool);

/// What is read of an entry.
type Row = (i64, Option<String>, String, String, String, Option<String>, Option<i64>, Option<String>);

/// Reads entries, by what follows.
macro_rules! select {
    ($which:literal) => {
        concat!(
            "SELECT nonce, once_key, intent, transactions, outcome, transaction_hash, block, block_hash ",
            "FROM scrip_journal WHERE chain_id = $1 AND address = $2 AND ",
            $which
        )
    };
}

impl Rows {
    /// Adds an entry unless there is another in its way, or it is there by an earlier try of the same insertion.
    async fn try_insert(&self, entry: &Entry, insertion: &str) -> JournalResult<Inserted> {
        let (chain_id, address) = columns(entry.account)?;
        let nonce = i64::try_from(entry.nonce)?;
        let inserted = sqlx::query(
            "INSERT INTO scrip_journal (chain_id, address, nonce, once_key, intent, transactions, outcome, insertion) \
             VALUES ($1, $2, $3, $4, $5, $6, 'open', $7) ON CONFLICT DO NOTHING",
        )
        .bind(chain_id)
        .bind(&address)
        .bind(nonce)
        .bind(&entry.key)
        .bind(entry.intent.to_string())
        .bind(text(&entry.transactions))
        .bind(insertion)
        .execute(&self.0)
        .await?;
        if inserted.rows_affected() == 1 {
            return Ok(Inserted::New);
        }
        let in_the_way: Vec<(i64, Option<String>, String)> = sqlx::query_as(
            "SELECT nonce, once_key, insertion FROM scrip_journal \
             WHERE chain_id = $1 AND address = $2 AND (nonce = $3 OR once_key = $4)",
        )
        .bind(chain_id)
        .bind(&address)
        .bind(nonce)
        .bind(&entry.key)
        .fetch_all(&self.0)
        .await?;
        Ok(if in_the_way.iter().any(|(_, _, by)| by == insertion) {
            Inserted::New
        } else if entry.key.is_some() && in_the_way.iter().any(|(_, key, _)| *key == entry.key) {
            Inserted::KeyTaken
        } else {
            Inserted::NonceTaken
        })
    }

    pub(super) async fn find(&self, account: Account, key: &str) -> JournalResult<Option<Entry>> {
        let (chain_id, address) = columns(account)?;
        let row: Option<Row> = sqlx::query_as(select!("once_key = $3"))
            .bind(chain_id)
            .bind(address)
            .bind(key)
            .fetch_optional(&self.0)
            .await?;
        row.map(|row| read(account, row)).transpose()
    }

    pub(super) async fn at(&self, account: Account, nonce: u64) -> JournalResult<Option<Entry>> {
        let (chain_id, address) = columns(account)?;
        let row: Option<Row> = sqlx::query_as(select!("nonce = $3"))
            .bind(chain_id)
            .bind(address)
            .bind(i64::try_from(nonce)?)
            .fetch_optional(&self.0)
            .await?;
        row.map(|row| read(account, row)).transpose()
    }

    pub(super) async fn since(&self, account: Account, nonce: u64, most: usize) -> JournalResult<Vec<Entry>> {
        let (chain_id, address) = columns(account)?;
        let rows: Vec<Row> = sqlx::query_as(select!("nonce >= $3 ORDER BY nonce LIMIT $4"))
            .bind(chain_id)
            .bind(address)
            .bind(i64::try_from(nonce)?)
            .bind(i64::try_from(most).unwrap_or(i64::MAX))
            .fetch_all(&self.0)
            .await?;
        rows.into_iter().map(|row| read(account, row)).collect()
    }

    pub(super) async fn last_nonce(&self, account: Account) -> JournalResult<Option<u64>> {
        let (chain_id, address) = columns(account)?;
        let last: Option<(i64,)> = sqlx::query_as(
            "SELECT nonce FROM scrip_journal WHERE chain_id = $1 AND address = $2 ORDER BY nonce DESC LIMIT 1",
        )
        .bind(chain_id)
        .bind(address)
        .fetch_optional(&self.0)
        .await?;
        Ok(last.map(|(nonce,)| u64::try_from(nonce)).transpose()?)
    }

    pub(super) async fn insert(&self, entry: &Entry) -> JournalResult<Inserted> {
        // The answer of a commit may be lost, and another process sign the very same bytes: what was inserted is known by this.
        let insertion = B256::random().to_string();
        let mut tries = 1;
        loop {
            match self.try_insert(entry, &insertion).await {
                Err(error) if tries < TRIES => {
                    tracing::warn!(%error, nonce = entry.nonce, "the journal did not take down a write; it is asked again");
                    tokio::time::sleep(PAUSE).await;
                    tries += 1;
                }
                ended => return ended,
            }
        }
    }

    pub(super) async fn replace(
        &self,
        account: Account,
        nonce: u64,
        transaction: &Bytes,
    ) -> JournalResult<()> {
        let (chain_id, address) = columns(account)?;
        // In one statement, so that two processes that replace at the same time both have theirs here.
        let replaced = sqlx::query(
            "UPDATE scrip_journal SET transactions = transactions || $4 \
             WHERE chain_id = $1 AND address = $2 AND nonce = $3",
        )
        .bind(chain_id)
        .bind(address)
        .bind(i64::try_from(nonce)?)
        .bind(format!(" {transaction}"))
        .execute(&self.0)
        .await?;
        if replaced.rows_affected() == 0 {
            return Err(format!("the journal has nothing of nonce {nonce} of {}", account.address).into());
        }
        Ok(())
    }

    pub(super) async fn settle(&self, account: Account, nonce: u64, outcome: Outcome) -> JournalResult<()> {
        let statement = match outcome {
            Outcome::Open => return Ok(()),
            Outcome::Mined { .. } => {
                "UPDATE scrip_journal SET outcome = $4, transaction_hash = $5, block = $6, block_hash = $7 \
                 WHERE chain_id = $1 AND address = $2 AND nonce = $3"
            }
            Outcome::Superseded { .. } => {
                "UPDATE scrip_journal SET outcome = $4, transaction_hash = $5, block = $6, block_hash = $7 \
                 WHERE chain_id = $1 AND address = $2 AND nonce = $3 AND outcome <> 'mined'"
            }
        };
        let (name, transaction, block, block_hash) = match outcome {
            Outcome::Open => ("open", None, None, None),
            Outcome::Mined { transaction, block, block_hash } => {
                ("mined", Some(transaction), Some(i64::try_from(block)?), Some(block_hash))
            }
            Outcome::Superseded { by } => ("superseded", Some(by), None, None),
        };
        let (chain_id, address) = columns(account)?;
        sqlx::query(statement)
            .bind(chain_id)
            .bind(address)
            .bind(i64::try_from(nonce)?)
            .bind(name)
            .bind(transaction.map(|hash| hash.to_string()))
            .bind(block)
            .bind(block_hash.map(|hash| hash.to_string()))
            .execute(&self.0)
            .await?;
        Ok(())
    }
}

/// How an account is written. Numbers of chains (EIP-2294) and nonces (EIP-2681) have 63 bits and less.
fn columns(account: Account) -> JournalResult<(i64, String)> {
    Ok((account.chain_id.try_into()?, account.address.to_string()))
}

fn text(transactions: &[Bytes]) -> String {
    transactions.iter().map(Bytes::to_string).collect::<Vec<_>>().join(" ")
}

fn read(account: Account, row: Row) -> JournalResult<Entry> {
    let (nonce, key, intent, transactions, outcome, transaction, block, block_hash) = row;
    let transaction = transaction.unwrap_or_default();
    let outcome = match outcome.as_str() {
        "mined" => Outcome::Mined {
            transaction: transaction.parse()?,
            block: block.unwrap_or_default().try_into()?,
            block_hash: block_hash.unwrap_or_default().parse()?,
        },
        "superseded" => Outcome::Superseded { by: transaction.parse()? },
        _ => Outcome::Open,
    };
    Ok(Entry {
        account,
        nonce: nonce.try_into()?,
        key,
        intent: intent.parse()?,
        transactions: transactions.split(' ').map(str::parse).collect::<Result<_, _>>()?,
        outcome,
    })
}
