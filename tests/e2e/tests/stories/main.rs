//! Stories on a real chain, in one binary: each test has an Anvil of its own.

mod client;
mod common;
mod connect;
mod demo;
mod deploy;
mod faults;
mod lens;
mod many;
mod prices;
mod refusals;
mod reorg;
mod services;
mod signed_orders;
mod voucher_checks;
mod vouchers;
