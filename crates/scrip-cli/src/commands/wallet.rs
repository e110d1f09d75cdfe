//! Accounts, in the keystores of cast.

use std::io::{self, IsTerminal};

use alloy::signers::local::PrivateKeySigner;
use eyre::{Result, WrapErr};
use serde_json::json;

use crate::{
    account::{self, Account},
    args::WalletCommand,
    context::Context,
    failure::{Exit, problem},
    node::Node,
    report::{self, Report},
};

/// Does what was said about accounts.
pub(crate) async fn run(command: WalletCommand, context: &Context) -> Result<Report> {
    match command {
        WalletCommand::New { name } => keep(&name, &PrivateKeySigner::random(), "made", context),
        WalletCommand::Import { name } => keep(&name, &import(context)?, "imported", context),
        WalletCommand::List => list(),
        WalletCommand::Address => address(context).await,
    }
}

fn keep(name: &str, signer: &PrivateKeySigner, how: &str, context: &Context) -> Result<Report> {
    let file = account::keep(context, name, signer)?;
    let json = json!({ "name": name, "address": signer.address(), "keystore": report::path(&file) });
    Ok(Report::new(json)
        .line(format!("{how} the account {name}"))
        .fields([("address", signer.address().to_string()), ("keystore", file.display().to_string())]))
}

/// A key that is asked for, or piped in: on the command line others would see it.
fn import(context: &Context) -> Result<PrivateKeySigner> {
    let text = if io::stdin().is_terminal() {
        context.print.secret("private key", false, "")?
    } else {
        io::read_to_string(io::stdin()).wrap_err("stdin cannot be read")?
    };
    // The parser's own error may tell of the key.
    Ok(text.trim().parse().map_err(|_| {
        problem(Exit::Usage, "that is no private key").hint("it has 64 hex digits, with or without 0x")
    })?)
}

fn list() -> Result<Report> {
    let (names, folder) = (account::names()?, account::folder()?);
    let json = json!({ "folder": report::path(&folder), "accounts": names });
    if names.is_empty() {
        return Ok(Report::new(json).line(format!("there is no account in {}", folder.display())));
    }
    Ok(names.into_iter().fold(Report::new(json), Report::line))
}

/// The address of the account that would sign; its chain matters only to a name of a devnet.
async fn address(context: &Context) -> Result<Report> {
    let account = match Account::named(context, None).await {
        Ok(account) => account,
        Err(error) => match Node::connect(context).await {
            Ok(node) => node.account().await?,
            Err(_) => return Err(error),
        },
    };
    Ok(Report::new(json!({ "address": account.address() })).line(account.address().to_string()))
}
