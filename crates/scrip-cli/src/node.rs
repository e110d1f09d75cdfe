//! The chain that a command works on.

use std::{sync::Arc, time::Duration};

use alloy::{
    eips::BlockNumberOrTag,
    network::Ethereum,
    primitives::{Address, ChainId},
    providers::{Provider, ProviderBuilder, RootProvider},
    rpc::client::{ClientBuilder, RpcClient},
    transports::{
        RpcError,
        http::reqwest::{Client, Url},
        layers::RetryBackoffLayer,
    },
};
use eyre::{OptionExt, Result, WrapErr};
use scrip::{Deployment, Endpoint, Error, Lens, Scrip};
use scrip_devnet::WalletProvider;

use crate::{
    account::{self, Account},
    args::Who,
    config::{DEV, DEV_CHAIN, Network},
    context::Context,
    failure::{Exit, problem, root},
    journal,
    report::Report,
};

/// A node that answers, and the network that it is of.
#[derive(Debug)]
pub(crate) struct Node<'a> {
    pub(crate) context: &'a Context,
    pub(crate) network: Network,
    pub(crate) chain_id: ChainId,
    pub(crate) provider: RootProvider,
    client: RpcClient,
    url: Url,
}

/// Scrip, as an account uses it.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    pub(crate) node: Node<'a>,
    pub(crate) account: Account,
    pub(crate) scrip: Scrip<WalletProvider>,
    /// Whether the key of `--once` stands for a write already: it is asked no more, only seen to the end.
    pub(crate) is_begun: bool,
}

/// A node that is limited by calls a second is asked again after a while.
const RETRIES: u32 = 5;
/// How far back is looked when the network does not say where Scrip begins.
const DEPTH: u64 = 1_000_000;
const BACKOFF_MILLIS: u64 = 300;
const UNITS_PER_SECOND: u64 = 500;

impl<'a> Node<'a> {
    /// Finds the network and asks its node for its chain.
    pub(crate) async fn connect(context: &'a Context) -> Result<Self> {
        let (network, asked) = network(context)?;
        let url = context.global.rpc_url.clone().or_else(|| network.rpc_url.clone()).ok_or_else(|| {
            problem(Exit::Usage, "the network has no node").hint("name one with --rpc-url or ETH_RPC_URL")
        })?;
        let url = Url::parse(&url).map_err(|error| {
            problem(Exit::Usage, format!("the node is not named by a URL: {error}"))
                .hint("check --rpc-url, ETH_RPC_URL and the configuration; such as https://base.example")
        })?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(problem(Exit::Usage, "the node is not named by a URL of http or https")
                .hint("check --rpc-url, ETH_RPC_URL and the configuration; such as https://base.example")
                .into());
        }
        let place = url.origin().ascii_serialization();
        let client = client(url.clone(), context.global.request_timeout)?;
        let provider = RootProvider::<Ethereum>::new(client.clone());
        let chain_id = provider.get_chain_id().await.map_err(|error| match error {
            RpcError::ErrorResp(answer) => problem(
                Exit::Failed,
                format!("the node at {place} refused to tell its chain: {}", answer.message),
            ),
            error => {
                let hint = if place.contains("127.0.0.1") || place.contains("localhost") {
                    "start a devnet with `scrip dev`, or name another node with --rpc-url or --chain"
                } else {
                    "check the URL and the network, or name another node with --rpc-url or --chain"
                };
                problem(Exit::Unreachable, format!("the node at {place} cannot be reached: {}", root(&error)))
                    .hint(hint)
            }
        })?;
        if let Some(asked) = asked
            && asked != chain_id
        {
            return Err(Error::WrongChain { asked, found: chain_id }.into());
        }
        // A node without a network has the tokens of the network of its chain.
        let is_bare = context.global.rpc_url.is_some() && context.global.chain.is_none();
        let known = context.config.of_chain(chain_id).filter(|_| is_bare).cloned();
        let network = known.unwrap_or(network);
        context.print.detail(&format!("{place} is on chain {chain_id}"));
        Ok(Self { context, network, chain_id, provider, client, url })
    }

    /// The node, for what goes on by itself: its errors, which end in a log, do not tell the URL.
    pub(crate) fn endpoint(&self) -> Result<Endpoint> {
        let timeout = self.context.global.request_timeout;
        Ok(Endpoint::new(self.url.as_str())?.timing_out(timeout / 3, timeout)?)
    }

    /// Where Scrip should be.
    pub(crate) fn deployment(&self) -> Deployment {
        let named = self.context.global.scrip.or(self.network.scrip);
        named.map_or_else(Deployment::canonical, Deployment::at).on_chain(self.chain_id)
    }

    /// Scrip, for reading.
    pub(crate) async fn scrip(&self) -> Result<Scrip<RootProvider>> {
        let scrip = Scrip::connect(self.provider.clone(), self.deployment()).await?;
        self.context.print.detail(&format!("Scrip is at {}", scrip.address()));
        Ok(scrip)
    }

    /// Who signs.
    pub(crate) async fn account(&self) -> Result<Account> {
        let account = Account::named(self.context, Some(self.chain_id)).await?;
        self.context.print.detail(&format!("the account is {}", account.address()));
        Ok(account)
    }

    /// The address of an account.
    pub(crate) fn who(&self, who: &Who) -> Result<Address> {
        let name = match who {
            Who::Address(address) => return Ok(*address),
            Who::Name(name) => name,
        };
        if let Some(actor) = account::actor(name, Some(self.chain_id))? {
            return Ok(actor.address());
        }
        let names = if self.chain_id == DEV_CHAIN {
            format!("write it as 0x and 40 hex digits; a devnet has {}", scrip_devnet::ACTORS.join(", "))
        } else {
            "write it as 0x and 40 hex digits".to_owned()
        };
        Err(problem(Exit::Usage, format!("`{name}` is no account")).hint(names).into())
    }

    /// The address of an account, or of the one that signs.
    pub(crate) async fn who_or_account(&self, who: Option<&Who>) -> Result<Address> {
        match who {
            Some(who) => self.who(who),
            None => Ok(self.account().await?.address()),
        }
    }

    /// A provider that signs as an account.
    pub(crate) fn signing(&self, account: &Account) -> WalletProvider {
        ProviderBuilder::new().wallet(account.wallet()).connect_client(self.client.clone())
    }

    /// Where what happened is looked for from, unless that was said: where the network says that Scrip begins.
    pub(crate) async fn first_block(&self, said: Option<u64>) -> Result<u64> {
        if let Some(block) = said.or(self.network.from_block) {
            return Ok(block);
        }
        let latest = self.provider.get_block_number().await.map_err(Error::from)?;
        Ok(latest.saturating_sub(DEPTH))
    }

    /// The chain's time, in unix seconds.
    pub(crate) async fn now(&self) -> Result<u64> {
        let block = self.provider.get_block_by_number(BlockNumberOrTag::Latest).await.map_err(Error::from)?;
        Ok(block.ok_or_eyre("the chain has no block")?.header.timestamp)
    }
}

impl<'a> Session<'a> {
    /// Connects, to write.
    pub(crate) async fn connect(context: &'a Context) -> Result<Self> {
        Self::connect_with(context, context.global.once.is_some()).await
    }

    /// Connects, to write what must be found again by who goes on with it.
    pub(crate) async fn connect_with_journal(context: &'a Context) -> Result<Self> {
        Self::connect_with(context, true).await
    }

    async fn connect_with(context: &'a Context, journal: bool) -> Result<Self> {
        let node = Node::connect(context).await?;
        let account = node.account().await?;
        let scrip = Scrip::connect(node.signing(&account), node.deployment()).await?;
        let mut scrip = scrip.with_patience(context.global.timeout);
        context.print.detail(&format!("Scrip is at {}", scrip.address()));
        if let Some(journal) = journal::open(&node, journal).await? {
            scrip = scrip.with_journal(Arc::new(journal));
        }
        if let Some(key) = &context.global.once {
            scrip = scrip.once(key);
        }
        let is_begun = scrip.entry().await?.is_some();
        Ok(Self { node, account, scrip, is_begun })
    }

    /// Asks whether to go on, unless that was answered when the key was first used.
    pub(crate) fn confirm(&self, report: &Report, question: &str) -> Result<()> {
        if self.is_begun { Ok(()) } else { self.node.context.print.confirm(report, question) }
    }

    /// The lens, where there is one.
    pub(crate) async fn lens(&self) -> Result<Option<Lens<WalletProvider>>> {
        match Lens::connect(&self.scrip).await {
            Ok(lens) => Ok(Some(lens)),
            Err(Error::NotScrip { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// The network that was named, and the id that its chain must have.
fn network(context: &Context) -> Result<(Network, Option<ChainId>)> {
    let Context { global, config, .. } = context;
    if let Some(chain) = &global.chain {
        if let Ok(id) = chain.parse() {
            return Ok((config.of_chain(id).cloned().unwrap_or_default(), Some(id)));
        }
        let network = config.named(chain)?;
        return Ok((network.clone(), network.chain_id));
    }
    if global.rpc_url.is_some() {
        return Ok((Network::default(), None));
    }
    let network = config.named(config.network.as_deref().unwrap_or(DEV))?;
    Ok((network.clone(), network.chain_id))
}

/// What is not connected to in a third of what a request may take, is not there.
fn client(url: Url, timeout: Duration) -> Result<RpcClient> {
    let is_local = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    let retry = RetryBackoffLayer::new(RETRIES, BACKOFF_MILLIS, UNITS_PER_SECOND);
    let http = Client::builder().connect_timeout(timeout / 3).timeout(timeout).build();
    let http = http.wrap_err("a node cannot be asked from this machine")?;
    let client = ClientBuilder::default().layer(retry).http_with_client(http, url);
    if is_local {
        // A devnet mines at once.
        client.set_poll_interval(Duration::from_millis(20));
    }
    Ok(client)
}
