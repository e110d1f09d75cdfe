//! Whether all is there that is needed, and what to do about what is not.

use alloy::{primitives::Address, providers::Provider};
use eyre::Result;
use scrip::{Error, Periphery, Scrip, Token, abi::IERC20};
use serde_json::json;

use crate::{
    amounts, config,
    context::Context,
    failure::{Exit, Failure, problem},
    node::Node,
    report::Report,
};

/// What was looked at, and what was found.
struct Check {
    what: &'static str,
    found: Result<String, Failure>,
}

/// Looks at everything.
pub(crate) async fn run(context: &Context) -> Result<Report> {
    let progress = context.print.progress("looking at everything");
    let mut checks = vec![configuration()?];
    match Node::connect(context).await {
        Err(error) => checks.push(failed("node", &error)),
        Ok(node) => look(&node, &mut checks).await?,
    }
    drop(progress);

    let json = json!({
        "ok": checks.iter().all(|check| check.found.is_ok()),
        "checks": checks.iter().map(Check::json).collect::<Vec<_>>(),
    });
    let rows = checks.iter().map(|check| {
        let (state, found) = match &check.found {
            Ok(found) => ("ok", found.clone()),
            Err(failure) => ("FAILS", failure.message.clone()),
        };
        [check.what.to_owned(), state.to_owned(), found]
    });
    let report = Report::new(json).table(["CHECK", "", "FOUND"], rows);
    // What is wrong is a failure, but all that was found is told first.
    let wrong = checks.into_iter().find_map(|check| check.found.err().map(|failure| (check.what, failure)));
    let Some((what, failure)) = wrong else { return Ok(report.line("").line("all is well")) };
    context.print.report(&report)?;
    let problem = problem(failure.exit, format!("{what}: {}", failure.message));
    Err(match failure.hint {
        Some(hint) => problem.hint(hint),
        None => problem,
    }
    .into())
}

impl Check {
    fn json(&self) -> serde_json::Value {
        match &self.found {
            Ok(found) => json!({ "check": self.what, "ok": true, "found": found }),
            Err(failure) => {
                json!({ "check": self.what, "ok": false, "found": failure.message, "hint": failure.hint })
            }
        }
    }
}

fn passed(what: &'static str, found: impl Into<String>) -> Check {
    Check { what, found: Ok(found.into()) }
}

fn failed(what: &'static str, error: &eyre::Report) -> Check {
    Check { what, found: Err(Failure::of(error, false)) }
}

fn checked(what: &'static str, found: Result<String>) -> Check {
    found.map_or_else(|error| failed(what, &error), |found| passed(what, found))
}

/// It was read before, and is as it should be.
fn configuration() -> Result<Check> {
    let file = config::file()?;
    let found = if file.exists() { "" } else { ", which is not there: the defaults hold" };
    Ok(passed("configuration", format!("{}{found}", file.display())))
}

async fn look(node: &Node<'_>, checks: &mut Vec<Check>) -> Result<()> {
    let block = node.provider.get_block_number().await.map_err(Error::from)?;
    checks.push(passed("node", format!("chain {}, block {block}", node.chain_id)));

    let scrip = node.scrip().await;
    let hint = "deploy it with `scrip deploy`, or name the address where it is with --scrip";
    checks.push(match &scrip {
        Ok(scrip) => passed("Scrip", scrip.address().to_string()),
        Err(error) => with_hint(failed("Scrip", error), hint),
    });
    for (what, contract) in [("lens", Periphery::Lens), ("services", Periphery::Services)] {
        let found = contract.check(&node.provider).await.map(|address| address.to_string());
        let check = checked(what, found.map_err(Into::into));
        checks.push(if check.found.is_err() {
            with_hint(check, "deploy it with `scrip deploy`")
        } else {
            check
        });
    }
    match node.account().await {
        Err(error) => checks.push(failed("account", &error)),
        Ok(account) => {
            checks.push(passed("account", account.address().to_string()));
            checks.push(checked("coin", coin(node, account.address()).await));
            if let Ok(scrip) = &scrip {
                for symbol in node.network.tokens.keys() {
                    checks.push(checked("token", token(node, scrip, symbol, account.address()).await));
                }
            }
        }
    }
    Ok(())
}

fn with_hint(check: Check, hint: &str) -> Check {
    let found = check.found.map_err(|mut failure| {
        failure.hint = Some(hint.to_owned());
        failure
    });
    Check { found, ..check }
}

async fn coin(node: &Node<'_>, account: Address) -> Result<String> {
    let balance = node.provider.get_balance(account).await.map_err(Error::from)?;
    let coin = Token::native(node.network.coin.as_deref().unwrap_or("ETH"));
    if balance.is_zero() {
        return Err(problem(
            Exit::TooPoor,
            format!("{account} has no {}, and gas is paid in it", coin.symbol),
        )
        .hint(format!("send some to {account}"))
        .into());
    }
    Ok(coin.format(balance))
}

/// A configured token, and how much of it there is; nothing of it is not wrong.
async fn token<P: Provider>(
    node: &Node<'_>,
    scrip: &Scrip<P>,
    symbol: &str,
    account: Address,
) -> Result<String> {
    let token = amounts::token(&node.network, scrip, symbol).await?;
    let balance = IERC20::new(token.address, &node.provider).balanceOf(account).call().await;
    Ok(token.format(balance.map_err(Error::from)?))
}
