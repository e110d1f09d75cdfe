//! Stories of the server, each on SQLite and on Postgres.

mod backup;
mod bounds;
mod card;
mod gas;
mod gateway;
mod index;
mod kills;
mod limits;
mod once;
mod openapi;
mod pages;
mod reference;
mod refusals;
mod rights;
mod sdk;
mod typescript;
mod wallets;
mod widget;
mod x402;

/// Tells stories on every kind of database: `async fn story(env: &mut ServerEnv) -> Result<()>`.
macro_rules! on_each_database {
    ($($story:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() -> eyre::Result<()> {
                $crate::server::tell(scrip_e2e::server::DatabaseKind::Sqlite, super::$story).await
            })+
        }

        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $story() -> eyre::Result<()> {
                $crate::server::tell(scrip_e2e::server::DatabaseKind::Postgres, super::$story).await
            })+
        }
    };
}
use on_each_database;

use eyre::{OptionExt, Result, WrapErr, ensure};
use scrip_e2e::server::{Answer, DatabaseKind, ServerEnv, asked_plan};
use serde_json::Value;

async fn tell(kind: DatabaseKind, story: impl AsyncFnOnce(&mut ServerEnv) -> Result<()>) -> Result<()> {
    // What there is no database for has been said.
    let Some(mut env) = ServerEnv::start(kind).await? else { return Ok(()) };
    story(&mut env).await
}

/// What the SDKs send for a plan of 100 credits for 20 base units of the test dollar.
fn plan(env: &ServerEnv, name: &str) -> Value {
    asked_plan(env.chain.devnet.dollar().address, env.builder.address, name)
}

/// The same JSON with some of it changed, by JSON pointers; null takes a member out.
pub(crate) fn changed(mut body: Value, changes: &[(&str, Value)]) -> Value {
    for (path, value) in changes {
        let (parent, member) = path.rsplit_once('/').unwrap_or_default();
        let Some(Value::Object(parent)) = body.pointer_mut(parent) else { panic!("there is no {path}") };
        match value {
            Value::Null => drop(parent.remove(member)),
            value => drop(parent.insert(member.to_owned(), value.clone())),
        }
    }
    body
}

/// The builder registers a plan of 100 credits for 20 base units; its id, as the SDKs have it.
async fn register(env: &ServerEnv, name: &str) -> Result<String> {
    let made = env.builder.post("/api/v1/protocol/plans", &plan(env, name)).await?.ok()?;
    Ok(made["planId"].as_str().ok_or_eyre("no id")?.to_owned())
}

/// Makes sure that something was refused, and why: by a problem of this status and code, with a hint.
#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) -> Result<()> {
    let found = answer.problem().wrap_err_with(|| format!("not {code}"))?;
    ensure!(
        (answer.status, found) == (status, code),
        "{status} {code} expected: {} {}",
        answer.status,
        answer.body
    );
    let hint = answer.body["hint"].as_str().ok_or_eyre(format!("no hint: {}", answer.body))?;
    ensure!(!hint.is_empty(), "{}", answer.body);
    assert_eq!(answer.body["retryable"], matches!(status, 429 | 503), "{}", answer.body);
    Ok(())
}
