//! Where Scrip is, and how to be sure that it is Scrip.

use std::sync::LazyLock;

use alloy::{
    primitives::{Address, B256, Bytes, ChainId, address, hex, keccak256},
    providers::Provider,
};

use crate::{Error, Result};

/// The CREATE2 deployer that has the same address on nearly every chain, and that puts the same code at the same address.
///
/// It takes a salt followed by the deployment bytecode. See <https://github.com/Arachnid/deterministic-deployment-proxy>.
pub const CREATE2_DEPLOYER: Address = address!("4e59b44847b379578588920cA78FbF26c0B4956C");

static BYTECODE: LazyLock<Bytes> = LazyLock::new(|| committed(include_str!("../artifacts/Scrip.hex")));
static CODE_HASH: LazyLock<B256> =
    LazyLock::new(|| B256::from_slice(&committed(include_str!("../artifacts/Scrip.codehash"))));

#[expect(clippy::expect_used, reason = "the artifacts are committed, and a test reads them")]
fn committed(artifact: &str) -> Bytes {
    hex::decode(artifact.trim()).expect("the artifact is hex").into()
}

/// A place where Scrip is expected: an address, and perhaps a chain.
///
/// ```
/// use scrip::Deployment;
///
/// // The same on every chain.
/// let deployment = Deployment::canonical().on_chain(8453);
/// assert_eq!(deployment.chain_id(), Some(8453));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deployment {
    address: Address,
    chain_id: Option<ChainId>,
}

impl Deployment {
    /// Where the CREATE2 deployer puts this version of Scrip, on every chain.
    pub fn canonical() -> Self {
        Self::at(CREATE2_DEPLOYER.create2(B256::ZERO, keccak256(&*BYTECODE)))
    }

    /// Somewhere else.
    pub const fn at(address: Address) -> Self {
        Self { address, chain_id: None }
    }

    /// Only on this chain.
    pub const fn on_chain(self, chain_id: ChainId) -> Self {
        Self { chain_id: Some(chain_id), ..self }
    }

    /// The address.
    pub const fn address(&self) -> Address {
        self.address
    }

    /// The chain, if it must be a certain one.
    pub const fn chain_id(&self) -> Option<ChainId> {
        self.chain_id
    }

    /// What to send to [`CREATE2_DEPLOYER`] so that it deploys Scrip at [`Deployment::canonical`].
    pub fn calldata() -> Bytes {
        [&B256::ZERO[..], &BYTECODE].concat().into()
    }

    /// The deployment bytecode of this version of Scrip.
    pub fn bytecode() -> &'static Bytes {
        &BYTECODE
    }

    /// Keccak-256 of the code of this version of Scrip, once deployed.
    pub fn code_hash() -> B256 {
        *CODE_HASH
    }

    /// Asks the chain whether this version of Scrip is there.
    ///
    /// # Errors
    ///
    /// [`Error::WrongChain`] on another chain than asked for, [`Error::NotScrip`] where there is no code or other code.
    pub async fn check<P: Provider>(&self, provider: &P) -> Result<ChainId> {
        let found = provider.get_chain_id().await?;
        if let Some(asked) = self.chain_id
            && asked != found
        {
            return Err(Error::WrongChain { asked, found });
        }
        let code = provider.get_code_at(self.address).await?;
        if keccak256(&code) != *CODE_HASH {
            return Err(Error::NotScrip { address: self.address, chain_id: found, empty: code.is_empty() });
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_artifacts_are_read() {
        assert!(Deployment::bytecode().len() > 1_000);
        assert_ne!(Deployment::code_hash(), B256::ZERO);
        assert_eq!(Deployment::calldata()[32..], Deployment::bytecode()[..]);
    }
}
