//! The books beside the chain.

use std::fmt;

use alloy::{consensus::BlockHeader as _, primitives::Address, providers::Provider};
use serde::{Deserialize, Serialize};

use super::Ledger;
use crate::{BlockRef, Error, Lens, Moment, PlanId, Result};

/// What a holder has of a plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amounts {
    /// The credits that can be spent; on a time plan 1 while access lasts.
    pub balance: u128,
    /// When access ends or ended, in unix seconds; none without, and on a credits plan.
    pub access_end: Option<u64>,
}

/// Where the books differ from the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The plan.
    pub plan: PlanId,
    /// The holder.
    pub holder: Address,
    /// What the events say.
    pub rebuilt: Amounts,
    /// What the chain says; none when there is no such plan.
    pub chain: Option<Amounts>,
}

impl Ledger {
    /// Where the books differ from the chain as it was at the end of a block, which the node must still know the state of: of all
    /// who have or had anything by the events. For others see [`Ledger::compare_pairs`].
    ///
    /// The books must stand at that block: compare with the last block that was `Reached`, or [`Replay::block`](crate::Replay).
    pub async fn compare<P: Provider>(&self, lens: &Lens<P>, block: BlockRef) -> Result<Vec<Difference>> {
        let pairs: Vec<_> = self.holders().collect();
        self.compare_pairs(lens, block, &pairs).await
    }

    /// Where the books differ from the chain as it was at the end of a block, of these holders of these plans.
    pub async fn compare_pairs<P: Provider>(
        &self,
        lens: &Lens<P>,
        block: BlockRef,
        pairs: &[(PlanId, Address)],
    ) -> Result<Vec<Difference>> {
        let found = lens.instance().provider().get_block_by_hash(block.hash).await?;
        let header = found.ok_or(Error::UnexpectedAnswer("no block of the hash that was asked for"))?.header;
        let at = Moment { block: header.number(), hash: block.hash, time: header.timestamp() };
        let mut differences = Vec::new();
        for (&(plan, holder), holding) in pairs.iter().zip(lens.holdings_at(pairs, at).await?) {
            let (balance, access_end) =
                (self.balance_at(plan, holder, at.time), self.access_end(plan, holder));
            let rebuilt = Amounts { balance, access_end };
            let chain =
                holding.map(|holding| Amounts { balance: holding.balance, access_end: holding.access_end });
            let agrees = chain == Some(rebuilt) || (chain.is_none() && rebuilt == Amounts::default());
            if !agrees {
                differences.push(Difference { plan, holder, rebuilt, chain });
            }
        }
        Ok(differences)
    }
}

impl fmt::Display for Amounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.access_end {
            None => self.balance.fmt(f),
            Some(end) => write!(f, "{} with access until {end}", self.balance),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { plan, holder, rebuilt, chain } = self;
        let chain = chain.map_or_else(|| "no such plan".to_owned(), |chain| chain.to_string());
        write!(f, "plan {plan}: {holder} has {rebuilt} by the events, and by the chain {chain}")
    }
}
