//! Fiat payments: settled, taken back, and won back.

use alloy::{
    primitives::{Address, B256, U256, keccak256},
    sol_types::{SolCall, SolError},
};

use super::{Answer, Model, Part, Plan, demand, ledger::NEVER, plans::SETTLE, u40};
use crate::abi::IScrip::{self, PriceKind, Settlement};

impl Model {
    pub(super) fn settle(&mut self, caller: Address, call: IScrip::settleCall) -> Answer {
        let IScrip::settleCall { planId: id, holder, quantity, paymentId } = call;
        let plan = self.check_settler(caller, id)?;
        demand(quantity > 0, || IScrip::ZeroQuantity { planId: id })?;
        demand(!holder.is_zero(), || IScrip::ZeroHolder { planId: id })?;
        let key = keccak256(&paymentId);
        let is_new = !self.state.books.settlements.contains_key(&(id, key));
        demand(is_new, || IScrip::PaymentAlreadySettled { planId: id, paymentKey: key })?;

        let (credits, expiry, _) = self.grant(caller, id, &plan, holder, quantity)?;
        let granted = if plan.is_time() { quantity.into() } else { credits };
        let settlement =
            Settlement { holder, expiry: u40(expiry), reversed: false, granted, takenBack: 0, burned: 0 };
        self.state.books.settlements.insert((id, key), settlement);
        let limits = &plan.terms.limits;
        self.holding(id, holder).count(limits, quantity);
        if let Some(plan) = self.state.books.plans.get_mut(&id) {
            plan.count(quantity);
        }
        self.emit(&IScrip::PaymentSettled {
            planId: id,
            holder,
            paymentKey: key,
            paymentId,
            settler: caller,
            quantity,
            credits: granted,
            expiry: u40(expiry),
        });
        self.ask_holder(id, holder)?;
        let answer = IScrip::settleReturn { credits: granted, expiry: u40(expiry) };
        Ok(IScrip::settleCall::abi_encode_returns(&answer))
    }

    pub(super) fn take_back(&mut self, caller: Address, call: IScrip::takeBackCall) -> Answer {
        let IScrip::takeBackCall { planId: id, paymentId, amount } = call;
        let plan = self.check_settler(caller, id)?;
        demand(amount > 0, || IScrip::ZeroAmount { planId: id })?;
        let (key, mut settlement) = self.settled(id, &paymentId)?;
        let remaining = if settlement.reversed { 0 } else { settlement.granted - settlement.takenBack };
        demand(amount <= remaining, || IScrip::TakeBackTooHigh {
            planId: id,
            paymentKey: key,
            amount: U256::from(amount),
            remaining: U256::from(remaining),
        })?;

        let holder = settlement.holder;
        let burned = if plan.is_time() {
            // Of the time that this payment bought; what was bought behind it stays.
            let end = settlement.expiry.to::<u64>();
            let left = end.saturating_sub(self.now).div_ceil(plan.period());
            let cut = self.cut_access(caller, id, &plan, holder, amount.min(left));
            settlement.expiry = u40(end - cut * plan.period());
            cut
        } else {
            self.take_from(caller, id, holder, amount, from_told(settlement.expiry.to()))
        };
        settlement.takenBack += amount;
        settlement.burned += burned;
        self.state.books.settlements.insert((id, key), settlement);
        let settler = caller;
        self.emit(&IScrip::PaymentTakenBack { planId: id, holder, paymentKey: key, settler, amount, burned });
        Ok(IScrip::takeBackCall::abi_encode_returns(&burned))
    }

    pub(super) fn reverse_take_back(&mut self, caller: Address, call: IScrip::reverseTakeBackCall) -> Answer {
        let IScrip::reverseTakeBackCall { planId: id, paymentId } = call;
        let plan = self.check_settler(caller, id)?;
        let (key, mut settlement) = self.settled(id, &paymentId)?;
        let can_be_reversed = settlement.takenBack > 0 && !settlement.reversed;
        demand(can_be_reversed, || IScrip::NothingTakenBack { planId: id, paymentKey: key })?;

        settlement.reversed = true;
        let Settlement { holder, burned, .. } = settlement;
        let mut expiry = settlement.expiry.to::<u64>();
        self.state.books.settlements.insert((id, key), settlement);
        let has_expired = !plan.is_time() && expiry != 0 && expiry <= self.now;
        let amount = if has_expired { 0 } else { burned };
        if plan.is_time() {
            expiry = match amount {
                0 => self.holding(id, holder).end,
                _ => self.add_access(caller, id, &plan, holder, amount)?.0,
            };
        } else if amount > 0 {
            self.add_credits(caller, id, holder, amount, from_told(expiry), false)?;
        }
        self.emit(&IScrip::TakeBackReversed {
            planId: id,
            holder,
            paymentKey: key,
            settler: caller,
            amount,
            expiry: u40(expiry),
        });
        if amount > 0 {
            self.ask_holder(id, holder)?;
        }
        let answer = IScrip::reverseTakeBackReturn { credits: amount, expiry: u40(expiry) };
        Ok(IScrip::reverseTakeBackCall::abi_encode_returns(&answer))
    }

    fn check_settler(&self, caller: Address, id: U256) -> Part<Plan> {
        let plan = self.existing(id)?;
        let kind = plan.terms.price.kind;
        demand(kind == PriceKind::Fiat, || IScrip::WrongPriceKind { planId: id, kind })?;
        demand(plan.lets(caller, SETTLE), || IScrip::NotSettler { planId: id, caller })?;
        Ok(plan)
    }

    fn settled(&self, id: U256, payment: &str) -> Part<(B256, Settlement)> {
        let key = keccak256(payment);
        match self.state.books.settlements.get(&(id, key)) {
            Some(settlement) => Ok((key, settlement.clone())),
            None => Err(IScrip::PaymentNotSettled { planId: id, paymentKey: key }.abi_encode()),
        }
    }
}

/// An expiry as the lists have it.
pub(crate) fn from_told(expiry: u64) -> u64 {
    if expiry == 0 { NEVER } else { expiry }
}
