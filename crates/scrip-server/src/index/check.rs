//! Whether the index agrees with the chain.

use std::{fmt, sync::Arc, time::Duration};

use scrip::{Cursor, Difference, Ledger, Record};
use sqlx::Row;
use tokio::time::sleep;

use crate::{account::as_i64, problem::Problem, server::StartError, state::State};

/// How many events are read at once.
const AT_ONCE: usize = 1_000;
/// How often it is looked how far the index is, and how often that is told.
const LOOK: Duration = Duration::from_millis(200);
const TELL: u32 = 25;
/// How often books that differ are made again: the chain may have taken something back meanwhile.
const TRIES: u32 = 3;

/// What came of comparing the index with the chain: the books were made of nothing but the index, and what every holder has by
/// them was compared with what the chain says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndexCheck {
    /// As of the end of this block.
    pub block: u64,
    /// How many events there are in the index.
    pub events: u64,
    /// How many holdings were compared.
    pub holdings: usize,
    /// Those that differ; none when all is well.
    pub differences: Vec<Difference>,
}

impl fmt::Display for IndexCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { block, events, holdings, differences } = self;
        write!(f, "{events} events up to block {block}, {holdings} holdings")?;
        match differences.as_slice() {
            [] => f.write_str(", and the chain says the same"),
            differences => {
                write!(f, ", of which {} differ from the chain's", differences.len())?;
                differences.iter().try_for_each(|difference| write!(f, "\n{difference}"))
            }
        }
    }
}

/// Waits until the index has come as far as the chain is now, and compares.
pub(crate) async fn check(state: Arc<State>) -> Result<IndexCheck, StartError> {
    let tip = state.chain.block().await?.saturating_sub(state.indexing.confirmations);
    let mut looks = 0;
    loop {
        let indexed = state.indexed_block().await?;
        if indexed >= Some(tip) {
            break;
        }
        if looks % TELL == 0 {
            tracing::info!(block = indexed, of = tip, "the index is on its way");
        }
        looks += 1;
        sleep(LOOK).await;
    }
    let mut tries = 1;
    loop {
        match compare(&state).await {
            Ok(Some(check)) if check.differences.is_empty() || tries >= TRIES => {
                if check.differences.is_empty() {
                    tracing::info!("the index: {check}");
                } else {
                    tracing::error!("the index: {check}");
                }
                return Ok(check);
            }
            Err(error) if tries >= TRIES => return Err(error),
            Ok(None) => {}
            _ => tries += 1,
        }
        sleep(LOOK).await;
    }
}

/// The books by the index beside the chain; none while the index is in the middle of a block.
async fn compare(state: &State) -> Result<Option<IndexCheck>, StartError> {
    let row = sqlx::query("SELECT cursor FROM index_state WHERE id = 1").fetch_one(&state.db).await?;
    let Some(cursor) = row.try_get::<Option<String>, _>(0)? else { return Ok(None) };
    let cursor: Cursor = cursor.parse()?;
    if !cursor.is_whole() {
        return Ok(None);
    }
    let block = cursor.block();
    let (mut ledger, mut events, mut last) = (Ledger::default().with_window(0), 0, (-1, -1));
    loop {
        let rows = sqlx::query(
            "SELECT block, log, record FROM index_events WHERE (block > $1 OR block = $1 AND log > $2) \
             AND block <= $3 ORDER BY block, log LIMIT 1000",
        )
        .bind(last.0)
        .bind(last.1)
        .bind(as_i64(block.number))
        .fetch_all(&state.db)
        .await?;
        for row in &rows {
            last = (row.try_get(0)?, row.try_get(1)?);
            let text: String = row.try_get(2)?;
            let record: Record = serde_json::from_str(&text).map_err(|error| Problem::internal(&error))?;
            ledger.apply(&record)?;
            events += 1;
        }
        if rows.len() < AT_ONCE {
            break;
        }
    }
    let differences = ledger.compare(state.chain.lens().await?, block).await?;
    Ok(Some(IndexCheck { block: block.number, events, holdings: ledger.holders().count(), differences }))
}
