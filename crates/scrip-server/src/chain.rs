//! The chain, as this server reads it and as its accounts write to it.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use alloy::{
    network::EthereumWallet,
    primitives::{Address, U256},
    providers::{
        Identity, Provider, ProviderBuilder, RootProvider,
        fillers::{FillProvider, JoinFill, WalletFiller},
    },
    rpc::client::RpcClient,
    signers::local::PrivateKeySigner,
};
use scrip::{Account, Deployment, Error, Journal, JournalResult, Lens, PlanId, Scrip, Terms};
use tokio::sync::{Mutex as AsyncMutex, OnceCell};

/// A provider that signs as one account; the client of Scrip does all else that a transaction needs.
type Signing = FillProvider<JoinFill<Identity, WalletFiller<EthereumWallet>>, RootProvider>;

/// Scrip, as one account uses it.
pub(crate) type Actor = Scrip<Signing>;

/// Pays the gas of the accounts that this server signs for.
#[derive(Debug)]
struct Fund {
    actor: Actor,
    /// An account that has less is given twice as much, in wei.
    least: U256,
}

/// The chain.
pub(crate) struct Chain {
    client: RpcClient,
    deployment: Deployment,
    journal: Arc<dyn Journal>,
    reader: Scrip<RootProvider>,
    actors: Mutex<HashMap<Address, Actor>>,
    fund: Option<Fund>,
    funding: AsyncMutex<HashMap<Address, Arc<AsyncMutex<()>>>>,
    lens: OnceCell<Lens<RootProvider>>,
    terms: Mutex<HashMap<PlanId, Arc<Terms>>>,
}

/// How many plans' terms are remembered.
const TERMS: usize = 1_024;

/// How long a write is waited for before its caller is told that it is not known yet; the work goes on.
const PATIENCE: Duration = Duration::from_secs(60);

impl Chain {
    pub(crate) async fn connect(
        client: RpcClient,
        deployment: Deployment,
        journal: Arc<dyn Journal>,
        funder: Option<(PrivateKeySigner, U256)>,
    ) -> Result<Self, Error> {
        let reader = Scrip::connect(RootProvider::new(client.clone()), deployment).await?;
        let mut chain = Self {
            client,
            deployment: deployment.on_chain(reader.chain_id()),
            journal,
            reader,
            actors: Mutex::default(),
            fund: None,
            funding: AsyncMutex::default(),
            lens: OnceCell::new(),
            terms: Mutex::default(),
        };
        if let Some((signer, least)) = funder {
            chain.fund = Some(Fund { actor: chain.actor(signer).await?, least });
        }
        Ok(chain)
    }

    /// Scrip, for reading.
    pub(crate) const fn scrip(&self) -> &Scrip<RootProvider> {
        &self.reader
    }

    /// The lens, which is looked for when it is first needed.
    pub(crate) async fn lens(&self) -> Result<&Lens<RootProvider>, Error> {
        self.lens.get_or_try_init(|| Lens::connect(&self.reader)).await
    }

    /// The latest block's number.
    pub(crate) async fn block(&self) -> Result<u64, Error> {
        Ok(self.reader.provider().get_block_number().await?)
    }

    /// A plan's terms, which never change, so that they are read once.
    pub(crate) async fn terms(&self, plan: PlanId) -> Result<Arc<Terms>, Error> {
        let terms = || self.terms.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = terms().get(&plan) {
            return Ok(Arc::clone(known));
        }
        let read = Arc::new(self.reader.plan(plan).await?.terms);
        let mut terms = terms();
        if terms.len() >= TERMS {
            terms.clear();
        }
        terms.insert(plan, Arc::clone(&read));
        Ok(read)
    }

    /// Scrip, as an account uses it. All that write as one account share one client.
    pub(crate) async fn actor(&self, signer: PrivateKeySigner) -> Result<Actor, Error> {
        let address = signer.address();
        let actors = || self.actors.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(actor) = actors().get(&address) {
            return Ok(actor.clone());
        }
        let provider = ProviderBuilder::default().wallet(signer.clone()).connect_client(self.client.clone());
        let actor = Scrip::connect(provider, self.deployment)
            .await?
            .with_journal(Arc::clone(&self.journal))
            .with_patience(PATIENCE)
            .signing_with(signer);
        Ok(actors().entry(address).or_insert(actor).clone())
    }

    /// Whether the journal has something of an account under a key.
    pub(crate) async fn has_signed(&self, address: Address, key: &str) -> JournalResult<bool> {
        let account = Account { chain_id: self.reader.chain_id(), address };
        Ok(self.journal.find(account, key).await?.is_some())
    }

    /// Sees to it that an account can pay for gas, if there is a fund for it. `key` stands for the gift.
    pub(crate) async fn fund(&self, account: Address, key: &str) -> Result<(), Error> {
        let Some(Fund { actor, least }) = &self.fund else { return Ok(()) };
        let turn = Arc::clone(self.funding.lock().await.entry(account).or_default());
        let _turn = turn.lock().await;
        let balance = self.reader.provider().get_balance(account).await?;
        if balance < *least {
            // The same whenever it is repeated, for its key stands for it.
            let gift = *least * U256::from(2);
            tracing::info!(%account, wei = %gift, "gas for an account");
            actor.once(format!("{key} gas")).send_coin(account, gift).await?;
        }
        Ok(())
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain").field("deployment", &self.deployment).finish_non_exhaustive()
    }
}
