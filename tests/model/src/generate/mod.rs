//! The generator: sequences of steps that mostly make sense, since it follows them with a model of its own.

mod dice;
mod money;
mod plans;
mod uses;
mod vouchers;

use alloy::primitives::{Address, U256};

pub use self::dice::Dice;
use crate::{
    cast::{CHAMELEONS, Cast, HOLDERS, START, Who},
    driver::bind,
    model::{Model, Plan},
    resolve::Resolver,
    step::{Action, Manner, Slot, Step},
};

/// How many plans a sequence may have.
const SLOTS: u8 = 6;
/// A place that no plan is given.
const NO_PLAN: Slot = 99;

/// Kinds of steps, and how often each is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Warp,
    Behave,
    SetBlocked,
    ArmToken,
    Fund,
    Approve,
    CreatePlan,
    SetOpen,
    TransferOwnership,
    AcceptOwnership,
    SetOperator,
    SetFee,
    FeeControl,
    Order,
    OrderMany,
    OrderFor,
    Settle,
    TakeBack,
    ReverseTakeBack,
    Mint,
    MintExpirable,
    MintExtreme,
    Burn,
    Redeem,
    RedeemWithoutId,
    RedeemMany,
    Voucher,
    Session,
    RevokeVouchers,
    RevokeSession,
    Multicall,
    ManyLots,
    Refused,
    View,
}

use Kind as K;

const WEIGHTS: [(Kind, u32); 34] = [
    (K::Warp, 50),
    (K::Behave, 24),
    (K::SetBlocked, 8),
    (K::ArmToken, 8),
    (K::Fund, 4),
    (K::Approve, 16),
    (K::CreatePlan, 40),
    (K::SetOpen, 14),
    (K::TransferOwnership, 10),
    (K::AcceptOwnership, 10),
    (K::SetOperator, 30),
    (K::SetFee, 20),
    (K::FeeControl, 14),
    (K::Order, 130),
    (K::OrderMany, 36),
    (K::OrderFor, 24),
    (K::Settle, 36),
    (K::TakeBack, 24),
    (K::ReverseTakeBack, 12),
    (K::Mint, 50),
    (K::MintExpirable, 60),
    (K::MintExtreme, 6),
    (K::Burn, 40),
    (K::Redeem, 70),
    (K::RedeemWithoutId, 40),
    (K::RedeemMany, 36),
    (K::Voucher, 60),
    (K::Session, 60),
    (K::RevokeVouchers, 10),
    (K::RevokeSession, 8),
    (K::Multicall, 40),
    (K::ManyLots, 8),
    (K::Refused, 6),
    (K::View, 10),
];

/// Who is given many lots.
const CROWDED: [Who; 2] = [Who::Ann, Who::Ben];

/// What may be done from within a callback: it must cost little, for callbacks have little gas.
const WITHIN: [(Kind, u32); 7] = [
    (K::Burn, 3),
    (K::RedeemWithoutId, 3),
    (K::Mint, 2),
    (K::MintExpirable, 1),
    (K::SetOpen, 1),
    (K::Order, 3),
    (K::RevokeVouchers, 1),
];

/// What may be done several at once.
const AT_ONCE: [(Kind, u32); 14] = [
    (K::Order, 6),
    (K::OrderMany, 1),
    (K::Mint, 5),
    (K::MintExpirable, 5),
    (K::Burn, 3),
    (K::Redeem, 6),
    (K::RedeemWithoutId, 3),
    (K::Session, 4),
    (K::Voucher, 3),
    (K::SetOpen, 1),
    (K::SetOperator, 1),
    (K::Settle, 3),
    (K::TakeBack, 2),
    (K::View, 1),
];

/// The generator of one sequence.
#[derive(Debug)]
pub struct Generator {
    dice: Dice,
    model: Model,
    resolver: Resolver,
    /// The payments that were tried.
    payments: Vec<(Slot, u8)>,
    /// The plans that were created, and by whom.
    created: Vec<(Action, Who)>,
}

/// A sequence of some length from a seed.
pub fn sequence(cast: &Cast, seed: u64, length: usize) -> Vec<Step> {
    let mut generator = Generator {
        dice: Dice::new(seed),
        model: Model::new(cast, START, None),
        resolver: Resolver { cast: cast.clone(), slots: Default::default() },
        payments: Vec::new(),
        created: Vec::new(),
    };
    (0..length).map(|_| generator.step()).collect()
}

impl Generator {
    /// The next step, which the model has done.
    fn step(&mut self) -> Step {
        let kind = if self.resolver.slots.len() < 2 { K::CreatePlan } else { self.dice.weighted(&WEIGHTS) };
        let (by, action) = self.action(kind);
        let gas = (self.can_starve() && self.dice.chance(3)).then(|| self.dice.range(25_000, 600_000));
        let step = Step { by, gas, action };
        let tx = self.resolver.tx(by, &step.action);
        let answer = self.model.execute(self.resolver.cast.at(by), &tx);
        bind(&mut self.resolver, &step, &answer);
        if matches!(step.action, Action::CreatePlan { .. }) && answer.is_ok() {
            self.created.push((step.action.clone(), by));
        }
        step
    }

    fn action(&mut self, kind: Kind) -> (Who, Action) {
        match kind {
            K::Warp => self.warp(),
            K::Behave => self.behave(),
            K::SetBlocked => self.set_blocked(),
            K::ArmToken => self.arm_token(),
            K::Fund | K::Approve => self.allow(kind == K::Fund),
            K::CreatePlan => self.create_plan(),
            K::SetOpen => self.set_open(),
            K::TransferOwnership => self.transfer_ownership(),
            K::AcceptOwnership => self.accept_ownership(),
            K::SetOperator => self.set_operator(),
            K::SetFee => self.set_fee(),
            K::FeeControl => self.fee_control(),
            K::Order => self.order(),
            K::OrderMany => self.order_many(),
            K::OrderFor => self.order_for(),
            K::Settle => self.settle(),
            K::TakeBack => self.take_back(),
            K::ReverseTakeBack => self.reverse_take_back(),
            K::Mint => self.mint(),
            K::MintExpirable => self.mint_expirable(),
            K::MintExtreme => self.mint_extreme(),
            K::Burn => self.burn(),
            K::Redeem => self.redeem(),
            K::RedeemWithoutId => self.redeem_without_id(),
            K::RedeemMany => self.redeem_many(),
            K::Voucher => self.redeem_with_voucher(),
            K::Session => self.redeem_in_session(),
            K::RevokeVouchers => self.revoke_vouchers(),
            K::RevokeSession => self.revoke_session(),
            K::Multicall => self.multicall(),
            K::ManyLots => self.many_lots(),
            K::Refused => self.refused(),
            K::View => self.look(),
        }
    }

    /// Who re-enters swallows what comes of it, so that a lack of gas would go unseen.
    fn can_starve(&self) -> bool {
        let mut behaviours = self.model.behaviours.values();
        !self.model.is_armed() && !behaviours.any(|behaviour| matches!(behaviour.manner, Manner::Reenter(_)))
    }

    // ── Choices ──

    /// A plan that something holds of, if there is one; now and then any, or none that exists.
    fn slot(&mut self, holds: impl Fn(&Plan) -> bool) -> Slot {
        if self.dice.chance(2) {
            return NO_PLAN;
        }
        let is_any = self.dice.chance(6);
        let fits = |plan: &Plan| is_any || holds(plan);
        let slots = self.resolver.slots.iter();
        let plans = &self.model.state.books.plans;
        let fitting: Vec<_> =
            slots.filter(|(_, id)| plans.get(*id).is_some_and(fits)).map(|(slot, _)| *slot).collect();
        if fitting.is_empty() {
            self.dice.range(0, u64::from(SLOTS)) as Slot
        } else {
            self.dice.pick(&fitting)
        }
    }

    fn id(&self, slot: Slot) -> U256 {
        self.resolver.plan(slot)
    }

    fn plan(&self, slot: Slot) -> Option<Plan> {
        self.model.state.books.plans.get(&self.id(slot)).cloned()
    }

    fn who(&self, address: Address) -> Who {
        self.resolver.cast.name(address).unwrap_or(Who::Nobody)
    }

    fn owner(&self, slot: Slot) -> Who {
        self.plan(slot).map_or(Who::Ann, |plan| self.who(plan.owner))
    }

    /// Nearly always this one, else anybody.
    fn mostly(&mut self, who: Who) -> Who {
        if self.dice.chance(92) { who } else { self.dice.pick(&HOLDERS) }
    }

    /// Mostly the owner, sometimes an operator with a permission, seldom anybody.
    fn authorised(&mut self, slot: Slot, permission: u8) -> Who {
        let operators: Vec<_> = self.plan(slot).map_or(Vec::new(), |plan| {
            plan.operators.iter().filter(|(_, bits)| *bits & permission != 0).map(|(who, _)| *who).collect()
        });
        if !operators.is_empty() && self.dice.chance(40) {
            let operator = self.dice.pick(&operators);
            return self.who(operator);
        }
        let owner = self.owner(slot);
        self.mostly(owner)
    }

    /// Somebody to receive credits: one with code that refuses is seldom.
    fn receiver(&mut self) -> Who {
        match self.dice.range(0, 100) {
            0..3 => Who::Clumsy,
            3 => Who::Zero,
            4 => Who::Core,
            5..15 => Who::Acceptor,
            15..35 => self.dice.pick(&CHAMELEONS),
            _ => self.dice.pick(&[Who::Ann, Who::Ben, Who::Cat, Who::Dan]),
        }
    }

    /// Somebody who has something of a plan, and how much.
    fn endowed(&mut self, slot: Slot) -> (Who, u64) {
        let id = self.id(slot);
        let holders = HOLDERS.map(|who| (who, self.model.balance(id, self.resolver.cast.at(who))));
        let endowed: Vec<_> = holders.into_iter().filter(|(_, balance)| *balance > 0).collect();
        if endowed.is_empty() || self.dice.chance(4) {
            return (self.dice.pick(&HOLDERS), 10);
        }
        let (who, balance) = self.dice.pick(&endowed);
        (who, u64::try_from(balance).unwrap_or(u64::MAX))
    }
}
