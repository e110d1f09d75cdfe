#![doc = include_str!("../README.md")]

#[expect(clippy::too_many_arguments, reason = "the constructors of events and errors take all their fields")]
pub mod abi;
mod balance;
mod batch;
mod client;
mod clock;
mod coin;
mod credits;
mod deployment;
#[cfg(feature = "http")]
mod endpoint;
mod error;
mod events;
mod fee;
mod fiat;
#[cfg(feature = "events")]
mod history;
mod holdings;
mod ids;
mod journal;
#[cfg(feature = "events")]
mod ledger;
mod lens;
mod many;
mod money;
mod order;
mod outbox;
mod owner;
mod payment;
mod periphery;
mod plan;
mod price;
mod receipt;
mod record;
mod refusal;
mod refusal_periphery;
mod router;
mod services;
mod signature;
mod terms;
mod typed_data;
mod voucher;
mod voucher_book;
mod voucher_check;
mod wallet_calls;
mod wallet_signature;

pub use alloy;
pub use balance::{Balance, PlanType};
pub use batch::{Batch, BatchRedeemed, Use};
pub use client::Scrip;
pub use deployment::{CREATE2_DEPLOYER, CodeHashes, Deployment};
#[cfg(feature = "http")]
pub use endpoint::Endpoint;
pub use error::{Error, Result};
pub use events::{
    Burned, Created, Event, Expired, Minted, OpenSet, OperatorSet, Ordered, OwnershipAccepted,
    OwnershipOffered, Redeemed, Transferred, UsesPaid,
};
pub use fee::{Fee, FeeControlOffered, FeeControlTaken, FeeSet, FeeUndelivered};
pub use fiat::{Settled, Settlement, TakeBackReversed, TakenBack};
#[cfg(feature = "events")]
pub use history::{BlockRef, Change, Cursor, Depth, History, Kind, Past, Position, Record, Replay, Update};
pub use holdings::{Balances, Holding, Holdings};
pub use ids::{PlanId, RequestId};
#[cfg(feature = "sql")]
pub use journal::SqlJournal;
pub use journal::{
    Account, Entry, FileJournal, Inserted, Journal, JournalError, JournalResult, MemoryJournal, Outcome,
};
#[cfg(feature = "events")]
pub use ledger::{Amounts, Difference, Ledger};
pub use lens::{Forecast, Lens, Means, Payment, Quote, RemainingOrders, Warnings};
pub use many::Moment;
pub use money::Token;
pub use order::{Item, Order, Purchase, Purchases};
pub use outbox::{Cancelled, Waiting};
pub use payment::Way;
pub use periphery::Periphery;
pub use plan::{Lot, Permissions, Plan};
pub use price::{Currency, Price};
pub use receipt::{Done, Receipt};
pub use record::{Compiler, ConstructorArguments, DeploymentRecord, PeripheryRecord};
pub use refusal::Refusal;
pub use router::{NoncesCancelled, RouterOrder, SignedOrder, SignedPayment};
pub use services::{
    Did, Service, ServiceCreated, ServiceOwnershipAccepted, ServiceOwnershipOffered, ServicePlansChanged,
    ServiceUriSet, Services,
};
pub use signature::{PERMIT2, PaymentStandard};
pub use terms::{Grant, Hook, Limits, Payee, Redeemers, Terms};
pub use voucher::{
    Session, SessionRevoked, SessionSpent, SessionVoucher, Signable, Signed, Voucher, VoucherRedeemed,
    VouchersRevoked,
};
pub use voucher_book::{
    AnyVoucher, BookPrepared, BookRedeemed, Collected, RefusedVoucher, Taken, VoucherBook,
};
pub use voucher_check::VoucherState;
pub use wallet_calls::{WalletCall, WalletCalls};
