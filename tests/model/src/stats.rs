//! What a run has tried, and what came of it, so that its silence means something.

use std::collections::BTreeMap;

use crate::{abi::IScrip::IScripErrors, explain, model::Answer, step::Step};

/// Kinds of steps that always fail.
pub const ALWAYS_REFUSED: [&str; 2] = ["Transfer", "Unknown"];

/// Errors that no sequence reaches: this needs 65,535 changes of ownership.
pub const UNREACHABLE: [&str; 1] = ["TooManyOwners"];

/// What was tried, by kind of step and by error.
#[derive(Debug, Clone, Default)]
pub struct Stats {
    /// How many steps.
    pub steps: u64,
    /// Tries and successes by kind.
    pub kinds: BTreeMap<&'static str, (u64, u64)>,
    /// How often each error of the core was met.
    pub errors: BTreeMap<&'static str, u64>,
}

impl Stats {
    /// Counts a step.
    pub fn count(&mut self, step: &Step, answer: &Answer) {
        self.steps += 1;
        let kind = self.kinds.entry(step.action.kind()).or_default();
        kind.0 += 1;
        kind.1 += u64::from(answer.is_ok());
        if let Some(name) = answer.as_ref().err().and_then(|error| explain::error_name(error)) {
            *self.errors.entry(name).or_default() += 1;
        }
    }

    /// Adds another run's.
    pub fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        for (kind, (tries, successes)) in &other.kinds {
            let sum = self.kinds.entry(kind).or_default();
            *sum = (sum.0 + tries, sum.1 + successes);
        }
        for (name, count) in &other.errors {
            *self.errors.entry(name).or_default() += count;
        }
    }

    /// The kinds that succeed in less than a twentieth of their tries though they should succeed.
    pub fn idle_kinds(&self) -> Vec<(&'static str, u64, u64)> {
        let is_idle = |(kind, (tries, successes)): (&&'static str, &(u64, u64))| {
            (successes * 20 < *tries && !ALWAYS_REFUSED.contains(kind)).then_some((*kind, *tries, *successes))
        };
        self.kinds.iter().filter_map(is_idle).collect()
    }

    /// The errors that were never met though they could be.
    pub fn unmet_errors(&self) -> Vec<&'static str> {
        let is_unmet = |name: &&str| !self.errors.contains_key(name) && !UNREACHABLE.contains(name);
        IScripErrors::VARIANT_NAMES.iter().copied().filter(is_unmet).collect()
    }
}
