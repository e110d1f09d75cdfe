//! Of plans.

use std::{ops::RangeInclusive, time::Duration};

use alloy::primitives::{Address, B256};
use clap::{Args, Subcommand, ValueEnum, builder::NonEmptyStringValueParser};
use scrip::PlanId;

use super::{HookText, RedeemersText, Share, Who, duration, range, seed};

#[derive(Debug, Subcommand)]
pub(crate) enum PlanCommand {
    /// Create a plan; its terms never change
    Create(Box<CreateArgs>),
    /// Print a plan and its terms
    Show {
        /// The plan
        plan: PlanId,
    },
    /// List the plans that an account created, or took over
    List(ListArgs),
    /// Restart orders
    Open {
        /// The plan
        plan: PlanId,
    },
    /// Stop orders; holders keep what they have
    Close {
        /// The plan
        plan: PlanId,
    },
    /// Offer the ownership to an account, which must accept it
    Transfer(TransferArgs),
    /// Accept the ownership that was offered
    Accept {
        /// The plan
        plan: PlanId,
    },
}

/// What to start from; each option changes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Template {
    /// 100 credits for nothing
    Free,
    /// 10 credits for nothing that last 7 days, once for each holder
    Trial,
    /// An hour of access, at a price
    Hour,
    /// A day of access, at a price
    Day,
    /// 7 days of access, at a price
    Week,
    /// 30 days of access, at a price
    Month,
    /// 365 days of access, at a price
    Year,
    /// A number of requests of a credit each, at a price
    Requests,
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Its name, at most 31 bytes; a template has one
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    #[arg(required_unless_present = "template")]
    pub(crate) name: Option<String>,
    /// What to start from
    #[arg(long, short, value_enum)]
    pub(crate) template: Option<Template>,

    /// An order gives so many credits
    #[arg(long, value_name = "NUMBER", conflicts_with = "access", help_heading = "Grant")]
    pub(crate) credits: Option<u64>,
    /// The credits expire after this time, such as 30d
    #[arg(long, value_name = "DURATION", value_parser = duration, conflicts_with = "access")]
    #[arg(help_heading = "Grant")]
    pub(crate) lasting: Option<Duration>,
    /// An order gives access for this time, such as 30d
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = "Grant")]
    pub(crate) access: Option<Duration>,

    /// An order costs this, such as '20 USDC' or '0.01 ETH'; nothing without
    #[arg(long, value_name = "AMOUNT", allow_hyphen_values = true, help_heading = "Price", group = "paid")]
    pub(crate) price: Option<String>,
    /// An order costs this, paid off chain, such as '19.99 USD'
    #[arg(long, value_name = "AMOUNT", allow_hyphen_values = true, help_heading = "Price", group = "paid")]
    pub(crate) fiat: Option<String>,
    /// Each use costs this, pulled from the holder; there are no orders
    #[arg(long, value_name = "AMOUNT", allow_hyphen_values = true, help_heading = "Price", group = "paid")]
    #[arg(conflicts_with_all = ["credits", "access", "lasting"])]
    pub(crate) per_use: Option<String>,
    /// An order costs what this contract asks, in the token of --token
    #[arg(long, value_name = "ADDRESS", help_heading = "Price", group = "paid", requires = "token")]
    pub(crate) quoted_by: Option<Address>,
    /// The token of a quoted price, by its symbol or address
    #[arg(long, value_name = "TOKEN", help_heading = "Price", requires = "quoted_by")]
    pub(crate) token: Option<String>,
    /// Who is paid, and its share, such as 0x…=70%; again for each payee. The account itself without
    #[arg(long, value_name = "ACCOUNT[=SHARE]", help_heading = "Price")]
    pub(crate) pay: Vec<Share>,

    /// The least and the most credits that a redemption takes, such as 1..100
    #[arg(long, value_name = "RANGE", value_parser = range, help_heading = "Redemption")]
    pub(crate) takes: Option<RangeInclusive<u32>>,
    /// Who may redeem [default: owner,operators]
    #[arg(long, value_name = "owner,holder,operators", help_heading = "Redemption")]
    pub(crate) redeemers: Option<RedeemersText>,
    /// All but the holder itself need its voucher to redeem
    #[arg(long, help_heading = "Redemption")]
    pub(crate) voucher_required: bool,
    /// The owner may burn a holder's credits
    #[arg(long, help_heading = "Redemption")]
    pub(crate) revocable: bool,

    /// The most orders for one holder; 1 makes a trial
    #[arg(long, value_name = "NUMBER", help_heading = "Limits")]
    pub(crate) per_holder: Option<u32>,
    /// The most orders in all
    #[arg(long, value_name = "NUMBER", help_heading = "Limits")]
    pub(crate) in_all: Option<u32>,
    /// A contract that is asked before or told after orders and redemptions, and at which
    #[arg(long, value_name = "ADDRESS=CALL,…", help_heading = "Limits")]
    pub(crate) hook: Option<HookText>,

    /// Where metadata is found
    #[arg(long)]
    pub(crate) uri: Option<String>,
    /// Sets the plan apart from another of the same terms: any text, or 0x and 64 hex digits
    #[arg(long, value_parser = seed)]
    pub(crate) salt: Option<B256>,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Whose plans [default: the account's]
    pub(crate) owner: Option<Who>,
    /// Look from this block on [default: the network's from_block, or 1,000,000 blocks back]
    #[arg(long, value_name = "BLOCK")]
    pub(crate) from_block: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct TransferArgs {
    /// The plan
    pub(crate) plan: PlanId,
    /// Who may accept
    #[arg(required_unless_present = "cancel", conflicts_with = "cancel")]
    pub(crate) to: Option<Who>,
    /// Take the offer back instead
    #[arg(long)]
    pub(crate) cancel: bool,
}
