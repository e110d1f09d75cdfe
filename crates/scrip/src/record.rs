//! What was deployed, written down so that anyone can verify it.

use std::{fmt::Display, sync::LazyLock};

use alloy::{
    primitives::{Address, B256, ChainId},
    providers::{Provider, WalletProvider},
};
use serde::{Deserialize, Serialize};

use crate::{CREATE2_DEPLOYER, CodeHashes, Deployment, Error, Periphery, Result, deployment::SALT};

/// What was deployed on a chain, with all that is needed to make it again: the sources of this version of Scrip, compiled with
/// these settings, with these constructor arguments, sent with this salt to this deployer, give these addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentRecord {
    /// The chain.
    pub chain_id: ChainId,
    /// The core.
    pub address: Address,
    /// Its router.
    pub router: Address,
    /// Its annex.
    pub annex: Address,
    /// The hashes of their code.
    pub code_hashes: CodeHashes,
    /// The lens.
    pub lens: PeripheryRecord,
    /// The registry of services.
    pub services: PeripheryRecord,
    /// The arguments of the core's constructor.
    pub constructor_arguments: ConstructorArguments,
    /// The salt.
    pub salt: B256,
    /// The CREATE2 deployer.
    pub deployer: Address,
    /// What compiled it.
    pub compiler: Compiler,
}

/// A contract beside the core, whose constructor has no arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PeripheryRecord {
    /// Where it is.
    pub address: Address,
    /// Keccak-256 of its code.
    pub code_hash: B256,
}

/// The arguments of the core's constructor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ConstructorArguments {
    /// Who could set the protocol's fee at first; zero for nobody, ever.
    pub fee_controller: Address,
}

/// What compiled the contracts, and how; named as in `foundry.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compiler {
    /// The version of solc.
    pub version: String,
    /// The rules of the chain that it compiled for.
    pub evm_version: String,
    /// Whether it compiled by way of its intermediate language.
    pub via_ir: bool,
    /// Whether it optimized.
    pub optimizer: bool,
    /// For how many runs it optimized.
    pub optimizer_runs: usize,
    /// Which hash of the metadata it put into the code.
    pub bytecode_hash: String,
    /// Whether it put metadata into the code.
    pub cbor_metadata: bool,
}

#[expect(
    clippy::expect_used,
    reason = "the artifact is a part of this crate, and a test compares it with what it is made of"
)]
static COMPILER: LazyLock<Compiler> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../artifacts/compiler.json")).expect("the artifact is JSON")
});

impl From<Periphery> for PeripheryRecord {
    fn from(contract: Periphery) -> Self {
        Self { address: contract.address(), code_hash: contract.code_hash() }
    }
}

impl Display for PeripheryRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} with code of hash {}", self.address, self.code_hash)
    }
}

impl DeploymentRecord {
    /// Deploys this version of Scrip, its core, its lens and its registry of services, each unless it is there, and makes sure
    /// that all are there.
    ///
    /// # Errors
    ///
    /// [`Error::NoCreate2Deployer`] where there is none.
    pub async fn deploy<P>(provider: &P, fee_controller: Address) -> Result<Self>
    where
        P: Provider + WalletProvider,
    {
        Deployment::deploy(provider, fee_controller).await?;
        for contract in Periphery::ALL {
            contract.deploy(provider).await?;
        }
        Self::of(provider, fee_controller).await
    }

    /// The record of this version of Scrip where the CREATE2 deployer puts it, once that is on the provider's chain.
    ///
    /// # Errors
    ///
    /// [`Error::NotScrip`] when it is not there.
    pub async fn of<P: Provider>(provider: &P, fee_controller: Address) -> Result<Self> {
        let deployment = Deployment::with_fee_controller(fee_controller);
        let chain_id = deployment.check(provider).await?;
        for contract in Periphery::ALL {
            contract.check(provider).await?;
        }
        Ok(Self {
            chain_id,
            address: deployment.address(),
            router: deployment.router(),
            annex: deployment.annex(),
            code_hashes: Deployment::code_hashes(),
            lens: Periphery::Lens.into(),
            services: Periphery::Services.into(),
            constructor_arguments: ConstructorArguments { fee_controller },
            salt: SALT,
            deployer: CREATE2_DEPLOYER,
            compiler: COMPILER.clone(),
        })
    }

    /// Makes sure that this version of Scrip is on the provider's chain, and that all that the record says is so.
    ///
    /// That the address follows from the constructor's arguments proves what the constructor did, too. Who controls the fee now
    /// may be another than at first: ask [`Scrip::fee`](crate::Scrip::fee).
    ///
    /// # Errors
    ///
    /// [`Error::RecordDiffers`] names what is not so; [`Error::WrongChain`] and [`Error::NotScrip`].
    pub async fn verify<P: Provider>(&self, provider: &P) -> Result<Deployment> {
        let found = provider.get_chain_id().await?;
        if found != self.chain_id {
            return Err(Error::WrongChain { asked: self.chain_id, found });
        }
        let ConstructorArguments { fee_controller } = self.constructor_arguments;
        let deployment = Deployment::with_fee_controller(fee_controller).on_chain(found);
        // What makes an address comes before it: a record with a wrong argument is not one with a wrong address.
        same("compiler", Json(&self.compiler), Json(&*COMPILER))?;
        same("deployer", self.deployer, CREATE2_DEPLOYER)?;
        same("salt", self.salt, SALT)?;
        same("address", self.address, deployment.address())?;
        same("router", self.router, deployment.router())?;
        same("annex", self.annex, deployment.annex())?;
        same("code hashes", Json(&self.code_hashes), Json(&Deployment::code_hashes()))?;
        same("lens", self.lens, Periphery::Lens.into())?;
        same("services", self.services, Periphery::Services.into())?;
        deployment.check(provider).await?;
        for contract in Periphery::ALL {
            contract.check(provider).await?;
        }
        Ok(deployment)
    }
}

/// Printed as JSON.
#[derive(PartialEq)]
struct Json<'a, T>(&'a T);

impl<T: Serialize> Display for Json<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&serde_json::to_string(self.0).map_err(|_| std::fmt::Error)?)
    }
}

fn same<T: PartialEq + Display>(field: &'static str, recorded: T, found: T) -> Result<()> {
    if recorded == found {
        return Ok(());
    }
    Err(Error::RecordDiffers { field, recorded: recorded.to_string(), found: found.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiler_is_read() {
        assert!(COMPILER.version.starts_with("0.8."));
    }
}
