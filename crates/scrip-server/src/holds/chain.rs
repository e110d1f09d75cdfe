//! What the chain has, as of a block.

use std::collections::HashSet;

use alloy::{
    eips::BlockId,
    primitives::{Address, U256},
    providers::Provider,
};
use scrip::{Error, PlanId};

use super::MINED_WITHIN;
use crate::{chain::Chain, problem::Problem, routes::credits::request_id, state::State};

/// What a holder can spend, as of a block.
#[derive(Debug, Clone, Default)]
pub(super) struct View {
    /// The block's number.
    pub(super) block: u64,
    /// The credits that can still be spent at the end of a reservation; on a time plan 1 if there is access now.
    pub(super) balance: u64,
    /// Those of the requests that were being redeemed which are in this block already.
    pub(super) redeemed: HashSet<String>,
}

/// A request that is being redeemed.
#[derive(Debug, Clone)]
pub(super) struct Underway {
    pub(super) request: String,
    pub(super) redeemer: Address,
}

impl Chain {
    /// What a holder can spend for as long as a reservation that ends at `end`, in unix seconds; without an end, now.
    pub(super) async fn view(
        &self,
        plan: PlanId,
        holder: Address,
        (now, end): (u64, Option<u64>),
        underway: &[Underway],
    ) -> Result<View, Error> {
        let scrip = self.scrip();
        let latest = scrip.provider().get_block(BlockId::latest()).await?;
        let header = latest.ok_or(Error::UnexpectedAnswer("that there is no latest block"))?.header;
        let at = BlockId::hash(header.hash);
        let lens = self.lens().await?;
        // The chain's clock may be ahead of ours, and its latest block behind.
        let time = header.timestamp.max(now);
        let time = end.map_or(header.timestamp, |end| time + end.saturating_sub(now) + MINED_WITHIN);
        let balance = lens.instance().balanceAt(lens.core(), plan.0, holder, U256::from(time)).block(at);
        let balance: U256 = balance.call().await?;
        let mut redeemed = HashSet::new();
        for one in underway {
            let request = request_id(holder, &one.request);
            if scrip.instance().isRedeemed(plan.0, one.redeemer, request).block(at).call().await? {
                redeemed.insert(one.request.clone());
            }
        }
        // More than the database counts is as good as that.
        let most = i64::MAX as u64;
        let balance = u64::try_from(balance).map_or(most, |balance| balance.min(most));
        Ok(View { block: header.number, balance, redeemed })
    }
}

impl State {
    /// The same, asked together with whoever asks it at the same time.
    pub(super) async fn view(
        &self,
        plan: PlanId,
        holder: Address,
        (now, end): (u64, Option<u64>),
        underway: &[Underway],
    ) -> Result<View, Problem> {
        let ask = self.chain.view(plan, holder, (now, end), underway);
        if underway.is_empty() {
            return Ok(self.turns.views.get((plan, holder, end), ask).await?);
        }
        Ok(ask.await?)
    }
}
