//! What can go wrong.

use std::{io, path::PathBuf};

use alloy::{
    contract, providers::PendingTransactionError, signers::local::LocalSignerError,
    transports::TransportError,
};

/// The result of everything that a devnet does.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong with a devnet.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no Anvil.
    #[error(
        "{} could not be started: {source}\n\nhint: run scripts/setup, or put anvil 1.7 on PATH or in SCRIP_ANVIL",
        .anvil.display()
    )]
    NoAnvil {
        /// What was started.
        anvil: PathBuf,
        /// Why it could not be.
        source: io::Error,
    },

    /// Anvil ended before it listened.
    #[error(
        "{} ended before it listened; it said: {output:?}\n\nhint: run scripts/setup, or put anvil 1.7 on PATH or in SCRIP_ANVIL",
        .anvil.display()
    )]
    AnvilEnded {
        /// What was started.
        anvil: PathBuf,
        /// What it printed.
        output: String,
    },

    /// The chain has no block.
    #[error("the chain has no block")]
    NoBlock,

    /// A name that no account has.
    #[error("there is no account `{name}`; there are {}", crate::ACTORS.join(", "))]
    NoActor {
        /// The name.
        name: String,
    },

    /// An account could not be derived.
    #[error(transparent)]
    Signer(#[from] LocalSignerError),

    /// The chain could not be asked, or refused.
    #[error(transparent)]
    Transport(#[from] TransportError),

    /// A transaction did not get mined.
    #[error(transparent)]
    Pending(#[from] PendingTransactionError),

    /// A contract refused.
    #[error(transparent)]
    Contract(#[from] contract::Error),

    /// Scrip is not where it was deployed.
    #[error(transparent)]
    Scrip(#[from] scrip::Error),
}
