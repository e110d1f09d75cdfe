//! A subscriber looks at what a plan costs and whom it has to trust, and orders it.
//!
//! ```sh
//! cargo run --example subscriber
//! ETH_RPC_URL=… SCRIP_PRIVATE_KEY=… SCRIP_PLAN=… cargo run --example subscriber
//! ```

#![allow(clippy::print_stdout, missing_docs, reason = "an example")]

mod chain;

use chain::Chain;
use eyre::{Result, bail};
use scrip::{Item, Lens, Means};

#[tokio::main]
async fn main() -> Result<()> {
    let chain = Chain::open().await?;
    let scrip = chain.scrip("subscriber").await?;
    let plan = chain.plan().await?;
    let me = scrip.signer();

    let quote = Lens::connect(&scrip).await?.quote(&Item::new(plan, me), me).await?;
    let Means::Token(token) = quote.means else { bail!("plan {plan} is not paid in a token") };
    let token = scrip.token(token).await?;
    println!("{} for {} credits", token.format(quote.price), quote.credits);
    if quote.warnings.redeemers_trusted {
        println!("its redeemers may take all credits without asking the holder");
    }

    // Never more than was quoted, whatever happens meanwhile. What is missing of the allowance is approved first.
    match scrip.order(plan).at_most(quote.price).await {
        Ok(purchase) => println!(
            "paid {} in transaction {}",
            token.format(purchase.ordered.paid),
            purchase.ordered.receipt.transaction
        ),
        Err(error) => {
            println!("{error}");
            if let Some(hint) = error.hint() {
                println!("\nhint: {hint}");
            }
            return Err(error.into());
        }
    }

    for lot in scrip.lots(plan, me).await? {
        let until = lot.expiry.map_or("for ever".to_owned(), |expiry| format!("until {expiry} (unix time)"));
        println!("{} credits {until}", lot.amount);
    }
    Ok(())
}
