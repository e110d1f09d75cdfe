//! Orders, and fiat payments.

use alloy::primitives::U256;

use super::{Generator, K};
use crate::{
    abi::IScrip::PriceKind,
    cast::{HOLDERS, MONEYED, TOKEN_KINDS, Who},
    model::Plan,
    resolve::payment_id,
    step::{Action, Manner, PurchaseSpec, Slot},
};

impl Generator {
    pub(super) fn allow(&mut self, is_fund: bool) -> (Who, Action) {
        let by = self.dice.pick(&MONEYED[..9]);
        let token = self.dice.pick(&TOKEN_KINDS);
        if is_fund {
            return (by, Action::Fund { token, amount: U256::from(self.dice.range(0, 1_000_000)) });
        }
        let amount =
            if self.dice.chance(65) { U256::MAX } else { U256::from(self.dice.pick(&[0, 100, 50_000])) };
        (by, Action::Approve { token, amount })
    }

    /// A plan that can be ordered.
    fn orderable(&mut self) -> Slot {
        self.slot(|plan| {
            let kind = plan.terms.price.kind;
            let is_full = plan.terms.limits.inAll > 0 && plan.ordered >= plan.terms.limits.inAll;
            plan.open && !is_full && kind != PriceKind::Fiat && kind != PriceKind::PerUse
        })
    }

    fn price(&self, plan: &Plan, quantity: u32) -> U256 {
        let source = self.model.behaviours.get(&plan.terms.price.source);
        match source.map(|behaviour| &behaviour.manner) {
            Some(Manner::Accept(price)) => *price,
            Some(Manner::Say(_)) => U256::from(1),
            _ => U256::from(plan.terms.price.amount) * U256::from(quantity),
        }
    }

    /// A purchase for somebody by somebody, and the coin for it.
    fn purchase(&mut self, by: Who) -> (PurchaseSpec, U256) {
        let plan = self.orderable();
        let quantity = self.dice.weighted(&[(0, 1), (1, 60), (2, 20), (3, 9), (50, 2)]);
        let holder = if self.dice.chance(70) { by } else { self.receiver() };
        let Some(terms) = self.plan(plan) else {
            let max_price = U256::ZERO;
            return (PurchaseSpec { plan, holder, quantity, max_price, data: 0 }, U256::ZERO);
        };
        let price = self.price(&terms, quantity);
        let max_price = match self.dice.range(0, 20) {
            0 => price.saturating_sub(U256::from(1)),
            1..8 => price.saturating_add(U256::from(self.dice.range(0, 1_000))),
            _ => price,
        };
        let is_paid = matches!(terms.terms.price.kind, PriceKind::Fixed | PriceKind::Quoted);
        let is_native = is_paid && terms.terms.price.token.is_zero();
        let is_quoted = terms.terms.price.kind == PriceKind::Quoted;
        let value = match (is_native, is_quoted) {
            (true, true) => max_price,
            (true, false) => price,
            _ => U256::ZERO,
        };
        (PurchaseSpec { plan, holder, quantity, max_price, data: self.dice.pick(&[0, 0, 4, 100]) }, value)
    }

    /// The coin that is sent: now and then a wrong amount, and never more than there is.
    fn value(&mut self, by: Who, value: U256) -> U256 {
        let value = match self.dice.range(0, 24) {
            0 => value.saturating_add(U256::from(1)),
            1 => value.saturating_sub(U256::from(1)),
            _ => value,
        };
        value.min(self.model.state.money.coin_of(self.resolver.cast.at(by)))
    }

    fn subscriber(&mut self, slot: Option<Slot>) -> Who {
        // Owners and minters order for others, too.
        match slot {
            Some(slot) if self.dice.chance(20) => self.authorised(slot, 1),
            _ => self.dice.pick(&HOLDERS),
        }
    }

    pub(super) fn order(&mut self) -> (Who, Action) {
        let by = self.subscriber(None);
        let (purchase, value) = self.purchase(by);
        let by = if purchase.holder == by { by } else { self.subscriber(Some(purchase.plan)) };
        let value = self.value(by, value);
        let PurchaseSpec { plan, holder, quantity, max_price, .. } = purchase;
        (by, Action::Order { plan, holder, quantity, max_price, value })
    }

    pub(super) fn order_many(&mut self) -> (Who, Action) {
        let by = self.subscriber(None);
        let count = self.dice.weighted(&[(0, 1), (1, 6), (2, 12), (3, 6)]);
        let (purchases, values): (Vec<_>, Vec<_>) = (0..count).map(|_| self.purchase(by)).unzip();
        let sum = values.iter().fold(U256::ZERO, |sum, value| sum.saturating_add(*value));
        (by, Action::OrderMany { purchases, value: self.value(by, sum) })
    }

    pub(super) fn order_for(&mut self) -> (Who, Action) {
        let by = if self.dice.chance(90) { Who::Router } else { self.dice.pick(&HOLDERS) };
        let payer = self.dice.pick(&HOLDERS);
        let (mut purchase, mut value) = self.purchase(payer);
        // The router need not be able to take back coin, so it sends no more than is asked.
        if let Some(plan) = self.plan(purchase.plan)
            && plan.terms.price.kind == PriceKind::Quoted
            && !value.is_zero()
        {
            value = self.price(&plan, purchase.quantity);
            purchase.max_price = value;
        }
        let value = value.min(self.model.state.money.coin_of(self.resolver.cast.at(by)));
        let token = match self.plan(purchase.plan) {
            Some(plan) if self.dice.chance(96) => self.who(plan.terms.price.token),
            _ => self.dice.pick(&[Who::Zero, Who::Dollar, Who::FeeDollar]),
        };
        (by, Action::OrderFor { purchase, payer, token, consented: self.dice.chance(70), value })
    }

    pub(super) fn settle(&mut self) -> (Who, Action) {
        let plan = self.slot(|plan| plan.terms.price.kind == PriceKind::Fiat);
        let payment = self.dice.range(0, 60) as u8;
        let quantity = self.dice.weighted(&[(0, 1), (1, 40), (2, 10), (7, 5)]);
        let holder = self.receiver();
        self.payments.push((plan, payment));
        (self.authorised(plan, 4), Action::Settle { plan, holder, quantity, payment })
    }

    /// A payment of which something holds, if there is one.
    fn payment(&mut self, holds: impl Fn(u64, u64, bool) -> bool) -> Option<(Slot, u8, u64)> {
        let settlements = &self.model.state.books.settlements;
        let fitting: Vec<_> = self
            .payments
            .iter()
            .filter_map(|(slot, payment)| {
                let key = alloy::primitives::keccak256(payment_id(*payment));
                let settlement = settlements.get(&(self.id(*slot), key))?;
                let left = settlement.granted - settlement.takenBack;
                holds(left, settlement.takenBack, settlement.reversed).then_some((*slot, *payment, left))
            })
            .collect();
        (!fitting.is_empty()).then(|| self.dice.pick(&fitting))
    }

    pub(super) fn take_back(&mut self) -> (Who, Action) {
        let is_strange = self.dice.chance(8);
        let found = self.payment(|left, _, reversed| is_strange || (left > 0 && !reversed));
        let Some((plan, payment, left)) = found else {
            return if self.dice.chance(10) {
                let plan = self.slot(|plan| plan.terms.price.kind == PriceKind::Fiat);
                (self.authorised(plan, 4), Action::TakeBack { plan, payment: 200, amount: 1 })
            } else {
                self.settle()
            };
        };
        let amount = match self.dice.range(0, 16) {
            0 => left.saturating_add(1),
            1 => 0,
            2..8 => left,
            _ => self.dice.range(1, left.max(1) + 1),
        };
        (self.authorised(plan, 4), Action::TakeBack { plan, payment, amount })
    }

    pub(super) fn reverse_take_back(&mut self) -> (Who, Action) {
        let is_strange = self.dice.chance(20);
        let found = self.payment(|_, taken, reversed| is_strange || (taken > 0 && !reversed));
        match found {
            Some((plan, payment, _)) => (self.authorised(plan, 4), Action::ReverseTakeBack { plan, payment }),
            None if self.dice.chance(10) => {
                let plan = self.slot(|plan| plan.terms.price.kind == PriceKind::Fiat);
                (self.authorised(plan, 4), Action::ReverseTakeBack { plan, payment: 201 })
            }
            None => self.action(K::TakeBack),
        }
    }
}
