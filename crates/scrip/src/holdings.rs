//! What many holders have of many plans, in few calls.

use alloy::{
    primitives::{Address, U256},
    providers::Provider,
};
use serde::{Deserialize, Serialize};

use crate::{
    Lens, Moment, PlanId, Result, Scrip, abi::ILens, client::some_time, lens::balance, many::ask_in_parts,
};

/// How many balances are asked of the core in one call: about 4,300 gas each, so that 2,500 take 11 million, where blocks of
/// Anvil have 30 million and nodes usually give a call 50 million.
const BALANCES: usize = 2_500;

/// How many holdings are asked of the lens in one call: 8,000 gas each for who has credits and up to 32,000 for who has nothing, so
/// that 910 take up to 29 million.
const HOLDINGS: usize = 910;

/// What many holders can spend of many plans, all as of one block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Balances {
    /// What each pair had, in the order asked: the credits that could be spent; on a time plan 1 while access lasted; 0 of a plan
    /// paid per use, or that did not exist.
    pub balances: Vec<u128>,
    /// The block.
    pub at: Moment,
}

/// What a holder has of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Holding {
    /// Whether it has something to spend: credits, or access, or tokens and an allowance for the least redemption of a plan paid
    /// per use.
    pub is_subscriber: bool,
    /// The credits that can be spent now; on a time plan 1 while access lasts.
    pub balance: u128,
    /// When access ends or ended, in unix seconds; none without, and on a credits plan.
    pub access_end: Option<u64>,
}

/// What many holders have of many plans, all as of one block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Holdings {
    /// What each pair had, in the order asked; nothing of a plan that did not exist.
    pub holdings: Vec<Option<Holding>>,
    /// The block.
    pub at: Moment,
}

impl<P: Provider> Scrip<P> {
    /// What many holders can spend of many plans, as of the latest block, which is one for all.
    ///
    /// Some thousands of pairs are asked for in one call: 10,000 take five calls in all. What a node refuses as too much is asked
    /// for again in halves.
    ///
    /// ```
    /// # use scrip::Terms;
    /// # #[tokio::main]
    /// # async fn main() -> eyre::Result<()> {
    /// # let devnet = scrip_devnet::Devnet::start().await?;
    /// # let (builder, subscriber) = (devnet.scrip("builder").await?, devnet.scrip("subscriber").await?);
    /// # let plan = builder.create_plan(&Terms::credits("Free", 10)).await?.plan;
    /// # subscriber.order(plan).await?;
    /// let now = builder.balances(&[(plan, subscriber.signer()), (plan, builder.signer())]).await?;
    /// println!("in block {}: {:?}", now.at.block, now.balances);
    /// # assert_eq!(now.balances, [10, 0]);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn balances(&self, pairs: &[(PlanId, Address)]) -> Result<Balances> {
        let at = Moment::latest(self.provider()).await?;
        let ask = |pairs: &[(PlanId, Address)]| {
            let (holders, plans) = pairs.iter().map(|&(plan, holder)| (holder, plan.0)).unzip();
            self.instance().balanceOfBatch(holders, plans).block(at.into())
        };
        let units: Vec<U256> = ask_in_parts(pairs, BALANCES, ask).await?;
        Ok(Balances { balances: units.into_iter().map(balance).collect::<Result<_>>()?, at })
    }
}

impl<P: Provider> Lens<P> {
    /// What many holders have of many plans, as of the latest block, which is one for all. For balances alone,
    /// [`Scrip::balances`] is faster.
    ///
    /// Some hundreds of pairs are asked for in one call: 10,000 take twelve calls in all. What a node refuses as too much is asked
    /// for again in halves.
    pub async fn holdings(&self, pairs: &[(PlanId, Address)]) -> Result<Holdings> {
        let at = Moment::latest(self.instance().provider()).await?;
        Ok(Holdings { holdings: self.holdings_at(pairs, at).await?, at })
    }

    /// [`Lens::holdings`] as of another block, which the node must still know the state of.
    pub async fn holdings_at(&self, pairs: &[(PlanId, Address)], at: Moment) -> Result<Vec<Option<Holding>>> {
        let ask = |pairs: &[(PlanId, Address)]| {
            let pairs = pairs.iter().map(|&(plan, holder)| ILens::Pair { planId: plan.0, holder }).collect();
            self.instance().balancesOf(self.core(), pairs).block(at.into())
        };
        let holdings = ask_in_parts(pairs, HOLDINGS, ask).await?;
        holdings.into_iter().map(Holding::of).collect()
    }
}

impl Holding {
    fn of(holding: ILens::Holding) -> Result<Option<Self>> {
        let ILens::Holding { planExists, isSubscriber, balance: units, accessEnd } = holding;
        if !planExists {
            return Ok(None);
        }
        let access_end = some_time(accessEnd.to());
        Ok(Some(Self { is_subscriber: isSubscriber, balance: balance(units)?, access_end }))
    }
}
