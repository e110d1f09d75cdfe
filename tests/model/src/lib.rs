//! A reference model of plans and ledger, in the simplest Rust that says what the manual says, and the machinery that drives
//! random sequences of steps through it and through the real bytecode, side by side. See `README.md`.

// What is named after a field of the interface keeps its name.
#![allow(non_snake_case)]

pub mod abi;
pub mod campaign;
pub mod cast;
pub mod compare;
pub mod driver;
pub mod explain;
pub mod generate;
pub mod machine;
pub mod model;
pub mod replay;
pub mod resolve;
pub mod shrink;
pub mod stats;
pub mod step;
