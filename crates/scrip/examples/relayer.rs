//! A relayer sends what a payer has signed, and pays the gas for it. It can change nothing of it, and keep nothing.
//!
//! ```sh
//! cargo run --example relayer
//! ETH_RPC_URL=… SCRIP_PRIVATE_KEY=… cargo run --example relayer < signed-order.json
//! ```

#![allow(clippy::print_stdout, missing_docs, reason = "an example")]

mod chain;

use std::io;

use chain::Chain;
use eyre::Result;
use scrip::{Item, SignedOrder, alloy::primitives::U256};

#[tokio::main]
async fn main() -> Result<()> {
    let chain = Chain::open().await?;
    let scrip = chain.scrip("stranger").await?;
    let order: SignedOrder = match &chain.devnet {
        Some(_) => serde_json::from_str(&signed_order(&chain).await?)?,
        None => serde_json::from_reader(io::stdin())?,
    };

    let ordered = scrip.send_order(&order).await?;
    println!("{} paid {} base units for {} credits", ordered.payer, ordered.paid, ordered.credits);
    println!("{} paid the gas, {}", scrip.signer(), ordered.receipt.gas_used);

    // It is used up.
    let again = scrip.send_order(&order).await;
    println!("once more: {}", again.map_or_else(|error| error.to_string(), |_| "paid twice".to_owned()));
    Ok(())
}

/// What a payer does, who has no coin for gas: signs, and hands the order over.
async fn signed_order(chain: &Chain) -> Result<String> {
    let scrip = chain.scrip("subscriber").await?;
    let (plan, payer, key) = (chain.plan().await?, scrip.signer(), chain.key("subscriber")?);
    let order = scrip.router_order(Item::new(plan, payer), payer, U256::ZERO, u64::MAX).await?;
    Ok(serde_json::to_string(&scrip.sign_order(order, &key).await?)?)
}
