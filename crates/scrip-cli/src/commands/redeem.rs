//! Spending credits for served work.

use std::{fs, io, path::Path};

use alloy::primitives::{Address, U256};
use eyre::{OptionExt, Result, WrapErr};
use scrip::{Batch, PlanId, RequestId, Use};
use serde::Deserialize;
use serde_json::json;

use crate::{
    args::{self, RedeemArgs},
    context::Context,
    failure::{Exit, problem},
    node::Session,
    report::Report,
    text,
};

/// One redemption of a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    plan: String,
    holder: Address,
    amount: u64,
    request: Id,
}

/// The id of a request: a number or a text.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Id {
    Number(u64),
    Text(String),
}

/// Redeems.
pub(crate) async fn run(args: RedeemArgs, context: &Context) -> Result<Report> {
    if let Some(file) = &args.batch {
        return batch(file, context).await;
    }
    let session = Session::connect(context).await?;
    let plan = args.plan.ok_or_eyre("no plan")?;
    let holder = session.node.who(&args.holder.ok_or_eyre("no holder")?)?;
    let amount = args.amount.ok_or_eyre("no amount")?;
    let progress = context.print.progress("redeeming");
    let done = match &args.request {
        Some(request) => session.scrip.redeem(plan, holder, amount, request.id).await?,
        None => session.scrip.redeem_without_id(plan, holder, amount).await?,
    };
    drop(progress);
    let json = json!({
        "plan": plan.to_string(), "holder": done.holder, "redeemer": done.redeemer, "amount": done.amount,
        "request": done.request.map(|id| id.to_string()),
    });
    let request = args.request.map(|request| format!(", for request {request}")).unwrap_or_default();
    Ok(Report::done(&done, json)
        .line(format!("redeemed {} of {holder}{request}", done.amount))
        .receipt(&done.receipt))
}

async fn batch(file: &Path, context: &Context) -> Result<Report> {
    let batches = read(file)?;
    let session = Session::connect(context).await?;
    let progress = context.print.progress("redeeming all");
    let done = session.scrip.redeem_many(&batches).await?;
    drop(progress);
    let redeemed = done.event.iter().flat_map(|batch| batch.uses.iter().map(move |one| (batch, one)));
    let json = json!({
        "redeemed": redeemed.map(|(batch, one)| json!({
            "plan": batch.plan.to_string(), "holder": one.holder, "redeemer": batch.redeemer, "amount": one.amount,
            "request": one.request.to_string(),
        })).collect::<Vec<_>>(),
    });
    let count: usize = done.event.iter().map(|batch| batch.uses.len()).sum();
    Ok(Report::done(&done, json)
        .line(format!("redeemed {}", text::count(count as u64, "request")))
        .receipt(&done.receipt))
}

/// The redemptions of a file, those of one plan together where they are together.
fn read(file: &Path) -> Result<Vec<Batch>> {
    let name = || file.display();
    let text = read_text(file)?;
    let lines: Vec<Line> = serde_json::from_str(&text).map_err(|error| {
        problem(Exit::Usage, format!("{} is no list of redemptions: {error}", name()))
            .hint(r#"write it as [{"plan": "0x…", "holder": "0x…", "amount": 1, "request": "request-1"}, …]"#)
    })?;
    let mut batches = Vec::<Batch>::new();
    for line in lines {
        let plan: PlanId = line.plan.parse()?;
        let request = match line.request {
            Id::Number(number) => RequestId(U256::from(number)),
            Id::Text(text) => args::request(&text).map_err(|error| eyre::eyre!(error))?.id,
        };
        let one = Use { holder: line.holder, amount: line.amount, request };
        match batches.last_mut() {
            Some(batch) if batch.plan == plan => batch.uses.push(one),
            _ => batches.push(Batch { plan, uses: vec![one] }),
        }
    }
    Ok(batches)
}

/// A file, or stdin.
pub(super) fn read_text(file: &Path) -> Result<String> {
    if file == Path::new("-") {
        return io::read_to_string(io::stdin()).wrap_err("stdin cannot be read");
    }
    fs::read_to_string(file).wrap_err_with(|| format!("{} cannot be read", file.display()))
}
