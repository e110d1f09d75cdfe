//! The steps on the chain.

use std::time::Duration;

use serde_json::json;

use super::aim::{CardWork, Step};
use crate::{
    chain::Actor,
    problem::ProblemKind,
    state::State,
    work::{Failure, Outcome, outcome},
};

impl State {
    /// Does it: see [`Work::Card`](crate::work::Work::Card).
    pub(crate) async fn card_step(&self, once: &Actor, work: CardWork) -> Result<Outcome, Failure> {
        let CardWork { plan, holder, payment, step } = work;
        Ok(match step {
            Step::Settle => match once.settle(plan, holder, 1, &payment).await {
                Ok(done) => {
                    self.list_order(plan, holder, done.receipt).await;
                    outcome(done)?
                }
                // A payment is settled once, whoever does it.
                Err(error) if error.is_already_settled() => nothing(),
                Err(error) => return Err(error.into()),
            },
            Step::TakeBack(credits) => outcome(once.take_back(plan, &payment, credits).await?)?,
            Step::Reverse => outcome(once.reverse_take_back(plan, &payment).await?)?,
            Step::GiveAgain { credits, lifetime: None } => outcome(once.mint(plan, holder, credits).await?)?,
            Step::GiveAgain { credits, lifetime: Some(seconds) } => {
                outcome(once.mint_expirable(plan, holder, credits, Duration::from_secs(seconds)).await?)?
            }
            Step::Refund => {
                return Err(ProblemKind::INTERNAL.problem("a refund is no step on the chain").into());
            }
        })
    }
}

fn nothing() -> Outcome {
    Outcome { transaction: None, event: json!({}), block: None }
}
