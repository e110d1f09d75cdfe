//! Orders.

use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
};

use alloy::{
    contract,
    primitives::{Address, U256},
    providers::{Provider, WalletProvider},
};
use serde::{Deserialize, Serialize};

use crate::{
    Done, Error, Ordered, PlanId, Price, Receipt, Result, Scrip,
    abi::{
        IERC20,
        IScrip::{self, IScripErrors},
    },
};

/// An order that is being made. Await it to pay.
///
/// It pays the plan's price, which cannot change, from the signer: the native coin is sent along; of an ERC-20 the exact
/// price is approved first, unless enough is approved already.
#[must_use = "an order does nothing until it is awaited"]
pub struct Order<'a, P> {
    scrip: &'a Scrip<P>,
    plan: PlanId,
    holder: Address,
    quantity: u32,
}

/// An order that was paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purchase {
    /// The order.
    pub ordered: Done<Ordered>,
    /// The approvals that it needed: none, one, or two for a token that wants 0 in between.
    pub approvals: Vec<Receipt>,
}

impl<P: Provider + WalletProvider> Scrip<P> {
    /// Orders a plan for the signer.
    ///
    /// # Errors
    ///
    /// [`Error::InsufficientFunds`] or a refusal before anything is sent. Only what comes after the payment, a holder that is a
    /// contract and refuses, is found out once the exact price is approved; that approval stays. Two orders at once from one
    /// account may both count on the same allowance, and one of them fail: make them one after another.
    pub fn order(&self, plan: PlanId) -> Order<'_, P> {
        Order { scrip: self, plan, holder: self.signer(), quantity: 1 }
    }
}

impl<P: Provider + WalletProvider> Order<'_, P> {
    /// Several at once.
    pub fn quantity(self, quantity: u32) -> Self {
        Self { quantity, ..self }
    }

    /// For another holder. Anyone may, on plans of never-expiring credits without limits; on other plans only the plan's
    /// owner and its mint operators.
    pub fn gift_to(self, holder: Address) -> Self {
        Self { holder, ..self }
    }

    async fn send(self) -> Result<Purchase> {
        let Self { scrip, plan, holder, quantity } = self;
        let (token, price) = match scrip.plan(plan).await?.terms.price {
            Price::Free => (Address::ZERO, U256::ZERO),
            Price::Fixed { token, amount } => (token, U256::from(amount) * U256::from(quantity)),
        };
        let value = if token.is_zero() { price } else { U256::ZERO };
        let call = scrip.instance().order(plan.0, holder, quantity, price).value(value);
        if !price.is_zero() {
            self.check_funds(token, price).await?;
        }
        // What is refused for another reason than the missing allowance is refused before that is approved.
        if let Err(error) = call.clone().from(scrip.signer()).call().await.map_err(Error::from)
            && !matches!(error.refusal(), Some(IScripErrors::PaymentFailed(_)))
        {
            return Err(error);
        }
        let approvals = if token.is_zero() {
            Vec::new()
        } else {
            self.approve(token, price).await.map_err(Error::of_token)?
        };
        let ordered = scrip.write::<_, IScrip::PlanOrdered, _>(call).await?;
        Ok(Purchase { ordered, approvals })
    }

    async fn check_funds(&self, token: Address, needed: U256) -> Result<()> {
        let payer = self.scrip.signer();
        let provider = self.scrip.provider();
        let available = if token.is_zero() {
            provider.get_balance(payer).await?
        } else {
            IERC20::new(token, provider).balanceOf(payer).call().await.map_err(Error::of_token)?
        };
        if available < needed {
            return Err(Error::InsufficientFunds { payer, token, needed, available });
        }
        Ok(())
    }

    /// Approves the price, unless that much is approved already.
    async fn approve(&self, token: Address, price: U256) -> Result<Vec<Receipt>> {
        let scrip = self.scrip;
        let token = IERC20::new(token, scrip.provider());
        let approve = |amount| token.approve(scrip.address(), amount).from(scrip.signer());
        let allowed = token.allowance(scrip.signer(), scrip.address()).call().await?;
        if allowed >= price {
            return Ok(Vec::new());
        }
        let mut receipts = Vec::new();
        // Some tokens, USDT on Ethereum among them, change an allowance only from or to 0.
        let refused = |error: contract::Error| error.as_revert_data().is_some();
        if !allowed.is_zero() && approve(price).call().await.is_err_and(refused) {
            receipts.push((&scrip.send(approve(U256::ZERO)).await?).try_into()?);
        }
        receipts.push((&scrip.send(approve(price)).await?).try_into()?);
        Ok(receipts)
    }
}

impl<'a, P: Provider + WalletProvider> IntoFuture for Order<'a, P> {
    type Output = Result<Purchase>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl<P> fmt::Debug for Order<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Order")
            .field("plan", &self.plan)
            .field("holder", &self.holder)
            .field("quantity", &self.quantity)
            .finish_non_exhaustive()
    }
}
