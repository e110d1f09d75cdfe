//! The comparison of the model with the chain: the same questions to both, and the money of all.

use std::collections::{BTreeMap, BTreeSet};

use alloy::{
    primitives::{Address, LogData, U256},
    sol_types::{SolEventInterface, SolInterface},
};
use eyre::{Result, ensure};

use crate::{
    abi::IScrip::{self, IScripCalls, IScripEvents},
    cast::{EVERYBODY, HOLDERS, TOKEN_KINDS, Who},
    explain,
    machine::{Machine, balance_slot},
    model::Model,
};

/// Compares, and remembers what it has compared.
#[derive(Debug, Clone, Default)]
pub struct Comparison {
    slots: BTreeMap<Who, U256>,
}

impl Comparison {
    /// One that knows where balances are kept.
    pub fn new(model: &Model) -> Self {
        Self { slots: EVERYBODY.iter().map(|who| (*who, balance_slot(model.cast.at(*who)))).collect() }
    }

    /// All balances of credits, and all of what a transaction's events speak of.
    pub fn compare_touched(&self, model: &mut Model, machine: &mut Machine, logs: &[LogData]) -> Result<()> {
        self.compare_money(model, machine)?;
        let pairs: Vec<_> = pairs(model).collect();
        let call = IScrip::balanceOfBatchCall {
            accounts: pairs.iter().map(|pair| pair.1).collect(),
            ids: pairs.iter().map(|pair| pair.0).collect(),
        };
        agree(model, machine, IScripCalls::balanceOfBatch(call))?;
        for (id, holder) in touched(logs) {
            compare_holding(model, machine, id, holder)?;
        }
        Ok(())
    }

    /// Everything that can be asked.
    pub fn compare_all(&self, model: &mut Model, machine: &mut Machine) -> Result<()> {
        self.compare_money(model, machine)?;
        for (id, holder) in pairs(model).collect::<Vec<_>>() {
            compare_holding(model, machine, id, holder)?;
            let balance = IScrip::balanceOfCall { account: holder, id };
            agree(model, machine, IScripCalls::balanceOf(balance))?;
        }
        let books = model.state.books.clone();
        agree(model, machine, IScripCalls::fee(IScrip::feeCall {}))?;
        for (id, plan) in &books.plans {
            let planId = *id;
            agree(model, machine, IScripCalls::plan(IScrip::planCall { planId }))?;
            agree(model, machine, IScripCalls::uri(IScrip::uriCall { id: planId }))?;
            for operator in plan.operators.keys().copied().chain([plan.owner]) {
                let call = IScrip::permissionsOfCall { planId, operator };
                agree(model, machine, IScripCalls::permissionsOf(call))?;
            }
        }
        for (planId, redeemer, id) in &books.requests {
            for requestId in [*id, id.wrapping_add(U256::from(1))] {
                let call = IScrip::isRedeemedCall { planId: *planId, redeemer: *redeemer, requestId };
                agree(model, machine, IScripCalls::isRedeemed(call))?;
            }
        }
        for ((holder, word), bits) in &books.nonces {
            for bit in (0..256).filter(|bit| bits.bit(*bit) || bit % 32 == 0) {
                let nonce = (*word << 8) | U256::from(bit);
                let call = IScrip::isVoucherUsedCall { holder: *holder, nonce };
                agree(model, machine, IScripCalls::isVoucherUsed(call))?;
            }
        }
        for (planId, holder, redeemer, session) in books.sessions.keys().copied() {
            let call = IScrip::sessionOfCall { planId, holder, redeemer, session };
            agree(model, machine, IScripCalls::sessionOf(call))?;
        }
        for (planId, paymentKey) in books.settlements.keys().copied() {
            let call = IScrip::settlementOfCall { planId, paymentKey };
            agree(model, machine, IScripCalls::settlementOf(call))?;
        }
        Ok(())
    }

    /// The tokens and the coin of everybody; the core has neither.
    fn compare_money(&self, model: &Model, machine: &mut Machine) -> Result<()> {
        for (who, slot) in &self.slots {
            let address = model.cast.at(*who);
            let (expected, found) = (model.state.money.coin_of(address), machine.coin(address)?);
            ensure!(found == expected, "{who:?} has {found} wei, and should have {expected}");
            ensure!(*who != Who::Core || found.is_zero(), "the core holds {found} wei");
            for token in TOKEN_KINDS {
                let at = model.cast.at(token);
                let (expected, found) = (model.state.money.of(at, address), machine.token(at, *slot)?);
                ensure!(found == expected, "{who:?} has {found} of {token:?}, and should have {expected}");
                ensure!(*who != Who::Core || found.is_zero(), "the core holds {found} of {token:?}");
            }
        }
        Ok(())
    }
}

/// Every plan with every holder.
fn pairs(model: &Model) -> impl Iterator<Item = (U256, Address)> + '_ {
    let plans = model.state.books.plans.keys();
    plans.flat_map(|id| HOLDERS.map(|who| (*id, model.cast.at(who))))
}

/// The plans and holders of whom events speak.
fn touched(logs: &[LogData]) -> BTreeSet<(U256, Address)> {
    let transfer = |log: &LogData| match IScripEvents::decode_raw_log(log.topics(), &log.data) {
        Ok(IScripEvents::TransferSingle(event)) => {
            Some((event.id, if event.from.is_zero() { event.to } else { event.from }))
        }
        _ => None,
    };
    logs.iter().filter_map(transfer).collect()
}

fn compare_holding(model: &mut Model, machine: &mut Machine, planId: U256, holder: Address) -> Result<()> {
    agree(model, machine, IScripCalls::lotsOf(IScrip::lotsOfCall { planId, holder }))?;
    agree(model, machine, IScripCalls::accessEnd(IScrip::accessEndCall { planId, holder }))?;
    agree(model, machine, IScripCalls::ordersOf(IScrip::ordersOfCall { planId, holder }))
}

/// Asks both, who must say the same.
fn agree(model: &mut Model, machine: &mut Machine, call: IScripCalls) -> Result<()> {
    let data = call.abi_encode();
    let found = machine.ask(data.into())?;
    let expected = model.answer(call.clone());
    ensure!(
        found == expected,
        "{call:?}\n  expected: {}\n  found:    {}",
        explain::answer(&expected),
        explain::answer(&found)
    );
    Ok(())
}
