//! Orders: a price paid, a grant given.

use alloy::{
    primitives::{Address, U256},
    sol_types::{SolCall, SolError},
};

use super::{Answer, Model, Part, Plan, demand, money::Bill, plans::MINT, u40};
use crate::{
    abi::{
        IScrip::{self, PriceKind, Purchase},
        ReentrancyGuardReentrantCall,
    },
    cast::Who,
};

/// The hook's calls.
const BEFORE_ORDER: u8 = 1;
const AFTER_ORDER: u8 = 2;

/// The coin of a call: what was sent, what is left of it, and how much of that quoted prices may leave over.
#[derive(Debug)]
struct Coin {
    sent: U256,
    left: U256,
    returnable: U256,
}

impl Coin {
    fn new(sent: U256) -> Self {
        Self { sent, left: sent, returnable: U256::ZERO }
    }
}

/// Who takes part in an order: who calls and pays, who is named as the payer, and whether the holder has consented.
#[derive(Debug, Clone, Copy)]
struct Parties {
    caller: Address,
    payer: Address,
    consented: bool,
}

impl Model {
    pub(super) fn order(&mut self, caller: Address, value: U256, call: IScrip::orderCall) -> Answer {
        self.begin_order()?;
        let IScrip::orderCall { planId, holder, quantity, maxPrice } = call;
        let purchase = Purchase { planId, holder, quantity, maxPrice, data: Default::default() };
        let parties = Parties { caller, payer: caller, consented: false };
        let (credits, expiry) = self.order_one(&purchase, parties, value)?;
        let answer = IScrip::orderReturn { credits, expiry: u40(expiry) };
        Ok(IScrip::orderCall::abi_encode_returns(&answer))
    }

    pub(super) fn order_for(&mut self, caller: Address, value: U256, call: IScrip::orderForCall) -> Answer {
        self.begin_order()?;
        let router = self.cast.at(Who::Router);
        demand(caller == router, || IScrip::NotRouter { caller, router })?;
        let (planId, token) = (call.purchase.planId, call.token);
        let price = self.existing(planId)?.terms.price;
        // Of a fiat plan, which no router orders, the error has the currency in the place of a token.
        let planToken = match price.kind {
            PriceKind::Fiat => Address::left_padding_from(price.currency.as_slice()),
            _ => price.token,
        };
        demand(token == planToken, || IScrip::WrongToken { planId, token, planToken })?;
        let parties = Parties { caller, payer: call.payer, consented: call.consented };
        let (credits, expiry) = self.order_one(&call.purchase, parties, value)?;
        let answer = IScrip::orderForReturn { credits, expiry: u40(expiry) };
        Ok(IScrip::orderForCall::abi_encode_returns(&answer))
    }

    pub(super) fn order_many(&mut self, caller: Address, value: U256, call: IScrip::orderManyCall) -> Answer {
        self.begin_order()?;
        let mut coin = Coin::new(value);
        let parties = Parties { caller, payer: caller, consented: false };
        for purchase in &call.purchases {
            self.make_order(purchase, parties, &mut coin)?;
        }
        let last = call.purchases.last().map_or(U256::ZERO, |purchase| purchase.planId);
        self.return_coin(last, caller, coin)?;
        Ok(Vec::new())
    }

    /// No order is made within another.
    fn begin_order(&mut self) -> Part<()> {
        demand(!self.state.ordering, || ReentrancyGuardReentrantCall {})?;
        self.state.ordering = true;
        Ok(())
    }

    fn order_one(&mut self, purchase: &Purchase, parties: Parties, value: U256) -> Part<(u64, u64)> {
        let mut coin = Coin::new(value);
        let granted = self.make_order(purchase, parties, &mut coin)?;
        self.return_coin(purchase.planId, parties.caller, coin)?;
        Ok(granted)
    }

    fn make_order(&mut self, purchase: &Purchase, parties: Parties, coin: &mut Coin) -> Part<(u64, u64)> {
        let Purchase { planId: id, holder, quantity, .. } = *purchase;
        let plan = self.existing(id)?;
        demand(plan.open, || IScrip::OrdersStopped { planId: id })?;
        demand(quantity > 0, || IScrip::ZeroQuantity { planId: id })?;
        demand(!holder.is_zero(), || IScrip::ZeroHolder { planId: id })?;
        let bill = self.bill_of(purchase, &plan, parties.caller, coin)?;
        let payer = parties.payer;
        let may_give = payer == holder || parties.consented || plan.takes_gifts() || plan.lets(payer, MINT);
        demand(may_give, || IScrip::GiftNotAllowed { planId: id, payer, holder })?;
        self.ask_hook(id, &plan, BEFORE_ORDER)?;
        self.count_orders(id, &plan, holder, quantity)?;
        let (credits, expiry, _) = self.grant(parties.caller, id, &plan, holder, quantity)?;
        self.emit(&IScrip::PlanOrdered {
            planId: id,
            payer,
            holder,
            quantity,
            token: bill.token,
            paid: bill.price,
            fee: bill.fee,
            credits,
            expiry: u40(expiry),
        });
        self.pay_order(id, &plan, bill)?;
        self.ask_hook(id, &plan, AFTER_ORDER)?;
        self.ask_holder(id, holder)?;
        Ok((credits, expiry))
    }

    fn pay_order(&mut self, id: U256, plan: &Plan, bill: Bill) -> Part<()> {
        if bill.price.is_zero() { Ok(()) } else { self.pay(id, plan, bill) }
    }

    fn bill_of(&mut self, purchase: &Purchase, plan: &Plan, caller: Address, coin: &mut Coin) -> Part<Bill> {
        let id = purchase.planId;
        let terms = &plan.terms.price;
        let price = match terms.kind {
            PriceKind::Free => return Ok(Bill::default()),
            PriceKind::Fixed => U256::from(terms.amount) * U256::from(purchase.quantity),
            PriceKind::Quoted => self.quote(id, plan)?,
            kind => return Err(IScrip::WrongPriceKind { planId: id, kind }.abi_encode()),
        };
        demand(price <= purchase.maxPrice, || IScrip::PriceAboveMaximum {
            planId: id,
            price,
            maxPrice: purchase.maxPrice,
        })?;
        let bill = self.bill(terms.token, caller, price)?;
        if terms.token.is_zero() {
            demand(coin.left >= price, || IScrip::WrongValue { planId: id, sent: coin.left, needed: price })?;
            coin.left -= price;
            if terms.kind == PriceKind::Quoted {
                coin.returnable += coin.left.min(purchase.maxPrice - price);
            }
        }
        Ok(bill)
    }

    /// What quoted prices left over is returned; any other excess is refused.
    fn return_coin(&mut self, id: U256, caller: Address, coin: Coin) -> Part<()> {
        let Coin { sent, left, returnable } = coin;
        demand(left <= returnable, || IScrip::WrongValue {
            planId: id,
            sent,
            needed: sent - left + returnable,
        })?;
        let is_returned = left.is_zero() || self.send(caller, left, false);
        demand(is_returned, || IScrip::RefundFailed { payer: caller, amount: left })?;
        self.state.ordering = false;
        Ok(())
    }

    fn count_orders(&mut self, id: U256, plan: &Plan, holder: Address, quantity: u32) -> Part<()> {
        let limits = &plan.terms.limits;
        if limits.perHolder > 0 {
            let remaining = limits.perHolder - self.holding(id, holder).orders;
            demand(quantity <= remaining, || IScrip::HolderLimitReached {
                planId: id,
                holder,
                quantity: U256::from(quantity),
                remaining: U256::from(remaining),
            })?;
            self.holding(id, holder).orders += quantity;
        }
        if limits.inAll > 0 {
            // Counted now, since a hook may have ordered other plans meanwhile.
            let ordered = self.existing(id)?.ordered;
            let remaining = limits.inAll - ordered;
            demand(quantity <= remaining, || IScrip::PlanLimitReached {
                planId: id,
                quantity: U256::from(quantity),
                remaining: U256::from(remaining),
            })?;
            if let Some(plan) = self.state.books.plans.get_mut(&id) {
                plan.ordered += quantity;
            }
        }
        Ok(())
    }
}

impl Plan {
    /// Whether anyone may order it for anyone: what it gives never expires, and is not limited.
    fn takes_gifts(&self) -> bool {
        let limits = &self.terms.limits;
        !self.is_time() && self.terms.grant.duration == 0 && limits.perHolder == 0 && limits.inAll == 0
    }
}
