//! Card payments by Stripe.
//!
//! A plan that is priced in a currency is paid in a checkout session of Stripe's, and what was paid for is settled on the chain
//! under the session's id, by the plan's owner. The money is Stripe's to tell of, and the credits are the chain's: a payment
//! is a row that remembers what both have said last, and whenever Stripe has news, or something is due, the chain is brought
//! to what Stripe tells. What is paid is settled; what is refunded is taken back in proportion, rounded down; a dispute takes
//! back what is left, and gives it again when it is won. Since only what is so counts, and not how it came about, events may
//! come in any order, any number of times, and to any replica.
//!
//! What cannot be settled within a day goes back to the buyer. After a dispute that was won nothing more is taken back of that
//! payment: the contract reverses once. A refund that fails later gives no credits again: the seller still owes the money.

mod aim;
mod amount;
mod event;
mod payment;
mod perform;
mod processor;
mod told;
mod worker;

pub use processor::Stripe;

pub(crate) use aim::{CardWork, FIRST_LOOK};
pub(crate) use amount::minor_units;
pub(crate) use payment::{NewPayment, Payment, PaymentStatus};
pub(crate) use processor::{CardError, Opening, Processor};
pub(crate) use worker::worker;
