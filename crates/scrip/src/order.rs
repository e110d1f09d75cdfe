//! Orders.

use std::{collections::BTreeMap, fmt, future::IntoFuture};

use alloy::{
    contract::{self, CallBuilder, CallDecoder},
    eips::BlockNumberOrTag,
    primitives::{Address, B256, Bytes, U256},
    providers::{Provider, WalletProvider},
    rpc::types::TransactionReceipt,
    signers::Signer,
    transports::BoxFuture,
};
use serde::{Deserialize, Serialize};

use crate::{
    Done, Error, Ordered, PlanId, Price, Receipt, Result, RouterOrder, Scrip, SignedOrder,
    abi::{
        IERC20, IPriceSource,
        IScrip::{self, IScripErrors},
    },
};

/// An order that is being made. Await it to pay.
///
/// It pays the plan's price from the signer: the native coin is sent along; of an ERC-20 the exact price is approved first,
/// unless enough is approved already, or it is paid by a signature ([`Order::signed_with`]). A price that is quoted is asked for, and no more than that is paid unless
/// [`Order::at_most`] allows it.
#[must_use = "an order does nothing until it is awaited"]
pub struct Order<'a, P> {
    scrip: &'a Scrip<P>,
    item: Item,
    key: Option<&'a (dyn Signer + Send + Sync)>,
}

/// An order that was paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purchase {
    /// The order.
    pub ordered: Done<Ordered>,
    /// The approvals that it needed: none, one, or two for a token that wants 0 in between.
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

    fn purchase(self, bill: &Bill) -> IScrip::Purchase {
        let Self { plan, holder, quantity, data, .. } = self;
        IScrip::Purchase { planId: plan.0, holder, quantity, maxPrice: bill.most, data }
    }
}

impl<P: Provider> Scrip<P> {
    pub(crate) async fn bill(&self, item: &Item) -> Result<Bill> {
        let quantity = U256::from(item.quantity);
        let (token, price, quoted) = match self.plan(item.plan).await?.terms.price {
            // Fiat and uses cannot be ordered: the contract says so.
            Price::Free | Price::Fiat { .. } | Price::PerUse { .. } => (Address::ZERO, U256::ZERO, false),
            Price::Fixed { token, amount } => (token, U256::from(amount) * quantity, false),
            Price::Quoted { token, source } => (token, self.quote(source, item).await?, true),
        };
        let most = item.max_price.unwrap_or(price);
        Ok(Bill { token, most, needed: if quoted { most } else { price } })
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
    /// [`Error::InsufficientFunds`] or a refusal before anything is sent. Only what comes after the payment, a holder that is a
    /// contract and refuses, is found out once the exact price is approved; that approval stays. Two orders at once from one
    /// account may both count on the same allowance, and one of them fail: make them one after another.
    pub fn order(&self, plan: PlanId) -> Order<'_, P> {
        Order { scrip: self, item: Item::new(plan, self.signer()), key: None }
    }

    /// Makes several orders in one transaction, all or none; they may be of different plans and in different tokens.
    ///
    /// # Errors
    ///
    /// As [`Scrip::order`].
    pub async fn order_many(&self, items: impl IntoIterator<Item = Item>) -> Result<Purchases> {
        let mut needed = BTreeMap::<_, U256>::new();
        let mut purchases = Vec::new();
        for item in items {
            let bill = self.bill(&item).await?;
            let sum = needed.entry(bill.token).or_default();
            *sum = sum.saturating_add(bill.needed);
            purchases.push(item.purchase(&bill));
        }
        let value = needed.get(&Address::ZERO).copied().unwrap_or_default();
        let (receipt, approvals) =
            self.pay(self.instance().orderMany(purchases).value(value), &needed).await?;
        let ordered = Done::read_all::<IScrip::PlanOrdered>(self.address(), &receipt)?;
        Ok(Purchases { ordered, approvals })
    }

    /// Approves an amount of a token, so that the contract can pull it from the signer: for uses of plans paid per use. Does
    /// nothing when that much is approved already.
    pub async fn approve(&self, token: Address, amount: U256) -> Result<Vec<Receipt>> {
        self.approve_for(self.address(), token, amount).await
    }

    /// Orders by the signer's own signature, unless that is not needed or its token does not know it.
    async fn order_signed(
        &self,
        item: &Item,
        bill: &Bill,
        key: &(dyn Signer + Send + Sync),
    ) -> Result<Option<Done<Ordered>>> {
        let &Bill { token, most, .. } = bill;
        if token.is_zero() || most.is_zero() || self.allowance(self.address(), token).await? >= bill.needed {
            return Ok(None);
        }
        let payer = self.signer();
        let Some(&standard) = self.payment_standards(token, payer, most).await?.first() else {
            return Ok(None);
        };
        self.check_funds(token, most).await?;
        let Item { plan, holder, quantity, data, .. } = item.clone();
        let latest = self.provider().get_block_by_number(BlockNumberOrTag::Latest).await?;
        let latest = latest.ok_or(Error::UnexpectedAnswer("that there is no block"))?;
        let deadline = latest.header.timestamp.saturating_add(self.patience().as_secs()).saturating_add(60);
        // Nobody counts these: two orders at once must only not be the same.
        let nonce = B256::random().into();
        let order = RouterOrder { plan, holder, quantity, max_price: most, data, payer, nonce, deadline };
        let payment = self.sign_payment(standard, &order, token, key).await?;
        self.send_order(&SignedOrder { order, token, payment, consent: None }).await.map(Some)
    }

    /// Sends a call that orders, once all that it needs of each token is there and approved.
    async fn pay<D: CallDecoder + Unpin + Clone>(
        &self,
        call: CallBuilder<&P, D>,
        needed: &BTreeMap<Address, U256>,
    ) -> Result<(TransactionReceipt, Vec<Receipt>)> {
        let paid = || needed.iter().filter(|(_, amount)| !amount.is_zero());
        for (&token, &amount) in paid() {
            self.check_funds(token, amount).await?;
        }
        // What is refused for another reason than the missing allowance is refused before that is approved.
        if let Err(error) = call.clone().from(self.signer()).call().await.map_err(Error::from)
            && !matches!(error.refusal(), Some(IScripErrors::PaymentFailed(_)))
        {
            return Err(error);
        }
        let mut approvals = Vec::new();
        for (&token, &amount) in paid().filter(|(token, _)| !token.is_zero()) {
            approvals.extend(self.approve(token, amount).await?);
        }
        Ok((self.send(call).await?, approvals))
    }

    pub(crate) async fn check_funds(&self, token: Address, needed: U256) -> Result<()> {
        let payer = self.signer();
        let provider = self.provider();
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

    pub(crate) async fn approve_for(
        &self,
        spender: Address,
        token: Address,
        amount: U256,
    ) -> Result<Vec<Receipt>> {
        self.approve_token(spender, token, amount).await.map_err(Error::of_token)
    }

    /// How much of a token the signer lets a spender take.
    async fn allowance(&self, spender: Address, token: Address) -> Result<U256> {
        let token = IERC20::new(token, self.provider());
        token.allowance(self.signer(), spender).call().await.map_err(Error::of_token)
    }

    async fn approve_token(&self, spender: Address, token: Address, amount: U256) -> Result<Vec<Receipt>> {
        let token = IERC20::new(token, self.provider());
        let approve = |amount| token.approve(spender, amount).from(self.signer());
        let allowed = self.allowance(spender, *token.address()).await?;
        if allowed >= amount {
            return Ok(Vec::new());
        }
        let mut receipts = Vec::new();
        // Some tokens, USDT on Ethereum among them, change an allowance only from or to 0.
        let refused = |error: contract::Error| error.as_revert_data().is_some();
        if !allowed.is_zero() && approve(amount).call().await.is_err_and(refused) {
            receipts.push((&self.send(approve(U256::ZERO)).await?).try_into()?);
        }
        receipts.push((&self.send(approve(amount)).await?).try_into()?);
        Ok(receipts)
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

    /// Pays up to this in all, in base units of the plan's token: room for a quoted price to rise before the order is mined.
    pub fn at_most(mut self, max_price: U256) -> Self {
        self.item.max_price = Some(max_price);
        self
    }

    /// Passes data along to the plan's price source and hook.
    pub fn data(mut self, data: impl Into<Bytes>) -> Self {
        self.item.data = data.into();
        self
    }

    /// Signs with the account's key instead of approving the token, where the token allows that: one transaction then does it all.
    pub fn signed_with(mut self, key: &'a (dyn Signer + Send + Sync)) -> Self {
        self.key = Some(key);
        self
    }

    async fn send(self) -> Result<Purchase> {
        let Self { scrip, item, key } = self;
        let bill = scrip.bill(&item).await?;
        if let Some(key) = key
            && let Some(ordered) = scrip.order_signed(&item, &bill, key).await?
        {
            return Ok(Purchase { ordered, approvals: Vec::new() });
        }
        let value = if bill.token.is_zero() { bill.needed } else { U256::ZERO };
        let needed = BTreeMap::from([(bill.token, bill.needed)]);
        let contract = scrip.instance();
        let (receipt, approvals) = if item.data.is_empty() {
            let call = contract.order(item.plan.0, item.holder, item.quantity, bill.most);
            scrip.pay(call.value(value), &needed).await?
        } else {
            scrip.pay(contract.orderMany(vec![item.purchase(&bill)]).value(value), &needed).await?
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
