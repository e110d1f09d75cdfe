//! A builder publishes a plan, and lets an agent redeem its credits.
//!
//! ```sh
//! cargo run --example builder
//! ETH_RPC_URL=… SCRIP_PRIVATE_KEY=… TOKEN=0x… AGENT=0x… cargo run --example builder
//! ```

#![allow(clippy::print_stdout, missing_docs, reason = "an example")]

mod chain;

use std::{env, time::Duration};

use chain::Chain;
use eyre::{Result, WrapErr};
use scrip::{Permissions, Terms, alloy::primitives::Address};

const MONTH: Duration = Duration::from_secs(30 * 86_400);

#[tokio::main]
async fn main() -> Result<()> {
    let chain = Chain::open().await?;
    let scrip = chain.scrip("builder").await?;
    let (token, agent): (Address, Address) = match &chain.devnet {
        Some(devnet) => (devnet.dollar().address, devnet.actor("agent")?.address()),
        None => {
            let address = |name| -> Result<Address> { Ok(env::var(name).wrap_err(name)?.parse()?) };
            (address("TOKEN")?, address("AGENT")?)
        }
    };

    // A price is written as people write it; the token says how many decimals it has.
    let token = scrip.token(token).await?;
    let terms = Terms::credits("Premium Plan", 1_000)
        .lasting(MONTH)?
        .price(&token, "19.99")?
        .paid_to(scrip.signer())
        .takes(1..=50);

    let created = scrip.create_plan(&terms).await?;
    println!("plan {} costs 19.99 {}", created.plan, token.symbol);
    println!("it was created in block {} for {} gas", created.receipt.block, created.receipt.gas_used);

    // Terms never change. Whether orders are open does, and who may act for the plan.
    let may_redeem = Permissions { redeem: true, ..Permissions::NONE };
    scrip.set_operator(created.plan, agent, may_redeem).await?;
    println!("{agent} may redeem: {}", scrip.permissions(created.plan, agent).await?.redeem);
    Ok(())
}
