//! Of payments made off chain.

use clap::{ArgGroup, Args};
use scrip::PlanId;

use super::Who;

#[derive(Debug, Args)]
pub(crate) struct SettleArgs {
    /// The plan
    pub(crate) plan: PlanId,
    /// Who paid, and gets what the plan grants
    pub(crate) holder: Who,
    /// The payment processor's id of the payment
    #[arg(long, value_name = "ID")]
    pub(crate) payment: String,
    /// How many orders were paid
    #[arg(long, short = 'n', default_value_t = 1, value_name = "NUMBER")]
    pub(crate) quantity: u32,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").required(true).args(["amount", "reverse"])))]
pub(crate) struct TakeBackArgs {
    /// The plan
    pub(crate) plan: PlanId,
    /// How many credits, or periods of access
    pub(crate) amount: Option<u64>,
    /// The payment processor's id of the payment
    #[arg(long, value_name = "ID")]
    pub(crate) payment: String,
    /// Give back all that was taken back, once: the charge-back was won
    #[arg(long)]
    pub(crate) reverse: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PaymentArgs {
    /// The plan
    pub(crate) plan: PlanId,
    /// The payment processor's id of the payment
    #[arg(value_name = "ID")]
    pub(crate) payment: String,
}
