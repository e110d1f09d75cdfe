//! Stories on a real chain, in one binary: each test has an Anvil of its own.

mod cancel;
mod client;
mod common;
mod connect;
mod demo;
mod deploy;
mod endpoint;
mod faults;
mod faults_once;
mod history;
mod ledger;
mod lens;
mod many;
mod once;
mod prices;
mod refusals;
mod reorg;
mod services;
mod signed_orders;
mod typed_data;
mod voucher_book;
mod voucher_checks;
mod vouchers;
mod wallet_calls;
mod ways;
