//! Money: coin, tokens of every kind, and the payment of a price.

use std::collections::BTreeMap;

use alloy::{
    primitives::{Address, U256},
    sol_types::{Panic, PanicKind, SolError},
};

use super::{Fault, Model, Part, Plan, demand};
use crate::{
    abi::IScrip,
    cast::{COIN, Cast, MONEYED, TOKEN_KINDS, TOKENS, Who},
};

/// Who has how much coin and of which token, and how much of it the core may move.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Money {
    /// Coin, in wei.
    pub coins: BTreeMap<Address, U256>,
    /// Tokens: token, holder.
    pub tokens: BTreeMap<(Address, Address), U256>,
    allowances: BTreeMap<(Address, Address), U256>,
}

impl Money {
    pub(crate) fn new(cast: &Cast) -> Self {
        let mut money = Self::default();
        for who in MONEYED.map(|who| cast.at(who)) {
            money.coins.insert(who, U256::from(COIN));
            for token in TOKEN_KINDS.map(|token| cast.at(token)) {
                money.mint(token, who, U256::from(TOKENS));
                money.approve(token, who, U256::MAX);
            }
        }
        money
    }

    /// What somebody has of a token.
    pub fn of(&self, token: Address, who: Address) -> U256 {
        self.tokens.get(&(token, who)).copied().unwrap_or_default()
    }

    /// What coin somebody has.
    pub fn coin_of(&self, who: Address) -> U256 {
        self.coins.get(&who).copied().unwrap_or_default()
    }

    pub(crate) fn mint(&mut self, token: Address, who: Address, amount: U256) {
        *self.tokens.entry((token, who)).or_default() += amount;
    }

    pub(crate) fn approve(&mut self, token: Address, who: Address, amount: U256) {
        self.allowances.insert((token, who), amount);
    }

    pub(crate) fn move_coin(&mut self, from: Address, to: Address, amount: U256) {
        *self.coins.entry(from).or_default() -= amount;
        *self.coins.entry(to).or_default() += amount;
    }

    /// What an honest token does. An allowance of everything is never used up.
    fn move_token(&mut self, token: Address, from: Address, to: Address, amount: U256) -> bool {
        let allowance = self.allowances.entry((token, from)).or_default();
        let balance = self.tokens.entry((token, from)).or_default();
        if *allowance < amount || *balance < amount {
            return false;
        }
        if *allowance != U256::MAX {
            *allowance -= amount;
        }
        *balance -= amount;
        *self.tokens.entry((token, to)).or_default() += amount;
        true
    }
}

/// What is to be paid: the fee is a part of the price.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bill {
    pub(crate) token: Address,
    pub(crate) payer: Address,
    pub(crate) price: U256,
    pub(crate) fee: U256,
    /// Whether the token must make do with bounded gas.
    pub(crate) is_bounded: bool,
}

impl Model {
    pub(crate) fn bill(&self, token: Address, payer: Address, price: U256) -> Part<Bill> {
        let scaled = times(price, self.state.books.fee_rate)?;
        let up = if self.has(Fault::FeeRoundedUp) { U256::from(9_999) } else { U256::ZERO };
        Ok(Bill { token, payer, price, fee: (scaled + up) / U256::from(10_000), is_bounded: false })
    }

    /// Pays the fee and divides the rest; the last payee takes what rounding leaves.
    pub(crate) fn pay(&mut self, id: U256, plan: &Plan, bill: Bill) -> Part<()> {
        let mut price = bill.price;
        if !bill.token.is_zero() && (bill.is_bounded || !bill.fee.is_zero()) {
            self.demand_gas()?;
        }
        if !bill.fee.is_zero() {
            let receiver = self.state.books.fee_receiver;
            if self.pay_one(bill, receiver, bill.fee, true) {
                price -= bill.fee;
            } else {
                self.emit(&IScrip::FeeUndelivered { planId: id, receiver, token: bill.token, fee: bill.fee });
            }
        }
        let mut left = price;
        for (index, payee) in plan.terms.payees.iter().enumerate() {
            let is_last = index + 1 == plan.terms.payees.len();
            let amount = if is_last { left } else { times(price, payee.share)? / U256::from(10_000) };
            left -= amount;
            let is_paid = amount.is_zero() || self.pay_one(bill, payee.account, amount, bill.is_bounded);
            demand(is_paid, || IScrip::PaymentFailed {
                planId: id,
                token: bill.token,
                payer: bill.payer,
                payee: payee.account,
                amount,
            })?;
        }
        Ok(())
    }

    fn pay_one(&mut self, bill: Bill, to: Address, amount: U256, is_bounded: bool) -> bool {
        if bill.token.is_zero() {
            self.send(to, amount, true)
        } else {
            self.pull(bill.token, bill.payer, to, amount, is_bounded)
        }
    }

    /// Sends coin from the core; whether it was taken.
    pub(crate) fn send(&mut self, to: Address, amount: U256, is_bounded: bool) -> bool {
        let before = self.state.clone();
        let core = self.cast.at(Who::Core);
        self.state.money.move_coin(core, to, amount);
        let is_taken = if self.behaviours.contains_key(&to) {
            self.ask(to, true, is_bounded).is_ok()
        } else {
            !self.has_code(to)
        };
        if !is_taken {
            self.state = before;
        }
        is_taken
    }

    /// Has a token move money; whether it said that it did.
    fn pull(&mut self, token: Address, from: Address, to: Address, amount: U256, is_bounded: bool) -> bool {
        let before = self.state.clone();
        let kept = amount / U256::from(100);
        // Whether it moved the money, and whether it said so.
        let (moved, said) = match self.cast.name(token) {
            Some(Who::Dollar | Who::NoReturnDollar) => {
                (self.state.money.move_token(token, from, to, amount), true)
            }
            Some(Who::RiddlingDollar) => (self.state.money.move_token(token, from, to, amount), false),
            Some(Who::FeeDollar) => {
                let skimmed = self.cast.at(Who::Skimmed);
                let money = &mut self.state.money;
                let moved = money.move_token(token, from, to, amount - kept);
                (moved && money.move_token(token, from, skimmed, kept), true)
            }
            Some(Who::TrickyDollar) => (self.trick(token, to, from, amount, is_bounded), true),
            Some(_) if self.behaviours.contains_key(&token) => match self.ask(token, true, is_bounded) {
                Ok(Some(words)) => (true, words.is_empty() || is_true(&words)),
                Ok(None) => (true, false),
                Err(_) => (false, false),
            },
            _ => (false, false),
        };
        if !moved {
            self.state = before;
        }
        moved && said
    }

    /// What the tricky dollar does: it pays nobody whom it blocks, and calls somebody first.
    fn trick(&mut self, token: Address, to: Address, from: Address, amount: U256, is_bounded: bool) -> bool {
        if self.blocked.contains(&to) {
            return false;
        }
        if let Some(call) = self.armed.clone()
            && self.busy.insert(token)
        {
            self.call_back(token, &call, is_bounded);
            self.busy.remove(&token);
        }
        self.state.money.move_token(token, from, to, amount)
    }
}

/// Whether an answer begins with a word that is 1.
fn is_true(words: &[u8]) -> bool {
    words.get(..32).is_some_and(|word| U256::from_be_slice(word) == U256::from(1))
}

/// A product, or the panic of one that is too large.
fn times(price: U256, factor: u16) -> Part<U256> {
    price.checked_mul(U256::from(factor)).ok_or_else(|| Panic::from(PanicKind::UnderOverflow).abi_encode())
}
