//! Gifts, burns, redemptions, and several at once.

use alloy::primitives::U256;

use super::{AT_ONCE, CROWDED, Generator, NO_PLAN};
use crate::{
    cast::{HOLDERS, Who},
    model::Plan,
    step::{Action, Slot},
};

impl Generator {
    fn amount(&mut self) -> u64 {
        self.dice.weighted(&[(0, 1), (1, 10), (7, 20), (100, 20), (5_000, 10)])
    }

    pub(super) fn mint(&mut self) -> (Who, Action) {
        let plan = self.slot(|plan| !plan.is_per_use());
        let holder = self.receiver();
        let amount = if self.plan(plan).is_some_and(|plan| plan.is_time()) {
            self.dice.range(0, 5)
        } else {
            self.amount()
        };
        (self.authorised(plan, 1), Action::Mint { plan, holder, amount })
    }

    pub(super) fn mint_extreme(&mut self) -> (Who, Action) {
        let plan = self.slot(|plan| !plan.is_per_use());
        let holder = self.receiver();
        let amount = self.dice.pick(&[u64::MAX, u64::MAX - 1, u64::MAX / 2]);
        (self.authorised(plan, 1), Action::Mint { plan, holder, amount })
    }

    pub(super) fn mint_expirable(&mut self) -> (Who, Action) {
        let plan = self.slot(|plan| !plan.is_per_use() && !plan.is_time());
        let holder = self.receiver();
        let duration = self.dice.weighted(&[
            (0, 2),
            (1, 8),
            (2, 8),
            (60, 10),
            (61, 10),
            (3_600, 10),
            (100_000, 5),
            (u32::MAX, 2),
        ]);
        let amount = self.amount();
        (self.authorised(plan, 1), Action::MintExpirable { plan, holder, amount, duration })
    }

    /// Lots of many different expiries for one holder, up to and beyond how many there may be.
    pub(super) fn many_lots(&mut self) -> (Who, Action) {
        let plan = self.slot(|plan| !plan.is_per_use() && !plan.is_time());
        let holder = self.dice.pick(&CROWDED);
        let start = self.dice.pick(&[1, 1, 40, 1_000]) as u32;
        let mint = |place| Action::MintExpirable { plan, holder, amount: 3, duration: start + place };
        let actions = (0..60).map(mint).collect();
        (self.owner(plan), Action::Multicall { actions, skip: self.dice.chance(70) })
    }

    pub(super) fn burn(&mut self) -> (Who, Action) {
        let plan = self.slot(|plan| !plan.is_per_use());
        let (holder, balance) = self.endowed(plan);
        let plan_is = self.plan(plan);
        let amount = match self.dice.range(0, 12) {
            0 => balance.saturating_add(1),
            1..4 => balance,
            _ if plan_is.as_ref().is_some_and(Plan::is_time) => self.dice.range(0, 3),
            _ => self.dice.range(0, balance.min(1_000)) + u64::from(self.dice.chance(97)),
        };
        let is_revoked = plan_is.is_some_and(|plan| plan.terms.revocable) && self.dice.chance(40);
        let by = if is_revoked { self.owner(plan) } else { holder };
        (self.mostly(by), Action::Burn { plan, holder, amount })
    }

    /// An amount that a plan lets be redeemed at once, of what there is.
    pub(super) fn redeemable(&mut self, slot: Slot, balance: u64) -> u64 {
        let Some(plan) = self.plan(slot) else { return 1 };
        let (minimum, maximum) = (plan.terms.redemption.minimum.into(), plan.terms.redemption.maximum.into());
        let most = if plan.is_time() || plan.is_per_use() { 20 } else { balance };
        match self.dice.range(0, 30) {
            0 => 0,
            1 => u64::from(plan.terms.redemption.maximum) + 1,
            2 => minimum - 1,
            3..6 => most.clamp(minimum, maximum),
            _ => self.dice.range(minimum, most.clamp(minimum, maximum).min(minimum + 300) + 1),
        }
    }

    /// Somebody whom the terms let redeem for a holder.
    pub(super) fn redeemer(&mut self, slot: Slot, holder: Who) -> Who {
        let Some(plan) = self.plan(slot) else { return holder };
        let mut redeemers = Vec::new();
        if plan.terms.redemption.redeemers & 1 != 0 {
            redeemers.push(self.who(plan.owner));
        }
        if plan.terms.redemption.redeemers & 2 != 0 {
            redeemers.push(holder);
        }
        if plan.terms.redemption.redeemers & 4 != 0 {
            let operators = plan.operators.iter().filter(|(_, bits)| *bits & 2 != 0);
            redeemers.extend(operators.map(|(who, _)| self.who(*who)));
        }
        if redeemers.is_empty() {
            return holder;
        }
        let redeemer = self.dice.pick(&redeemers);
        self.mostly(redeemer)
    }

    pub(super) fn request(&mut self) -> U256 {
        match self.dice.range(0, 10) {
            0 => U256::MAX - U256::from(self.dice.range(0, 3)),
            1 => U256::from(self.dice.range(0, 3)),
            _ => U256::from(self.dice.range(0, 600)),
        }
    }

    /// A plan whose credits are there to be redeemed without a voucher.
    fn usable(&mut self) -> Slot {
        let held: Vec<_> = {
            let books = &self.model.state.books;
            books
                .holdings
                .iter()
                .filter(|(_, held)| !held.lots.is_empty() || held.end > 0)
                .map(|(key, _)| key.0)
                .collect()
        };
        let ids: Vec<_> =
            self.resolver.slots.iter().filter(|(_, id)| held.contains(id)).map(|(slot, _)| *slot).collect();
        let open = |slot: &Slot| self.plan(*slot).is_some_and(|plan| !plan.terms.redemption.voucherRequired);
        let fitting: Vec<_> = ids.into_iter().filter(open).collect();
        if fitting.is_empty() || self.dice.chance(8) { self.slot(|_| true) } else { self.dice.pick(&fitting) }
    }

    pub(super) fn redeem(&mut self) -> (Who, Action) {
        let plan = self.usable();
        let (holder, balance) = self.endowed(plan);
        let amount = self.redeemable(plan, balance);
        (self.redeemer(plan, holder), Action::Redeem { plan, holder, amount, request: self.request() })
    }

    pub(super) fn redeem_without_id(&mut self) -> (Who, Action) {
        let plan = self.usable();
        let (holder, balance) = self.endowed(plan);
        let amount = self.redeemable(plan, balance);
        (self.redeemer(plan, holder), Action::RedeemWithoutId { plan, holder, amount })
    }

    pub(super) fn redeem_many(&mut self) -> (Who, Action) {
        let first = self.usable();
        let (holder, _) = self.endowed(first);
        let by = self.redeemer(first, holder);
        let count = self.dice.range(0, 3);
        let mut batches = Vec::new();
        for place in 0..count {
            let plan = if place == 0 { first } else { self.usable() };
            let mut uses = Vec::new();
            for _ in 0..self.dice.range(0, 4) {
                let (holder, balance) = self.endowed(plan);
                uses.push((holder, self.redeemable(plan, balance / 4), self.request()));
            }
            batches.push((plan, uses));
        }
        (by, Action::RedeemMany { batches })
    }

    pub(super) fn multicall(&mut self) -> (Who, Action) {
        let skip = self.dice.chance(60);
        let mut chosen: Option<Who> = None;
        let mut actions = Vec::new();
        for _ in 0..12 {
            let kind = self.dice.weighted(&AT_ONCE);
            let (who, action) = self.action(kind);
            if who == *chosen.get_or_insert(who) {
                actions.push(action);
            }
        }
        actions.truncate(self.dice.range(1, 6) as usize);
        if self.dice.chance(5) {
            let inner = Action::Multicall { actions: actions.clone(), skip: self.dice.chance(50) };
            actions.push(inner);
        }
        (chosen.unwrap_or(Who::Ann), Action::Multicall { actions, skip })
    }

    pub(super) fn refused(&mut self) -> (Who, Action) {
        let by = self.dice.pick(&HOLDERS);
        if self.dice.chance(50) {
            let value = U256::from(u8::from(self.dice.chance(30)));
            return (by, Action::Unknown { selector: self.dice.any() as u32, value });
        }
        let plan = self.slot(|_| true);
        (by, Action::Transfer { plan, to: self.dice.pick(&HOLDERS), kind: self.dice.range(0, 3) as u8 })
    }

    pub(super) fn look(&mut self) -> (Who, Action) {
        let by = self.dice.pick(&HOLDERS);
        if self.dice.chance(40) {
            let plan = if self.dice.chance(20) { NO_PLAN } else { self.slot(|_| true) };
            return (by, Action::ViewPlan { plan, kind: self.dice.range(0, 8) as u8 });
        }
        let count = self.dice.range(0, 5) as usize;
        let accounts = HOLDERS[..count].to_vec();
        let plans = (0..count + usize::from(self.dice.chance(20))).map(|_| self.slot(|_| true)).collect();
        (by, Action::BalanceOfBatch { accounts, plans })
    }
}
