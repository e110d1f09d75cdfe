//! Payments made off chain.

use eyre::{OptionExt, Result};
use serde_json::json;

use crate::{
    args::{PaymentArgs, SettleArgs, TakeBackArgs},
    context::Context,
    node::{Node, Session},
    report::Report,
    text,
};

/// Settles a payment.
pub(crate) async fn settle(args: SettleArgs, context: &Context) -> Result<Report> {
    let session = Session::connect(context).await?;
    let holder = session.node.who(&args.holder)?;
    let SettleArgs { plan, payment, quantity, .. } = args;
    let progress = context.print.progress("settling the payment");
    let done = session.scrip.settle(plan, holder, quantity, &payment).await?;
    drop(progress);
    let json = json!({
        "plan": plan.to_string(), "holder": done.holder, "payment": done.payment_id, "settler": done.settler,
        "quantity": done.quantity, "credits": done.credits, "expiry": done.expiry,
    });
    let end = done.expiry.map(|expiry| format!(", until {}", text::time(expiry))).unwrap_or_default();
    Ok(Report::done(&done, json)
        .line(format!("settled payment {payment}: {} for {holder}{end}", done.credits))
        .receipt(&done.receipt))
}

/// Takes back, or gives back what was taken back.
pub(crate) async fn take_back(args: TakeBackArgs, context: &Context) -> Result<Report> {
    let session = Session::connect(context).await?;
    let TakeBackArgs { plan, amount, payment, reverse } = args;
    if reverse {
        let progress = context.print.progress("giving back");
        let done = session.scrip.reverse_take_back(plan, &payment).await?;
        drop(progress);
        let json = json!({
            "plan": plan.to_string(), "holder": done.holder, "payment": payment, "settler": done.settler,
            "amount": done.amount, "expiry": done.expiry,
        });
        return Ok(Report::done(&done, json)
            .line(format!("gave {} of payment {payment} back to {}", done.amount, done.holder))
            .receipt(&done.receipt));
    }
    let amount = amount.ok_or_eyre("no amount")?;
    let progress = context.print.progress("taking back");
    let done = session.scrip.take_back(plan, &payment, amount).await?;
    drop(progress);
    let unrecovered = done.amount.saturating_sub(done.burned);
    let json = json!({
        "plan": plan.to_string(), "holder": done.holder, "payment": payment, "settler": done.settler,
        "amount": done.amount, "burned": done.burned, "unrecovered": unrecovered,
    });
    let spent = if unrecovered == 0 { String::new() } else { format!("; {unrecovered} were spent before") };
    Ok(Report::done(&done, json)
        .line(format!("took {} of payment {payment} back from {}{spent}", done.amount, done.holder))
        .receipt(&done.receipt))
}

/// What is known of a payment.
pub(crate) async fn payment(args: PaymentArgs, context: &Context) -> Result<Report> {
    let PaymentArgs { plan, payment } = args;
    let scrip = Node::connect(context).await?.scrip().await?;
    // A plan that does not exist has no payments, but it is better said.
    scrip.plan(plan).await?;
    let Some(known) = scrip.settlement(plan, &payment).await? else {
        let json = json!({ "plan": plan.to_string(), "payment": payment, "settled": false });
        return Ok(Report::new(json).line(format!("payment {payment} is not settled")));
    };
    let json = json!({
        "plan": plan.to_string(), "payment": payment, "settled": true, "holder": known.holder,
        "granted": known.granted, "expiry": known.expiry, "taken_back": known.taken_back, "burned": known.burned,
        "reversed": known.reversed,
    });
    let mut fields = vec![
        ("holder", known.holder.to_string()),
        ("granted", known.granted.to_string()),
        ("expires", text::expiry(known.expiry)),
    ];
    if known.taken_back > 0 {
        let reversed = if known.reversed { ", and given back" } else { "" };
        let unrecovered = known.taken_back.saturating_sub(known.burned);
        fields.push((
            "taken back",
            format!("{}, of which {unrecovered} were spent before{reversed}", known.taken_back),
        ));
    }
    Ok(Report::new(json).fields(fields))
}
