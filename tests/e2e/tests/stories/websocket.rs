//! A chain reached over a websocket whose connection breaks: what was asked is asked again, what runs goes on.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use alloy::{
    network::Ethereum,
    providers::{Provider, ProviderBuilder, RootProvider, WsConnect, ext::AnvilApi},
};
use eyre::{OptionExt, Result};
use futures_util::{Stream, StreamExt};
use scrip::{Change, Event, PlanId, Scrip, Update};
use scrip_devnet::{Actor, Config, Devnet, WalletProvider};
use scrip_e2e::env::TestEnv;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinHandle},
};

use crate::history::history;

/// How long anything may take here.
const PATIENCE: Duration = Duration::from_secs(60);

/// What lies between a client and a node, and can be cut. It ends when it is dropped.
struct Cable {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    server: JoinHandle<Result<()>>,
}

#[derive(Default)]
struct State {
    /// Whether nobody gets through.
    is_cut: bool,
    connections: Vec<AbortHandle>,
    /// How many there were, those that did not get through among them.
    count: usize,
}

impl Cable {
    /// To the node that is reached at this URL.
    async fn to(node: &str) -> Result<Self> {
        let node = node.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let state = Arc::<Mutex<State>>::default();
        let known = Arc::clone(&state);
        let server = tokio::spawn(async move {
            loop {
                let (mut near, _) = listener.accept().await?;
                let node = node.clone();
                let mut state = known.lock().unwrap_or_else(PoisonError::into_inner);
                state.count += 1;
                if !state.is_cut {
                    let both_ways = tokio::spawn(async move {
                        let mut far = TcpStream::connect(node).await?;
                        copy_bidirectional(&mut near, &mut far).await
                    });
                    state.connections.push(both_ways.abort_handle());
                }
            }
        });
        Ok(Self { address, state, server })
    }

    /// Ends all connections; from then on there are others, or not.
    fn cut(&self, for_good: bool) -> usize {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.is_cut = for_good;
        state.connections.drain(..).for_each(|connection| connection.abort());
        state.count
    }

    async fn read(&self) -> Result<RootProvider> {
        Ok(ProviderBuilder::default().connect_ws(self.websocket()).await?)
    }

    async fn sign(&self, actor: &Actor) -> Result<WalletProvider> {
        Ok(ProviderBuilder::new().wallet(actor.signer.clone()).connect_ws(self.websocket()).await?)
    }

    /// Tries again as often as it must, and not as seldom as by default.
    fn websocket(&self) -> WsConnect {
        WsConnect::new(format!("ws://{}", self.address))
            .with_max_retries(u32::MAX)
            .with_retry_interval(Duration::from_millis(200))
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.server.abort();
        self.cut(true);
    }
}

/// The next mint that a history tells of.
async fn minted(updates: &mut (impl Stream<Item = scrip::Result<Update>> + Unpin)) -> Result<u64> {
    loop {
        let update = tokio::time::timeout(PATIENCE, updates.next()).await?.ok_or_eyre("it has ended")??;
        if let Change::Happened(record) = update.change
            && let Event::Minted(minted) = record.event
        {
            return Ok(minted.amount);
        }
    }
}

/// Waits until so many of an account's transactions are in the pool.
async fn pending(devnet: &Devnet, client: &Scrip<WalletProvider>, more: u64) -> Result<()> {
    let reader = devnet.reader();
    let mined = reader.get_transaction_count(client.signer()).await?;
    while reader.get_transaction_count(client.signer()).pending().await? < mined + more {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

async fn balance(scrip: &Scrip<impl Provider>, plan: PlanId, env: &TestEnv) -> Result<u128> {
    Ok(tokio::time::timeout(PATIENCE, scrip.balance(plan, env.subscriber.signer())).await??.balance)
}

#[tokio::test]
async fn a_history_and_a_write_go_on_when_the_connection_breaks() -> Result<()> {
    let env = TestEnv::start().await?;
    let (plan, holder) = (env.create(&env.premium()?).await?, env.subscriber.signer());
    let cable = Cable::to(env.devnet.url()).await?;
    let reader = Scrip::connect(cable.read().await?, env.devnet.deployment()).await?;
    let actor = env.devnet.actor("builder")?;
    let builder = Scrip::connect(cable.sign(actor).await?, env.devnet.deployment()).await?;
    let mut updates = history(&reader).from_block(1).updates();
    builder.mint(plan, holder, 1).await?;
    assert_eq!(minted(&mut updates).await?, 1);

    // Broken, and there again at once.
    let connections = cable.cut(false);
    builder.mint(plan, holder, 2).await?;
    assert_eq!(minted(&mut updates).await?, 2);
    assert!(cable.cut(false) >= connections + 2, "both have connected again");
    assert_eq!(balance(&reader, plan, &env).await?, 3, "what is asked meanwhile waits");

    // Broken while a write waits to be mined, which it then is, with nobody there to hear of it.
    env.devnet.reader().anvil_set_auto_mine(false).await?;
    let minting = tokio::spawn({
        let builder = builder.clone();
        async move { builder.mint(plan, holder, 4).await }
    });
    pending(&env.devnet, &builder, 1).await?;
    cable.cut(true);
    env.devnet.reader().evm_mine(None).await?;
    env.devnet.reader().anvil_set_auto_mine(true).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!minting.is_finished(), "nothing is known of it");
    cable.cut(false);
    assert_eq!(tokio::time::timeout(PATIENCE, minting).await???.amount, 4);
    assert_eq!(minted(&mut updates).await?, 4);
    assert_eq!(balance(&reader, plan, &env).await?, 7, "once");
    Ok(())
}

#[tokio::test]
async fn a_history_and_a_write_go_on_when_the_node_is_started_again() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let state = Some(folder.path().join("chain.json"));
    let env =
        TestEnv::on(Devnet::start_with(Config { state: state.clone(), ..Config::default() }).await?).await?;
    let (plan, holder) = (env.create(&env.premium()?).await?, env.subscriber.signer());
    let url = env.devnet.url().to_owned();
    let port = url.trim_end_matches('/').rsplit(':').next().ok_or_eyre("no port")?.parse()?;
    let actor = env.devnet.actor("builder")?.clone();
    let websocket = || {
        let url = url.replacen("http", "ws", 1);
        WsConnect::new(url).with_max_retries(u32::MAX).with_retry_interval(Duration::from_millis(200))
    };
    let reader: RootProvider<Ethereum> = ProviderBuilder::default().connect_ws(websocket()).await?;
    let reader = Scrip::connect(reader, env.devnet.deployment()).await?;
    let builder = ProviderBuilder::new().wallet(actor.signer.clone()).connect_ws(websocket()).await?;
    let builder = Scrip::connect(builder, env.devnet.deployment()).await?;
    let mut updates = history(&reader).from_block(1).updates();
    builder.mint(plan, holder, 1).await?;
    assert_eq!(minted(&mut updates).await?, 1);

    // It ends with a write in its pool, and forgets that; the blocks it keeps.
    env.devnet.reader().anvil_set_auto_mine(false).await?;
    let minting = tokio::spawn(async move { builder.mint(plan, holder, 2).await });
    let signer = Scrip::connect(env.devnet.provider(&actor), env.devnet.deployment()).await?;
    pending(&env.devnet, &signer, 1).await?;
    let TestEnv { devnet, .. } = env;
    drop(devnet);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let devnet = Devnet::start_with(Config { state, port, ..Config::default() }).await?;
    assert_eq!(devnet.url(), url);
    let env = TestEnv::on(devnet).await?;

    assert_eq!(tokio::time::timeout(PATIENCE, minting).await???.amount, 2);
    assert_eq!(minted(&mut updates).await?, 2);
    assert_eq!(balance(&reader, plan, &env).await?, 3, "once");
    Ok(())
}

/// Alloy's own ten times are over in three minutes, after which the provider is of no use any more: a service says more.
#[tokio::test]
async fn a_node_that_stays_away_longer_than_is_tried_is_an_error_and_nothing_hangs() -> Result<()> {
    let env = TestEnv::start().await?;
    let cable = Cable::to(env.devnet.url()).await?;
    let hasty = cable.websocket().with_max_retries(2);
    let reader: RootProvider<Ethereum> = ProviderBuilder::default().connect_ws(hasty).await?;
    let reader = Scrip::connect(reader, env.devnet.deployment()).await?;
    cable.cut(true);
    let error = tokio::time::timeout(PATIENCE, reader.fee()).await?.unwrap_err();
    assert!(matches!(error, scrip::Error::Transport(_)), "{error}");
    cable.cut(false);
    let error = tokio::time::timeout(PATIENCE, reader.fee()).await?.unwrap_err();
    assert!(matches!(error, scrip::Error::Transport(_)), "{error}");
    Ok(())
}
