//! What happens.

use std::{fs, io, path::Path};

use alloy::providers::Provider;
use eyre::{Result, WrapErr};
use futures_util::StreamExt;
use scrip::{Change, Cursor, Error};
use serde_json::json;
use tokio::signal;

use super::{
    event::{self, Teller},
    history::wanted,
};
use crate::{args::WatchArgs, context::Context, files::replace, node::Node, report::Report};

/// Tells it as it happens, until Ctrl-C or the last block that was asked for.
pub(crate) async fn run(args: WatchArgs, context: &Context) -> Result<Report> {
    let node = Node::connect(context).await?;
    let scrip = node.scrip().await?;
    let known = args.cursor.as_deref().map(read).transpose()?.flatten();
    let history = scrip.history().confirmations(args.confirmations);
    let history = match (known, args.from_block) {
        (Some(cursor), _) => history.from_cursor(cursor),
        (None, Some(block)) => history.from_block(block),
        (None, None) => {
            let latest = node.provider.get_block_number().await.map_err(Error::from)?;
            history.from_block(latest.saturating_add(1))
        }
    };
    let history = wanted(history, &node, &args.which)?;
    let mut updates = match args.until {
        Some(block) => history.until(block),
        None => history,
    }
    .updates();
    context.print.note("Ctrl-C ends it");

    let mut teller = Teller::new(&node.network, &scrip);
    loop {
        let update = tokio::select! {
            update = updates.next() => update,
            _ = signal::ctrl_c() => None,
        };
        let Some(update) = update.transpose()? else { break };
        match &update.change {
            Change::Happened(record) => {
                let mut json = event::json(record)?;
                json["change"] = json!("happened");
                let [time, block, kind, plan, what] = teller.row(record).await?;
                let of = if plan.is_empty() { plan } else { format!(" plan {plan}:") };
                context
                    .print
                    .stream(&Report::new(json).line(format!("{time} block {block} {kind}{of} {what}")))?;
            }
            Change::Removed(position) => {
                let json = json!({
                    "change": "removed", "block": position.block.number, "block_hash": position.block.hash,
                    "log": position.log,
                });
                let line = format!("{position} was removed by a reorg, and what it said did not happen");
                context.print.stream(&Report::new(json).line(line))?;
            }
            _ => {}
        }
        // Only once it was told: after a crash something may be told twice, but nothing is left out.
        if let Some(file) = &args.cursor {
            replace(file, &update.cursor.to_string())?;
        }
    }
    // All was said as it happened.
    Ok(Report::raw(Vec::new()))
}

fn read(file: &Path) -> Result<Option<Cursor>> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text.trim().parse()?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).wrap_err_with(|| format!("{} cannot be read", file.display())),
    }
}
