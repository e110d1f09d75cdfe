//! Plans: looking at them, stopping and restarting their orders, handing them over.

use alloy::{
    primitives::Address,
    providers::{Provider, RootProvider},
};
use eyre::Result;
use futures_util::{StreamExt, TryStreamExt, stream};
use scrip::{Error, Plan, PlanId, Scrip};
use serde_json::{Value, json};

use super::{create, terms};
use crate::{
    args::{ListArgs, PlanCommand, TransferArgs},
    config::Network,
    context::Context,
    node::{Node, Session},
    report::Report,
};

/// How many blocks a node is asked about at once; many answer no more.
const RANGE: u64 = 10_000;
/// How many plans are asked for at once.
const AT_ONCE: usize = 16;

/// Does what was said about a plan.
pub(crate) async fn run(command: PlanCommand, context: &Context) -> Result<Report> {
    match command {
        PlanCommand::Create(args) => create::run(*args, context).await,
        PlanCommand::Show { plan } => show(plan, context).await,
        PlanCommand::List(args) => list(args, context).await,
        PlanCommand::Open { plan } => set_open(plan, true, context).await,
        PlanCommand::Close { plan } => set_open(plan, false, context).await,
        PlanCommand::Transfer(args) => transfer(args, context).await,
        PlanCommand::Accept { plan } => accept(plan, context).await,
    }
}

async fn show(plan: PlanId, context: &Context) -> Result<Report> {
    let node = Node::connect(context).await?;
    let scrip = node.scrip().await?;
    let plan = scrip.plan(plan).await?;
    terms::plan(&node.network, &scrip, &plan).await
}

async fn list(args: ListArgs, context: &Context) -> Result<Report> {
    let node = Node::connect(context).await?;
    let owner = node.who_or_account(args.owner.as_ref()).await?;
    let (node, scrip) = (&node, &node.scrip().await?);
    let latest = node.provider.get_block_number().await.map_err(Error::from)?;
    let from = node.first_block(args.from_block).await?;

    let progress = context.print.progress("looking for plans");
    let mut ids = Vec::new();
    let mut begin = from;
    while begin <= latest {
        let end = latest.min(begin.saturating_add(RANGE - 1));
        progress.now(format!("looking for plans in blocks {begin} to {end} of {latest}"));
        for id in plans_of(scrip, owner, begin, end).await? {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        begin = end + 1;
    }
    let looked_at =
        stream::iter(ids).map(|id| async move { row(&node.network, scrip, &scrip.plan(id).await?).await });
    let (json, rows): (Vec<_>, Vec<_>) =
        looked_at.buffered(AT_ONCE).try_collect::<Vec<_>>().await?.into_iter().unzip();
    drop(progress);

    let report = Report::new(json!({ "from_block": from, "to_block": latest, "plans": json }));
    if rows.is_empty() {
        let hint = if from > 0 { "; look further back with --from-block" } else { "" };
        return Ok(report.line(format!("{owner} has created no plan from block {from} on{hint}")));
    }
    Ok(report.table(["PLAN", "NAME", "ORDERS", "PRICE", "GIVES"], rows))
}

/// A plan in a list, for programs and for people.
async fn row(network: &Network, scrip: &Scrip<RootProvider>, plan: &Plan) -> Result<(Value, [String; 5])> {
    let (price_json, price) = terms::price(network, scrip, plan.terms.price).await?;
    let (grant_json, grant) = terms::grant(plan.terms.grant);
    let name = plan.terms.name.clone();
    let json = json!({
        "plan": plan.id.to_string(), "name": name, "owner": plan.owner, "open": plan.open, "price": price_json,
        "grant": grant_json,
    });
    let orders = if plan.open { "open" } else { "stopped" };
    Ok((json, [plan.id.to_string(), name, orders.to_owned(), price, grant]))
}

/// The plans that an account created, or took over, in these blocks.
async fn plans_of(scrip: &Scrip<RootProvider>, owner: Address, from: u64, to: u64) -> Result<Vec<PlanId>> {
    let contract = scrip.instance();
    let created = contract.PlanCreated_filter().topic2(owner).from_block(from).to_block(to);
    let accepted = contract.OwnershipAccepted_filter().topic3(owner).from_block(from).to_block(to);
    let created = created.query().await.map_err(Error::from)?;
    let accepted = accepted.query().await.map_err(Error::from)?;
    let created = created.into_iter().map(|(event, _)| PlanId(event.planId));
    Ok(created.chain(accepted.into_iter().map(|(event, _)| PlanId(event.planId))).collect())
}

async fn set_open(plan: PlanId, open: bool, context: &Context) -> Result<Report> {
    let session = Session::connect(context).await?;
    let progress = context.print.progress(if open { "restarting orders" } else { "stopping orders" });
    let done = session.scrip.set_open(plan, open).await?;
    drop(progress);
    Ok(Report::done(&done, json!({ "plan": plan.to_string(), "open": done.open }))
        .line(if done.open { "orders are open" } else { "orders are stopped; holders keep what they have" })
        .receipt(&done.receipt))
}

async fn transfer(args: TransferArgs, context: &Context) -> Result<Report> {
    let session = Session::connect(context).await?;
    let progress = context.print.progress("offering the ownership");
    let (plan, scrip) = (args.plan, &session.scrip);
    let done = match &args.to {
        Some(to) => scrip.transfer_ownership(plan, session.node.who(to)?).await?,
        None => scrip.cancel_ownership_transfer(plan).await?,
    };
    drop(progress);
    let json = json!({ "plan": plan.to_string(), "owner": done.owner, "pending_owner": done.pending_owner });
    let line = done.pending_owner.map_or_else(
        || "the offer is taken back".to_owned(),
        |to| format!("offered to {to}, who accepts with `scrip plan accept`"),
    );
    Ok(Report::done(&done, json).line(line).receipt(&done.receipt))
}

async fn accept(plan: PlanId, context: &Context) -> Result<Report> {
    let session = Session::connect(context).await?;
    let progress = context.print.progress("accepting the ownership");
    let done = session.scrip.accept_ownership(plan).await?;
    drop(progress);
    let json = json!({ "plan": plan.to_string(), "owner": done.owner, "former_owner": done.former_owner });
    Ok(Report::done(&done, json)
        .line(format!("{} owns the plan now; its former owner's operators may do nothing more", done.owner))
        .receipt(&done.receipt))
}
