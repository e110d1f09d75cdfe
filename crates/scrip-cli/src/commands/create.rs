//! Creating a plan.

use std::time::Duration;

use alloy::primitives::{Address, U256};
use eyre::Result;
use scrip::{Grant, Limits, Price, Terms, Token};
use serde_json::json;

use super::terms;
use crate::{
    amounts,
    args::{CreateArgs, Share, Template},
    context::Context,
    failure::{Exit, problem},
    node::Session,
    report::Report,
};

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

/// Creates it.
pub(crate) async fn run(args: CreateArgs, context: &Context) -> Result<Report> {
    let session = Session::connect(context).await?;
    let terms = read(&args, &session).await?;
    let progress = context.print.progress("creating the plan");
    let salt = args.salt.map(|salt| U256::from_be_bytes(salt.0)).unwrap_or_default();
    let done = session.scrip.create_plan_with_salt(&terms, salt).await?;
    drop(progress);

    let (network, scrip) = (&session.node.network, &session.scrip);
    let (price_json, price) = terms::price(network, scrip, terms.price).await?;
    let (grant_json, grant) = terms::grant(terms.grant);
    let json = json!({
        "plan": done.plan.to_string(), "name": terms.name, "owner": done.owner, "price": price_json, "grant": grant_json,
    });
    let gives = if matches!(terms.price, Price::PerUse { .. }) { "uses".to_owned() } else { grant };
    Ok(Report::done(&done, json)
        .line(format!("created {}: {gives}, {price}", terms.name))
        .fields([("plan", done.plan.to_string()), ("owner", done.owner.to_string())])
        .receipt(&done.receipt))
}

/// The terms that were written.
async fn read(args: &CreateArgs, session: &Session<'_>) -> Result<Terms> {
    let start = args.template.map(start).transpose()?;
    let is_priced_template = matches!(
        args.template,
        Some(
            Template::Hour
                | Template::Day
                | Template::Week
                | Template::Month
                | Template::Year
                | Template::Requests
        )
    );
    let name =
        args.name.clone().or_else(|| start.as_ref().map(|terms| terms.name.clone())).unwrap_or_default();
    let mut terms = match (args.access, args.credits, start) {
        (Some(duration), _, _) => Terms { limits: Limits::default(), ..Terms::access(&name, duration)? },
        (None, credits, Some(terms)) => with_credits(terms, credits)?,
        (None, Some(credits), None) => Terms::credits(&name, credits),
        (None, None, None) if args.per_use.is_some() => Terms::credits(&name, 0),
        (None, None, None) => {
            return Err(problem(Exit::Usage, "it is not said what an order gives")
                .hint("say --credits NUMBER or --access DURATION, or start from a --template")
                .into());
        }
    };
    terms.name = name;
    if let Some(lifetime) = args.lasting {
        if matches!(terms.grant, Grant::Time { .. }) {
            return Err(problem(Exit::Usage, "--lasting is of credits, and the plan gives access").into());
        }
        terms = terms.lasting(lifetime)?;
    }
    terms = priced(args, terms, session).await?;
    if is_priced_template && matches!(terms.price, Price::Free) {
        return Err(problem(Exit::Usage, "this template has a price, and none is said")
            .hint("say it with --price, such as --price '20 USDC'")
            .into());
    }
    if matches!(terms.price, Price::Free | Price::Fiat { .. }) {
        if !args.pay.is_empty() {
            return Err(problem(Exit::Usage, "--pay is of a plan that is paid on chain").into());
        }
    } else {
        terms = terms.split(payees(&args.pay, session)?);
    }
    if let Some(takes) = &args.takes {
        terms = terms.takes(takes.clone());
    }
    if let Some(redeemers) = args.redeemers {
        terms = terms.redeemed_by(redeemers.0);
    }
    terms.voucher_required |= args.voucher_required;
    terms.revocable |= args.revocable;
    terms.limits.per_holder = args.per_holder.or(terms.limits.per_holder);
    terms.limits.in_all = args.in_all.or(terms.limits.in_all);
    terms.hook = args.hook.map(|hook| hook.0);
    if let Some(uri) = &args.uri {
        terms = terms.uri(uri);
    }
    Ok(terms)
}

fn start(template: Template) -> Result<Terms> {
    let access = |name, seconds| Terms::access(name, Duration::from_secs(seconds));
    Ok(match template {
        Template::Free => Terms::credits("Free", 100),
        Template::Trial => {
            Terms::credits("Trial", 10).lasting(Duration::from_secs(7 * DAY))?.limit_per_holder(1)
        }
        Template::Hour => access("1 hour", HOUR)?,
        Template::Day => access("1 day", DAY)?,
        Template::Week => access("1 week", 7 * DAY)?,
        Template::Month => access("1 month", 30 * DAY)?,
        Template::Year => access("1 year", 365 * DAY)?,
        Template::Requests => Terms::credits("Requests", 0).takes(1..=1),
    })
}

fn with_credits(terms: Terms, credits: Option<u64>) -> Result<Terms> {
    let grant = match (terms.grant, credits) {
        (Grant::Credits { amount: 0, .. }, None) => {
            return Err(problem(Exit::Usage, "this template is of a number of requests, and none is said")
                .hint("say it with --credits NUMBER")
                .into());
        }
        (Grant::Credits { lifetime, .. }, Some(amount)) => Grant::Credits { amount, lifetime },
        (Grant::Time { .. }, Some(_)) => {
            return Err(
                problem(Exit::Usage, "--credits does not go with a template that gives access").into()
            );
        }
        (grant, _) => grant,
    };
    Ok(Terms { grant, ..terms })
}

async fn priced(args: &CreateArgs, terms: Terms, session: &Session<'_>) -> Result<Terms> {
    let (network, scrip) = (&session.node.network, &session.scrip);
    let known = async |text| amounts::token(network, scrip, text).await;
    Ok(if let Some(price) = &args.price {
        let (number, unit) = amounts::split(price)?;
        let token: Token = known(unit).await?;
        terms.price(&token, number)?
    } else if let Some(price) = &args.fiat {
        let (number, unit) = amounts::split(price)?;
        terms.fiat_price(unit, number)?
    } else if let Some(price) = &args.per_use {
        let (number, unit) = amounts::split(price)?;
        Terms::per_use(&terms.name, &known(unit).await?, number)?
    } else if let (Some(source), Some(token)) = (args.quoted_by, &args.token) {
        terms.quoted_by(source, &known(token).await?)
    } else {
        terms
    })
}

/// Who is paid which share; one without takes what the others leave.
fn payees(shares: &[Share], session: &Session<'_>) -> Result<Vec<(Address, u16)>> {
    if shares.is_empty() {
        return Ok(vec![(session.scrip.signer(), 10_000)]);
    }
    let said: u32 = shares.iter().filter_map(|share| share.points).map(u32::from).sum();
    let open = shares.iter().filter(|share| share.points.is_none()).count();
    let left = 10_000_u32.saturating_sub(said);
    if open > 1 || (open == 0 && said != 10_000) || (open == 1 && left == 0) {
        return Err(problem(
            Exit::Usage,
            format!("the shares of the payees are {}% in all", f64::from(said) / 100.0),
        )
        .hint("they sum to 100%; one payee may be without a share, and takes the rest")
        .into());
    }
    let rest = u16::try_from(left).unwrap_or_default();
    shares.iter().map(|share| Ok((session.node.who(&share.who)?, share.points.unwrap_or(rest)))).collect()
}
