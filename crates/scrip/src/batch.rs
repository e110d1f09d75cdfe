//! Many things in one transaction.

use alloy::{
    primitives::{Address, Bytes},
    providers::{Provider, WalletProvider},
};
use serde::{Deserialize, Serialize};

use crate::{Done, Error, Event, PlanId, RequestId, Result, Scrip, abi::IScrip};

/// Redemptions of one plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// The plan.
    pub plan: PlanId,
    /// What is redeemed.
    pub uses: Vec<Use>,
}

/// A redemption of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Use {
    /// Whose credits.
    pub holder: Address,
    /// How many.
    pub amount: u64,
    /// For which request.
    pub request: RequestId,
}

/// A batch was redeemed. On a time plan nothing was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchRedeemed {
    /// The plan.
    pub plan: PlanId,
    /// Who redeemed.
    pub redeemer: Address,
    /// What was redeemed.
    pub uses: Vec<Use>,
}

impl<P: Provider + WalletProvider> Scrip<P> {
    /// Redeems many times, across plans and holders: all or nothing. Each request is redeemed exactly once for each plan and
    /// signer.
    pub async fn redeem_many(&self, batches: &[Batch]) -> Result<Done<Vec<BatchRedeemed>>> {
        let usual = usual_gas(batches);
        let batches = batches
            .iter()
            .map(|batch| IScrip::Batch {
                planId: batch.plan.0,
                uses: batch.uses.iter().copied().map(Into::into).collect(),
            })
            .collect();
        let receipt = self.send(self.instance().redeemMany(batches).gas(usual)).await?;
        Done::read_all::<IScrip::CreditsRedeemedInBatch>(self.address(), &receipt)
    }

    /// What would become of several calls of the contract, made as the signer one after another: what each returns, or why it
    /// fails. Nothing is sent.
    pub async fn try_multicall(&self, calls: Vec<Bytes>) -> Result<Vec<Result<Bytes>>> {
        let outcomes = self.instance().multicall(calls, true).from(self.signer()).call().await?;
        let outcome = |IScrip::Outcome { done, answer }| {
            if done { Ok(answer) } else { Err(Error::from_revert(answer)) }
        };
        Ok(outcomes.into_iter().map(outcome).collect())
    }

    /// Calls the contract several times as the signer, in one transaction: with `skip`, a call that fails changes nothing;
    /// without, it fails all. Returns what happened. No coin can be sent along.
    ///
    /// The calls come ABI-encoded: `scrip.instance().redeem(…).calldata().clone()`.
    pub async fn multicall(&self, calls: Vec<Bytes>, skip: bool) -> Result<Done<Vec<Event>>> {
        let receipt = self.send(self.instance().multicall(calls, skip)).await?;
        Ok(Done { event: Event::all_in(self.address(), &receipt), receipt: (&receipt).try_into()? })
    }
}

/// What batches take at most, unless their requests' ids or their holders' lots are scattered: about twice what `docs/gas.md` has of
/// a transaction, of a holder and of a use.
fn usual_gas(batches: &[Batch]) -> u64 {
    let of = |batch: &Batch| {
        let turns = batch.uses.chunk_by(|one, next| one.holder == next.holder).count();
        20_000 + 30_000 * turns as u64 + 5_000 * batch.uses.len() as u64
    };
    100_000 + batches.iter().map(of).sum::<u64>()
}

impl From<Use> for IScrip::Use {
    fn from(one: Use) -> Self {
        Self { holder: one.holder, amount: one.amount, requestId: one.request.0 }
    }
}

impl From<IScrip::Use> for Use {
    fn from(one: IScrip::Use) -> Self {
        Self { holder: one.holder, amount: one.amount, request: RequestId(one.requestId) }
    }
}

impl From<IScrip::CreditsRedeemedInBatch> for BatchRedeemed {
    fn from(event: IScrip::CreditsRedeemedInBatch) -> Self {
        let uses = event.uses.into_iter().map(Into::into).collect();
        Self { plan: PlanId(event.planId), redeemer: event.redeemer, uses }
    }
}
