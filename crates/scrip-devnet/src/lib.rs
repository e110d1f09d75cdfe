#![doc = include_str!("../README.md")]

mod actor;
mod anvil;
mod devnet;
mod error;

pub use actor::{ACTORS, Actor};
pub use devnet::{Config, Devnet, WalletProvider, dollar};
pub use error::{Error, Result};
