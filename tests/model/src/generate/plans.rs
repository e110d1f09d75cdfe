//! Plans, their owners and operators, and the world around them.

use alloy::primitives::U256;

use super::{CROWDED, Generator, NO_PLAN, SLOTS, WITHIN};
use crate::{
    abi::IScrip::PriceKind,
    cast::{CHAMELEONS, HOLDERS, TOKEN_KINDS, Who},
    model::Plan,
    step::{Action, Manner, TermsSpec},
};

const BUILDERS: [Who; 6] = [Who::Ann, Who::Ben, Who::Cat, Who::Dan, Who::Holder, Who::Dora];
/// How long a grant lasts, where it does not last for ever.
const DURATIONS: [u32; 9] = [1, 2, 63, 64, 65, 100, 3_600, 2_592_000, u32::MAX];

impl Generator {
    pub(super) fn create_plan(&mut self) -> (Who, Action) {
        let by = self.dice.pick(&BUILDERS);
        let mut terms = self.terms();
        if self.dice.chance(20) {
            self.spoil(&mut terms);
        }
        // Seldom the very same again.
        if self.dice.chance(4)
            && let Some((action, builder)) = self.same_again()
        {
            return (builder, action);
        }
        let slot = self.dice.range(0, SLOTS.into()) as u8;
        (by, Action::CreatePlan { slot, salt: self.dice.any() as u8, terms: Box::new(terms) })
    }

    fn same_again(&mut self) -> Option<(Action, Who)> {
        let created = self.created.clone();
        (!created.is_empty()).then(|| self.dice.pick(&created))
    }

    fn terms(&mut self) -> TermsSpec {
        let price_kind = self.dice.weighted(&[(0, 20), (1, 35), (2, 20), (3, 15), (4, 12)]);
        let is_per_use = price_kind == 4;
        let mut token = match price_kind {
            0 | 2 => Who::Zero,
            _ if self.dice.chance(40) => Who::Zero,
            _ if self.dice.chance(60) => Who::Dollar,
            _ if self.dice.chance(20) => Who::Source,
            _ => self.dice.pick(&TOKEN_KINDS),
        };
        if is_per_use && token == Who::Zero {
            token = Who::Dollar;
        }
        let has_amount = !matches!(price_kind, 0 | 3);
        let amounts = [1, 99, 100, 101, 9_999, 10_000, 20_000_000];
        let is_time = !is_per_use && self.dice.chance(25);
        let credits = self.dice.pick(&[1, 10, 100, 100, 1_000, 1_000_000]);
        let credits = if self.dice.chance(2) { u64::MAX / 2 } else { credits };
        let duration = self.dice.pick(&DURATIONS);
        let is_lasting = is_per_use || (!is_time && self.dice.chance(40));
        let is_limited = !is_per_use && self.dice.chance(30);
        let hook =
            if self.dice.chance(25) { (Who::Hook, self.dice.range(1, 16) as u8) } else { (Who::Zero, 0) };
        TermsSpec {
            name_length: self.dice.range(0, 32) as u8,
            uri_length: self.dice.pick(&[0, 0, 31, 32, 64]),
            price_kind,
            token,
            amount: if has_amount { self.dice.pick(&amounts) } else { 0 },
            currency: if price_kind == 2 { "USD".into() } else { String::new() },
            source: if price_kind == 3 { Who::Source } else { Who::Zero },
            payees: if matches!(price_kind, 0 | 2) { Vec::new() } else { self.payees() },
            is_time,
            credits: if is_time || is_per_use { 0 } else { credits },
            duration: if is_lasting { 0 } else { duration },
            range: self.dice.pick(&[(1, 1_000_000), (1, 1_000_000), (1, u32::MAX), (2, 50), (1, 1)]),
            redeemers: self.dice.pick(&[7, 7, 7, 1, 2, 3, 4, 5, 6]),
            voucher_required: is_per_use || self.dice.chance(25),
            revocable: self.dice.chance(50),
            limits: if is_limited {
                self.dice.pick(&[(1, 0), (3, 0), (0, 2), (0, 20), (2, 5)])
            } else {
                (0, 0)
            },
            hook,
        }
    }

    fn payees(&mut self) -> Vec<(Who, u16)> {
        let count = self.dice.weighted(&[(1, 5), (2, 3), (3, 2), (8, 1)]);
        let mut left = 10_000;
        let mut payees = Vec::new();
        for place in 1..=count {
            let who = match self.dice.range(0, 100) {
                0..2 => Who::Clumsy,
                2..12 => Who::Payee,
                12..18 => Who::Dora,
                _ => self.dice.pick(&[Who::Pam, Who::Ann, Who::Ben, Who::Dan]),
            };
            let share = if place == count { left } else { self.dice.range(0, u64::from(left) + 1) as u16 };
            left -= share;
            payees.push((who, share));
        }
        payees
    }

    /// Makes terms wrong in one place, or nearly.
    fn spoil(&mut self, terms: &mut TermsSpec) {
        match self.dice.range(0, 19) {
            0 => terms.name_length = 32,
            1 => terms.amount ^= 1,
            2 => terms.currency = "EUR".into(),
            3 => terms.token = Who::Nobody,
            4 => terms.source = Who::Nobody,
            5 => terms.hook = (Who::Nobody, 3),
            6 => terms.hook = (Who::Hook, self.dice.pick(&[0, 16, 255])),
            7 => terms.hook = (Who::Zero, 1),
            8 => terms.payees.clear(),
            9 => terms.payees = vec![(Who::Pam, 1_000); 10],
            10 => terms.payees.push((Who::Pam, 1)),
            11 => terms.payees.iter_mut().for_each(|payee| payee.0 = Who::Core),
            12 => terms.payees.iter_mut().for_each(|payee| payee.0 = Who::Zero),
            13 => terms.credits = 0,
            17 => terms.payees.push((Who::Pam, 0)),
            14 => (terms.is_time, terms.duration) = (true, 0),
            15 => terms.range = self.dice.pick(&[(0, 1), (0, 0), (2, 1)]),
            16 => terms.redeemers = self.dice.pick(&[0, 8, 255]),
            _ => (terms.price_kind, terms.voucher_required, terms.limits) = (4, self.dice.chance(50), (1, 0)),
        }
        if terms.price_kind == 4 && self.dice.chance(50) {
            (terms.token, terms.amount, terms.source) = (Who::Dollar, 5, Who::Zero);
            terms.currency.clear();
            terms.payees = vec![(Who::Pam, 10_000)];
        }
    }

    pub(super) fn set_open(&mut self) -> (Who, Action) {
        let plan = self.slot(|plan| !plan.open);
        let owner = self.owner(plan);
        (self.mostly(owner), Action::SetOpen { plan, open: self.dice.chance(70) })
    }

    pub(super) fn transfer_ownership(&mut self) -> (Who, Action) {
        let plan = self.slot(|_| true);
        let owner = self.owner(plan);
        let to = if self.dice.chance(10) { Who::Zero } else { self.dice.pick(&BUILDERS) };
        (self.mostly(owner), Action::TransferOwnership { plan, to })
    }

    pub(super) fn accept_ownership(&mut self) -> (Who, Action) {
        let plan = self.slot(|plan| !plan.pending.is_zero());
        let pending = self.plan(plan).map_or(Who::Ann, |plan| self.who(plan.pending));
        if pending == Who::Zero && self.dice.chance(70) {
            return self.transfer_ownership();
        }
        let by = if pending == Who::Zero { Who::Cat } else { self.mostly(pending) };
        (by, Action::AcceptOwnership { plan })
    }

    pub(super) fn set_operator(&mut self) -> (Who, Action) {
        let plan = self.slot(|_| true);
        let operator = match self.dice.range(0, 10) {
            0 => Who::TrickyDollar,
            1 => Who::Hook,
            2 => Who::Holder,
            _ => self.dice.pick(&HOLDERS),
        };
        let permissions = if self.dice.chance(5) { 8 } else { self.dice.pick(&[0, 1, 2, 2, 4, 7, 7, 7]) };
        let owner = self.owner(plan);
        (self.mostly(owner), Action::SetOperator { plan, operator, permissions })
    }

    fn controller(&mut self) -> Who {
        let controller = self.who(self.model.state.books.controller);
        if controller == Who::Zero { Who::Eve } else { self.mostly(controller) }
    }

    pub(super) fn set_fee(&mut self) -> (Who, Action) {
        let receiver = match self.dice.range(0, 20) {
            0 => Who::Zero,
            1 => Who::Clumsy,
            2..6 => Who::Payee,
            6 => Who::Core,
            _ => self.dice.pick(&[Who::Eve, Who::Pam, Who::Dora]),
        };
        let rate = if self.dice.chance(5) { 101 } else { self.dice.pick(&[0, 1, 37, 100, 100]) };
        (self.controller(), Action::SetFee { receiver, rate })
    }

    pub(super) fn fee_control(&mut self) -> (Who, Action) {
        let pending = self.who(self.model.state.books.pending_controller);
        match self.dice.range(0, 100) {
            0..10 => (self.controller(), Action::RenounceFeeControl),
            10..60 if pending != Who::Zero => (self.mostly(pending), Action::AcceptFeeControl),
            10..14 => (Who::Cat, Action::AcceptFeeControl),
            _ => (
                self.controller(),
                Action::OfferFeeControl { to: self.dice.pick(&[Who::Eve, Who::Ann, Who::Zero]) },
            ),
        }
    }

    /// Time passes: a little, or much, or just to where something ends.
    pub(super) fn warp(&mut self) -> (Who, Action) {
        let now = self.model.now;
        let holdings = self.model.state.books.holdings.values();
        let ends: Vec<_> = holdings
            .flat_map(|holding| holding.lots.iter().map(|lot| lot.0).chain([holding.end]))
            .filter(|end| *end > now && *end < now + (1 << 33))
            .collect();
        let seconds = if !ends.is_empty() && self.dice.chance(60) {
            let end = self.dice.pick(&ends);
            (end - now).saturating_sub(self.dice.range(0, 2))
        } else {
            self.dice.pick(&[1, 1, 2, 10, 60, 3_600, 86_400, 2_592_000])
        };
        (Who::Nobody, Action::Warp { seconds })
    }

    pub(super) fn behave(&mut self) -> (Who, Action) {
        let who = self.dice.pick(&CHAMELEONS);
        let prices = [0, 1, 100, 12_345, 1_000_000];
        let manner = match self.dice.range(0, 100) {
            0..60 => Manner::Accept(U256::from(self.dice.pick(&prices))),
            60..62 => Manner::Accept(U256::MAX >> self.dice.range(0, 20)),
            62..70 => Manner::Refuse(self.dice.pick(&[0, 4, 32, 300])),
            70..76 => Manner::Say(self.dice.pick(&[0, 4, 32, 64, 300])),
            76..80 => Manner::Burn,
            _ => Manner::Reenter(Box::new(self.within(who))),
        };
        (Who::Ann, Action::Behave { who, manner })
    }

    /// What somebody does from within a callback.
    fn within(&mut self, by: Who) -> Action {
        for _ in 0..30 {
            let kind = self.dice.weighted(&WITHIN);
            let (who, action) = self.action(kind);
            let is_cheap = match &action {
                // Who may have a hundred lots, by the time when it is done, which all expire at once.
                Action::Order { holder, .. }
                | Action::RedeemWithoutId { holder, .. }
                | Action::Burn { holder, .. }
                | Action::Mint { holder, .. }
                | Action::MintExpirable { holder, .. }
                    if CROWDED.contains(holder) =>
                {
                    false
                }
                Action::Order { plan, holder, .. } => {
                    !self.is_asked(*holder) && self.plan(*plan).is_none_or(is_cheap)
                }
                Action::RedeemWithoutId { plan, .. } => self.plan(*plan).is_none_or(is_cheap_to_use),
                Action::Mint { holder, .. } | Action::MintExpirable { holder, .. } => !self.is_asked(*holder),
                _ => true,
            };
            if who == by && is_cheap {
                return action;
            }
        }
        let plan = self.slot(is_cheap_ref);
        let plan = if self.plan(plan).is_none_or(is_cheap) { plan } else { NO_PLAN };
        Action::Order { plan, holder: Who::Cat, quantity: 1, max_price: U256::ZERO, value: U256::ZERO }
    }

    /// Whether a holder has code, so that it is asked, which must have gas left.
    fn is_asked(&self, holder: Who) -> bool {
        self.model.has_code(self.resolver.cast.at(holder))
    }

    pub(super) fn arm_token(&mut self) -> (Who, Action) {
        let action = self.dice.chance(50).then(|| Box::new(self.within(Who::TrickyDollar)));
        (Who::Ann, Action::ArmToken { action })
    }

    pub(super) fn set_blocked(&mut self) -> (Who, Action) {
        let account = self.dice.pick(&[Who::Pam, Who::Ann, Who::Eve]);
        (Who::Ann, Action::SetBlocked { account, blocked: self.dice.chance(40) })
    }
}

/// Whether an order of it costs no more gas than a callback has.
fn is_cheap(plan: Plan) -> bool {
    is_cheap_ref(&plan)
}

/// Whether a redemption of it costs no more gas than a callback has.
fn is_cheap_to_use(plan: Plan) -> bool {
    plan.terms.price.kind != PriceKind::PerUse && plan.terms.hook.calls == 0
}

fn is_cheap_ref(plan: &Plan) -> bool {
    plan.terms.payees.is_empty() && plan.terms.hook.calls == 0
}
