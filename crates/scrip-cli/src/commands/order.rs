//! Ordering a plan.

use alloy::{
    primitives::{Address, U256},
    providers::Provider,
};
use eyre::Result;
use scrip::{Grant, Item, Means, Plan, Price, Quote, Scrip, Token, Warnings};
use serde_json::json;

use super::terms;
use crate::{
    amounts,
    args::{OrderArgs, PayBy, Who},
    config::Network,
    context::Context,
    failure::{Exit, problem},
    node::{Node, Session},
    report::Report,
    text,
};

/// Quotes, asks, and orders.
pub(crate) async fn run(args: OrderArgs, context: &Context) -> Result<Report> {
    if let Some(payer) = &args.calls {
        return calls(payer, &args, context).await;
    }
    let session = Session::connect(context).await?;
    let scrip = &session.scrip;
    let payer = scrip.signer();
    let holder = args.holder.as_ref().map_or(Ok(payer), |who| session.node.who(who))?;
    let plan = scrip.plan(args.plan).await?;
    let network = &session.node.network;
    let token = token_of(network, scrip, plan.terms.price).await?;
    let max_price = most(network, args.at_most.as_deref(), token.as_ref())?;
    let mut item =
        Item { quantity: args.quantity, max_price, data: args.data, ..Item::new(args.plan, holder) };
    // It was quoted and confirmed when the key was first used; the payer may have too little for another by now.
    if session.is_begun && !args.dry_run {
        return place(&session, &plan, item, token.as_ref(), args.pay_by).await;
    }

    let question = match session.lens().await? {
        Some(lens) => {
            let quote = lens.quote(&item, payer).await?;
            check_funds(&quote, token.as_ref(), payer)?;
            if let Some(refusal) = lens.forecast_order(&item, payer).await?.refusal
                && !is_of_allowance(&refusal)
            {
                return Err(in_tokens(refusal, token.as_ref()));
            }
            let question = describe_quote(&plan, &item, &quote, token.as_ref());
            // What is confirmed is what is paid, whatever the source asks later.
            item.max_price = item.max_price.or(token.as_ref().map(|_| quote.price));
            question
        }
        None => {
            context.print.warn("there is no lens on this chain: it is not known what the order warns of");
            let (_, price) = terms::price(network, scrip, plan.terms.price).await?;
            let (_, grant) = terms::grant(plan.terms.grant);
            Report::new(json!(null)).fields([
                ("plan", plan.terms.name.clone()),
                ("price", price),
                ("gives", grant),
            ])
        }
    };
    if let Some(token) = &token
        && let Some(known) = amounts::impostor(network, token)
    {
        context
            .print
            .warn(&format!("this is not the {} of the configuration, which is at {known}", token.symbol));
    }
    if args.dry_run {
        return Ok(question);
    }
    context.print.confirm(&question, "Order?")?;
    place(&session, &plan, item, token.as_ref(), args.pay_by).await
}

/// Orders.
async fn place(
    session: &Session<'_>,
    plan: &Plan,
    item: Item,
    token: Option<&Token>,
    pay_by: PayBy,
) -> Result<Report> {
    let (scrip, holder, payer) = (&session.scrip, item.holder, session.scrip.signer());
    let progress = session.node.context.print.progress("ordering");
    let signing = match pay_by {
        PayBy::Signature => scrip.clone().signing_with_shared(session.account.signer()),
        PayBy::Approval => scrip.clone(),
    };
    let mut order = signing.order(item.plan).quantity(item.quantity).data(item.data.clone());
    if holder != payer {
        order = order.gift_to(holder);
    }
    if let Some(most) = item.max_price {
        order = order.at_most(most);
    }
    let purchase = order.await?;
    drop(progress);

    let done = &purchase.ordered;
    let paid = token.map_or_else(|| done.paid.to_string(), |token| token.format(done.paid));
    let json = json!({
        "plan": done.plan.to_string(), "payer": done.payer, "holder": done.holder, "quantity": done.quantity,
        "token": done.token, "paid": done.paid.to_string(), "paid_formatted": paid, "fee": done.fee.to_string(),
        "credits": done.credits, "expiry": done.expiry,
        "approvals": purchase.approvals.iter().map(|receipt| receipt.transaction).collect::<Vec<_>>(),
    });
    let whom = if holder == payer { String::new() } else { format!(" for {holder}") };
    let for_what = if done.paid.is_zero() { "for nothing".to_owned() } else { format!("for {paid}") };
    let got = match plan.terms.grant {
        Grant::Time { .. } => format!("access until {}", text::expiry(done.expiry)),
        _ => {
            let end = done.expiry.map(|expiry| format!(", until {}", text::time(expiry))).unwrap_or_default();
            text::count(done.credits, "credit") + &end
        }
    };
    let mut report =
        Report::done(done, json).line(format!("ordered {}{whom} {for_what}: {got}", plan.terms.name));
    for approval in &purchase.approvals {
        report = report.line(format!("approved by transaction {}", approval.transaction));
    }
    Ok(report.receipt(&done.receipt))
}

/// What a wallet elsewhere is to send.
async fn calls(payer: &Who, args: &OrderArgs, context: &Context) -> Result<Report> {
    let node = Node::connect(context).await?;
    let scrip = node.scrip().await?;
    let payer = node.who(payer)?;
    let holder = args.holder.as_ref().map_or(Ok(payer), |who| node.who(who))?;
    let token = token_of(&node.network, &scrip, scrip.plan(args.plan).await?.terms.price).await?;
    let item = Item {
        quantity: args.quantity,
        max_price: most(&node.network, args.at_most.as_deref(), token.as_ref())?,
        data: args.data.clone(),
        ..Item::new(args.plan, holder)
    };
    let calls = scrip.order_calls(item, payer).await?;
    // The same for people and for programs: it is handed over.
    Ok(Report::raw(format!("{:#}\n", json!(calls)).into()))
}

/// What an order is paid in on chain, if in anything.
async fn token_of<P: Provider>(network: &Network, scrip: &Scrip<P>, price: Price) -> Result<Option<Token>> {
    Ok(match price {
        Price::Fixed { token, .. } | Price::Quoted { token, .. } => {
            Some(amounts::named(network, scrip, token).await?)
        }
        _ => None,
    })
}

/// The most that is paid, if that was said.
fn most(network: &Network, said: Option<&str>, token: Option<&Token>) -> Result<Option<U256>> {
    match (said, token) {
        (Some(amount), Some(token)) => Ok(Some(amounts::of_token(network, token, amount)?)),
        (Some(amount), None) => {
            Err(problem(Exit::Usage, format!("--at-most '{amount}', but nothing is paid on chain")).into())
        }
        (None, _) => Ok(None),
    }
}

/// Whether it is only the approval that is missing, which the client sees to.
fn is_of_allowance(error: &scrip::Error) -> bool {
    use scrip::abi::IScrip::IScripErrors;
    matches!(error.refusal(), Some(IScripErrors::PaymentFailed(_)))
}

/// What the contract says in base units, as people write it.
fn in_tokens(refusal: scrip::Error, token: Option<&Token>) -> eyre::Report {
    use scrip::abi::IScrip::{IScripErrors::PriceAboveMaximum, PriceAboveMaximum as Above};
    let hint = refusal.hint().unwrap_or_default();
    match (refusal.refusal(), token) {
        (Some(PriceAboveMaximum(Above { price, maxPrice, .. })), Some(token)) => {
            let (price, most) = (token.format(*price), token.format(*maxPrice));
            let problem =
                problem(Exit::Refused, format!("the order costs {price}, more than the allowed {most}"));
            eyre::Report::from(refusal).wrap_err(problem.hint(hint))
        }
        _ => refusal.into(),
    }
}

fn check_funds(quote: &Quote, token: Option<&Token>, payer: Address) -> Result<()> {
    let Some(token) = token else { return Ok(()) };
    if matches!(quote.means, Means::Token(_)) && quote.payer_balance < quote.price {
        let (has, needed) = (token.format(quote.payer_balance), token.format(quote.price));
        return Err(problem(Exit::TooPoor, format!("{payer} has {has}, {needed} are needed"))
            .hint(format!("send {} to {payer} first", token.format(quote.price - quote.payer_balance)))
            .into());
    }
    Ok(())
}

/// What an order would cost and give, and what should be known beforehand.
fn describe_quote(plan: &Plan, item: &Item, quote: &Quote, token: Option<&Token>) -> Report {
    let format = |amount: U256| token.map_or_else(|| amount.to_string(), |token| token.format(amount));
    let expiry = quote.expiry.and_then(|expiry| u64::try_from(expiry).ok());
    let warnings = warnings(&quote.warnings);
    let json = json!({
        "plan": item.plan.to_string(), "plan_name": plan.terms.name, "owner": quote.owner, "holder": item.holder,
        "quantity": item.quantity, "token": token.map(|token| token.address), "price": quote.price.to_string(),
        "price_formatted": token.map(|token| token.format(quote.price)), "fee": quote.fee.to_string(),
        "payments": quote.payments.iter().map(|payment| {
            json!({ "account": payment.account, "amount": payment.amount.to_string() })
        }).collect::<Vec<_>>(),
        "credits": u128::try_from(quote.credits).map(text::number).unwrap_or_default(), "expiry": expiry, "payer_balance": quote.payer_balance.to_string(),
        "warnings": quote.warnings,
    });

    let mut fields = vec![("plan", plan.terms.name.clone()), ("owner", quote.owner.to_string())];
    if item.quantity != 1 {
        fields.push(("orders", item.quantity.to_string()));
    }
    match token {
        Some(token) => {
            fields.push(("price", token.format(quote.price)));
            fields.push(("token", amounts::full_name(token)));
        }
        None => fields.push(("price", "nothing".to_owned())),
    }
    fields.extend(item.max_price.map(|most| ("at most", format(most))));
    if !quote.fee.is_zero() {
        fields.push(("of which fee", format(quote.fee)));
    }
    fields.extend(
        (quote.payments.iter())
            .map(|payment| ("pays", format!("{} to {}", format(payment.amount), payment.account))),
    );
    let gives = match (plan.terms.grant, expiry) {
        (Grant::Time { .. }, end) => format!("access until {}", text::expiry(end)),
        (_, Some(end)) => format!("{} credits, until {}", quote.credits, text::time(end)),
        (_, None) => format!("{} credits that never expire", quote.credits),
    };
    fields.push(("gives", gives));
    fields.push(("to", item.holder.to_string()));
    fields.extend(warnings.into_iter().map(|warning| ("note", warning.to_owned())));
    Report::new(json).fields(fields)
}

/// Whom one has to trust, in sentences.
fn warnings(warnings: &Warnings) -> Vec<&'static str> {
    let Warnings { redeemers_trusted, revocable, hook_on_order, hook_on_redemption, settled_off_chain } =
        *warnings;
    [
        (redeemers_trusted, "redeemers may take the whole balance without a voucher"),
        (revocable, "the plan's owner may burn the credits"),
        (hook_on_order, "a hook can refuse orders"),
        (hook_on_redemption, "a hook can refuse redemptions"),
        (settled_off_chain, "the plan's owner says what was paid, and can take it back"),
    ]
    .into_iter()
    .filter(|(holds, _)| *holds)
    .map(|(_, sentence)| sentence)
    .collect()
}
