//! The chain, as this server reads it and as its accounts write to it.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
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
use futures_util::future::try_join;
use scrip::{
    Account, Deployment, Error, Item, Journal, JournalResult, Lens, PlanId, Price, Scrip, Terms, Token,
};
use tokio::sync::OnceCell;

use crate::{
    fund::{Fund, Turn},
    work::Failure,
};

/// A provider that signs as one account; the client of Scrip does all else that a transaction needs.
type Signing = FillProvider<JoinFill<Identity, WalletFiller<EthereumWallet>>, RootProvider>;

/// Scrip, as one account uses it.
pub(crate) type Actor = Scrip<Signing>;

/// The chain.
pub(crate) struct Chain {
    client: RpcClient,
    deployment: Deployment,
    journal: Arc<dyn Journal>,
    reader: Scrip<RootProvider>,
    actors: Mutex<HashMap<Address, Actor>>,
    fund: Option<Fund>,
    lens: OnceCell<Lens<RootProvider>>,
    terms: Mutex<HashMap<PlanId, Arc<Terms>>>,
    tokens: Mutex<HashMap<Address, Token>>,
    /// The highest block of which the node has told, and when that was.
    told: Mutex<Option<(u64, Instant)>>,
}

/// How many plans' terms are remembered, and how many tokens.
const TERMS: usize = 1_024;

/// The most letters of a token's symbol that are shown.
const SYMBOL: usize = 16;

/// How long a write is waited for before its caller is told that it is not known yet; the work goes on.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a node that was further is believed to be still: a reorg may have taken its blocks away.
const BELIEVED: Duration = Duration::from_secs(60);

/// More gas than a redemption takes.
const GAS: u64 = 200_000;

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
            lens: OnceCell::new(),
            terms: Mutex::default(),
            tokens: Mutex::default(),
            told: Mutex::default(),
        };
        if let Some((signer, least)) = funder {
            chain.fund = Some(Fund::new(chain.actor(signer).await?, least));
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

    /// There is such a block.
    pub(crate) fn tell(&self, block: u64) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|(before, then)| before <= block || then.elapsed() >= BELIEVED) {
            *told = Some((block, Instant::now()));
        }
    }

    /// Whether a node whose latest block is this one is behind what was told, by another of those that answer for it, it may be.
    pub(crate) fn is_behind(&self, latest: u64) -> bool {
        let told = *self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.is_some_and(|(before, then)| latest < before && then.elapsed() < BELIEVED)
    }

    /// A plan's terms, which never change, so that they are read once.
    pub(crate) async fn terms(&self, plan: PlanId) -> Result<Arc<Terms>, Error> {
        let terms = || self.terms.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = terms().get(&plan) {
            return Ok(Arc::clone(known));
        }
        let read = Arc::new(Box::pin(self.reader.plan(plan)).await?.terms);
        let mut terms = terms();
        if terms.len() >= TERMS {
            terms.clear();
        }
        terms.insert(plan, Arc::clone(&read));
        Ok(read)
    }

    /// A token's symbol and decimals, which are read once.
    pub(crate) async fn token(&self, address: Address) -> Result<Token, Error> {
        let tokens = || self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = tokens().get(&address) {
            return Ok(known.clone());
        }
        let mut read = self.reader.token(address).await?;
        read.symbol = shown(&read.symbol);
        let mut tokens = tokens();
        if tokens.len() >= TERMS {
            tokens.clear();
        }
        tokens.insert(address, read.clone());
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

    /// What an account has, and what a redemption may cost it, in wei; nothing if its gas is paid.
    pub(crate) async fn lacks_gas(&self, account: Address) -> Result<Option<(U256, U256)>, Error> {
        if self.fund.is_some() {
            return Ok(None);
        }
        let provider = self.reader.provider();
        let has = async { provider.get_balance(account).await };
        let (has, price) = try_join(has, provider.get_gas_price()).await?;
        let needs = U256::from(price) * U256::from(GAS);
        Ok((has < needs).then_some((has, needs)))
    }

    /// Sees to it that an account can pay for gas, if there is a fund for it. `key` stands for the gift.
    pub(crate) async fn fund(&self, account: Address, key: &str) -> Result<(), Error> {
        match &self.fund {
            Some(fund) => fund.give(account, key).await,
            None => Ok(()),
        }
    }

    /// Makes sure that an account does not order with what it was given for gas, unless it has ordered already. `key` stands for
    /// the order, and this is the price that it may have.
    pub(crate) async fn keep_gas(
        &self,
        account: Address,
        item: &Item,
        key: &str,
    ) -> Result<Option<(Turn, U256)>, Failure> {
        let Some(fund) = &self.fund else { return Ok(None) };
        let is_coin = match self.terms(item.plan).await?.price {
            Price::Fixed { token, .. } | Price::Quoted { token, .. } => token.is_zero(),
            _ => false,
        };
        if !is_coin || self.has_signed(account, key).await.map_err(Error::Journal)? {
            return Ok(None);
        }
        let quote = self.lens().await?.quote(item, account).await?;
        Ok(Some((fund.keep(account, quote.price).await?, quote.price)))
    }
}

/// A symbol, as much of it as is shown: whoever makes a token writes what it likes, and is kept in memory.
fn shown(symbol: &str) -> String {
    // What turns or hides the letters around it is not shown either.
    let is_letter = |letter: &char| {
        !letter.is_control()
            && !matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    symbol.chars().filter(is_letter).take(SYMBOL).collect()
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain").field("deployment", &self.deployment).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_is_short_and_turns_nothing_around() {
        for (symbol, said) in [
            ("USDC", "USDC"),
            ("\u{20ae}", "\u{20ae}"),
            ("US\u{202e}DC\n\0", "USDC"),
            (&*"x".repeat(1_000_000), "xxxxxxxxxxxxxxxx"),
        ] {
            assert_eq!(shown(symbol), said);
        }
    }
}
