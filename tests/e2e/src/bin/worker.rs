//! A process that orders and redeems, each under a key in a journal, until all are done: for tests that kill it.
//!
//! `worker URL JOURNAL PLAN HOW_MANY`. It says on standard output when it begins and when it is done.

#![allow(clippy::print_stdout, reason = "a program for tests")]

use std::{env, sync::Arc, time::Duration};

use alloy::providers::{Provider, ProviderBuilder};
use eyre::{OptionExt, Result};
use futures_util::{StreamExt, TryStreamExt, stream};
use scrip::{Deployment, FileJournal, PlanId, Scrip};
use scrip_devnet::Actor;

/// How many at a time.
const AT_ONCE: usize = 8;

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = env::args().skip(1);
    let mut argument = |name| arguments.next().ok_or_eyre(name);
    let url = argument("name the node's URL")?;
    let journal = Arc::new(FileJournal::open(argument("name the journal's file")?)?);
    let plan: PlanId = argument("name the plan")?.parse()?;
    let many: u64 = argument("say how many")?.parse()?;

    let client = async |name| -> Result<_> {
        let provider = ProviderBuilder::new().wallet(Actor::named(name)?.signer).connect_http(url.parse()?);
        provider.client().set_poll_interval(Duration::from_millis(10));
        Ok(Scrip::connect(provider, Deployment::canonical()).await?.with_journal(journal.clone()))
    };
    let (subscriber, agent) = (client("subscriber").await?, client("agent").await?);
    println!("begun");
    let holder = subscriber.signer();
    let writes = stream::iter(0..many).map(|number| {
        let (subscriber, agent) = (&subscriber, &agent);
        async move {
            subscriber.once(format!("order {number}")).order(plan).await?;
            agent.once(format!("redemption {number}")).redeem_without_id(plan, holder, 1).await?;
            Ok::<_, scrip::Error>(())
        }
    });
    writes.buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    println!("done");
    Ok(())
}
