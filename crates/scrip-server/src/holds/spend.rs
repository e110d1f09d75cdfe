//! Spending otherwise: redemptions and burns that no reservation is for.

use sqlx::{Any, Transaction};

use super::{
    chain::View,
    lock,
    reserve::{ATTEMPTS, Kept},
};
use crate::{
    problem::{Problem, ProblemKind},
    state::State,
    work::Spending,
};

impl State {
    /// Begins a transaction in which it is to be taken down that credits are spent, which are not reserved.
    pub(crate) async fn begin_spending(
        &self,
        spending: Spending,
    ) -> Result<Transaction<'static, Any>, Problem> {
        let Spending { plan, holder, credits } = spending;
        let mut view = None;
        for attempt in 1.. {
            let now = self.now();
            let mut db = self.db.begin().await?;
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
