//! Stories on a real chain, in one binary: each test has an Anvil of its own.

mod client;
mod common;
mod connect;
mod demo;
mod deploy;
mod endpoint;
mod faults;
mod faults_once;
mod history;
mod journals;
mod ledger;
mod lens;
mod many;
mod once;
mod prices;
mod refusals;
mod reorg;
mod server;
mod services;
mod shared;
mod signed_orders;
mod voucher_checks;
mod vouchers;
mod ways;
