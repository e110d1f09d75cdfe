//! A server that runs in this process, and dies as a process does.

use std::{collections::BTreeMap, net::Ipv4Addr};

use eyre::{OptionExt, Result};
use scrip_devnet::Devnet;
use scrip_server::{Config, IndexCheck, Server};
use tokio::{
    net::TcpListener,
    runtime::{Builder, Runtime},
    sync::oneshot,
    task::JoinHandle,
};

/// A server on a free port, in a runtime of its own. Dropped it dies in the middle of whatever it does, and says nothing to
/// anyone, as a process that is killed.
#[derive(Debug)]
pub struct Replica {
    url: String,
    end: Option<oneshot::Sender<()>>,
    served: Option<JoinHandle<std::io::Result<()>>>,
    runtime: Option<Runtime>,
}

impl Replica {
    /// Starts one.
    pub async fn start(config: Config) -> Result<Self> {
        let runtime = runtime()?;
        let server = runtime.spawn(Server::start(config)).await??;
        Self::run(runtime, server).await
    }

    /// Starts one, which empties the index first if it is told to, and compares the index with the chain.
    pub async fn checked(config: Config, reindexes: bool) -> Result<(Self, Result<IndexCheck>)> {
        let runtime = runtime()?;
        let started = runtime.spawn(async move {
            let server = Server::start(config).await?;
            if reindexes {
                server.reindex().await?;
            }
            Ok::<_, eyre::Report>(server)
        });
        let server = started.await??;
        let check = runtime.spawn(server.check_index());
        let replica = Self::run(runtime, server).await?;
        Ok((replica, check.await?.map_err(Into::into)))
    }

    /// Starts one, takes accounts of a devnet over, and makes a key of each and of an admin's.
    pub(super) async fn with_keys(
        config: Config,
        devnet: &Devnet,
        names: &[&str],
    ) -> Result<(Self, BTreeMap<String, String>)> {
        let runtime = runtime()?;
        let signers = names.iter().map(|&name| Ok((name.to_owned(), devnet.actor(name)?.signer.clone())));
        let signers = signers.collect::<Result<Vec<_>>>()?;
        let started = runtime.spawn(async move {
            let server = Server::start(config).await?;
            let mut keys = BTreeMap::from([("admin".to_owned(), server.admin_key().await?)]);
            for (name, signer) in signers {
                keys.insert(name.clone(), server.import(&name, &signer).await?);
            }
            Ok::<_, eyre::Report>((server, keys))
        });
        let (server, keys) = started.await??;
        Ok((Self::run(runtime, server).await?, keys))
    }

    /// Starts one that is told by which URL browsers reach it.
    pub async fn in_the_open(config: Config) -> Result<Self> {
        let runtime = runtime()?;
        let listener = runtime.spawn(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).await??;
        let config = Config { public_url: Some(format!("http://{}", listener.local_addr()?)), ..config };
        let server = runtime.spawn(Server::start(config)).await??;
        Self::run_on(runtime, listener, server)
    }

    async fn run(runtime: Runtime, server: Server) -> Result<Self> {
        let listener = runtime.spawn(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).await??;
        Self::run_on(runtime, listener, server)
    }

    fn run_on(runtime: Runtime, listener: TcpListener, server: Server) -> Result<Self> {
        let url = format!("http://{}", listener.local_addr()?);
        let (end, told) = oneshot::channel::<()>();
        let served = runtime.spawn(server.run(listener, async {
            let _ = told.await;
        }));
        Ok(Self { url, end: Some(end), served: Some(served), runtime: Some(runtime) })
    }

    /// Where it is reached.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Ends it as it is meant to end: what was begun is answered.
    pub async fn shut_down(mut self) -> Result<()> {
        drop(self.end.take());
        self.served.take().ok_or_eyre("it runs")?.await??;
        Ok(())
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // All its tasks are dropped where they wait; nothing of them is run to its end.
            drop(self.served.take());
            std::mem::forget(self.end.take());
            runtime.shutdown_background();
        }
    }
}

fn runtime() -> Result<Runtime> {
    Ok(Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}
