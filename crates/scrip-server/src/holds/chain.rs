//! What the chain has, as of a block.

use std::{collections::HashSet, time::Duration};

use alloy::{
    eips::BlockId,
    primitives::{Address, U256},
    providers::Provider,
    rpc::types::Header,
};
use futures_util::future::try_join;
use scrip::{Error, PlanId, abi::IERC20};
use tokio::time::{Instant, sleep};

use super::{MINED_WITHIN, reserve::ATTEMPTS};
use crate::{
    chain::Chain,
    problem::{Problem, ProblemKind},
    routes::credits::request_id,
    state::State,
};

/// What a holder can spend, as of a block.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    /// The block's number.
    pub(crate) block: u64,
    /// Its time, in unix seconds.
    pub(crate) time: u64,
    /// The credits that can still be spent at the end of a reservation; on a time plan 1 if there is access now, and on one that is
    /// paid per use the uses that can be paid for now.
    pub(crate) balance: u64,
    /// Those of the requests that were being redeemed which are in this block already.
    pub(crate) redeemed: HashSet<String>,
}

/// A request that is being redeemed.
#[derive(Debug, Clone)]
pub(crate) struct Underway {
    pub(super) request: String,
    pub(super) redeemer: Address,
}

/// What a use costs, of a plan that is paid per use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PerUse {
    pub(crate) token: Address,
    /// In base units of the token.
    pub(crate) price: u128,
}

/// The most credits that the database counts.
const MOST: u64 = i64::MAX as u64;

/// How long a node that is behind is waited for, and how often it is looked.
const PATIENCE: Duration = Duration::from_secs(3);
const LOOK: Duration = Duration::from_millis(100);

impl Chain {
    /// What a holder can spend for as long as a reservation that ends at `end`, in unix seconds; without an end, now.
    pub(super) async fn view(
        &self,
        plan: PlanId,
        holder: Address,
        (now, end): (u64, Option<u64>),
        underway: &[Underway],
    ) -> Result<View, Problem> {
        let lens = self.lens().await?;
        let mut latest = self.latest().await?;
        for attempt in 1.. {
            let at = BlockId::hash(latest.hash);
            let mut redeemed = HashSet::new();
            for one in underway {
                let request = request_id(holder, &one.request);
                let is_redeemed = self.scrip().instance().isRedeemed(plan.0, one.redeemer, request);
                if is_redeemed.block(at).call().await.map_err(Error::from)? {
                    redeemed.insert(one.request.clone());
                }
            }
            // The chain's clock may be ahead of ours, and its latest block behind.
            let time = latest.timestamp.max(now);
            let time = end.map_or(latest.timestamp, |end| time + end.saturating_sub(now) + MINED_WITHIN);
            let balance = lens.instance().balanceAt(lens.core(), plan.0, holder, U256::from(time)).block(at);
            let balance: U256 = balance.call().await.map_err(Error::from)?;
            let balance = as_counted(balance);
            let view = View { block: latest.number, time: latest.timestamp, balance, redeemed };
            if underway.is_empty() {
                return Ok(view);
            }
            // Anvil answers about its latest block from the one that it is making, so that a redemption may be seen that was not
            // taken off the balance yet. If the block is the latest still, the balance is no older than what was seen before it.
            let after = self.latest().await?;
            if after.hash == latest.hash {
                return Ok(view);
            }
            if attempt == ATTEMPTS {
                return Ok(View { redeemed: HashSet::new(), ..view });
            }
            latest = after;
        }
        unreachable!("the last attempt answers")
    }

    /// How many uses of a plan that is paid per use a holder can pay for: by what it has of the token, and by what of it the core
    /// may take.
    pub(crate) async fn uses(&self, holder: Address, per_use: PerUse) -> Result<View, Problem> {
        let latest = self.latest().await?;
        let at = BlockId::hash(latest.hash);
        let token = IERC20::new(per_use.token, self.scrip().provider());
        let (has, allows) =
            (token.balanceOf(holder).block(at), token.allowance(holder, self.scrip().address()).block(at));
        let (has, allows) =
            try_join(async { has.call().await }, async { allows.call().await }).await.map_err(Error::from)?;
        let uses = has.min(allows).checked_div(U256::from(per_use.price)).unwrap_or_default();
        let (block, time, balance) = (latest.number, latest.timestamp, as_counted(uses));
        Ok(View { block, time, balance, redeemed: HashSet::new() })
    }

    /// The latest block. What was bought in a later one would be bought again, so a node that is behind is waited for.
    async fn latest(&self) -> Result<Header, Problem> {
        let began = Instant::now();
        loop {
            let latest = self.scrip().provider().get_block(BlockId::latest()).await.map_err(Error::from)?;
            let latest = latest.ok_or(Error::UnexpectedAnswer("that there is no latest block"))?.header;
            if !self.is_behind(latest.number) {
                self.tell(latest.number);
                return Ok(latest);
            }
            if began.elapsed() >= PATIENCE {
                let detail = "the chain's node is behind what it has told before";
                return Err(ProblemKind::NODE.problem(detail).hint("try again"));
            }
            sleep(LOOK).await;
        }
    }
}

/// More than the database counts is as good as that.
fn as_counted(credits: U256) -> u64 {
    u64::try_from(credits).map_or(MOST, |credits| credits.min(MOST))
}

impl State {
    /// The same, asked together with whoever asks it at the same time.
    pub(crate) async fn view(
        &self,
        plan: PlanId,
        holder: Address,
        (now, end): (u64, Option<u64>),
        underway: &[Underway],
    ) -> Result<View, Problem> {
        let ask = self.chain.view(plan, holder, (now, end), underway);
        if underway.is_empty() {
            return self.turns.views.get((plan, holder, end), ask).await;
        }
        ask.await
    }
}
