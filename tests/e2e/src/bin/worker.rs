//! A process that orders and redeems, each under a key in a journal, until all are done: for tests that kill it.
//!
//! `worker URL JOURNAL PLAN HOW_MANY`; the journal is a file, or the URL of a database. It says on standard output when it begins,
//! when it comes to what no process has begun before, and when it is done.

#![allow(clippy::print_stdout, reason = "a program for tests")]

use std::{
    env,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use alloy::providers::{Provider, ProviderBuilder};
use eyre::{OptionExt, Result, eyre};
use futures_util::{StreamExt, TryStreamExt, stream};
use scrip::{Deployment, FileJournal, Journal, PlanId, Scrip, SqlJournal};
use scrip_devnet::Actor;

/// How many at a time.
const AT_ONCE: usize = 8;

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = env::args().skip(1);
    let mut argument = |name| arguments.next().ok_or_eyre(name);
    let url = argument("name the node's URL")?;
    let journal = journal(&argument("name the journal")?).await?;
    let plan: PlanId = argument("name the plan")?.parse()?;
    let many: u64 = argument("say how many")?.parse()?;

    let client = async |name| -> Result<_> {
        let provider = ProviderBuilder::new().wallet(Actor::named(name)?.signer).connect_http(url.parse()?);
        provider.client().set_poll_interval(Duration::from_millis(10));
        Ok(Scrip::connect(provider, Deployment::canonical()).await?.with_journal(journal.clone()))
    };
    let (subscriber, agent) = (client("subscriber").await?, client("agent").await?);
    println!("begun");
    let (holder, is_new) = (subscriber.signer(), AtomicBool::new(false));
    let writes = stream::iter(0..many).map(|number| {
        let (subscriber, agent, is_new) = (&subscriber, &agent, &is_new);
        async move {
            let ordering = subscriber.once(format!("order {number}"));
            if ordering.entry().await?.is_none() && !is_new.swap(true, Ordering::Relaxed) {
                println!("new");
            }
            ordering.order(plan).await?;
            agent.once(format!("redemption {number}")).redeem_without_id(plan, holder, 1).await?;
            Ok::<_, scrip::Error>(())
        }
    });
    writes.buffer_unordered(AT_ONCE).try_collect::<()>().await?;
    println!("done");
    Ok(())
}

async fn journal(name: &str) -> Result<Arc<dyn Journal>> {
    if !name.contains(':') {
        return Ok(Arc::new(FileJournal::open(name)?));
    }
    let journal = SqlJournal::connect(name).await.map_err(|error| eyre!(error))?;
    Ok(Arc::new(journal))
}
