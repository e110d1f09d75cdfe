//! The model: what the manual says, in the simplest Rust that says it. Plain lists and maps, searched from end to end; what a
//! call changed is undone by going back to a copy made before it.

mod fee;
mod fiat;
mod gifts;
mod ledger;
mod money;
mod orders;
mod others;
mod plans;
mod redemptions;
mod views;

use std::collections::{BTreeMap, BTreeSet};

use alloy::{
    primitives::{Address, B256, Bytes, LogData, U256, Uint},
    sol_types::{SolCall, SolError, SolEvent, SolInterface},
};

pub(crate) use self::{fiat::from_told, redemptions::place_of};
pub use self::{ledger::Holding, money::Money, others::Behaviour};
use crate::{
    abi::IScrip::{self, IScripCalls},
    cast::{CHAMELEONS, Cast, Who},
    resolve::Tx,
};

/// What a call returned, or the error that it reverted with, both as bytes.
pub type Answer = Result<Vec<u8>, Vec<u8>>;

/// What a part of a call came to.
pub(crate) type Part<T> = Result<T, Vec<u8>>;

/// A mistake that is put into the model on purpose, to see that it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Credits can still be spent in the second of their expiry.
    ExpiryInclusive,
    /// The fee is rounded up.
    FeeRoundedUp,
    /// What never expires is spent first.
    LastingFirst,
    /// A voucher's nonce survives its use.
    NonceSurvives,
    /// What expired is forgotten without an event.
    SilentExpiry,
}

/// A plan, and who may do what with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Its owner.
    pub owner: Address,
    /// Who may become its owner; zero for nobody.
    pub pending: Address,
    /// Whether it can be ordered.
    pub open: bool,
    /// How often it was ordered, where that is limited in all.
    pub ordered: u32,
    /// Its terms.
    pub terms: IScrip::Terms,
    /// Its operators' permissions.
    pub operators: BTreeMap<Address, u8>,
}

/// All that is public of the core's state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Books {
    /// The plans.
    pub plans: BTreeMap<U256, Plan>,
    /// What each holder has of each plan.
    pub holdings: BTreeMap<(U256, Address), Holding>,
    /// The requests that were redeemed: plan, redeemer, id.
    pub requests: BTreeSet<(U256, Address, U256)>,
    /// The nonces used or revoked, 256 to a word: holder, word, bits.
    pub nonces: BTreeMap<(Address, U256), U256>,
    /// The sessions: plan, holder, redeemer, session.
    pub sessions: BTreeMap<(U256, Address, Address, U256), (u64, bool)>,
    /// The settlements: plan, key of the payment.
    pub settlements: BTreeMap<(U256, B256), IScrip::Settlement>,
    /// The fee's receiver.
    pub fee_receiver: Address,
    /// The fee's rate.
    pub fee_rate: u16,
    /// The fee's controller.
    pub controller: Address,
    /// Who may become the fee's controller.
    pub pending_controller: Address,
}

/// All that a call can change, and that a revert changes back.
#[derive(Debug, Clone, Default)]
pub struct State {
    /// The core's.
    pub books: Books,
    /// Tokens and coin.
    pub money: Money,
    /// The core's events of this transaction.
    pub log: Vec<LogData>,
    /// Whether an order is being made.
    ordering: bool,
}

/// The model.
#[derive(Debug, Clone)]
pub struct Model {
    /// The state.
    pub state: State,
    /// The time, unix seconds.
    pub now: u64,
    /// How chameleons behave.
    pub behaviours: BTreeMap<Address, Behaviour>,
    /// Who takes part.
    pub cast: Cast,
    /// Whom the tricky dollar does not pay.
    blocked: BTreeSet<Address>,
    /// What the tricky dollar does before it pays.
    armed: Option<Bytes>,
    /// Who is re-entering at the moment, and does not do so again.
    busy: BTreeSet<Address>,
    /// Whether somebody has burned nearly all the gas of this transaction.
    gas_is_gone: bool,
    /// Whether what is done now is done from within a call of bounded gas, so that there is too little for another.
    is_within_bounds: bool,
    /// What is wrong with this model, if anything.
    fault: Option<Fault>,
}

impl Books {
    /// The books at a time, without what is nothing: no expired lots, no permissions for nothing.
    pub fn at(&self, now: u64) -> Self {
        let mut books = self.clone();
        books.holdings.values_mut().for_each(|holding| holding.lots.retain(|lot| lot.0 > now));
        books.holdings.retain(|_, holding| *holding != Holding::default());
        books.plans.values_mut().for_each(|plan| plan.operators.retain(|_, permissions| *permissions != 0));
        books.nonces.retain(|_, bits| !bits.is_zero());
        books
    }
}

impl Model {
    /// The model of a core just deployed.
    pub fn new(cast: &Cast, now: u64, fault: Option<Fault>) -> Self {
        let mut state = State { money: Money::new(cast), ..State::default() };
        state.books.controller = cast.at(Who::Eve);
        let behaviours = CHAMELEONS.iter().map(|who| (cast.at(*who), Behaviour::default())).collect();
        Self {
            state,
            now,
            behaviours,
            cast: cast.clone(),
            blocked: BTreeSet::new(),
            armed: None,
            busy: BTreeSet::new(),
            gas_is_gone: false,
            is_within_bounds: false,
            fault,
        }
    }

    /// Does a transaction. Its events are in the log after it.
    pub fn execute(&mut self, by: Address, tx: &Tx) -> Answer {
        self.state.log.clear();
        self.gas_is_gone = false;
        match tx {
            Tx::Warp(seconds) => self.now += seconds,
            Tx::Behave { at, behaviour } => {
                self.behaviours.insert(*at, behaviour.clone());
            }
            Tx::SetBlocked { account, blocked: true } => {
                self.blocked.insert(*account);
            }
            Tx::SetBlocked { account, blocked: false } => {
                self.blocked.remove(account);
            }
            Tx::Arm(call) => self.armed.clone_from(call),
            Tx::Fund { token, account, amount } => self.state.money.mint(*token, *account, *amount),
            Tx::Approve { token, amount } => self.state.money.approve(*token, by, *amount),
            Tx::Core { value, call } => return self.call(by, *value, call),
        }
        Ok(Vec::new())
    }

    /// A call of the core with these bytes, which changes nothing if it fails.
    pub(crate) fn call(&mut self, caller: Address, value: U256, data: &Bytes) -> Answer {
        let before = self.state.clone();
        let core = self.cast.at(Who::Core);
        self.state.money.move_coin(caller, core, value);
        let answer = match IScripCalls::abi_decode(data) {
            Ok(call) => self.dispatch(caller, value, call),
            Err(_) => Err(Vec::new()),
        };
        if answer.is_err() {
            self.state = before;
        }
        answer
    }

    fn dispatch(&mut self, caller: Address, value: U256, call: IScripCalls) -> Answer {
        use IScripCalls as C;
        match call {
            C::order(call) => return self.order(caller, value, call),
            C::orderMany(call) => return self.order_many(caller, value, call),
            C::orderFor(call) => return self.order_for(caller, value, call),
            // Only orders take coin.
            _ if !value.is_zero() => return Err(Vec::new()),
            _ => {}
        }
        match call {
            C::createPlan(call) => self.create_plan(caller, call),
            C::setOpen(call) => self.set_open(caller, call),
            C::transferOwnership(call) => self.transfer_ownership(caller, call),
            C::acceptOwnership(call) => self.accept_ownership(caller, call),
            C::setOperator(call) => self.set_operator(caller, call),
            C::setFee(call) => self.set_fee(caller, call),
            C::offerFeeControl(call) => self.offer_fee_control(caller, call),
            C::acceptFeeControl(_) => self.accept_fee_control(caller),
            C::renounceFeeControl(_) => self.renounce_fee_control(caller),
            C::settle(call) => self.settle(caller, call),
            C::takeBack(call) => self.take_back(caller, call),
            C::reverseTakeBack(call) => self.reverse_take_back(caller, call),
            C::mint(call) => self.mint(caller, call),
            C::mintExpirable(call) => self.mint_expirable(caller, call),
            C::burn(call) => self.burn(caller, call),
            C::redeem(call) => self.redeem(caller, call),
            C::redeemWithoutId(call) => self.redeem_without_id(caller, call),
            C::redeemMany(call) => self.redeem_many(caller, call),
            C::redeemWithVoucher(call) => self.redeem_with_voucher(caller, call),
            C::redeemInSession(call) => self.redeem_in_session(caller, call),
            C::revokeVouchers(call) => self.revoke_vouchers(caller, call),
            C::revokeSession(call) => self.revoke_session(caller, call),
            C::multicall(call) => self.multicall(caller, call),
            C::safeTransferFrom(_) | C::safeBatchTransferFrom(_) | C::setApprovalForAll(_) => {
                Err(IScrip::Soulbound {}.abi_encode())
            }
            question => self.answer(question),
        }
    }

    /// Each call by itself: one that fails changes nothing, and fails all unless it may be skipped.
    fn multicall(&mut self, caller: Address, call: IScrip::multicallCall) -> Answer {
        let mut outcomes = Vec::new();
        for data in &call.calls {
            let answer = self.call(caller, U256::ZERO, data);
            // One that lacked gas is not skipped.
            if let Err(error) = &answer
                && (!call.skip || self.gas_is_gone)
            {
                return Err(error.clone());
            }
            let done = answer.is_ok();
            outcomes.push(IScrip::Outcome { done, answer: answer.unwrap_or_else(|error| error).into() });
        }
        Ok(IScrip::multicallCall::abi_encode_returns(&outcomes))
    }

    /// A call by somebody who was called with or without bounded gas, and whom nothing is what comes of it.
    pub(crate) fn call_back(&mut self, caller: Address, data: &Bytes, is_bounded: bool) {
        let former = self.is_within_bounds;
        self.is_within_bounds |= is_bounded;
        let _ = self.call(caller, U256::ZERO, data);
        self.is_within_bounds = former;
    }

    /// That there is the gas for a call of 200,000. How much there is nobody sees.
    pub(crate) fn demand_gas(&self) -> Part<()> {
        let nothing = U256::ZERO;
        demand(!self.is_within_bounds, || IScrip::InsufficientGas { available: nothing, needed: nothing })
    }

    /// Whether the tricky dollar calls somebody.
    pub(crate) fn is_armed(&self) -> bool {
        self.armed.is_some()
    }

    pub(crate) fn emit(&mut self, event: &impl SolEvent) {
        self.state.log.push(event.encode_log_data());
    }

    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }

    /// The plan, if there is one.
    pub(crate) fn existing(&self, id: U256) -> Part<Plan> {
        self.state
            .books
            .plans
            .get(&id)
            .cloned()
            .ok_or_else(|| IScrip::PlanNotFound { planId: id }.abi_encode())
    }
}

/// Fails with an error unless a condition holds.
pub(crate) fn demand<E: SolError>(holds: bool, error: impl FnOnce() -> E) -> Part<()> {
    if holds { Ok(()) } else { Err(error().abi_encode()) }
}

/// A time as the interface has it.
pub(crate) fn u40(time: u64) -> Uint<40, 1> {
    Uint::from(time)
}
