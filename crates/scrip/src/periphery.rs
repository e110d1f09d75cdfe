//! The contracts beside the core, which serve every core of a chain.

use std::sync::LazyLock;

use alloy::{
    primitives::{Address, B256, Bytes, keccak256},
    providers::{Provider, WalletProvider},
};

use crate::{
    CREATE2_DEPLOYER, Error, Result,
    deployment::{SALT, committed, create2},
};

/// A contract beside the core: it has no owner and no say over plans, and one of it serves every core of a chain. The CREATE2
/// deployer puts it at the same address on every chain.
///
/// ```
/// use scrip::Periphery;
///
/// assert_ne!(Periphery::Lens.address(), Periphery::Services.address());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Periphery {
    /// What a call would cost, give or be refused for: see [`Lens`](crate::Lens).
    Lens,
    /// What agents offer, and the plans that open it: see [`Services`](crate::Services).
    Services,
}

struct Artifact {
    creation_code: Bytes,
    code_hash: B256,
    address: Address,
}

impl Artifact {
    fn new(creation_code: &str, code_hash: &str) -> Self {
        let creation_code = committed(creation_code);
        let address = CREATE2_DEPLOYER.create2(SALT, keccak256(&creation_code));
        Self { creation_code, code_hash: B256::from_slice(&committed(code_hash)), address }
    }
}

static LENS: LazyLock<Artifact> = LazyLock::new(|| {
    Artifact::new(include_str!("../artifacts/Lens.hex"), include_str!("../artifacts/Lens.codehash"))
});
static SERVICES: LazyLock<Artifact> = LazyLock::new(|| {
    Artifact::new(include_str!("../artifacts/Services.hex"), include_str!("../artifacts/Services.codehash"))
});

impl Periphery {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Lens, Self::Services];

    fn artifact(self) -> &'static Artifact {
        match self {
            Self::Lens => &LENS,
            Self::Services => &SERVICES,
        }
    }

    /// Where the CREATE2 deployer puts this version of it, on every chain.
    pub fn address(self) -> Address {
        self.artifact().address
    }

    /// The deployment bytecode. Its constructor has no arguments.
    pub fn creation_code(self) -> Bytes {
        self.artifact().creation_code.clone()
    }

    /// Keccak-256 of its code, once deployed.
    pub fn code_hash(self) -> B256 {
        self.artifact().code_hash
    }

    /// Deploys it with the CREATE2 deployer, unless it is there, and makes sure that it is there.
    ///
    /// # Errors
    ///
    /// [`Error::NoCreate2Deployer`] where there is none.
    pub async fn deploy<P: Provider + WalletProvider>(self, provider: &P) -> Result<Address> {
        let Artifact { creation_code, address, .. } = self.artifact();
        create2(provider, *address, [&SALT[..], creation_code].concat().into()).await?;
        self.check(provider).await
    }

    /// Makes sure that it is on the provider's chain.
    ///
    /// # Errors
    ///
    /// [`Error::NotScrip`] when it is not there.
    pub async fn check<P: Provider>(self, provider: &P) -> Result<Address> {
        let address = self.address();
        let code = provider.get_code_at(address).await?;
        if keccak256(&code) != self.code_hash() {
            let chain_id = provider.get_chain_id().await?;
            return Err(Error::NotScrip { address, chain_id, empty: code.is_empty() });
        }
        Ok(address)
    }
}
