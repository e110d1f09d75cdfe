//! A holder's credits by their expiry.

use eyre::Result;
use scrip::Grant;
use serde_json::json;

use crate::{args::HoldingArgs, context::Context, node::Node, report::Report, text};

/// Asks for them; on a time plan for the end of access.
pub(crate) async fn run(args: HoldingArgs, context: &Context) -> Result<Report> {
    let node = Node::connect(context).await?;
    let holder = node.who_or_account(args.holder.as_ref()).await?;
    let scrip = node.scrip().await?;
    let terms = scrip.plan(args.plan).await?.terms;
    let plan = args.plan.to_string();
    if matches!(terms.grant, Grant::Time { .. }) {
        let end = scrip.access_end(args.plan, holder).await?;
        let json = json!({ "plan": plan, "holder": holder, "access_end": end, "lots": [] });
        let line = match end {
            Some(end) if end > node.now().await? => format!("access until {}", text::time(end)),
            Some(end) => format!("access ended at {}", text::time(end)),
            None => "no access so far".to_owned(),
        };
        return Ok(Report::new(json).line(line));
    }
    let lots = scrip.lots(args.plan, holder).await?;
    let json = json!({ "plan": plan, "holder": holder, "access_end": null, "lots": lots });
    if lots.is_empty() {
        return Ok(Report::new(json).line(format!("no credits of {}", terms.name)));
    }
    let rows = lots.into_iter().map(|lot| [lot.amount.to_string(), text::expiry(lot.expiry)]);
    Ok(Report::new(json).table(["CREDITS", "EXPIRE"], rows))
}
