//! The server, until Ctrl-C.

use std::{
    env, fs,
    future::Future,
    io::{self, IsTerminal},
    num::NonZeroU32,
    path::Path,
    time::Duration,
};

use alloy::primitives::{ChainId, U256, utils::parse_ether};
use eyre::{Result, WrapErr};
use scrip::Endpoint;
use scrip_devnet::{Config as DevConfig, Devnet};
use scrip_server::{
    BackupError, Bounds, Clock, Config, Fund, Gateway, Indexing, Mail, MasterKey, Pages, Server, Stripe,
    back_up,
};
use serde_json::json;
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use tracing_subscriber::EnvFilter;

use crate::{
    account::Account,
    args::ServeArgs,
    context::Context,
    failure::{Exit, problem},
    node::Node,
    report::Report,
};

/// How often a local chain is looked at for the index.
const OFTEN: Duration = Duration::from_millis(200);

/// A managed account that has less than this is given gas, in ether.
const LEAST_GAS: &str = "0.01";
/// How often each may ask, unless it is said.
const REQUESTS_PER_SECOND: u32 = 100;

pub(crate) async fn run(args: ServeArgs, context: &Context) -> Result<Report> {
    if let Some(file) = &args.backup {
        return save(&args, file).await;
    }
    log(context, if args.dev { "warn" } else { "info" });
    if args.dev { serve_devnet(args, context).await } else { serve_network(args, context).await }
}

/// Saves what exists nowhere else.
async fn save(args: &ServeArgs, file: &Path) -> Result<Report> {
    back_up(database(args)?, file).await.map_err(|error| {
        let (exit, hint) = match &error {
            BackupError::NotSqlite => (Exit::Usage, "run `pg_dump --format=custom --file=FILE URL`"),
            BackupError::File { .. } => {
                (Exit::Failed, "name a file that is not there yet, in a folder that is")
            }
            _ => (Exit::Failed, "name the file of the database with --database"),
        };
        problem(exit, error.to_string()).hint(hint)
    })?;
    let note = "Keep the master key apart from it: without that nobody opens what is sealed in it";
    let shown = file.display().to_string();
    Ok(Report::new(json!({ "backup": shown })).fields([("backup", shown)]).line(note))
}

/// The database that is named.
fn database(args: &ServeArgs) -> Result<&str> {
    Ok(args.database.as_deref().ok_or_else(|| {
        problem(Exit::Usage, "there is no database").hint(
            "name one with --database or DATABASE_URL, such as sqlite:///var/lib/scrip/scrip.db?mode=rwc",
        )
    })?)
}

/// Ctrl-C, or being told to end.
fn told_to_end() -> Result<impl Future<Output = ()> + Send + 'static> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => (),
            _ = terminate.recv() => (),
        }
    })
}

async fn listen(args: &ServeArgs) -> Result<(TcpListener, String)> {
    let listener = TcpListener::bind(args.listen).await.map_err(|error| {
        problem(Exit::Failed, format!("cannot listen on {}: {error}", args.listen))
            .hint("choose another port with --listen, or stop what listens there")
    })?;
    let url = format!("http://{}", listener.local_addr()?);
    Ok((listener, url))
}

async fn serve_devnet(args: ServeArgs, context: &Context) -> Result<Report> {
    let end = told_to_end()?;
    let (listener, url) = listen(&args).await?;
    let progress = context.print.progress("starting a chain, deploying Scrip, starting the server");
    let devnet = Devnet::start_with(DevConfig::default()).await?;
    let forgotten = TempDir::new().wrap_err("no folder for the database")?;
    let database = args
        .database
        .clone()
        .unwrap_or_else(|| format!("sqlite://{}?mode=rwc", forgotten.path().join("scrip.db").display()));
    let fund = Fund { signer: devnet.actor("deployer")?.signer.clone(), least: least_gas()? };
    let server = Server::start(Config {
        database,
        node: Endpoint::new(devnet.url())?.client(),
        deployment: devnet.deployment(),
        master_key: master_key(&args)?.unwrap_or_else(MasterKey::generate),
        fund: Some(fund),
        stripe: stripe()?,
        requests_per_second: args.requests_per_second.and_then(NonZeroU32::new),
        public_url: Some(args.public_url.clone().unwrap_or_else(|| url.clone())),
        pages: Pages { dev_log_in: true, mail: mail()?, tokens: vec![devnet.dollar().address] },
        clock: Clock::default(),
        indexing: Indexing { every: OFTEN, ..indexing(&args, 0) },
        gateway: Gateway { private_upstreams: true, ..gateway(&args, 2) },
        bounds: Bounds::default(),
    })
    .await?;
    let (builder, subscriber) = (devnet.actor("builder")?, devnet.actor("subscriber")?);
    let builder_key = server.import("builder", &builder.signer).await?;
    let subscriber_key = server.import("subscriber", &subscriber.signer).await?;
    drop(progress);

    let token = devnet.dollar().address;
    let keys = json!({
        "url": url,
        "rpc_url": devnet.url().trim_end_matches('/'),
        "chain_id": crate::config::DEV_CHAIN,
        "scrip": devnet.deployment().address(),
        "token": token,
        "builder": { "key": builder_key, "address": builder.address() },
        "subscriber": { "key": subscriber_key, "address": subscriber.address() },
    });
    if let Some(file) = &args.keys {
        write_secret(file, &format!("{keys:#}"))?;
    }
    let report = Report::new(keys)
        .fields([
            ("server", url.clone()),
            ("node", devnet.url().trim_end_matches('/').to_owned()),
            ("tUSD", token.to_string()),
            ("builder", builder.address().to_string()),
            ("its key", builder_key.clone()),
            ("subscriber", subscriber.address().to_string()),
            ("its key", subscriber_key.clone()),
        ])
        .line("")
        .line("  pip install payments-py")
        .line(format!("  export NVM_BACKEND_URL={url}"))
        .line("  python3")
        .line("  >>> from payments_py import Payments, PaymentOptions")
        .line(format!("  >>> payments = Payments.get_instance(PaymentOptions(nvm_api_key=\"{builder_key}\", environment=\"custom\"))"));
    context.print.report(&report)?;
    context.print.note("Ctrl-C ends it, and forgets it all");
    reindex(&args, &server, context).await?;
    server.run(listener, end).await?;
    Ok(Report::raw(Vec::new()))
}

async fn serve_network(args: ServeArgs, context: &Context) -> Result<Report> {
    let end = told_to_end()?;
    let node = Node::connect(context).await?;
    let master_key = master_key(&args)?.ok_or_else(|| {
        problem(Exit::Usage, "there is no master key, under which secrets are sealed").hint(
            "make one with `openssl rand -hex 32`, keep it apart from the database, and name its file with \
             --master-key-file, or put it into SCRIP_MASTER_KEY",
        )
    })?;
    let database = database(&args)?.to_owned();
    let fund = if args.fund { Some(fund(context, node.chain_id).await?) } else { None };
    let (listener, url) = listen(&args).await?;
    let (client, deployment) = (node.endpoint()?.client(), node.deployment());
    let server = Server::start(Config {
        database,
        node: client,
        deployment,
        master_key,
        fund,
        stripe: stripe()?,
        requests_per_second: NonZeroU32::new(args.requests_per_second.unwrap_or(REQUESTS_PER_SECOND)),
        public_url: args.public_url.clone(),
        pages: Pages {
            mail: mail()?,
            tokens: node.network.tokens.values().copied().collect(),
            ..Pages::default()
        },
        clock: Clock::default(),
        indexing: indexing(&args, Indexing::default().confirmations),
        gateway: gateway(&args, Gateway::default().settle_after.as_secs()),
        bounds: Bounds::default(),
    })
    .await?;
    if let Some(file) = args.admin_key.as_ref().filter(|file| !file.exists()) {
        write_secret(file, &server.admin_key().await?)?;
        context.print.note(&format!("The admin's key is in {}", file.display()));
    }
    context.print.report(&Report::new(json!({ "url": url })).fields([("server", url)]))?;
    context.print.note("Ctrl-C ends it");
    reindex(&args, &server, context).await?;
    server.run(listener, end).await?;
    Ok(Report::raw(Vec::new()))
}

fn indexing(args: &ServeArgs, confirmations: u64) -> Indexing {
    let confirmations = args.index_confirmations.unwrap_or(confirmations);
    Indexing { from_block: args.index_from, confirmations, ..Indexing::default() }
}

fn gateway(args: &ServeArgs, settle_after: u64) -> Gateway {
    Gateway {
        private_upstreams: args.private_upstreams,
        outlives_power: !args.holds_in_memory,
        longest: Duration::from_secs(args.longest_request.max(1)),
        settle_after: Duration::from_secs(args.settle_after.unwrap_or(settle_after)),
        settle_count: args.settle_count.max(1),
        at_risk: args.at_risk,
        ..Gateway::default()
    }
}

/// Begins to make the index anew, if that is asked for; what came of it is said when it is done.
async fn reindex(args: &ServeArgs, server: &Server, context: &Context) -> Result<()> {
    if !args.reindex {
        return Ok(());
    }
    server.reindex().await?;
    context.print.note("The index is made again from the chain; /readyz says how far it is");
    let (check, print) = (server.check_index(), context.print);
    tokio::spawn(async move {
        match check.await {
            Ok(check) => print.note(&format!("The index is made: {check}")),
            Err(error) => print.note(&format!("The index could not be compared with the chain: {error}")),
        }
    });
    Ok(())
}

/// The account that was named pays for gas. Its key is used by itself, again and again: none that asks somebody.
async fn fund(context: &Context, chain_id: ChainId) -> Result<Fund> {
    match Account::named(context, Some(chain_id)).await? {
        Account::Local(signer) => Ok(Fund { signer, least: least_gas()? }),
        #[cfg(feature = "ledger")]
        Account::Ledger(_) => {
            Err(problem(Exit::Usage, "a Ledger asks for each transaction, and cannot be a fund")
                .hint("name a keystore with --account or --keystore")
                .into())
        }
    }
}

/// Writes the log to the standard error: for people on a terminal, and otherwise a JSON object for each line.
fn log(context: &Context, usually: &str) {
    let level = if context.global.verbose { "debug" } else { usually };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let set = if io::stderr().is_terminal() { log.try_init() } else { log.json().try_init() };
    // Only the first of a process counts.
    drop(set);
}

fn least_gas() -> Result<U256> {
    Ok(parse_ether(LEAST_GAS)?)
}

/// The master key of the file that was named, or of the environment.
fn master_key(args: &ServeArgs) -> Result<Option<MasterKey>> {
    let text = match &args.master_key_file {
        Some(file) => fs::read_to_string(file)
            .wrap_err_with(|| format!("the master key in {} cannot be read", file.display()))?,
        None => match env::var("SCRIP_MASTER_KEY") {
            Ok(key) => key,
            Err(_) => return Ok(None),
        },
    };
    Ok(Some(text.parse()?))
}

/// The card processor of the environment, if there is one. Its keys are secrets, and no arguments.
fn stripe() -> Result<Option<Stripe>> {
    let (key, webhook) = ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET");
    match (set(key), set(webhook)) {
        (None, None) => Ok(None),
        (Some(secret_key), Some(webhook_secret)) => Ok(Some(Stripe {
            secret_key,
            webhook_secret,
            api_base: set("STRIPE_API_BASE"),
            return_url: set("STRIPE_RETURN_URL"),
        })),
        (given, _) => {
            let (there, missing) = if given.is_some() { (key, webhook) } else { (webhook, key) };
            let hint = "set both to take cards, or none; the webhook is POST /api/v1/fiat/stripe/webhook";
            Err(problem(Exit::Usage, format!("there is {there}, and no {missing}")).hint(hint).into())
        }
    }
}

/// The mail server of the environment, if there is one. Its URL holds a password, and is no argument.
fn mail() -> Result<Option<Mail>> {
    let (url, from) = ("SCRIP_SMTP_URL", "SCRIP_MAIL_FROM");
    match (set(url), set(from)) {
        (None, None) => Ok(None),
        (Some(smtp_url), Some(from)) => Ok(Some(Mail { smtp_url, from })),
        (given, _) => {
            let (there, missing) = if given.is_some() { (url, from) } else { (from, url) };
            let hint = "set both to let accounts log in by e-mail, or none";
            Err(problem(Exit::Usage, format!("there is {there}, and no {missing}")).hint(hint).into())
        }
    }
}

/// A variable of the environment that is not empty.
fn set(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// Writes what is secret to a file that only its owner reads.
fn write_secret(file: &Path, secret: &str) -> Result<()> {
    use std::{
        io::Write,
        os::unix::fs::{OpenOptionsExt, PermissionsExt},
    };
    let written = || -> std::io::Result<()> {
        let mut to = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file)?;
        // One that was there before may be for others to read.
        to.set_permissions(fs::Permissions::from_mode(0o600))?;
        to.write_all(format!("{secret}\n").as_bytes())
    };
    written().wrap_err_with(|| format!("the keys cannot be written to {}", file.display()))
}
