//! Which call meets which fault.

use std::collections::{BTreeMap, VecDeque};

use alloy::primitives::keccak256;

use super::Fault;

/// Faults at random: the same for the same seed, whatever the order in which calls of different methods arrive.
#[derive(Debug, Clone)]
pub struct Chance {
    seed: u64,
    per_mille: u64,
    faults: Vec<Fault>,
    methods: Vec<String>,
}

impl Chance {
    /// Of a thousand calls about so many meet a fault, any fault, whatever their method.
    pub fn per_mille(per_mille: u64, seed: u64) -> Self {
        Self { seed, per_mille, faults: Fault::ALL.to_vec(), methods: Vec::new() }
    }

    /// Only these faults.
    pub fn of(self, faults: impl IntoIterator<Item = Fault>) -> Self {
        Self { faults: faults.into_iter().collect(), ..self }
    }

    /// Only calls of these methods.
    pub fn on<M: Into<String>>(self, methods: impl IntoIterator<Item = M>) -> Self {
        Self { methods: methods.into_iter().map(Into::into).collect(), ..self }
    }

    /// What the call with this number among those of its method meets.
    fn fault(&self, method: &str, number: u64) -> Option<Fault> {
        if !self.methods.is_empty() && !self.methods.iter().any(|one| one == method) {
            return None;
        }
        let draw =
            keccak256([&self.seed.to_be_bytes()[..], method.as_bytes(), &number.to_be_bytes()].concat());
        let part = |from: usize| draw[from..from + 8].iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
        let faults: Vec<_> = self.faults.iter().filter(|fault| fault.can_meet(method)).collect();
        let happens = part(0) % 1_000 < self.per_mille && !faults.is_empty();
        happens.then(|| *faults[(part(8) % faults.len() as u64) as usize])
    }
}

/// For how many calls a transaction has no receipt.
const CALLS_WITHOUT_RECEIPT: u64 = 3;

/// What is to happen, and what has.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// What the next calls of a method meet.
    pub(super) scripts: BTreeMap<String, VecDeque<Fault>>,
    /// What every call of every method meets.
    pub(super) always: Option<Fault>,
    pub(super) chance: Option<Chance>,
    /// For how many more calls a transaction has no receipt.
    hidden: BTreeMap<String, u64>,
    pub(super) calls: BTreeMap<String, u64>,
    pub(super) done: BTreeMap<(Fault, String), u64>,
    pub(super) requests: u64,
}

impl Plan {
    /// What a call meets; for a receipt with the transaction that it is about.
    pub(super) fn fault(&mut self, method: &str, transaction: Option<&str>) -> Option<Fault> {
        let calls = self.calls.entry(method.to_owned()).or_default();
        let number = *calls;
        *calls += 1;
        if let Some(left) = transaction.and_then(|transaction| self.hidden.get_mut(transaction)) {
            *left -= 1;
            if *left == 0 {
                self.hidden.retain(|_, left| *left != 0);
            }
            return Some(Fault::NoReceipt);
        }
        let fault = self
            .scripts
            .get_mut(method)
            .and_then(VecDeque::pop_front)
            .or(self.always)
            .or_else(|| self.chance.as_ref()?.fault(method, number));
        if let (Some(Fault::NoReceipt), Some(transaction)) = (fault, transaction) {
            self.hidden.insert(transaction.to_owned(), CALLS_WITHOUT_RECEIPT - 1);
        }
        fault
    }

    /// Notes that it happened.
    pub(super) fn note(&mut self, fault: Fault, method: &str) {
        *self.done.entry((fault, method.to_owned())).or_default() += 1;
    }

    /// Nothing is to happen any more; what has, is remembered.
    pub(super) fn heal(&mut self) {
        self.scripts.clear();
        self.hidden.clear();
        (self.always, self.chance) = (None, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(chance: Chance, methods: &[&str], calls: usize) -> Vec<Vec<Option<Fault>>> {
        let mut plan = Plan { chance: Some(chance), ..Plan::default() };
        let mut draw = |method: &&str| (0..calls).map(|_| plan.fault(method, None)).collect();
        methods.iter().map(&mut draw).collect()
    }

    #[test]
    fn a_seed_says_it_all() {
        let chance = |seed| Chance::per_mille(200, seed);
        let [one, other] = ["eth_call", "eth_estimateGas"];
        let first = drawn(chance(1), &[one, other], 1_000);
        let mut swapped = drawn(chance(1), &[other, one], 1_000);
        swapped.reverse();
        assert_eq!(first, swapped, "the order of methods changes nothing");
        assert_ne!(first, drawn(chance(2), &[one, other], 1_000));
        assert_ne!(first[0], first[1]);

        let faults = first[0].iter().flatten().count();
        assert!((150..250).contains(&faults), "{faults} of 1,000 are not about 200");
        let meets = |fault| first.iter().map(|calls| calls.contains(&Some(fault))).collect::<Vec<_>>();
        assert_eq!(meets(Fault::DropAfter), [true, true]);
        assert_eq!(meets(Fault::LimitExceeded), [false, true]);
        assert_eq!(meets(Fault::Stale), [false, false]);
    }

    #[test]
    fn only_what_is_named() {
        let chance = Chance::per_mille(1_000, 7).of([Fault::Delay, Fault::Stale]).on(["eth_blockNumber"]);
        let drawn = drawn(chance, &["eth_blockNumber", "eth_call"], 100);
        assert!(drawn[0].iter().all(|fault| matches!(fault, Some(Fault::Delay | Fault::Stale))));
        assert!(drawn[1].iter().all(Option::is_none));
    }
}
