//! An agent serves requests, and redeems a credit for each: exactly once, however often it is tried.
//!
//! ```sh
//! cargo run --example agent
//! ETH_RPC_URL=… SCRIP_PRIVATE_KEY=… SCRIP_PLAN=… HOLDER=0x… cargo run --example agent
//! ```

#![allow(clippy::print_stdout, missing_docs, reason = "an example")]

mod chain;

use std::env;

use chain::Chain;
use eyre::{Result, WrapErr};
use scrip::{Lens, PlanId, Scrip, alloy::primitives::Address};
use scrip_devnet::WalletProvider;

#[tokio::main]
async fn main() -> Result<()> {
    let chain = Chain::open().await?;
    let scrip = chain.scrip("agent").await?;
    let plan = chain.plan().await?;
    let holder: Address = match &chain.devnet {
        Some(devnet) => {
            let subscriber = devnet.scrip("subscriber").await?;
            subscriber.order(plan).await?;
            subscriber.signer()
        }
        None => env::var("HOLDER").wrap_err("HOLDER has the credits")?.parse()?,
    };

    // The second request comes twice, as it does when a connection breaks.
    for request in ["GET /weather/1", "GET /weather/2", "GET /weather/2"] {
        serve(&scrip, plan, holder, request).await?;
    }
    println!("{} credits are left", scrip.balance(plan, holder).await?.balance);
    Ok(())
}

async fn serve(scrip: &Scrip<WalletProvider>, plan: PlanId, holder: Address, request: &str) -> Result<()> {
    // Before the work: would it be paid? Asking costs nothing.
    let lens = Lens::connect(scrip).await?;
    let forecast = lens.forecast_redemption(plan, scrip.signer(), holder, 1, request).await?;
    match forecast.refusal {
        None => {}
        Some(error) if error.is_already_redeemed() => {
            println!("{request}: was paid for before");
            return Ok(());
        }
        Some(error) => {
            println!("{request}: {error}");
            return Ok(());
        }
    }

    println!("{request}: sunny");
    match scrip.redeem(plan, holder, 1, request).await {
        Ok(redeemed) => println!("{request}: took {} credit", redeemed.amount),
        Err(error) if error.is_already_redeemed() => println!("{request}: somebody was faster"),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
