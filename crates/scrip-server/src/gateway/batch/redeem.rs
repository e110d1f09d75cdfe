//! Redeeming a batch.

use std::collections::HashMap;

use alloy::transports::RpcError;
use futures_util::{StreamExt, TryStreamExt, stream};
use scrip::{Batch, Error};
use serde_json::json;
use tokio::time::sleep;

use super::{
    LOOK, Settlement,
    item::{Became, Item, Open},
};
use crate::{
    chain::Actor,
    state::State,
    work::{Failure, Outcome},
};

/// How often is asked at once whether something is redeemed.
const AT_ONCE: usize = 8;
/// How often it is waited for twice as long before what is refused for no reason that shows is sent again.
const MOST_TIMES: u32 = 11;

impl State {
    /// Redeems a batch, however often that takes. See [`Work::SettleBatch`](crate::work::Work::SettleBatch).
    pub(crate) async fn redeem_batch(
        &self,
        actor: &Actor,
        id: &str,
        settlement: Settlement,
    ) -> Result<Outcome, Failure> {
        loop {
            match self.try_batch(actor, id, &settlement).await {
                Ok(Some(outcome)) => return Ok(outcome),
                Ok(None) => {}
                // Nothing is certain but what is in a block: it is looked at again, for as long as this process lives.
                Err(Failure::Chain(error)) => {
                    tracing::warn!(%error, batch = settlement.batch, "a batch is not redeemed yet");
                    sleep(LOOK * 5).await;
                }
                Err(Failure::Here(problem)) if problem.retryable => sleep(LOOK * 5).await,
                Err(failure) => return Err(failure),
            }
        }
    }

    async fn try_batch(
        &self,
        actor: &Actor,
        id: &str,
        settlement: &Settlement,
    ) -> Result<Option<Outcome>, Failure> {
        let Settlement { batch, plan } = settlement;
        let outcome = |transaction, block| Outcome { transaction, event: json!({ "batch": batch }), block };
        let Some(open) = self.open_batch(batch).await? else { return Ok(Some(outcome(None, None))) };
        let attempt = open.attempt;
        // Each attempt is another write, of other requests.
        let once = actor.once(format!("{id} {attempt}"));
        let done = if open.owed().any(|item| item.session.is_some()) {
            let vouchers = self.vouchers_of(&open).await?;
            let calls = open.owed().map(|item| vouchers.call(actor, &open, item));
            let calls = calls.collect::<Result<_, _>>()?;
            once.multicall(calls, false).await.map(|done| done.receipt)
        } else {
            let uses = open.owed().map(|item| open.on_chain(item)).collect();
            once.redeem_many(&[Batch { plan: *plan, uses }]).await.map(|done| done.receipt)
        };
        match done {
            Ok(receipt) => {
                let all = open.owed().map(|item| (item.number, Became::Redeemed)).collect();
                if self.take_down_became(open, &all, receipt.block).await? {
                    return Ok(Some(outcome(Some(receipt.transaction), Some(receipt.block))));
                }
                // Another process has gone further: it is looked how far.
            }
            Err(error @ (Error::Refused(_) | Error::MinedRevert { .. } | Error::Reverted(_))) => {
                tracing::warn!(%error, batch, attempt, "a batch is refused");
                match self.sort_out(actor, &open).await {
                    Ok((became, block)) => {
                        let is_stuck = became.is_empty();
                        self.take_down_became(open, &became, block).await?;
                        if is_stuck {
                            // What was refused passes now. If it is refused again and again in blocks, that has its price.
                            let times =
                                u32::try_from(attempt).map_or(MOST_TIMES, |times| times.min(MOST_TIMES));
                            sleep(LOOK * 2_u32.pow(times)).await;
                        }
                    }
                    Err(failure) => self.halve_or_fail(&open, failure).await?,
                }
            }
            Err(error) => self.halve_or_fail(&open, error.into()).await?,
        }
        Ok(None)
    }

    async fn halve_or_fail(&self, open: &Open, failure: Failure) -> Result<(), Failure> {
        match failure {
            Failure::Chain(error) if open.owed().nth(1).is_some() && may_be_too_much(&error) => {
                tracing::warn!(%error, batch = open.id, open.attempt, "a batch is halved");
                Ok(self.halve_batch(open).await?)
            }
            failure => Err(failure),
        }
    }

    /// What is redeemed already, by an attempt that was given up, and what is refused, by their numbers; and as of which block. The rest
    /// is tried again.
    async fn sort_out(&self, actor: &Actor, open: &Open) -> Result<(HashMap<i64, Became>, u64), Failure> {
        let scrip = self.chain.scrip();
        let ask = |item: &Item| {
            let (one, item) = (open.on_chain(item), item.clone());
            async move {
                let asked = scrip.instance().isRedeemed(open.plan.0, open.redeemer, one.request.0);
                Ok::<_, Error>((asked.call().await?, item))
            }
        };
        let asked: Vec<_> = open.owed().map(ask).collect();
        let asked: Vec<(bool, Item)> = stream::iter(asked).buffered(AT_ONCE).try_collect().await?;
        // No earlier one than that in which it was.
        let block = self.chain.block().await?;
        let (redeemed, left): (Vec<_>, Vec<_>) = asked.into_iter().partition(|(is_redeemed, _)| *is_redeemed);
        let mut became: HashMap<_, _> =
            redeemed.iter().map(|(_, item)| (item.number, Became::Redeemed)).collect();
        let left: Vec<_> = left.into_iter().map(|(_, item)| item).collect();
        if !left.is_empty() {
            // Newer vouchers may have come than those of this attempt.
            let vouchers = self.choose_vouchers(open, left.iter()).await?;
            let calls = left.iter().map(|item| vouchers.call(actor, open, item));
            let forecasts = actor.try_multicall(calls.collect::<Result<_, _>>()?).await?;
            for (item, forecast) in left.iter().zip(forecasts) {
                // By somebody who goes on with it, too: it is looked at again.
                if let Err(error) = forecast
                    && !error.is_already_redeemed()
                {
                    let (batch, request, holder) = (&open.id, &item.id, item.holder);
                    tracing::warn!(%error, batch, request, %holder, "what was served could not be redeemed");
                    became.insert(item.number, Became::Unpaid);
                }
            }
        }
        Ok((became, block))
    }
}

/// Whether less may do: a block has no room for it, or the node does not take or try as much.
fn may_be_too_much(error: &Error) -> bool {
    match error {
        Error::TooMuchGas { .. } => true,
        Error::Transport(RpcError::ErrorResp(answer)) => !answer.is_retry_err(),
        _ => false,
    }
}
