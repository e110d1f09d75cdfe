//! Vouchers and sessions.

use alloy::primitives::U256;

use super::Generator;
use crate::{
    cast::{CHAMELEONS, HOLDERS, KEYED, Who},
    step::{Action, Flaw, VoucherSpec},
};

impl Generator {
    /// A voucher with a number, who redeems it, and how much.
    fn voucher(&mut self, number: u64, most: u64) -> (Who, VoucherSpec, u64) {
        let plan =
            self.slot(|plan| plan.terms.redemption.voucherRequired || plan.terms.redemption.redeemers != 2);
        let is_per_use = self.plan(plan).is_some_and(|plan| plan.is_per_use());
        let (holder, balance) = if is_per_use { (self.dice.pick(&HOLDERS), 50) } else { self.endowed(plan) };
        let amount = self.redeemable(plan, balance);
        let redeemer = self.redeemer(plan, holder);
        let by = self.mostly(redeemer);
        let now = self.model.now;
        let deadline = match self.dice.range(0, 20) {
            0 => now - 1,
            1..4 => now,
            _ => now + 1_000,
        };
        let maximum = match self.dice.range(0, 20) {
            0 => amount.saturating_sub(1),
            1..8 => amount,
            _ => amount.saturating_add(self.dice.range(0, most)),
        };
        let signer = if KEYED.contains(&holder) && self.dice.chance(96) { holder } else { Who::Cat };
        let flaw = match self.dice.range(0, 60) {
            0 => Flaw::Chain,
            1 => Flaw::Contract,
            2 => Flaw::Field,
            3 => Flaw::Short,
            4 => Flaw::HighS,
            5 => Flaw::Empty,
            _ => Flaw::None,
        };
        // Who has no key must have code that answers.
        let holder = if KEYED.contains(&holder) || CHAMELEONS.contains(&holder) {
            holder
        } else {
            self.mostly(holder)
        };
        let voucher = VoucherSpec { plan, holder, redeemer, maximum, number, deadline, signer, flaw };
        (by, voucher, amount)
    }

    pub(super) fn redeem_with_voucher(&mut self) -> (Who, Action) {
        let number = self.dice.range(0, 400);
        let (by, voucher, amount) = self.voucher(number, 100);
        (by, Action::RedeemWithVoucher { voucher, amount })
    }

    pub(super) fn redeem_in_session(&mut self) -> (Who, Action) {
        let session = self.dice.range(0, 3);
        let (by, mut voucher, amount) = self.voucher(session, 20);
        if self.dice.chance(90) {
            let at = |who| self.resolver.cast.at(who);
            let key = (self.id(voucher.plan), at(voucher.holder), at(voucher.redeemer), U256::from(session));
            let spent = self.model.state.books.sessions.get(&key).map_or(0, |session| session.0);
            voucher.maximum = voucher.maximum.saturating_add(spent);
        }
        let request = self.request();
        (by, Action::RedeemInSession { voucher, amount, request })
    }

    pub(super) fn revoke_vouchers(&mut self) -> (Who, Action) {
        let mask = U256::from(self.dice.any()) << self.dice.range(0, 192) as usize;
        (self.dice.pick(&HOLDERS), Action::RevokeVouchers { word: self.dice.range(0, 2) as u8, mask })
    }

    pub(super) fn revoke_session(&mut self) -> (Who, Action) {
        let sessions: Vec<_> = self.model.state.books.sessions.keys().copied().collect();
        if sessions.is_empty() || self.dice.chance(10) {
            let plan = self.slot(|_| true);
            let redeemer = self.owner(plan);
            return (self.dice.pick(&HOLDERS), Action::RevokeSession { plan, redeemer, session: 7 });
        }
        let (id, holder, redeemer, session) = self.dice.pick(&sessions);
        let plan = self.resolver.slots.iter().find(|(_, plan)| **plan == id).map_or(0, |(slot, _)| *slot);
        (
            self.who(holder),
            Action::RevokeSession {
                plan,
                redeemer: self.who(redeemer),
                session: u64::try_from(session).unwrap_or(0),
            },
        )
    }
}
