//! The whole tool against a devnet: what is typed, and what is printed, word for word.
//!
//! `INSTA_UPDATE=always cargo test -p scrip-cli --test cli` writes the snapshots anew; the difference is for reading.

#![allow(clippy::unwrap_used, reason = "tests, and what they share")]

mod book;
mod chain;
mod common;
mod dev;
mod errors;
mod offline;
mod once;
mod serve;
mod story;
