//! Of vouchers.

use std::{path::PathBuf, time::Duration};

use alloy::primitives::U256;
use clap::{ArgGroup, Args, Subcommand};
use scrip::PlanId;

use super::{Request, Who, duration, request, time};

#[derive(Debug, Subcommand)]
pub(crate) enum VoucherCommand {
    /// Let a redeemer take up to an amount, and print the voucher; nothing is sent
    Sign(SignArgs),
    /// Say whether a voucher would be taken, and why not; nothing is sent
    Check {
        /// The voucher's file, or - for stdin
        file: PathBuf,
        /// How many credits, or uses [default: the voucher's maximum, less what its session has spent]
        #[arg(long, value_name = "NUMBER")]
        amount: Option<u64>,
        /// For this request, of a session
        #[arg(long, value_name = "ID", value_parser = request)]
        request: Option<Request>,
    },
    /// Redeem a voucher, as the redeemer that it names
    Redeem {
        /// The voucher's file, or - for stdin
        file: PathBuf,
        /// How many credits, or uses
        amount: u64,
        /// Exactly once for this request; a session needs one, and a single voucher is used up anyway
        #[arg(long, value_name = "ID", value_parser = request)]
        request: Option<Request>,
    },
    /// Check vouchers, and keep them in a book to be redeemed together; nothing is sent
    Collect {
        /// The book's file, which is made if it is not there
        book: PathBuf,
        /// The vouchers' files, or - for stdin: each is kept for all that it lets be taken, of a session the newest
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Redeem all vouchers of a book in as few transactions as can be, each once, as their redeemer
    ///
    /// Run again, after whatever has ended it, it first tells what became of what it had sent; what was signed is in the journal.
    RedeemAll {
        /// The book's file
        book: PathBuf,
    },
    /// Revoke a voucher by its nonce, or end a session
    #[command(group(ArgGroup::new("which").required(true).args(["nonce", "session"])))]
    Revoke {
        /// The voucher's nonce
        #[arg(long, value_name = "NUMBER")]
        nonce: Option<U256>,
        /// The session, with its plan and redeemer
        #[arg(long, value_name = "NUMBER", requires_all = ["plan", "redeemer"])]
        session: Option<U256>,
        /// The session's plan
        #[arg(long, conflicts_with = "nonce")]
        plan: Option<PlanId>,
        /// The session's redeemer
        #[arg(long, value_name = "ACCOUNT", conflicts_with = "nonce")]
        redeemer: Option<Who>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct SignArgs {
    /// The plan
    pub(crate) plan: PlanId,
    /// Who may redeem; the terms must let it, too
    #[arg(long, value_name = "ACCOUNT")]
    pub(crate) redeemer: Who,
    /// The most credits, or uses, that may be taken; in a session in all
    #[arg(long, value_name = "NUMBER")]
    pub(crate) maximum: u64,
    /// For one redemption: a number not used before [default: a random one]
    #[arg(long, value_name = "NUMBER", conflicts_with = "session")]
    pub(crate) nonce: Option<U256>,
    /// For redemptions again and again up to the maximum, in the session of this number
    #[arg(long, value_name = "NUMBER")]
    pub(crate) session: Option<U256>,
    /// How long it is valid
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "1h")]
    pub(crate) valid: Duration,
    /// The last second in which it is valid, in unix seconds or as 2030-12-31T23:59:59Z
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with = "valid")]
    pub(crate) deadline: Option<u64>,
    /// Approve the plan's token for so many uses, too, of a plan paid per use
    #[arg(long)]
    pub(crate) approve: bool,
}
