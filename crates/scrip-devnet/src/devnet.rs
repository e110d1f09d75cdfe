//! The devnet.

use std::{fmt, path::PathBuf, time::Duration};

use alloy::{
    eips::BlockNumberOrTag,
    network::{Ethereum, EthereumWallet, TransactionBuilder},
    primitives::{Address, B256, Bytes, U256, hex, keccak256},
    providers::{
        Provider, ProviderBuilder, RootProvider,
        ext::AnvilApi,
        fillers::{FillProvider, JoinFill, WalletFiller},
        utils::JoinedRecommendedFillers,
    },
    rpc::{client::RpcClient, types::TransactionRequest},
    sol,
};
use scrip::{CREATE2_DEPLOYER, Deployment, Periphery, Scrip, Token};

use crate::{Actor, Error, Result, anvil::Anvil};

sol! {
    /// The test dollar, as far as a devnet needs more of it than an ERC-20.
    #[sol(rpc)]
    interface TestDollar {
        function mint(address account, uint256 amount) external;
    }
}

/// A provider that signs as one account.
pub type WalletProvider =
    FillProvider<JoinFill<JoinedRecommendedFillers, WalletFiller<EthereumWallet>>, RootProvider>;

const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// How to start a devnet.
#[derive(Debug, Clone)]
pub struct Config {
    /// The rules of the chain, by Anvil's name; `prague` by default.
    pub hardfork: String,
    /// What each account gets of the test dollar, in base units; a million dollars by default.
    pub dollars: U256,
    /// Who may set the protocol's fee; zero for nobody, ever, by default.
    pub fee_controller: Address,
    /// Where the chain listens on this machine; 0, a free port, by default.
    pub port: u16,
    /// The file that the chain starts from, if it is there, and leaves itself in when the devnet ends; none by default.
    pub state: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            hardfork: "prague".to_owned(),
            dollars: U256::from(1_000_000_000_000_u64),
            fee_controller: Address::ZERO,
            port: 0,
            state: None,
        }
    }
}

/// A local chain with Scrip, its lens and its registry of services, a test dollar and funded accounts. It ends when it is dropped, and with the process.
pub struct Devnet {
    anvil: Anvil,
    actors: Vec<Actor>,
    deployment: Deployment,
    dollar: Token,
}

impl Devnet {
    /// Starts a devnet.
    ///
    /// # Errors
    ///
    /// [`Error::NoAnvil`] when there is no Anvil to start.
    pub async fn start() -> Result<Self> {
        Self::start_with(Config::default()).await
    }

    /// Starts a devnet as configured.
    ///
    /// # Errors
    ///
    /// As [`Devnet::start`].
    pub async fn start_with(config: Config) -> Result<Self> {
        let anvil = Anvil::start(&config)?;
        let actors = Actor::all()?;
        let deployment = Deployment::with_fee_controller(config.fee_controller);
        let devnet = Self { anvil, actors, deployment, dollar: dollar() };

        devnet.deploy_scrip(config.fee_controller).await?;
        for contract in Periphery::ALL {
            contract.deploy(&devnet.provider(devnet.actor("deployer")?)).await?;
        }
        // A chain that goes on where it was left has the dollar, and its accounts what they left of theirs.
        if devnet.reader().get_code_at(devnet.dollar.address).await?.is_empty() {
            devnet.deploy([&B256::ZERO[..], &dollar_bytecode()].concat().into()).await?;
            for actor in &devnet.actors {
                devnet.mint_dollars(actor.address(), config.dollars).await?;
            }
        }
        Ok(devnet)
    }

    /// Where the chain is reached.
    pub fn url(&self) -> &str {
        self.anvil.url.as_str()
    }

    /// Where Scrip is.
    pub const fn deployment(&self) -> Deployment {
        self.deployment
    }

    /// The test dollar.
    pub const fn dollar(&self) -> &Token {
        &self.dollar
    }

    /// All accounts.
    pub fn actors(&self) -> &[Actor] {
        &self.actors
    }

    /// An account by its name, one of [`ACTORS`](crate::ACTORS).
    ///
    /// # Errors
    ///
    /// [`Error::NoActor`] when it is none of them.
    pub fn actor(&self, name: &str) -> Result<&Actor> {
        self.actors
            .iter()
            .find(|actor| actor.name == name)
            .ok_or_else(|| Error::NoActor { name: name.to_owned() })
    }

    /// A provider that signs as an account.
    pub fn provider(&self, actor: &Actor) -> WalletProvider {
        ProviderBuilder::new().wallet(actor.signer.clone()).connect_client(self.client())
    }

    /// A provider that only reads.
    pub fn reader(&self) -> RootProvider {
        RootProvider::<Ethereum>::new(self.client())
    }

    fn client(&self) -> RpcClient {
        let client = RpcClient::new_http(self.anvil.url.clone());
        // Anvil mines at once; the default of a quarter of a second would be most of every write.
        client.set_poll_interval(POLL_INTERVAL);
        client
    }

    /// Scrip, as an account of this name uses it.
    ///
    /// # Errors
    ///
    /// [`Error::NoActor`] when there is none of this name.
    pub async fn scrip(&self, name: &str) -> Result<Scrip<WalletProvider>> {
        Ok(Scrip::connect(self.provider(self.actor(name)?), self.deployment()).await?)
    }

    /// Gives an account test dollars, in base units.
    pub async fn mint_dollars(&self, account: Address, amount: U256) -> Result<()> {
        let provider = self.provider(self.actor("deployer")?);
        TestDollar::new(self.dollar.address, provider)
            .mint(account, amount)
            .send()
            .await?
            .get_receipt()
            .await?;
        Ok(())
    }

    /// The time of the latest block, in unix seconds.
    pub async fn now(&self) -> Result<u64> {
        let block = self.reader().get_block_by_number(BlockNumberOrTag::Latest).await?;
        block.map(|block| block.header.timestamp).ok_or(Error::NoBlock)
    }

    /// Lets time pass, in whole seconds, and mines a block.
    pub async fn warp(&self, time: Duration) -> Result<()> {
        let reader = self.reader();
        let then = self.now().await? + time.as_secs();
        reader.anvil_set_next_block_timestamp(then).await?;
        reader.evm_mine(None).await?;
        Ok(())
    }

    /// Deploys Scrip once more, with another account that may set the protocol's fee, unless it is there.
    pub async fn deploy_scrip(&self, fee_controller: Address) -> Result<Deployment> {
        Ok(Deployment::deploy(&self.provider(self.actor("deployer")?), fee_controller).await?)
    }

    async fn deploy(&self, calldata: Bytes) -> Result<()> {
        let request = TransactionRequest::default().with_to(CREATE2_DEPLOYER).with_input(calldata);
        self.provider(self.actor("deployer")?).send_transaction(request).await?.get_receipt().await?;
        Ok(())
    }
}

/// The test dollar of every devnet.
pub fn dollar() -> Token {
    let address = CREATE2_DEPLOYER.create2(B256::ZERO, keccak256(dollar_bytecode()));
    Token { address, symbol: "tUSD".to_owned(), decimals: 6 }
}

impl fmt::Debug for Devnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Devnet").field("url", &self.url()).finish_non_exhaustive()
    }
}

#[expect(
    clippy::expect_used,
    reason = "the artifact is a part of this crate, and a test compares it with what the compiler makes"
)]
fn dollar_bytecode() -> Bytes {
    hex::decode(include_str!("../artifacts/TestDollar.hex").trim()).expect("the artifact is hex").into()
}
