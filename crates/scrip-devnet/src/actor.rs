//! The accounts of a devnet, by name.

use alloy::{
    primitives::Address,
    signers::local::{MnemonicBuilder, PrivateKeySigner, coins_bip39::English},
};

use crate::{Error, Result};

/// The mnemonic of every devnet, known to all: its accounts must never hold anything of value.
pub(crate) const MNEMONIC: &str = "test test test test test test test test test test test junk";

/// The names of the accounts, in the order of the mnemonic.
pub const ACTORS: [&str; 5] = ["deployer", "builder", "subscriber", "agent", "stranger"];

/// A funded account of a devnet.
#[derive(Debug, Clone)]
pub struct Actor {
    /// Its name.
    pub name: &'static str,
    /// Its key.
    pub signer: PrivateKeySigner,
}

impl Actor {
    /// Its address.
    pub fn address(&self) -> Address {
        self.signer.address()
    }

    /// The one of this name, one of [`ACTORS`], of every devnet.
    ///
    /// # Errors
    ///
    /// [`Error::NoActor`] when it is none of them.
    pub fn named(name: &str) -> Result<Self> {
        let (index, name) = (0..)
            .zip(ACTORS)
            .find(|(_, actor)| *actor == name)
            .ok_or_else(|| Error::NoActor { name: name.to_owned() })?;
        let signer = MnemonicBuilder::<English>::default().phrase(MNEMONIC).index(index)?.build()?;
        Ok(Self { name, signer })
    }

    /// All of them.
    pub(crate) fn all() -> Result<Vec<Self>> {
        ACTORS.into_iter().map(Self::named).collect()
    }
}
