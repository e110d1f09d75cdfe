//! Spending otherwise: redemptions and burns that no reservation is for.

use alloy::primitives::Address;
use scrip::{Grant, PlanId};

use super::{
    chain::View,
    lock,
    reserve::{ATTEMPTS, Kept},
};
use crate::{
    problem::{Problem, ProblemKind},
    state::State,
    work::Spending,
    writing::Writing,
};

impl State {
    /// What a holder can spend now, beside what is kept for requests: credits, or on a time plan 1 while there is access.
    pub(crate) async fn spendable(&self, plan: PlanId, holder: Address) -> Result<u64, Problem> {
        let now = self.now();
        let unseen = View { block: u64::MAX, ..View::default() };
        let before = Kept::read(&mut *self.db.acquire().await?, (plan, holder, ""), &unseen, now).await?;
        let view = self.view(plan, holder, (now, None), &before.underway).await?;
        let kept = Kept::read(&mut *self.db.acquire().await?, (plan, holder, ""), &view, now).await?;
        // Access is not used up.
        let is_time = matches!(self.chain.terms(plan).await?.grant, Grant::Time { .. });
        Ok(if is_time { view.balance } else { view.balance.saturating_sub(kept.credits) })
    }

    /// Begins a transaction in which it is to be taken down that credits are spent, which are not reserved.
    pub(crate) async fn begin_spending(&self, spending: Spending) -> Result<Writing<'static>, Problem> {
        let Spending { plan, holder, credits } = spending;
        let mut view = None;
        for attempt in 1.. {
            let now = self.now();
            let mut db = self.write().await?;
            lock(&mut db, plan, holder).await?;
            let seen = view.take();
            let unseen = View { block: u64::MAX, ..View::default() };
            let as_of = seen.as_ref().unwrap_or(&unseen);
            let kept = Kept::read(&mut db, (plan, holder, ""), as_of, now).await?;
            if kept.held == 0 {
                // It is the chain's to say whether there are so many; it is not asked twice.
                return Ok(db);
            }
            if let Some(View { balance, .. }) = seen {
                let free = balance.saturating_sub(kept.credits);
                if credits <= free {
                    return Ok(db);
                }
                if attempt >= ATTEMPTS || kept.underway.is_empty() {
                    let reserved = kept.held;
                    let detail = format!(
                        "{credits} credits of plan {} are needed, and {holder} has {free} that are free: {reserved} \
                         are reserved for requests",
                        plan.0
                    );
                    return Err(ProblemKind::INSUFFICIENT_CREDITS
                        .problem(detail)
                        .hint("try again when those are settled, or have ended"));
                }
            }
            db.rollback().await?;
            view = Some(self.view(plan, holder, (now, None), &kept.underway).await?);
        }
        unreachable!("the last attempt ends")
    }
}
