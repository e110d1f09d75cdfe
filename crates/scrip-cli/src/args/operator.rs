//! Of operators.

use clap::Subcommand;
use scrip::PlanId;

use super::Who;

#[derive(Debug, Subcommand)]
pub(crate) enum OperatorCommand {
    /// Set what an operator may do for a plan, and nothing else
    Set {
        /// The plan
        plan: PlanId,
        /// The operator
        operator: Who,
        /// May mint
        #[arg(long)]
        mint: bool,
        /// May redeem, where the terms let operators redeem
        #[arg(long)]
        redeem: bool,
        /// May settle fiat payments, and take them back
        #[arg(long)]
        settle: bool,
    },
    /// Let an operator do nothing any more
    Remove {
        /// The plan
        plan: PlanId,
        /// The operator
        operator: Who,
    },
    /// Print what an operator may do
    Show {
        /// The plan
        plan: PlanId,
        /// The operator
        operator: Who,
    },
}
