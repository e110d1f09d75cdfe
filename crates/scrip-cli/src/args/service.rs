//! Of services.

use alloy::primitives::B256;
use clap::{ArgGroup, Args, Subcommand};
use scrip::{Did, PlanId};

use super::{Who, seed};

#[derive(Debug, Subcommand)]
pub(crate) enum ServiceCommand {
    /// Publish a service
    Create {
        /// What its id is made of, with the account: any text, or 0x and 64 hex digits
        #[arg(value_parser = seed)]
        seed: B256,
        /// Where metadata is found
        #[arg(long, default_value = "", hide_default_value = true)]
        uri: String,
        /// A plan that opens it; again for each, at most 32
        #[arg(long = "plan", value_name = "PLAN")]
        plans: Vec<PlanId>,
    },
    /// Print a service
    Show {
        /// The service
        service: Did,
    },
    /// Change the plans that open it
    Plans(ServicePlansArgs),
    /// Set where metadata is found
    Uri {
        /// The service
        service: Did,
        /// Where
        uri: String,
    },
    /// Offer the ownership to an account, which must accept it
    Transfer {
        /// The service
        service: Did,
        /// Who may accept
        #[arg(required_unless_present = "cancel", conflicts_with = "cancel")]
        to: Option<Who>,
        /// Take the offer back instead
        #[arg(long)]
        cancel: bool,
    },
    /// Accept the ownership that was offered
    Accept {
        /// The service
        service: Did,
    },
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("change").required(true).args(["add", "remove", "set"])))]
pub(crate) struct ServicePlansArgs {
    /// The service
    pub(crate) service: Did,
    /// List one more
    #[arg(long, value_name = "PLAN")]
    pub(crate) add: Option<PlanId>,
    /// Take one off the list
    #[arg(long, value_name = "PLAN")]
    pub(crate) remove: Option<PlanId>,
    /// List these and no others; again for each
    #[arg(long, value_name = "PLAN")]
    pub(crate) set: Vec<PlanId>,
}
