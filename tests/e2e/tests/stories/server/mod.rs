//! Stories of the server, each on SQLite and on Postgres.

mod reference;
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

use alloy::primitives::{Address, U256};
use eyre::Result;
use scrip_e2e::server::{DatabaseKind, ServerEnv};
use serde_json::{Value, json};

async fn tell(kind: DatabaseKind, story: impl AsyncFnOnce(&mut ServerEnv) -> Result<()>) -> Result<()> {
    // What there is no database for has been said.
    let Some(mut env) = ServerEnv::start(kind).await? else { return Ok(()) };
    story(&mut env).await
}

/// What the SDKs send for a plan of 100 credits for 20 base units of the test dollar.
fn plan(env: &ServerEnv, name: &str) -> Value {
    let zero = Address::ZERO;
    json!({
        "metadataAttributes": { "name": name, "isTrialPlan": false },
        "priceConfig": {
            "tokenAddress": env.chain.devnet.dollar().address, "amounts": ["20"], "receivers": [env.builder.address],
            "contractAddress": zero, "feeController": zero, "externalPriceAddress": zero,
            "templateAddress": zero, "isCrypto": true,
        },
        "creditsConfig": {
            "isRedemptionAmountFixed": true, "redemptionType": 4, "onchainMirror": false, "durationSecs": "0",
            "amount": "100", "minAmount": "1", "maxAmount": "1",
        },
        "nonce": U256::random().to_string(), "isTrialPlan": false, "accessLimit": "credits",
    })
}
