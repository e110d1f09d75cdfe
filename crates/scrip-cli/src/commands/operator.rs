//! Who may mint, redeem or settle for a plan.

use eyre::Result;
use scrip::{Permissions, PlanId};
use serde_json::{Value, json};

use crate::{
    args::{OperatorCommand, Who},
    context::Context,
    failure::{Exit, problem},
    node::{Node, Session},
    report::Report,
};

/// Does what was said about an operator.
pub(crate) async fn run(command: OperatorCommand, context: &Context) -> Result<Report> {
    match command {
        OperatorCommand::Set { plan, operator, mint, redeem, settle } => {
            let permissions = Permissions { mint, redeem, settle };
            if permissions == Permissions::NONE {
                return Err(problem(Exit::Usage, "it is not said what the operator may do")
                    .hint("say some of --mint, --redeem and --settle, or use `scrip operator remove`")
                    .into());
            }
            set(plan, &operator, permissions, context).await
        }
        OperatorCommand::Remove { plan, operator } => set(plan, &operator, Permissions::NONE, context).await,
        OperatorCommand::Show { plan, operator } => {
            let node = Node::connect(context).await?;
            let operator = node.who(&operator)?;
            let scrip = node.scrip().await?;
            scrip.plan(plan).await?;
            let permissions = scrip.permissions(plan, operator).await?;
            let json = json!({
                "plan": plan.to_string(), "operator": operator, "permissions": describe(permissions),
            });
            Ok(Report::new(json).line(sentence(permissions)))
        }
    }
}

async fn set(plan: PlanId, operator: &Who, permissions: Permissions, context: &Context) -> Result<Report> {
    let session = Session::connect(context).await?;
    let operator = session.node.who(operator)?;
    let progress = context.print.progress("setting what the operator may do");
    let done = session.scrip.set_operator(plan, operator, permissions).await?;
    drop(progress);
    let json = json!({
        "plan": plan.to_string(), "operator": operator, "permissions": describe(done.permissions),
    });
    Ok(Report::done(&done, json)
        .line(format!("{operator} {}", sentence(done.permissions)))
        .receipt(&done.receipt))
}

fn describe(permissions: Permissions) -> Value {
    let Permissions { mint, redeem, settle } = permissions;
    json!({ "mint": mint, "redeem": redeem, "settle": settle })
}

/// What an operator may do, in words.
pub(super) fn sentence(permissions: Permissions) -> String {
    let Permissions { mint, redeem, settle } = permissions;
    let names = [(mint, "mint"), (redeem, "redeem"), (settle, "settle")];
    let names: Vec<_> = names.into_iter().filter(|(set, _)| *set).map(|(_, name)| name).collect();
    if names.is_empty() { "may do nothing".to_owned() } else { format!("may {}", names.join(", ")) }
}
