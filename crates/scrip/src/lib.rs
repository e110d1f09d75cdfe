#![doc = include_str!("../README.md")]

#[expect(clippy::too_many_arguments, reason = "the constructors of events and errors take all their fields")]
pub mod abi;
mod balance;
mod client;
mod credits;
mod deployment;
mod error;
mod events;
mod ids;
mod money;
mod order;
mod owner;
mod plan;
mod receipt;
mod refusal;
mod terms;

pub use alloy;
pub use balance::{Balance, PlanType};
pub use client::Scrip;
pub use deployment::{CREATE2_DEPLOYER, Deployment};
pub use error::{Error, Result};
pub use events::{
    Burned, Created, Minted, OpenSet, OperatorSet, Ordered, OwnershipAccepted, OwnershipOffered, Redeemed,
};
pub use ids::{PlanId, RequestId};
pub use money::Token;
pub use order::{Order, Purchase};
pub use plan::{Lot, Permissions, Plan};
pub use receipt::{Done, Receipt};
pub use refusal::Refusal;
pub use terms::{Grant, Limits, Payee, Price, Redeemers, Terms};
