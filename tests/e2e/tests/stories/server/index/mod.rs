//! The index: it says what the chain says, whatever becomes of the chain, the server and the other servers.

mod following;
mod lists;

use std::{collections::BTreeSet, time::Duration};

use alloy::{eips::BlockId, providers::Provider};
use eyre::{OptionExt, Result, ensure};
use scrip::Record;
use scrip_e2e::server::{Caller, ServerEnv};
use serde_json::Value;
use sqlx::Row;
use tokio::time::{Instant, sleep};

/// What a story waits for at most.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until lists and histories are told up to the newest block, and as that has it; its number.
async fn indexed(env: &ServerEnv) -> Result<u64> {
    let reader = env.chain.devnet.reader();
    let newest = reader.get_block(BlockId::latest()).await?.ok_or_eyre("no block")?.header;
    let database = env.database().connect().await?;
    let began = Instant::now();
    loop {
        // The registry of services is read last.
        let query = "SELECT COALESCE(services_hash, '') FROM index_state";
        let hash: String = sqlx::query(query).fetch_one(&database).await?.try_get(0)?;
        if hash == newest.hash.to_string() {
            database.close().await;
            break;
        }
        ensure!(began.elapsed() < PATIENCE, "{} ({}) is not reached, but {hash}", newest.number, newest.hash);
        sleep(Duration::from_millis(20)).await;
    }
    let ready = env.anyone.get("/readyz").await?.ok()?;
    ensure!(ready["indexedBlock"] == newest.number, "{ready}");
    Ok(newest.number)
}

/// The events in the index, in their order.
async fn records(env: &ServerEnv) -> Result<Vec<Record>> {
    let database = env.database().connect().await?;
    let rows =
        sqlx::query("SELECT record FROM index_events ORDER BY block, log").fetch_all(&database).await?;
    database.close().await;
    rows.iter().map(|row| Ok(serde_json::from_str(&row.try_get::<String, _>(0)?)?)).collect()
}

/// The index must be what the client's history tells, from nothing: no gap, nothing twice.
async fn assert_as_the_chain(env: &ServerEnv, context: &str) -> Result<()> {
    let block = indexed(env).await?;
    let past = env.chain.stranger.history().until(block).past().await?;
    assert_eq!(records(env).await?, past.records, "{context}");
    Ok(())
}

/// All rows of the index but who keeps it, as texts.
async fn rows(env: &ServerEnv) -> Result<BTreeSet<String>> {
    let mut all = BTreeSet::new();
    let database = env.database().connect().await?;
    for (table, columns) in [
        ("index_events", &["block", "log", "hash", "kind", "plan", "record"][..]),
        ("index_entries", &["block", "log", "plan", "holder", "kind", "lines"]),
        ("index_plans", &["plan", "owner", "open", "terms", "block", "log", "fresh"]),
        ("index_operators", &["plan", "operator"]),
        ("index_services", &["block", "log", "hash", "agent", "kind", "subject"]),
        ("index_agents", &["agent", "owner", "block", "log"]),
        ("index_links", &["agent", "plan"]),
        ("index_orders", &["plan", "holder", "block"]),
        ("index_days WHERE count > 0", &["plan", "day", "kind", "count", "quantity", "credits", "paid"]),
    ] {
        let columns: Vec<_> =
            columns.iter().map(|column| format!("COALESCE(CAST({column} AS TEXT), '-')")).collect();
        let query = format!("SELECT {} FROM {table}", columns.join(" || ' ' || "));
        for row in sqlx::query(sqlx::AssertSqlSafe(query)).fetch_all(&database).await? {
            let is_new = all.insert(format!("{table} {}", row.try_get::<String, _>(0)?));
            ensure!(is_new, "a row twice in {table}");
        }
    }
    database.close().await;
    Ok(all)
}

/// A list: its total, and a member of each.
async fn list(caller: &Caller, path: &str, of: &str, member: &str) -> Result<(u64, Vec<String>)> {
    let answer = caller.get(path).await?.ok()?;
    let found = answer[of].as_array().ok_or_eyre(format!("no {of}: {answer}"))?;
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let names =
        found.iter().map(|one| one.pointer(member).map(text).ok_or_eyre(format!("no {member}: {one}")));
    Ok((answer["total"].as_u64().ok_or_eyre("no total")?, names.collect::<Result<_>>()?))
}

async fn plans(caller: &Caller, query: &str) -> Result<(u64, Vec<String>)> {
    list(caller, &format!("/api/v1/protocol/plans?{query}"), "plans", "/name").await
}

/// What happened, the oldest first: kind and credits.
async fn history(caller: &Caller, path: &str) -> Result<Vec<(String, String)>> {
    let path = format!("/api/v1/protocol/{path}?sortOrder=asc&pageSize=100");
    let (total, kinds) = list(caller, &path, "history", "/kind").await?;
    let (_, credits) = list(caller, &path, "history", "/credits").await?;
    ensure!(total == kinds.len() as u64, "{total} in all");
    Ok(kinds.into_iter().zip(credits).collect())
}
