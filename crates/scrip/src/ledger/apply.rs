//! What an event does to the books.

use alloy::primitives::{Address, B256, U256};

use super::{Leaving, Ledger, held::Held};
use crate::{
    Event, Fee, Grant, Plan, PlanId, Price, Record, RequestId, Session, Settlement, TakenBack, Transferred,
};

/// Why an event does not follow from those before it.
type Entered<T = ()> = Result<T, String>;

impl Ledger {
    pub(super) fn enter(&mut self, record: &Record) -> Entered {
        let (step, time) = (self.count, record.time);
        self.explain_leaving(&record.event, time)?;
        match &record.event {
            Event::Created(event) => {
                let terms = record.terms.as_deref().ok_or("it comes without the terms of the plan")?.clone();
                let (owner, pending_owner) = (event.owner, None);
                let plan = Plan { id: event.plan, owner, pending_owner, open: true, ordered: 0, terms };
                fresh(self.plans.insert(step, event.plan, plan), "the plan was created before")
            }
            Event::OpenSet(event) => self.change(event.plan, |plan| plan.open = event.open),
            Event::OwnershipOffered(event) => {
                self.change(event.plan, |plan| plan.pending_owner = event.pending_owner)
            }
            Event::OwnershipAccepted(event) => {
                let operators = self.operators.iter().map(|(key, _)| *key);
                let operators: Vec<_> = operators.filter(|(plan, _)| *plan == event.plan).collect();
                for key in operators {
                    self.operators.remove(step, key);
                }
                self.change(event.plan, |plan| (plan.owner, plan.pending_owner) = (event.owner, None))
            }
            Event::OperatorSet(event) => {
                self.known(event.plan)?;
                *self.operators.edit(step, (event.plan, event.operator)) = event.permissions;
                Ok(())
            }
            Event::Ordered(event) => {
                self.count_orders(event.plan, event.holder, event.quantity)?;
                self.add(event.plan, event.holder, event.credits, event.expiry)
            }
            Event::Settled(_) | Event::TakenBack(_) | Event::TakeBackReversed(_) => self.enter_fiat(record),
            Event::Minted(event) => self.add(event.plan, event.holder, event.amount, event.expiry),
            Event::Burned(event) => self.shorten(event.plan, event.holder, event.amount, time),
            Event::Redeemed(event) => {
                self.known(event.plan)?;
                event.request.map_or(Ok(()), |request| self.redeem(event.plan, event.redeemer, request))
            }
            Event::BatchRedeemed(event) => {
                self.known(event.plan)?;
                let mut uses = event.uses.iter();
                uses.try_for_each(|one| self.redeem(event.plan, event.redeemer, one.request))
            }
            Event::VoucherRedeemed(event) => {
                let word = self.vouchers.edit(step, (event.holder, event.nonce >> 8));
                word.set_bit(usize::from(event.nonce.byte(0)), true);
                Ok(())
            }
            Event::VouchersRevoked(event) => {
                *self.vouchers.edit(step, (event.holder, event.word)) |= event.mask;
                Ok(())
            }
            Event::SessionSpent(event) => {
                let key = (event.plan, event.holder, event.redeemer, event.session);
                let revoked = self.sessions.get(&key).is_some_and(|session| session.revoked);
                self.sessions.insert(step, key, Session { spent: event.spent, revoked });
                Ok(())
            }
            Event::SessionRevoked(event) => {
                let key = (event.plan, event.holder, event.redeemer, event.session);
                let spent = self.sessions.get(&key).map_or(0, |session| session.spent);
                self.sessions.insert(step, key, Session { spent, revoked: true });
                Ok(())
            }
            Event::Transferred(event) => self.transfer(event),
            Event::Expired(event) => {
                let expired = self.held(event.plan, event.holder)?.clear(time);
                let is_told = event.amount == U256::from(expired);
                is_told
                    .then_some(())
                    .ok_or_else(|| format!("{} were cleared where {expired} had expired", event.amount))
            }
            Event::FeeSet(_) | Event::FeeControlOffered(_) | Event::FeeControlTaken(_) => {
                self.enter_fee(&record.event);
                Ok(())
            }
            // Paid from the holder's own tokens; who got the fee is no one's balance here.
            Event::UsesPaid(_) | Event::FeeUndelivered(_) => Ok(()),
        }
    }

    /// What has left a holder was spent, the earliest expiry first, unless this next event says otherwise.
    fn explain_leaving(&mut self, event: &Event, time: u64) -> Entered {
        let Some(Leaving { plan, holder, amount }) = self.leaving.remove(self.count, ()) else {
            return Ok(());
        };
        let is_explained = match event {
            Event::Expired(event) => (event.plan, event.holder) == (plan, holder) && event.amount == amount,
            Event::TakenBack(event) => {
                (event.plan, event.holder) == (plan, holder) && U256::from(event.burned) == amount
            }
            _ => false,
        };
        if is_explained {
            return Ok(());
        }
        let amount = u64::try_from(amount).map_err(|_| format!("{amount} were spent at once before it"))?;
        self.held(plan, holder)?.spend(amount, time)
    }

    /// What comes to a holder is told by the event after it, with its expiry. On a time plan both are.
    fn transfer(&mut self, event: &Transferred) -> Entered {
        let Transferred { plan, from, value, .. } = *event;
        let (Some(holder), false) = (from, self.is_time(plan)?) else { return Ok(()) };
        self.leaving.insert(self.count, (), Leaving { plan, holder, amount: value });
        Ok(())
    }

    fn enter_fiat(&mut self, record: &Record) -> Entered {
        let step = self.count;
        match &record.event {
            Event::Settled(event) => {
                let (holder, expiry, granted) = (event.holder, event.expiry, event.credits);
                let settlement =
                    Settlement { holder, expiry, reversed: false, granted, taken_back: 0, burned: 0 };
                let key = (event.plan, alloy::primitives::keccak256(&event.payment_id));
                fresh(self.settlements.insert(step, key, settlement), "the payment was settled before")?;
                self.count_orders(event.plan, holder, event.quantity)?;
                self.add(event.plan, holder, granted, expiry)
            }
            Event::TakenBack(event) => self.take_back(event, record.time),
            Event::TakeBackReversed(event) => {
                self.settled(event.plan, event.payment_key)?.reversed = true;
                match event.amount {
                    0 => Ok(()),
                    amount => self.add(event.plan, event.holder, amount, event.expiry),
                }
            }
            _ => Ok(()),
        }
    }

    fn take_back(&mut self, event: &TakenBack, time: u64) -> Entered {
        let TakenBack { plan, holder, payment_key, amount, burned, .. } = *event;
        let is_time = self.is_time(plan)?;
        let cut = if is_time { burned.saturating_mul(self.period(plan)) } else { 0 };
        let settlement = self.settled(plan, payment_key)?;
        settlement.expiry = settlement.expiry.map(|end| end.saturating_sub(cut));
        settlement.taken_back += amount;
        settlement.burned += burned;
        let expiry = settlement.expiry;
        match burned {
            0 => Ok(()),
            _ if is_time => self.shorten(plan, holder, burned, time),
            _ => self.held(plan, holder)?.spend_of(burned, expiry),
        }
    }

    fn enter_fee(&mut self, event: &Event) {
        let unset = Fee { receiver: None, rate: 0, controller: None, pending_controller: None };
        let mut fee = self.fee.get(&()).copied().unwrap_or(unset);
        match event {
            Event::FeeSet(event) => (fee.receiver, fee.rate) = (event.receiver, event.rate),
            Event::FeeControlOffered(event) => fee.pending_controller = event.pending_controller,
            Event::FeeControlTaken(event) => {
                (fee.controller, fee.pending_controller) = (event.controller, None);
            }
            _ => {}
        }
        self.fee.insert(self.count, (), fee);
    }

    /// Counts orders, where the terms limit them. The counts stop where they end.
    fn count_orders(&mut self, plan: PlanId, holder: Address, quantity: u32) -> Entered {
        let limits = self.known(plan)?.terms.limits;
        if limits.in_all.is_some() {
            self.change(plan, |plan| plan.ordered = plan.ordered.saturating_add(quantity))?;
        }
        if limits.per_holder.is_some() {
            let held = self.held(plan, holder)?;
            held.orders = held.orders.saturating_add(quantity);
        }
        Ok(())
    }

    fn add(&mut self, plan: PlanId, holder: Address, amount: u64, expiry: Option<u64>) -> Entered {
        if !self.is_time(plan)? {
            return self.held(plan, holder)?.add(amount, expiry);
        }
        self.held(plan, holder)?.end = expiry.unwrap_or_default();
        Ok(())
    }

    /// Periods off the end of access; credits were taken when they left.
    fn shorten(&mut self, plan: PlanId, holder: Address, periods: u64, time: u64) -> Entered {
        if !self.is_time(plan)? {
            return Ok(());
        }
        let period = self.period(plan);
        self.held(plan, holder)?.shorten(periods, period, time)
    }

    fn redeem(&mut self, plan: PlanId, redeemer: Address, request: RequestId) -> Entered {
        let is_new = self.redeemed.insert(self.count, (plan, redeemer, request), ());
        is_new.then_some(()).ok_or_else(|| format!("request {request} was redeemed before"))
    }

    fn change(&mut self, plan: PlanId, change: impl FnOnce(&mut Plan)) -> Entered {
        change(self.plans.edit_known(self.count, plan).ok_or_else(|| unknown(plan))?);
        Ok(())
    }

    fn known(&self, plan: PlanId) -> Entered<&Plan> {
        self.plans.get(&plan).ok_or_else(|| unknown(plan))
    }

    fn held(&mut self, plan: PlanId, holder: Address) -> Entered<&mut Held> {
        self.known(plan)?;
        Ok(self.held.edit(self.count, (plan, holder)))
    }

    fn settled(&mut self, plan: PlanId, payment: B256) -> Entered<&mut Settlement> {
        self.settlements
            .edit_known(self.count, (plan, payment))
            .ok_or_else(|| format!("payment {payment} was never settled"))
    }

    fn is_time(&self, plan: PlanId) -> Entered<bool> {
        let terms = &self.known(plan)?.terms;
        Ok(matches!(terms.grant, Grant::Time { .. }) && !matches!(terms.price, Price::PerUse { .. }))
    }

    fn period(&self, plan: PlanId) -> u64 {
        match self.plans.get(&plan).map(|plan| plan.terms.grant) {
            Some(Grant::Time { duration }) => duration.into(),
            _ => 0,
        }
    }
}

fn unknown(plan: PlanId) -> String {
    format!("plan {plan} was never created")
}

fn fresh(is_new: bool, otherwise: &str) -> Entered {
    is_new.then_some(()).ok_or_else(|| otherwise.to_owned())
}
