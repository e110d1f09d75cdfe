//! Giving credits.

use eyre::Result;
use serde_json::json;

use crate::{args::MintArgs, context::Context, node::Session, report::Report, text};

/// Mints.
pub(crate) async fn run(args: MintArgs, context: &Context) -> Result<Report> {
    let session = Session::connect(context).await?;
    let MintArgs { plan, amount, expires, .. } = args;
    let holder = session.node.who(&args.holder)?;
    let progress = context.print.progress("minting");
    let done = match expires {
        Some(lifetime) => session.scrip.mint_expirable(plan, holder, amount, lifetime).await?,
        None => session.scrip.mint(plan, holder, amount).await?,
    };
    drop(progress);
    let json = json!({
        "plan": plan.to_string(), "holder": done.holder, "amount": done.amount, "expiry": done.expiry,
    });
    let end = done.expiry.map(|expiry| format!(", until {}", text::time(expiry))).unwrap_or_default();
    Ok(Report::done(&done, json)
        .line(format!("minted {} for {holder}{end}", done.amount))
        .receipt(&done.receipt))
}
