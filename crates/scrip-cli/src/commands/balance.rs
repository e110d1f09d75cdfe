//! What a holder can spend now.

use eyre::Result;
use scrip::PlanType;
use serde_json::json;

use crate::{args::HoldingArgs, context::Context, node::Node, report::Report, text};

/// Asks for it.
pub(crate) async fn run(args: HoldingArgs, context: &Context) -> Result<Report> {
    let node = Node::connect(context).await?;
    let holder = node.who_or_account(args.holder.as_ref()).await?;
    let scrip = node.scrip().await?;
    let balance = scrip.balance(args.plan, holder).await?;
    let json = json!({
        "plan": args.plan.to_string(),
        "plan_name": balance.plan_name,
        "plan_type": balance.plan_type,
        "holder": holder,
        "balance": text::number(balance.balance),
        "is_subscriber": balance.is_subscriber,
    });
    let line = match balance.plan_type {
        PlanType::Credits => text::count(balance.balance, "credit"),
        PlanType::Time if balance.is_subscriber => "access".to_owned(),
        PlanType::Time => "no access".to_owned(),
    };
    Ok(Report::new(json).line(format!("{line} of {}", balance.plan_name)))
}
