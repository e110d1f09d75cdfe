//! Orders.

use std::{collections::BTreeMap, fmt, future::IntoFuture};

use alloy::{
    contract,
    network::TransactionBuilder,
    primitives::{Address, Bytes, U256},
    providers::{Provider, WalletProvider},
    rpc::types::{TransactionReceipt, TransactionRequest},
    transports::BoxFuture,
};
use serde::{Deserialize, Serialize};

use crate::{
    Done, Ordered, PlanId, Price, Receipt, Result, Scrip, Way,
    abi::{IPriceSource, IScrip},
    outbox::Intent,
};

/// An order that is being made. Await it to pay.
///
/// It pays the plan's price from the signer: the native coin is sent along; an ERC-20 is paid in the best [`Way`] there is, and
/// [`Order::by`] says another. A price that is quoted is asked for, and no more than that is paid unless [`Order::at_most`]
/// allows it.
#[must_use = "an order does nothing until it is awaited"]
pub struct Order<'a, P> {
    scrip: &'a Scrip<P>,
    item: Item,
    way: Option<Way>,
}

/// An order that was paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Purchase {
    /// The order.
    pub ordered: Done<Ordered>,
    /// The approvals that it needed: none, one, or two for a token that wants 0 in between. None are told of an order that was
    /// done before, under its key.
    pub approvals: Vec<Receipt>,
}

/// One order of several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The plan.
    pub plan: PlanId,
    /// Who gets the grant.
    pub holder: Address,
    /// How many at once.
    pub quantity: u32,
    /// The most that is paid, in base units of the plan's token; none for the price as it is before the order is sent.
    pub max_price: Option<U256>,
    /// What the plan's price source and hook are given.
    pub data: Bytes,
}

/// Several orders that were paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Purchases {
    /// The orders.
    pub ordered: Done<Vec<Ordered>>,
    /// The approvals that they needed.
    pub approvals: Vec<Receipt>,
}

/// What an order costs.
pub(crate) struct Bill {
    pub(crate) token: Address,
    /// The most that it may cost.
    pub(crate) most: U256,
    /// What must be there for it.
    pub(crate) needed: U256,
}

impl Item {
    /// One order of a plan.
    pub const fn new(plan: PlanId, holder: Address) -> Self {
        Self { plan, holder, quantity: 1, max_price: None, data: Bytes::new() }
    }

    pub(crate) fn purchase(self, bill: &Bill) -> IScrip::Purchase {
        let Self { plan, holder, quantity, data, .. } = self;
        IScrip::Purchase { planId: plan.0, holder, quantity, maxPrice: bill.most, data }
    }
}

impl<P: Provider> Scrip<P> {
    pub(crate) async fn bill(&self, item: &Item) -> Result<Bill> {
        let quantity = U256::from(item.quantity);
        let (token, price, quoted) = match self.price_of(item.plan).await? {
            // Fiat and uses cannot be ordered: the contract says so.
            Price::Free | Price::Fiat { .. } | Price::PerUse { .. } => (Address::ZERO, U256::ZERO, false),
            Price::Fixed { token, amount } => (token, U256::from(amount) * quantity, false),
            Price::Quoted { token, source } => (token, self.quote(source, item).await?, true),
        };
        let most = item.max_price.unwrap_or(price);
        Ok(Bill { token, most, needed: if quoted { most } else { price } })
    }

    /// The call that orders, with the coin that it needs.
    pub(crate) fn order_request(&self, item: &Item, bill: &Bill) -> TransactionRequest {
        let contract = self.instance();
        let call = if item.data.is_empty() {
            contract.order(item.plan.0, item.holder, item.quantity, bill.most).into_transaction_request()
        } else {
            contract.orderMany(vec![item.clone().purchase(bill)]).into_transaction_request()
        };
        call.with_value(if bill.token.is_zero() { bill.needed } else { U256::ZERO })
    }

    /// What a source asks; nothing when it does not answer, of which the contract then complains.
    async fn quote(&self, source: Address, item: &Item) -> Result<U256> {
        let source = IPriceSource::new(source, self.provider());
        let asked = source.quote(item.plan.0, item.holder, item.quantity, item.data.clone());
        match asked.from(self.address()).call().await {
            Err(contract::Error::TransportError(error)) if error.as_error_resp().is_none() => {
                Err(error.into())
            }
            answer => Ok(answer.unwrap_or_default()),
        }
    }
}

impl<P: Provider + WalletProvider> Scrip<P> {
    /// Orders a plan for the signer.
    ///
    /// # Errors
    ///
    /// [`Error::InsufficientFunds`](crate::Error::InsufficientFunds) or a refusal before anything is sent. Only what comes after the payment, a holder that is a
    /// contract and refuses, is found out once the exact price is approved; that approval stays. Two orders at once from one
    /// account may both count on the same allowance, and one of them fail: make them one after another.
    pub fn order(&self, plan: PlanId) -> Order<'_, P> {
        Order { scrip: self, item: Item::new(plan, self.signer()), way: None }
    }

    /// Makes several orders in one transaction, all or none; they may be of different plans and in different tokens.
    ///
    /// # Errors
    ///
    /// As [`Scrip::order`].
    pub async fn order_many(&self, items: impl IntoIterator<Item = Item>) -> Result<Purchases> {
        let items: Vec<_> = items.into_iter().collect();
        let intent = Intent::of("order_many", &items)?;
        if let Some(receipt) = self.done_before(intent).await? {
            let ordered = Done::read_all::<IScrip::PlanOrdered>(self.address(), &receipt)?;
            return Ok(Purchases { ordered, approvals: Vec::new() });
        }
        let paid = self.pay_for_many(intent, items).await;
        let (receipt, approvals) = self.paid_or_done(intent, paid).await?;
        let ordered = Done::read_all::<IScrip::PlanOrdered>(self.address(), &receipt)?;
        Ok(Purchases { ordered, approvals })
    }

    async fn pay_for_many(
        &self,
        intent: Intent,
        items: Vec<Item>,
    ) -> Result<(TransactionReceipt, Vec<Receipt>)> {
        let mut needed = BTreeMap::<_, U256>::new();
        let mut purchases = Vec::new();
        for item in items {
            let bill = self.bill(&item).await?;
            let sum = needed.entry(bill.token).or_default();
            *sum = sum.saturating_add(bill.needed);
            purchases.push(item.purchase(&bill));
        }
        let value = needed.get(&Address::ZERO).copied().unwrap_or_default();
        let call = self.instance().orderMany(purchases).value(value).into_transaction_request();
        self.pay(intent, call, &needed, None).await
    }

    async fn pay_for(
        &self,
        intent: Intent,
        item: &Item,
        way: Option<Way>,
    ) -> Result<(TransactionReceipt, Vec<Receipt>)> {
        let bill = self.bill(item).await?;
        let way = match way {
            None if self.manner().untried.is_none() => self.best_signature(&bill).await?.map(Way::Signature),
            way => way,
        };
        if let Some(Way::Signature(standard)) = way {
            return Ok((self.pay_signed(intent, item, &bill, standard).await?, Vec::new()));
        }
        let needed = BTreeMap::from([(bill.token, bill.needed)]);
        self.pay(intent, self.order_request(item, &bill), &needed, way).await
    }
}

impl<'a, P: Provider + WalletProvider> Order<'a, P> {
    /// Several at once.
    pub fn quantity(mut self, quantity: u32) -> Self {
        self.item.quantity = quantity;
        self
    }

    /// For another holder. Anyone may, on plans of never-expiring credits without limits; on other plans only the plan's
    /// owner and its mint operators.
    pub fn gift_to(mut self, holder: Address) -> Self {
        self.item.holder = holder;
        self
    }

    /// Pays up to this in all, in base units of the plan's token: room for a quoted price to rise before the order is mined. What
    /// was ordered under a key ([`Scrip::once`]) stays what it was, whatever this says when it is repeated.
    pub fn at_most(mut self, max_price: U256) -> Self {
        self.item.max_price = Some(max_price);
        self
    }

    /// Passes data along to the plan's price source and hook.
    pub fn data(mut self, data: impl Into<Bytes>) -> Self {
        self.item.data = data.into();
        self
    }

    /// Pays in this way; in the best one unless it is said.
    pub fn by(mut self, way: Way) -> Self {
        self.way = Some(way);
        self
    }

    async fn send(self) -> Result<Purchase> {
        let Self { scrip, item, way } = self;
        // Repeated it is the same order, whatever it may cost by then.
        let intent = Intent::of("order", &Item { max_price: None, ..item.clone() })?;
        let (receipt, approvals) = match scrip.done_before(intent).await? {
            Some(receipt) => (receipt, Vec::new()),
            None => scrip.paid_or_done(intent, scrip.pay_for(intent, &item, way).await).await?,
        };
        let ordered = Done::read::<IScrip::PlanOrdered>(scrip.address(), &receipt)?;
        Ok(Purchase { ordered, approvals })
    }
}

impl<'a, P: Provider + WalletProvider> IntoFuture for Order<'a, P> {
    type Output = Result<Purchase>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl<P> fmt::Debug for Order<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Order").field("item", &self.item).finish_non_exhaustive()
    }
}
