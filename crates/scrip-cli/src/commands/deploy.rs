//! Putting Scrip on a chain, and checking that it is there.

use std::fs;

use alloy::primitives::Address;
use eyre::{Result, WrapErr};
use scrip::DeploymentRecord;
use serde_json::json;

use crate::{
    args::{DeployArgs, VerifyArgs},
    context::Context,
    failure::{Exit, problem},
    node::Node,
    report::Report,
};

/// Deploys, and writes the record.
pub(crate) async fn deploy(args: DeployArgs, context: &Context) -> Result<Report> {
    let node = Node::connect(context).await?;
    let account = node.account().await?;
    let fee_controller = args.fee_controller.map_or(Ok(Address::ZERO), |who| node.who(&who))?;
    let controller = if fee_controller.is_zero() {
        "nobody, ever".to_owned()
    } else {
        format!("{fee_controller}, at most 1%")
    };
    let question = Report::new(json!(null)).fields([
        ("chain", node.chain_id.to_string()),
        ("paid by", account.address().to_string()),
        ("fee set by", controller),
    ]);
    context.print.confirm(&question, "Deploy Scrip, its lens and its registry of services?")?;

    let progress = context.print.progress("deploying what is not there yet");
    let record = DeploymentRecord::deploy(&node.signing(&account), fee_controller).await?;
    drop(progress);
    if let Some(file) = &args.record {
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).wrap_err_with(|| format!("{} cannot be made", folder.display()))?;
        }
        fs::write(file, serde_json::to_string_pretty(&record)? + "\n")
            .wrap_err_with(|| format!("{} cannot be written", file.display()))?;
        context.print.note(&format!("The record is in {}", file.display()));
    }
    Ok(describe(&record, "Scrip is on the chain")
        .line("")
        .line("`scrip verify` checks a record against the chain"))
}

/// Checks a record.
pub(crate) async fn verify(args: VerifyArgs, context: &Context) -> Result<Report> {
    let file = args.record;
    let text = fs::read_to_string(&file).wrap_err_with(|| format!("{} cannot be read", file.display()))?;
    let record: DeploymentRecord = serde_json::from_str(&text).map_err(|error| {
        problem(Exit::Usage, format!("{} is no record of a deployment: {error}", file.display()))
            .hint("`scrip deploy --record FILE` makes one")
    })?;
    let node = Node::connect(context).await?;
    record.verify(&node.provider).await?;
    Ok(describe(&record, "Scrip is on the chain as recorded"))
}

fn describe(record: &DeploymentRecord, line: &str) -> Report {
    Report::new(json!(record)).line(line).line("").fields([
        ("chain", record.chain_id.to_string()),
        ("Scrip", record.address.to_string()),
        ("router", record.router.to_string()),
        ("annex", record.annex.to_string()),
        ("lens", record.lens.address.to_string()),
        ("services", record.services.address.to_string()),
        ("solc", record.compiler.version.clone()),
    ])
}
