//! What can be written on the command line, and nothing of what it means.

mod credits;
mod dev;
mod fiat;
mod history;
mod operator;
mod order;
mod plan;
mod serve;
mod service;
mod values;
mod voucher;
mod wallet;

use std::{path::PathBuf, time::Duration};

use alloy::primitives::Address;
use clap::{
    ArgAction, Args, Parser, Subcommand,
    builder::{NonEmptyStringValueParser, styling},
};
use clap_complete::Shell;

pub(crate) use self::{
    credits::{BurnArgs, HoldingArgs, MintArgs, RedeemArgs},
    dev::{DeployArgs, DevArgs, VerifyArgs},
    fiat::{PaymentArgs, SettleArgs, TakeBackArgs},
    history::{HistoryArgs, WatchArgs, WhichArgs},
    operator::OperatorCommand,
    order::{OrderArgs, PayBy},
    plan::{CreateArgs, ListArgs, PlanCommand, Template, TransferArgs},
    serve::ServeArgs,
    service::{ServiceCommand, ServicePlansArgs},
    values::{HookText, RedeemersText, Request, Share, Who, duration, range, request, seed, time},
    voucher::{SignArgs, VoucherCommand},
    wallet::WalletCommand,
};

const STYLES: styling::Styles = styling::Styles::styled()
    .header(styling::AnsiColor::Green.on_default().bold())
    .usage(styling::AnsiColor::Green.on_default().bold())
    .literal(styling::AnsiColor::Cyan.on_default().bold())
    .placeholder(styling::AnsiColor::Cyan.on_default());

const AFTER_HELP: &str = "\
Exit codes:
  0  done
  1  failed
  2  wrong usage: an argument, an amount, the configuration
  3  refused by a contract
  4  not known yet: signed, and not seen mined; look it up, or repeat it if it has a key (--once)
  5  the node cannot be reached
  6  another chain than asked for, or no Scrip there
  7  the account has too little
  8  not confirmed

Files:
  ~/.config/scrip/config.toml  networks, tokens, the account (or SCRIP_CONFIG)
  ~/.foundry/keystores         accounts, those of cast
  ~/.local/state/scrip         journals, one for each chain (or --journal)";

/// Prepaid credits for APIs and AI agents, on any EVM chain
#[derive(Debug, Parser)]
#[command(name = "scrip", version, styles = STYLES, after_help = AFTER_HELP, propagate_version = true)]
#[command(subcommand_required = true, arg_required_else_help = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) global: Global,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Global {
    /// The node, instead of the network's own
    #[arg(long, short = 'r', env = "ETH_RPC_URL", hide_env_values = true, value_name = "URL", global = true)]
    #[arg(help_heading = "Chain")]
    // What is no URL is not repeated as clap would: it may hold a key.
    pub(crate) rpc_url: Option<String>,
    /// A network of the configuration by its name, or the id that the node's chain must have
    #[arg(long, short = 'c', alias = "network", env = "SCRIP_CHAIN", value_name = "NAME|ID", global = true)]
    #[arg(help_heading = "Chain")]
    pub(crate) chain: Option<String>,
    /// Where Scrip is, if not at its canonical address
    #[arg(long, env = "SCRIP_ADDRESS", value_name = "ADDRESS", global = true, help_heading = "Chain")]
    pub(crate) scrip: Option<Address>,

    /// An account by its name in ~/.foundry/keystores; on a devnet also builder, subscriber …
    #[arg(long, short = 'a', env = "ETH_KEYSTORE_ACCOUNT", value_name = "NAME", global = true)]
    #[arg(help_heading = "Account")]
    pub(crate) account: Option<String>,
    /// An account by its keystore file
    #[arg(long, env = "ETH_KEYSTORE", value_name = "FILE", global = true, conflicts_with = "account")]
    #[arg(help_heading = "Account")]
    pub(crate) keystore: Option<PathBuf>,
    /// The file with the keystore's password; asked for without
    #[arg(long, env = "ETH_PASSWORD", value_name = "FILE", global = true, help_heading = "Account")]
    pub(crate) password_file: Option<PathBuf>,
    /// Sign with a Ledger
    #[cfg(feature = "ledger")]
    #[arg(long, global = true, conflicts_with_all = ["account", "keystore"], help_heading = "Account")]
    pub(crate) ledger: bool,

    /// Give up a request that the node has not answered after this time, and a connection after a third of it
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "30s", global = true)]
    #[arg(help_heading = "Chain")]
    pub(crate) request_timeout: Duration,
    /// Give up waiting for a transaction after this time; it may still be mined
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "5m", global = true)]
    #[arg(help_heading = "Chain")]
    pub(crate) timeout: Duration,

    /// Do what is written once, however often the command is repeated with this key
    #[arg(long, value_name = "KEY", global = true, help_heading = "Repeating")]
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub(crate) once: Option<String>,
    /// The SQLite file with the keys and what was signed for them [default: one for each chain]
    #[arg(long, env = "SCRIP_JOURNAL", value_name = "FILE", global = true, help_heading = "Repeating")]
    pub(crate) journal: Option<PathBuf>,

    /// Print JSON: the result on stdout, an error on stderr
    #[arg(long, global = true, help_heading = "Output")]
    pub(crate) json: bool,
    /// Print nothing but results and errors
    #[arg(long, short, global = true, help_heading = "Output", conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Print what is done on the way, and the causes of errors
    #[arg(long, short, global = true, help_heading = "Output", action = ArgAction::SetTrue)]
    pub(crate) verbose: bool,
    /// Do not ask before money moves or credits are destroyed
    #[arg(long, short, global = true, help_heading = "Output")]
    pub(crate) yes: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a local chain with Scrip, funded accounts and a test dollar, until Ctrl-C
    Dev(DevArgs),
    /// Run the server that the published SDKs speak with, until Ctrl-C
    Serve(ServeArgs),
    /// Put Scrip on a chain, and print the record of it
    Deploy(DeployArgs),
    /// Check a record of a deployment against the chain
    Verify(VerifyArgs),
    /// Create plans, look at them, stop and restart their orders, hand them over
    #[command(subcommand)]
    Plan(PlanCommand),
    /// Order a plan: pay its price and get its credits, or access
    Order(OrderArgs),
    /// Print what a holder can spend now
    Balance(HoldingArgs),
    /// Print a holder's credits by their expiry
    Lots(HoldingArgs),
    /// Give a holder credits, or periods of access
    Mint(MintArgs),
    /// Destroy credits, or periods of access
    Burn(BurnArgs),
    /// Spend a holder's credits for served work
    Redeem(RedeemArgs),
    /// Sign vouchers, check them, redeem them, revoke them
    #[command(subcommand)]
    Voucher(VoucherCommand),
    /// Give what a fiat plan grants, for a payment made off chain
    SettleFiat(SettleArgs),
    /// Take back what a payment gave that was charged back
    TakeBack(TakeBackArgs),
    /// Print what is known of a payment made off chain
    Payment(PaymentArgs),
    /// Name who may mint, redeem or settle for a plan
    #[command(subcommand)]
    Operator(OperatorCommand),
    /// Publish services, and list the plans that open them
    #[command(subcommand)]
    Service(ServiceCommand),
    /// Print what happened, or rebuild all balances from it
    History(HistoryArgs),
    /// Print what happens, as it happens, until Ctrl-C
    Watch(WatchArgs),
    /// Make and import accounts, in the keystores of cast
    #[command(subcommand)]
    Wallet(WalletCommand),
    /// Check the node, the chain, the contracts, the account and the configuration
    Doctor,
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Write the manual pages into a folder
    #[command(hide = true)]
    Man {
        /// The folder
        folder: PathBuf,
    },
}
