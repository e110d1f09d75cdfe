//! Buying more under a delegation, when a token needs more credits than there are.

use std::sync::Arc;

use alloy::primitives::{Address, TxHash, keccak256};
use scrip::{Error, Grant, PlanId, Price, Terms, Token};
use serde::{Deserialize, Serialize};

use crate::{
    account::as_i64,
    chain::Actor,
    extract::Repeat,
    holds::{Ask, Hold, MINED_WITHIN, Reserved},
    operation::says_nothing,
    problem::{Problem, ProblemKind},
    state::State,
    work::{Failure, Outcome, Work, outcome},
};

/// An order under a delegation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TopUp {
    pub(crate) delegation: String,
    pub(crate) plan: PlanId,
    pub(crate) quantity: u32,
    /// What of the delegation's limit it takes.
    pub(crate) cents: u64,
    /// How often was bought before.
    pub(crate) purchases: i64,
}

/// How often is looked and bought for one request: others may take what was bought meanwhile.
const ROUNDS: usize = 32;

impl State {
    /// Reserves credits; if there are too few, buys more under a delegation first. The transaction of the last order, if
    /// there was one.
    pub(crate) async fn reserve_or_buy(
        self: &Arc<Self>,
        ask: &Ask,
        delegation: Option<&str>,
    ) -> Result<(Hold, Option<TxHash>), Problem> {
        let (mut order, mut looked) = (None, None);
        for _ in 0..ROUNDS {
            match self.reserve(ask).await? {
                Reserved::Held(hold) => return Ok((hold, order)),
                Reserved::Used => {
                    return Err(ProblemKind::TOKEN_SPENT
                        .problem("this access token is for one use, and is used")
                        .hint("ask the subscriber for a new one"));
                }
                Reserved::Short { available, purchases } => {
                    let Some(delegation) = delegation else { return Err(short(ask, available)) };
                    // What was bought last may have come after the chain was asked, and before the purchases were counted: it is
                    // looked once more, and bought when nothing was meanwhile.
                    if looked != Some(purchases) {
                        looked = Some(purchases);
                        continue;
                    }
                    order = self.buy(ask, delegation, available, purchases).await?;
                }
            }
        }
        Err(short(ask, 0))
    }

    /// Buys what is missing, once for all who miss it at the same time.
    pub(crate) async fn buy(
        self: &Arc<Self>,
        ask: &Ask,
        delegation: &str,
        available: u64,
        purchases: i64,
    ) -> Result<Option<TxHash>, Problem> {
        let Ask { plan, holder, .. } = *ask;
        let delegation = self.delegation(holder, delegation).await?;
        let terms = self.chain.terms(plan).await?;
        let missing = ask.amount.saturating_sub(available).max(1);
        let quantity = quantity(&terms, missing, ask.lasts)?;
        let coin = if delegation.currency.starts_with("eur") { "EUR" } else { "USD" };
        let cents = self.cents(&terms, quantity, &[coin]).await?.map_err(|detail| {
            ProblemKind::DELEGATION_OTHER
                .problem(detail)
                .hint("the subscriber orders the plan itself, and makes another token")
        })?;
        delegation.check(plan, cents, self.now()).map_err(discreet)?;
        let key = format!("§ top-up {plan} {} {purchases}", delegation.id);
        let repeat = Repeat { digest: keccak256(&key), key: Some(key) };
        let top_up = TopUp { delegation: delegation.id, plan, quantity, cents, purchases };
        let bought = self.operate(holder, repeat, Work::TopUp(top_up)).await;
        Ok(bought.map_err(discreet)?.transaction)
    }

    /// What an order costs, in cents of some coins, rounded up; or why that is not known.
    pub(crate) async fn cents(
        &self,
        terms: &Terms,
        quantity: u32,
        coins: &[&str],
    ) -> Result<Result<u64, String>, Problem> {
        let (token, amount) = match terms.price {
            Price::Free => return Ok(Ok(0)),
            Price::Fixed { token, amount } => (token, amount),
            _ => return Ok(Err("the plan has no fixed price in a token".to_owned())),
        };
        let Token { symbol, decimals, .. } = self.chain.scrip().token(token).await?;
        let is_known = coins.iter().any(|coin| symbol.to_ascii_uppercase().contains(coin));
        if token.is_zero() || !is_known {
            let coins = coins.join(" or ");
            return Ok(Err(format!(
                "the plan is priced in {symbol}, of which nobody knows what it is worth in {coins}"
            )));
        }
        let cents = cents(amount, quantity, decimals);
        Ok(cents.ok_or_else(|| format!("{quantity} orders for {amount} base units are too many cents")))
    }

    /// Does it: see [`Work::TopUp`].
    pub(crate) async fn top_up(&self, once: &Actor, id: &str, top_up: TopUp) -> Result<Outcome, Failure> {
        let TopUp { delegation, plan, quantity, cents, purchases } = top_up;
        let holder = once.signer();
        let delegation = self.delegation(holder, &delegation).await?;
        if !self.count_spend(id, &delegation, cents).await? {
            delegation.check(plan, cents, self.now())?;
            // It was at its limit when it was counted, and is not any more.
            return Err(ProblemKind::DELEGATION_SPENT
                .problem(format!("delegation {} is used by others", delegation.id))
                .hint("try again")
                .into());
        }
        let ordered = once.order(plan).quantity(quantity).await;
        match ordered {
            Err(error @ Error::Pending { .. }) => return Err(error.into()),
            // What another process has signed is spent.
            Err(error) if says_nothing(&error) && self.may_be_signed(holder, id).await => {
                return Err(Failure::Begun(error.to_string()));
            }
            _ => (),
        }
        if ordered.is_err() {
            self.give_back(id).await?;
        }
        let block = ordered.as_ref().ok().map(|purchase| purchase.ordered.receipt.block);
        self.count_purchase((plan, holder), purchases, block).await?;
        let ordered = ordered?.ordered;
        self.list_order(plan, holder, ordered.receipt).await;
        Ok(outcome(ordered)?)
    }

    /// What is bought from now on is another purchase.
    async fn count_purchase(
        &self,
        (plan, holder): (PlanId, Address),
        purchases: i64,
        block: Option<u64>,
    ) -> Result<(), Problem> {
        sqlx::query(
            "INSERT INTO holdings (plan, holder, turn, purchases, bought_in) VALUES ($1, $2, 0, 1, $4) \
             ON CONFLICT (plan, holder) DO UPDATE SET purchases = holdings.purchases + 1, \
               bought_in = COALESCE($4, holdings.bought_in) WHERE holdings.purchases = $3",
        )
        .bind(plan.to_string())
        .bind(holder.to_string())
        .bind(purchases)
        .bind(block.map(as_i64))
        .execute(&mut *self.in_turn().await?)
        .await?;
        Ok(())
    }
}

/// How many orders give what is missing.
fn quantity(terms: &Terms, missing: u64, lasts: u64) -> Result<u32, Problem> {
    let refused = |detail: String| {
        ProblemKind::DELEGATION_OTHER.problem(detail).hint("the subscriber orders the plan itself")
    };
    match terms.grant {
        Grant::Time { .. } => Ok(1),
        Grant::Credits { amount: 0, .. } => {
            Err(refused("an order of this plan grants no credits".to_owned()))
        }
        Grant::Credits { lifetime: Some(lifetime), .. } if u64::from(lifetime) <= lasts + MINED_WITHIN => {
            Err(refused(format!(
                "an order of this plan grants credits for {lifetime} seconds, and they are reserved for {lasts}"
            )))
        }
        Grant::Credits { amount, .. } => {
            let orders = missing.div_ceil(amount);
            u32::try_from(orders).map_err(|_| refused(format!("{orders} orders would be needed")))
        }
        _ => Err(refused("what an order of this plan grants is not known here".to_owned())),
    }
}

/// Cents, rounded up, of an amount in base units of a token that has so many decimals.
fn cents(amount: u128, quantity: u32, decimals: u8) -> Option<u64> {
    let total = amount.checked_mul(quantity.into())?;
    let cents = match decimals.checked_sub(2) {
        Some(places) => total.div_ceil(10u128.checked_pow(places.into())?),
        None => total.checked_mul(10u128.pow(2 - u32::from(decimals)))?,
    };
    // What the database counts.
    i64::try_from(cents).ok()?.try_into().ok()
}

/// What a seller is told of why its buyer cannot buy more: not what the buyer spends and may spend.
fn discreet(problem: Problem) -> Problem {
    let is = |kind: ProblemKind| problem.code == kind.code();
    let detail = "what the subscriber lets be spent does not suffice for as many credits as are needed";
    let said = if is(ProblemKind::DELEGATION_SPENT) {
        ProblemKind::DELEGATION_SPENT.problem(detail)
    } else if is(ProblemKind::BEYOND_LIMIT) {
        ProblemKind::BEYOND_LIMIT.problem(detail)
    } else {
        return problem;
    };
    said.hint("the subscriber orders the plan itself, or lets more be spent")
}

fn short(ask: &Ask, available: u64) -> Problem {
    let Ask { plan, holder, amount, .. } = ask;
    let detail = if ask.is_time {
        format!("{holder} has no access to plan {}", plan.0)
    } else {
        format!("{amount} credits of plan {} are needed, and {holder} has {available} that are free", plan.0)
    };
    ProblemKind::INSUFFICIENT_CREDITS
        .problem(detail)
        .hint("order the plan; what is reserved for other requests comes free when those end")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cents_are_rounded_up() {
        assert_eq!(cents(20_000_000, 1, 6), Some(2_000));
        assert_eq!(cents(20, 1, 6), Some(1));
        assert_eq!(cents(0, 7, 6), Some(0));
        assert_eq!(cents(10_001, 2, 6), Some(3));
        assert_eq!((cents(5, 3, 2), cents(5, 3, 1), cents(5, 3, 0)), (Some(15), Some(150), Some(1_500)));
        assert_eq!(cents(u128::MAX, 2, 18), None);
        assert_eq!(cents(u128::MAX, 1, 2), None);
        assert_eq!(cents(1, 1, 60), None);
    }

    #[test]
    fn as_many_orders_as_give_what_is_missing() {
        let terms = Terms::credits("Plan", 100);
        let some = |missing| quantity(&terms, missing, 600).unwrap();
        assert_eq!((some(1), some(100), some(101)), (1, 1, 2));
        assert!(quantity(&Terms::credits("Plan", 0), 1, 600).is_err());
    }
}
