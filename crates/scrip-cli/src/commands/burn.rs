//! Destroying credits.

use eyre::Result;
use serde_json::json;

use crate::{args::BurnArgs, context::Context, node::Session, report::Report};

/// Asks, and burns.
pub(crate) async fn run(args: BurnArgs, context: &Context) -> Result<Report> {
    let session = Session::connect(context).await?;
    let BurnArgs { plan, amount, from } = args;
    let scrip = &session.scrip;
    let holder = from.as_ref().map_or(Ok(scrip.signer()), |who| session.node.who(who))?;
    let balance = scrip.balance(plan, holder).await?;
    let question = Report::new(json!(null)).fields([
        ("plan", balance.plan_name),
        ("holder", holder.to_string()),
        ("has", balance.balance.to_string()),
        ("burns", amount.to_string()),
    ]);
    session.confirm(&question, "Burn? Nothing brings them back")?;

    let progress = context.print.progress("burning");
    let done = scrip.burn_from(plan, holder, amount).await?;
    drop(progress);
    let json = json!({
        "plan": plan.to_string(), "holder": done.holder, "burner": done.burner, "amount": done.amount,
    });
    Ok(Report::done(&done, json).line(format!("burned {} of {holder}", done.amount)).receipt(&done.receipt))
}
