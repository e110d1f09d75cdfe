//! Of credits: what a holder has, and what becomes of it.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use scrip::PlanId;

use super::{Request, Who, duration, request};

#[derive(Debug, Args)]
pub(crate) struct HoldingArgs {
    /// The plan
    pub(crate) plan: PlanId,
    /// The holder [default: the account]
    pub(crate) holder: Option<Who>,
}

#[derive(Debug, Args)]
pub(crate) struct MintArgs {
    /// The plan
    pub(crate) plan: PlanId,
    /// Who gets them
    pub(crate) holder: Who,
    /// How many credits; on a time plan how many periods of access
    pub(crate) amount: u64,
    /// They expire after this time, such as 1d; never without
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(crate) expires: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct BurnArgs {
    /// The plan
    pub(crate) plan: PlanId,
    /// How many credits; on a time plan how many periods of access
    pub(crate) amount: u64,
    /// Whose, where the terms let the owner revoke [default: the account's own]
    #[arg(long, value_name = "ACCOUNT")]
    pub(crate) from: Option<Who>,
}

#[derive(Debug, Args)]
pub(crate) struct RedeemArgs {
    /// The plan
    #[arg(required_unless_present = "batch")]
    pub(crate) plan: Option<PlanId>,
    /// Whose credits
    #[arg(required_unless_present = "batch")]
    pub(crate) holder: Option<Who>,
    /// How many
    #[arg(required_unless_present = "batch")]
    pub(crate) amount: Option<u64>,
    /// Redeem exactly once for this request: a number, 0x and 64 hex digits, or any text, which is hashed. Without it, each
    /// call spends
    #[arg(long, value_name = "ID", value_parser = request)]
    pub(crate) request: Option<Request>,
    /// Redeem all of a JSON file, or of stdin (-), in one transaction, all or nothing:
    /// [{"plan": "0x…", "holder": "0x…", "amount": 1, "request": "r-1"}, …]
    #[arg(long, value_name = "FILE", conflicts_with_all = ["plan", "holder", "amount", "request"])]
    pub(crate) batch: Option<PathBuf>,
}
