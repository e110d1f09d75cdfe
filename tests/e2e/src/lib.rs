//! Stories told against a real chain: the demo, the gas table, and what the tests share.

pub mod demo;
pub mod env;
pub mod gas;
