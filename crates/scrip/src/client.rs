//! The client, and all that it reads.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use alloy::{
    primitives::{Address, ChainId, TxHash, U256},
    providers::Provider,
};
use futures_util::future::try_join;

use crate::{
    Balance, Deployment, Error, Event, Lot, Permissions, Plan, PlanId, Price, RequestId, Result, Terms,
    Token,
    abi::{
        IERC20,
        IScrip::{self, IScripInstance},
    },
    journal::Journal,
    outbox::{Manner, Outbox},
    payment::Key,
};

/// Scrip on one chain, through a provider.
///
/// Everything can be read with any provider. What writes needs one with a wallet, and acts as its default signer.
#[derive(Debug, Clone)]
pub struct Scrip<P> {
    instance: IScripInstance<P>,
    chain_id: ChainId,
    outbox: Arc<Outbox>,
    manner: Manner,
    key: Option<Arc<str>>,
    signing_key: Option<Key>,
    prices: Arc<Mutex<HashMap<PlanId, Price>>>,
}

/// How many plans' prices are remembered.
const PRICES: usize = 4_096;

impl<P: Provider> Scrip<P> {
    /// Connects to Scrip, and makes sure that it is there.
    ///
    /// # Errors
    ///
    /// [`Error::WrongChain`] on another chain than the deployment names, [`Error::NotScrip`] when its address does not hold
    /// the code of this version of Scrip.
    pub async fn connect(provider: P, deployment: Deployment) -> Result<Self> {
        let chain_id = deployment.check(&provider).await?;
        Ok(Self {
            instance: IScrip::new(deployment.address(), provider),
            chain_id,
            outbox: Arc::new(Outbox::new(chain_id)),
            manner: Manner::default(),
            key: None,
            signing_key: None,
            prices: Arc::default(),
        })
    }

    /// Keeps what it signs in a journal, before it sends it, so that a write can be repeated after a crash, too: see
    /// [`Scrip::once`]. Without one it is kept in memory.
    ///
    /// Two clients that write as one account, in one process or in several, must share a journal.
    pub fn with_journal(self, journal: Arc<dyn Journal>) -> Self {
        Self { outbox: Arc::new(Outbox::with_journal(self.chain_id, journal)), ..self }
    }

    /// How long a write waits for its transaction to be mined before it gives up with [`Error::Pending`]; five minutes by
    /// default.
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.manner.patience = patience;
        self
    }

    /// In how many blocks, its own included, a write must be before it counts as done; 1 by default. What a reorganisation
    /// takes back before that is sent again.
    pub fn with_confirmations(mut self, blocks: u64) -> Self {
        self.manner.confirmations = blocks;
        self
    }

    /// After how long in no block a write's transaction is replaced with a higher fee; 45 seconds by default, counted from when this
    /// process has first sent it, however often the write is repeated meanwhile.
    pub fn replaced_after(mut self, time: Duration) -> Self {
        self.manner.replaced_after = time;
        self
    }

    /// The most that is paid for a unit of gas, in wei, in replacements, too; without a limit by default, but for that of
    /// [`Scrip::with_max_raise`].
    pub fn with_max_fee_per_gas(mut self, wei: u128) -> Self {
        self.manner.max_fee = Some(wei);
        self
    }

    /// How many times its first offer for a unit of gas a write's replacements, and what cancels it, may pay at most; 10 by default.
    /// What a new write would pay by then is always allowed. Beyond that it stays [pending](Error::Pending), and waits for fees that
    /// fall.
    pub fn with_max_raise(mut self, times: u32) -> Self {
        self.manner.max_raise = times;
        self
    }

    /// Sends writes with this gas limit, without trying them first, and with fees as they were up to three seconds ago: one
    /// or two requests a write instead of eight, for many at once. What a contract refuses then costs gas.
    pub fn untried(mut self, gas: u64) -> Self {
        self.manner.untried = Some(gas);
        self
    }

    pub(crate) const fn manner(&self) -> &Manner {
        &self.manner
    }

    pub(crate) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    pub(crate) const fn signing_key(&self) -> Option<&Key> {
        self.signing_key.as_ref()
    }

    /// What a plan costs: terms never change, so that it is read once.
    pub(crate) async fn price_of(&self, plan: PlanId) -> Result<Price> {
        let prices = || self.prices.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&price) = prices().get(&plan) {
            return Ok(price);
        }
        let price = self.plan(plan).await?.terms.price;
        let mut prices = prices();
        if prices.len() >= PRICES {
            prices.clear();
        }
        prices.insert(plan, price);
        Ok(price)
    }

    pub(crate) fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// The address of the contract.
    pub fn address(&self) -> Address {
        *self.instance.address()
    }

    /// The chain.
    pub const fn chain_id(&self) -> ChainId {
        self.chain_id
    }

    /// The provider.
    pub fn provider(&self) -> &P {
        self.instance.provider()
    }

    /// The contract itself, for what the client does not do.
    pub const fn instance(&self) -> &IScripInstance<P> {
        &self.instance
    }

    /// The contract that orders for who has signed, by [`Deployment::router`].
    pub fn router(&self) -> Address {
        Deployment::at(self.address()).router()
    }

    /// All that the contract said in a transaction, in its order; nothing if that is not mined.
    pub async fn events(&self, transaction: TxHash) -> Result<Vec<Event>> {
        let receipt = self.provider().get_transaction_receipt(transaction).await?;
        Ok(receipt.map(|receipt| Event::all_in(self.address(), &receipt)).unwrap_or_default())
    }

    /// A token that plans are priced in; zero is the native coin, which is named ETH here.
    ///
    /// # Errors
    ///
    /// [`Error::NotAToken`] when there is no ERC-20 with a symbol and decimals at that address.
    pub async fn token(&self, address: Address) -> Result<Token> {
        if address.is_zero() {
            return Ok(Token::native("ETH"));
        }
        let token = IERC20::new(address, self.provider());
        let (symbol, decimals) = (token.symbol(), token.decimals());
        match try_join(async { symbol.call().await }, async { decimals.call().await }).await {
            Ok((symbol, decimals)) => Ok(Token { address, symbol, decimals }),
            Err(alloy::contract::Error::TransportError(error)) if error.as_error_resp().is_none() => {
                Err(error.into())
            }
            Err(_) => Err(Error::NotAToken { address, chain_id: self.chain_id }),
        }
    }

    /// A plan.
    ///
    /// # Errors
    ///
    /// A refusal `PlanNotFound` when there is none of this id.
    pub async fn plan(&self, plan: PlanId) -> Result<Plan> {
        Plan::new(plan, self.instance.plan(plan.0).call().await?)
    }

    /// The id that a plan would have.
    pub async fn plan_id(&self, creator: Address, terms: &Terms, salt: U256) -> Result<PlanId> {
        let id = self.instance.computePlanId(creator, terms.try_into()?, salt.into()).call().await?;
        Ok(PlanId(id))
    }

    /// What a holder has of a plan, now.
    ///
    /// # Errors
    ///
    /// A refusal `PlanNotFound` when there is no such plan.
    pub async fn balance(&self, plan: PlanId, holder: Address) -> Result<Balance> {
        let (plan, balance) =
            try_join(self.plan(plan), async { Ok(self.instance.balanceOf(holder, plan.0).call().await?) })
                .await?;
        let balance = balance.try_into().map_err(|_| Error::UnexpectedAnswer("a balance beyond 128 bits"))?;
        Ok(Balance::new(plan, holder, balance))
    }

    /// A holder's lots in the order in which they are spent; none on a time plan.
    pub async fn lots(&self, plan: PlanId, holder: Address) -> Result<Vec<Lot>> {
        let lots = self.instance.lotsOf(plan.0, holder).call().await?;
        Ok(lots
            .into_iter()
            .map(|lot| Lot { amount: lot.amount, expiry: some_time(lot.expiry.to()) })
            .collect())
    }

    /// When a holder's access ends or ended, in unix seconds; none if it has had none, and on a credits plan.
    pub async fn access_end(&self, plan: PlanId, holder: Address) -> Result<Option<u64>> {
        Ok(some_time(self.instance.accessEnd(plan.0, holder).call().await?.to()))
    }

    /// The orders counted for a holder, where the terms limit them.
    pub async fn orders_of(&self, plan: PlanId, holder: Address) -> Result<u32> {
        Ok(self.instance.ordersOf(plan.0, holder).call().await?)
    }

    /// Whether a redeemer has redeemed a request.
    pub async fn is_redeemed(
        &self,
        plan: PlanId,
        redeemer: Address,
        request: impl Into<RequestId>,
    ) -> Result<bool> {
        Ok(self.instance.isRedeemed(plan.0, redeemer, request.into().0).call().await?)
    }

    /// What an operator may do for a plan.
    pub async fn permissions(&self, plan: PlanId, operator: Address) -> Result<Permissions> {
        Ok(Permissions::from_bits(self.instance.permissionsOf(plan.0, operator).call().await?))
    }
}

impl<P> Scrip<P> {
    pub(crate) fn set_signing_key(&mut self, key: Key) {
        self.signing_key = Some(key);
    }
}

impl<P: Clone> Scrip<P> {
    /// The same client, one of whose writes is done once, however often it is repeated under this key: after a crash, after
    /// [`Error::Pending`], or at the same time.
    ///
    /// The key stands for what is asked, of one account, and for one nonce and its signed transaction, which are in the journal
    /// before anything is sent. Repeated, the write gives what the first gave, or waits for it; under another key it is
    /// another write. What is refused before it is signed leaves the key free.
    ///
    /// ```
    /// # use scrip_devnet::Devnet;
    /// # use scrip::Terms;
    /// # #[tokio::main]
    /// # async fn main() -> eyre::Result<()> {
    /// # let devnet = Devnet::start().await?;
    /// # let (builder, agent) = (devnet.scrip("builder").await?, devnet.scrip("agent").await?);
    /// # let plan = builder.create_plan(&Terms::credits("Gift", 1)).await?.plan;
    /// let minted = builder.once("invoice 7").mint(plan, agent.signer(), 10).await?;
    /// // After whatever went wrong, the same again: it was done, and is not done twice.
    /// let again = builder.once("invoice 7").mint(plan, agent.signer(), 10).await?;
    /// assert_eq!(minted.receipt.transaction, again.receipt.transaction);
    /// assert_eq!(builder.balance(plan, agent.signer()).await?.balance, 10);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Its writes fail with [`Error::KeyReused`] when the key stands for another.
    pub fn once(&self, key: impl Into<String>) -> Self {
        Self { key: Some(key.into().into()), ..self.clone() }
    }
}

/// Contracts say 0 for never.
pub(crate) fn some_time(seconds: u64) -> Option<u64> {
    (seconds != 0).then_some(seconds)
}
