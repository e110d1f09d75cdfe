//! Of orders.

use alloy::primitives::Bytes;
use clap::{Args, ValueEnum};
use scrip::PlanId;

use super::Who;

/// How an ERC-20 is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PayBy {
    /// By a signature where the token takes one, in one transaction; else by approval
    Signature,
    /// By approving the exact price, in a transaction before the order
    Approval,
}

#[derive(Debug, Args)]
pub(crate) struct OrderArgs {
    /// The plan
    pub(crate) plan: PlanId,
    /// So many orders at once
    #[arg(long, short = 'n', default_value_t = 1, value_name = "NUMBER")]
    pub(crate) quantity: u32,
    /// A gift to this holder [default: for the account itself]
    #[arg(long = "for", value_name = "ACCOUNT")]
    pub(crate) holder: Option<Who>,
    /// Pay no more than this in all, such as '25 USDC' [default: the price as it is quoted]
    #[arg(long, value_name = "AMOUNT", allow_hyphen_values = true)]
    pub(crate) at_most: Option<String>,
    /// What the plan's price source and hook are given, such as a coupon, in hex
    #[arg(long, value_name = "HEX", default_value = "0x", hide_default_value = true)]
    pub(crate) data: Bytes,
    /// Print the quote, and order nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print what this account's own wallet is to send (`wallet_sendCalls`, EIP-5792), and send nothing; no key is needed
    #[arg(long, value_name = "ACCOUNT", conflicts_with_all = ["dry_run", "pay_by"])]
    pub(crate) calls: Option<Who>,
    /// How an ERC-20 is paid
    #[arg(long, value_enum, default_value_t = PayBy::Signature)]
    pub(crate) pay_by: PayBy,
}
