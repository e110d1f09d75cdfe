#![doc = include_str!("../README.md")]

mod actor;
mod anvil;
mod devnet;
mod error;

pub use actor::{ACTORS, Actor};
pub use devnet::{Config, Devnet, WalletProvider};
pub use error::{Error, Result};
