//! Where Scrip is, and how to be sure that it is Scrip.

use std::sync::LazyLock;

use alloy::{
    network::TransactionBuilder,
    primitives::{Address, B256, Bytes, ChainId, address, hex, keccak256},
    providers::{Provider, WalletProvider},
    rpc::types::TransactionRequest,
    sol_types::SolValue,
};
use futures_util::future::try_join3;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    outbox::{Intent, Manner, Outbox},
};

/// The CREATE2 deployer that has the same address on nearly every chain, and that puts the same code at the same address.
///
/// It takes a salt followed by the deployment bytecode. See <https://github.com/Arachnid/deterministic-deployment-proxy>.
pub const CREATE2_DEPLOYER: Address = address!("4e59b44847b379578588920cA78FbF26c0B4956C");

/// The salt of every deployment.
pub(crate) const SALT: B256 = B256::ZERO;

static BYTECODE: LazyLock<Bytes> = LazyLock::new(|| committed(include_str!("../artifacts/Scrip.hex")));
static CODE_HASHES: LazyLock<CodeHashes> = LazyLock::new(|| {
    let hash = |artifact| B256::from_slice(&committed(artifact));
    CodeHashes {
        scrip: hash(include_str!("../artifacts/Scrip.codehash")),
        annex: hash(include_str!("../artifacts/Annex.codehash")),
        router: hash(include_str!("../artifacts/Router.codehash")),
    }
});

#[expect(
    clippy::expect_used,
    reason = "the artifacts are parts of this crate, and a test compares each with what the compiler makes"
)]
pub(crate) fn committed(artifact: &str) -> Bytes {
    hex::decode(artifact.trim()).expect("the artifact is hex").into()
}

/// A place where Scrip is expected: an address, and perhaps a chain.
///
/// Scrip is three contracts: the core at that address, its annex, which the core runs as its own other half, and its router.
/// The core has created the other two, so that their addresses follow from its own.
///
/// ```
/// use scrip::Deployment;
///
/// // The same on every chain.
/// let deployment = Deployment::canonical().on_chain(8453);
/// assert_eq!(deployment.chain_id(), Some(8453));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Deployment {
    address: Address,
    chain_id: Option<ChainId>,
}

/// Keccak-256 of the code of each of Scrip's contracts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CodeHashes {
    /// Of the core.
    pub scrip: B256,
    /// Of its annex.
    pub annex: B256,
    /// Of its router, with zeros wherever the code holds the core's address, so that this is the same for every core.
    pub router: B256,
}

impl Deployment {
    /// Where the CREATE2 deployer puts this version of Scrip, on every chain, without a protocol fee, for ever.
    pub fn canonical() -> Self {
        Self::with_fee_controller(Address::ZERO)
    }

    /// Where the CREATE2 deployer puts this version of Scrip, on every chain, if an account may set the protocol's fee at first;
    /// zero for nobody, ever.
    pub fn with_fee_controller(fee_controller: Address) -> Self {
        Self::at(CREATE2_DEPLOYER.create2(SALT, keccak256(Self::creation_code(fee_controller))))
    }

    /// Somewhere else. The code there is checked, but what its constructor did cannot be: only use an address that is known
    /// from who deployed it.
    pub const fn at(address: Address) -> Self {
        Self { address, chain_id: None }
    }

    /// Only on this chain.
    pub const fn on_chain(self, chain_id: ChainId) -> Self {
        Self { chain_id: Some(chain_id), ..self }
    }

    /// The address of the core.
    pub const fn address(&self) -> Address {
        self.address
    }

    /// The address of the router, the first contract that the core created.
    pub fn router(&self) -> Address {
        self.address.create(1)
    }

    /// The address of the annex, the second contract that the core created.
    pub fn annex(&self) -> Address {
        self.address.create(2)
    }

    /// The chain, if it must be a certain one.
    pub const fn chain_id(&self) -> Option<ChainId> {
        self.chain_id
    }

    /// What to send to [`CREATE2_DEPLOYER`] so that it deploys Scrip at [`Deployment::with_fee_controller`].
    pub fn calldata(fee_controller: Address) -> Bytes {
        [&SALT[..], &Self::creation_code(fee_controller)].concat().into()
    }

    /// The deployment bytecode of this version of Scrip, with the constructor's argument.
    pub fn creation_code(fee_controller: Address) -> Bytes {
        [&BYTECODE[..], &fee_controller.abi_encode()].concat().into()
    }

    /// Of the code of this version of Scrip, once deployed.
    pub fn code_hashes() -> CodeHashes {
        *CODE_HASHES
    }

    /// Deploys this version of Scrip with the CREATE2 deployer, unless it is there, and makes sure that it is there.
    ///
    /// # Errors
    ///
    /// [`Error::NoCreate2Deployer`] where there is none.
    pub async fn deploy<P: Provider + WalletProvider>(provider: &P, fee_controller: Address) -> Result<Self> {
        let chain_id = provider.get_chain_id().await?;
        let deployment = Self::with_fee_controller(fee_controller).on_chain(chain_id);
        create2(provider, deployment.address, Self::calldata(fee_controller)).await?;
        deployment.check(provider).await?;
        Ok(deployment)
    }

    /// Asks the chain whether this version of Scrip is there: its core, its annex and its router, each by the hash of its code.
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
        let code = |address| async move { provider.get_code_at(address).await };
        let (scrip, annex, router) =
            try_join3(code(self.address), code(self.annex()), code(self.router())).await?;
        let expected = Self::code_hashes();
        for (address, code, hash) in [
            (self.address, &scrip, expected.scrip),
            (self.annex(), &annex, expected.annex),
            (self.router(), &self.without_address(&router), expected.router),
        ] {
            if keccak256(code) != hash {
                return Err(Error::NotScrip { address, chain_id: found, empty: code.is_empty() });
            }
        }
        Ok(found)
    }

    /// Code with zeros in place of the core's address, as the compiler makes it before an immutable gets its value.
    fn without_address(&self, code: &Bytes) -> Bytes {
        let word = self.address.into_word();
        let mut code = code.to_vec();
        let mut at = 0;
        while let Some(window) = code.get_mut(at..at + word.len()) {
            if *window == word[..] {
                window.fill(0);
                at += word.len();
            } else {
                at += 1;
            }
        }
        code.into()
    }
}

/// Has the CREATE2 deployer put what the calldata says at its address, unless something is there.
pub(crate) async fn create2<P: Provider + WalletProvider>(
    provider: &P,
    address: Address,
    calldata: Bytes,
) -> Result<()> {
    if !provider.get_code_at(address).await?.is_empty() {
        return Ok(());
    }
    if provider.get_code_at(CREATE2_DEPLOYER).await?.is_empty() {
        return Err(Error::NoCreate2Deployer { chain_id: provider.get_chain_id().await? });
    }
    let request = TransactionRequest::default()
        .with_from(provider.default_signer_address())
        .with_to(CREATE2_DEPLOYER)
        .with_input(calldata);
    let (outbox, manner) = (Outbox::new(provider.get_chain_id().await?), Manner::default());
    let intent = Intent::of_call(&request);
    let (request, nonce) = outbox.prepare(provider, request, &manner).await?;
    let entry = outbox.sign(provider, request, nonce, None, intent).await?;
    let receipt = outbox.follow(provider, entry, manner).await?;
    if receipt.status() {
        return Ok(());
    }
    Err(Error::MinedRevert { transaction: receipt.transaction_hash, refusal: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_artifacts_are_read() {
        assert!(Deployment::creation_code(Address::ZERO).len() > 1_000);
        let CodeHashes { scrip, annex, router } = Deployment::code_hashes();
        assert!(scrip != annex && annex != router && router != scrip);
        let controller = Address::repeat_byte(7);
        assert_eq!(Deployment::calldata(controller)[32..], Deployment::creation_code(controller)[..]);
        assert_eq!(Deployment::with_fee_controller(Address::ZERO), Deployment::canonical());
        assert_ne!(Deployment::with_fee_controller(controller), Deployment::canonical());
    }

    #[test]
    fn only_whole_words_of_the_address_are_taken_out() {
        let deployment = Deployment::at(Address::repeat_byte(7));
        let word = deployment.address.into_word();
        let code = [&[1], &word[..], &[2], &word[..], &[7; 20]].concat();
        let expected = [&[1], &[0; 32][..], &[2], &[0; 32], &[7; 20]].concat();
        assert_eq!(deployment.without_address(&code.into()), Bytes::from(expected));
    }
}
