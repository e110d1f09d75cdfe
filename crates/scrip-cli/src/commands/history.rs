//! What happened.

use alloy::{
    primitives::Address,
    providers::{Provider, RootProvider},
};
use eyre::Result;
use scrip::{Error, History, Kind, Lens, PlanId, Scrip};
use serde_json::json;

use super::event::{self, Teller};
use crate::{
    args::{HistoryArgs, WhichArgs},
    context::Context,
    failure::{Exit, problem},
    node::Node,
    report::Report,
    text,
};

/// Tells it.
pub(crate) async fn run(args: HistoryArgs, context: &Context) -> Result<Report> {
    let node = Node::connect(context).await?;
    let scrip = node.scrip().await?;
    let from = node.first_block(args.from_block).await?;
    let latest = node.provider.get_block_number().await.map_err(Error::from)?;
    if from > latest {
        // A history would wait for that block.
        let message = format!("block {from} is yet to come: the last is {latest}");
        if args.check {
            return Err(problem(Exit::Usage, message).hint("say an earlier one with --from-block").into());
        }
        let report = Report::new(json!({ "from_block": from, "to_block": latest, "events": [] }));
        return Ok(report.line(message));
    }
    if args.check {
        return check(&node, &scrip, from, args.which.plans).await;
    }
    let progress = context.print.progress("reading events");
    let past = wanted(scrip.history().from_block(from), &node, &args.which)?.past().await?;
    let left_out = args.last.map_or(0, |last| past.records.len().saturating_sub(last.get()));
    let mut teller = Teller::new(&node.network, &scrip);
    let (mut rows, mut json) = (Vec::new(), Vec::new());
    for record in past.records.iter().skip(left_out) {
        json.push(event::json(record)?);
        rows.push(teller.row(record).await?);
    }
    drop(progress);
    let report = Report::new(json!({
        "from_block": from, "to_block": past.cursor.block().number, "events": json,
    }));
    if rows.is_empty() {
        return Ok(report.line(format!("nothing happened from block {from} on")));
    }
    Ok(report.table(["TIME", "BLOCK", "EVENT", "PLAN", ""], rows))
}

/// Only what was asked for.
pub(super) fn wanted<'a>(
    history: History<'a, RootProvider>,
    node: &Node<'_>,
    which: &WhichArgs,
) -> Result<History<'a, RootProvider>> {
    let holders = which.holder.iter().map(|who| node.who(who)).collect::<Result<Vec<Address>>>()?;
    let kinds = if which.kind.is_empty() {
        // Each change of a balance has this event beside its own.
        Kind::ALL.into_iter().filter(|kind| *kind != Kind::Transferred).collect()
    } else {
        which.kind.clone()
    };
    Ok(history.plans(which.plans.iter().copied()).holders(holders).kinds(kinds))
}

/// Rebuilds every balance, and compares it with the chain's.
async fn check(
    node: &Node<'_>,
    scrip: &Scrip<RootProvider>,
    from: u64,
    plans: Vec<PlanId>,
) -> Result<Report> {
    let lens = Lens::connect(scrip).await?;
    let progress = node.context.print.progress("rebuilding every balance");
    let replay = scrip.history().from_block(from).plans(plans).replay().await?;
    progress.now("comparing with the chain".to_owned());
    let differences = replay.ledger.compare(&lens, replay.block).await?;
    drop(progress);
    let compared = replay.ledger.holders().count();
    let block = replay.block.number;
    let rows: Vec<_> = (differences.iter())
        .map(|one| {
            let chain = one.chain.map(|chain| chain.balance.to_string()).unwrap_or_default();
            [one.plan.to_string(), one.holder.to_string(), one.rebuilt.balance.to_string(), chain]
        })
        .collect();
    let report = Report::new(json!({
        "block": block,
        "compared": compared,
        "differences": differences.iter().map(|one| json!({
            "plan": one.plan.to_string(), "holder": one.holder, "rebuilt": text::number(one.rebuilt.balance),
            "chain": one.chain.map(|chain| text::number(chain.balance)),
        })).collect::<Vec<_>>(),
    }));
    let balances = text::count(compared as u64, "balance");
    if differences.is_empty() {
        return Ok(report.line(format!("{balances} at block {block}, all as the events say")));
    }
    node.context.print.report(&report.table(["PLAN", "HOLDER", "BY EVENTS", "BY THE CHAIN"], rows))?;
    Err(problem(Exit::Failed, format!("{} of {balances} are not as the events say", differences.len()))
        .hint("ask another node: this one may lack events, or be behind")
        .into())
}
