//! Stories told against a real chain: the demo, the program that deploys, the gas table, and what the tests share.

pub mod browser;
pub mod demo;
pub mod env;
pub mod faults;
pub mod forwarding;
pub mod gas;
pub mod postgres;
pub mod server;
pub mod serving;
pub mod speed;
pub mod upstream;

/// The program in the README, compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
