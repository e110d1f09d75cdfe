//! The published SDK for Python, as it delegates, verifies and settles.

use eyre::Result;
use scrip_e2e::server::{ServerEnv, python::printed};

use super::delegations::premium;
use crate::server::{on_each_database, sdk::script};

on_each_database!(the_sdk_delegates_verifies_and_settles);

async fn the_sdk_delegates_verifies_and_settles(env: &mut ServerEnv) -> Result<()> {
    let plan = premium(env, "By the SDK").await?;
    let Some(mut script) = script(env, "1.18.0", "delegation.py")? else { return Ok(()) };
    script.env("PLAN", &plan);
    let expected = [
        "Wallet: crypto_wallet, ethereum, mine: True",
        "Token of version 2",
        "Verified: True, payer is the buyer: True",
        "Settled: True, 60 credits, 40 left",
        "Again: True",
        "Topped up: True, 50 left",
        "Beyond the limit: BCK.X402.0020",
        "Spent: 4000 of 4500 cents, Active",
        "Forged: BCK.X402.0005",
        "Token of version 3",
        "Twice: BCK.X402.0059",
        "Spent: BCK.X402.0059",
        "Balance: 49",
    ];
    assert_eq!(printed(script).await?.lines().collect::<Vec<_>>(), expected);
    Ok(())
}
