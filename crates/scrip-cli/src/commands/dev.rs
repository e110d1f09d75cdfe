//! A devnet that stays until Ctrl-C.

use std::{
    io,
    net::{Ipv4Addr, TcpListener},
    path::Path,
};

use alloy::primitives::hex;
use eyre::Result;
use scrip::Periphery;
use scrip_devnet::{Config, Devnet};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    args::DevArgs,
    config,
    context::Context,
    failure::{Exit, problem},
    report::Report,
};

/// What a chain lasts until: Ctrl-C, or being told to end.
pub(crate) async fn run(args: DevArgs, context: &Context) -> Result<Report> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let DevArgs { port, state, hardfork } = args;
    check(port, state.as_deref())?;
    let progress = context.print.progress("starting a chain and deploying Scrip");
    let resumed = state.as_ref().filter(|file| file.exists()).cloned();
    let devnet =
        Devnet::start_with(Config { hardfork, port, state: state.clone(), ..Config::default() }).await?;
    drop(progress);

    let url = devnet.url().trim_end_matches('/');
    let known = context.config.networks.get(config::DEV).and_then(|network| network.rpc_url.as_ref());
    if known.is_none_or(|known| known.trim_end_matches('/') != url) {
        match config::write_dev_url(url) {
            Ok(file) => {
                context.print.note(&format!("The network dev is at {url} now, by {}", file.display()))
            }
            Err(error) => context.print.warn(&format!("{error:#}: name the node by --rpc-url {url}")),
        }
    }

    context.print.report(&describe(&devnet))?;
    if let Some(file) = resumed {
        context.print.note(&format!("It goes on from {}", file.display()));
    }
    context.print.note("Ctrl-C ends it");
    tokio::select! {
        _ = interrupt.recv() => (),
        _ = terminate.recv() => (),
    }
    drop(devnet);
    if let Some(file) = state {
        context.print.note(&format!("The chain is kept in {}", file.display()));
    }
    // All was said when it began.
    Ok(Report::raw(Vec::new()))
}

/// Whether it can listen there, and its state be kept: Anvil says the one less well, and the other only in its end.
fn check(port: u16, state: Option<&Path>) -> Result<()> {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    if bound.is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse) {
        return Err(problem(Exit::Failed, format!("another process listens on port {port}"))
            .hint("use that one if it is a devnet, or say another port with --port; 0 is any free one")
            .into());
    }
    let folder = state.and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        return Err(problem(Exit::Usage, format!("there is no folder {}", folder.display()))
            .hint("make it, or keep the chain elsewhere")
            .into());
    }
    Ok(())
}

fn describe(devnet: &Devnet) -> Report {
    let (url, deployment, dollar) =
        (devnet.url().trim_end_matches('/'), devnet.deployment(), devnet.dollar());
    let key = |actor: &scrip_devnet::Actor| hex::encode_prefixed(actor.signer.to_bytes());
    let accounts: Vec<_> = devnet
        .actors()
        .iter()
        .map(|actor| json!({ "name": actor.name, "address": actor.address(), "private_key": key(actor) }))
        .collect();
    let (lens, services) = (Periphery::Lens.address(), Periphery::Services.address());
    let json = json!({
        "rpc_url": url,
        "chain_id": config::DEV_CHAIN,
        "scrip": deployment.address(),
        "router": deployment.router(),
        "lens": lens,
        "services": services,
        "token": { "address": dollar.address, "symbol": dollar.symbol, "decimals": dollar.decimals },
        "accounts": accounts,
    });
    Report::new(json)
        .fields([
            ("node", url.to_owned()),
            ("chain", config::DEV_CHAIN.to_string()),
            ("Scrip", deployment.address().to_string()),
            ("router", deployment.router().to_string()),
            ("lens", lens.to_string()),
            ("services", services.to_string()),
            ("tUSD", dollar.address.to_string()),
        ])
        .line("")
        .table(
            ["ACCOUNT", "ADDRESS", "PRIVATE KEY"],
            devnet.actors().iter().map(|actor| [actor.name.to_owned(), actor.address().to_string(), key(actor)]),
        )
        .line("")
        .line("Each has 10,000 ETH and a million tUSD. The keys are known to all: never send them anything of value.")
        .line("")
        .line("  scrip plan create 'Premium Plan' --credits 100 --price '20 tUSD' --account builder")
        .line("  scrip order PLAN --account subscriber")
}
