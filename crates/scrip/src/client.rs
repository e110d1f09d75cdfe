//! The client, and all that it reads.

use std::time::Duration;

use alloy::{
    primitives::{Address, ChainId, TxHash, U256},
    providers::Provider,
};
use futures_util::future::try_join;

use crate::{
    Balance, Deployment, Error, Event, Lot, Permissions, Plan, PlanId, RequestId, Result, Terms, Token,
    abi::{
        IERC20,
        IScrip::{self, IScripInstance},
    },
};

/// Scrip on one chain, through a provider.
///
/// Everything can be read with any provider. What writes needs one with a wallet, and acts as its default signer.
#[derive(Debug, Clone)]
pub struct Scrip<P> {
    instance: IScripInstance<P>,
    chain_id: ChainId,
    patience: Duration,
}

/// How long a write is waited for, unless [`Scrip::with_patience`] says otherwise.
const PATIENCE: Duration = Duration::from_secs(300);

impl<P: Provider> Scrip<P> {
    /// Connects to Scrip, and makes sure that it is there.
    ///
    /// # Errors
    ///
    /// [`Error::WrongChain`] on another chain than the deployment names, [`Error::NotScrip`] when its address does not hold
    /// the code of this version of Scrip.
    pub async fn connect(provider: P, deployment: Deployment) -> Result<Self> {
        let chain_id = deployment.check(&provider).await?;
        Ok(Self { instance: IScrip::new(deployment.address(), provider), chain_id, patience: PATIENCE })
    }

    /// How long a write waits for its transaction to be mined before it gives up with [`Error::Pending`]; five minutes by
    /// default.
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    pub(crate) const fn patience(&self) -> Duration {
        self.patience
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

/// Contracts say 0 for never.
pub(crate) fn some_time(seconds: u64) -> Option<u64> {
    (seconds != 0).then_some(seconds)
}
