//! Services, and the plans that open them.

use eyre::Result;
use scrip::{Did, PlanId, Services};
use serde_json::{Value, json};

use crate::{
    args::{ServiceCommand, ServicePlansArgs, Who},
    context::Context,
    node::{Node, Session},
    report::Report,
    text,
};

/// Does what was said about a service.
pub(crate) async fn run(command: ServiceCommand, context: &Context) -> Result<Report> {
    if let ServiceCommand::Show { service } = command {
        return show(service, context).await;
    }
    let session = Session::connect(context).await?;
    let services = Services::connect(&session.scrip).await?;
    let progress = context.print.progress("writing to the registry of services");
    let report = match command {
        ServiceCommand::Show { .. } => return Err(eyre::eyre!("it was shown")),
        ServiceCommand::Create { seed, uri, plans } => {
            let listed = strings(&plans);
            let done = services.create(seed, uri, plans).await?;
            let json = json!({
                "service": done.did.to_string(), "owner": done.owner, "uri": done.uri, "plans": listed,
            });
            Report::done(&done, json)
                .line(format!("created a service, opened by {}", text::count(listed.len() as u64, "plan")))
                .fields([("service", done.did.to_string()), ("owner", done.owner.to_string())])
                .receipt(&done.receipt)
        }
        ServiceCommand::Plans(args) => {
            let ServicePlansArgs { service, add, remove, set } = args;
            let done = match (add, remove) {
                (Some(plan), _) => services.add_plan(service, plan).await?,
                (_, Some(plan)) => services.remove_plan(service, plan).await?,
                _ => services.set_plans(service, set).await?,
            };
            let json = json!({
                "service": service.to_string(), "removed": strings(&done.removed), "added": strings(&done.added),
            });
            Report::done(&done, json)
                .line(format!("{} added, {} removed", done.added.len(), done.removed.len()))
                .receipt(&done.receipt)
        }
        ServiceCommand::Uri { service, uri } => {
            let done = services.set_uri(service, uri).await?;
            Report::done(&done, json!({ "service": service.to_string(), "uri": done.uri }))
                .line(format!("metadata is at {}", done.uri))
                .receipt(&done.receipt)
        }
        ServiceCommand::Transfer { service, to, cancel } => {
            transfer(&session, &services, service, to.as_ref().filter(|_| !cancel)).await?
        }
        ServiceCommand::Accept { service } => {
            let done = services.accept_ownership(service).await?;
            let json = json!({
                "service": service.to_string(), "owner": done.owner, "former_owner": done.former_owner,
            });
            Report::done(&done, json)
                .line(format!("{} owns the service now", done.owner))
                .receipt(&done.receipt)
        }
    };
    drop(progress);
    Ok(report)
}

async fn transfer(
    session: &Session<'_>,
    services: &Services<scrip_devnet::WalletProvider>,
    service: Did,
    to: Option<&Who>,
) -> Result<Report> {
    let done = match to {
        Some(to) => services.transfer_ownership(service, session.node.who(to)?).await?,
        None => services.cancel_ownership_transfer(service).await?,
    };
    let json = json!({
        "service": service.to_string(), "owner": done.owner, "pending_owner": done.pending_owner,
    });
    let line = done.pending_owner.map_or_else(
        || "the offer is taken back".to_owned(),
        |to| format!("offered to {to}, who accepts with `scrip service accept`"),
    );
    Ok(Report::done(&done, json).line(line).receipt(&done.receipt))
}

async fn show(service: Did, context: &Context) -> Result<Report> {
    let node = Node::connect(context).await?;
    let scrip = node.scrip().await?;
    let known = Services::connect(&scrip).await?.service(service).await?;
    let json = json!({
        "service": service.to_string(), "owner": known.owner, "pending_owner": known.pending_owner, "uri": known.uri,
        "plans": strings(&known.plans),
    });
    let mut fields = vec![("owner", known.owner.to_string())];
    fields.extend(known.pending_owner.map(|account| ("offered to", account.to_string())));
    if !known.uri.is_empty() {
        fields.push(("metadata", known.uri));
    }
    fields.extend(known.plans.iter().map(|plan| ("opened by", plan.to_string())));
    Ok(Report::new(json).fields(fields))
}

fn strings(plans: &[PlanId]) -> Vec<Value> {
    plans.iter().map(|plan| json!(plan.to_string())).collect()
}
