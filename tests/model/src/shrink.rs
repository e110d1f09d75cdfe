//! Sequences as proptest's values: made from a seed, and shrunk by leaving out steps, and parts of steps.

use std::sync::Arc;

use proptest::{
    prelude::Rng,
    strategy::{NewTree, Strategy, ValueTree},
    test_runner::TestRunner,
};

use crate::{
    cast::Cast,
    generate::sequence,
    step::{Action, Step},
};

/// Sequences of some length.
#[derive(Debug, Clone)]
pub struct Sequences {
    /// Who takes part.
    pub cast: Arc<Cast>,
    /// How many steps.
    pub length: usize,
}

impl Strategy for Sequences {
    type Tree = Shrinking;
    type Value = Vec<Step>;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        Ok(Shrinking::new(sequence(&self.cast, runner.rng().next_u64(), self.length)))
    }
}

/// A sequence that is being shrunk.
#[derive(Debug, Clone)]
pub struct Shrinking {
    /// The shortest that fails.
    failing: Vec<Step>,
    /// The one to try.
    current: Vec<Step>,
    /// How many steps to leave out at once; 0 for parts of a step.
    chunk: usize,
    /// Where.
    at: usize,
    /// Which part.
    part: usize,
    /// Whether this round has left out anything.
    has_progressed: bool,
}

impl Shrinking {
    /// One that is not shrunk yet.
    pub fn new(steps: Vec<Step>) -> Self {
        let chunk = steps.len().div_ceil(2);
        Self { failing: steps.clone(), current: steps, chunk, at: 0, part: 0, has_progressed: false }
    }

    /// The next to try, if there is any; else the shortest that fails.
    fn propose(&mut self) -> bool {
        loop {
            if self.at >= self.failing.len() {
                self.at = 0;
                match self.chunk {
                    0 | 1 if self.has_progressed => (self.chunk, self.has_progressed) = (1, false),
                    0 => {
                        self.current.clone_from(&self.failing);
                        return false;
                    }
                    _ => self.chunk /= 2,
                }
                continue;
            }
            let mut candidate = self.failing.clone();
            if self.chunk > 0 {
                let end = (self.at + self.chunk).min(candidate.len());
                candidate.drain(self.at..end);
            } else if let Some(step) = simpler(&candidate[self.at], self.part) {
                candidate[self.at] = step;
            } else {
                (self.at, self.part) = (self.at + 1, 0);
                continue;
            }
            self.current = candidate;
            return true;
        }
    }
}

impl ValueTree for Shrinking {
    type Value = Vec<Step>;

    fn current(&self) -> Vec<Step> {
        self.current.clone()
    }

    /// What was tried fails, too.
    fn simplify(&mut self) -> bool {
        self.has_progressed |= self.current != self.failing;
        self.failing.clone_from(&self.current);
        self.propose()
    }

    /// What was tried does not fail.
    fn complicate(&mut self) -> bool {
        if self.chunk > 0 {
            self.at += self.chunk;
        } else {
            self.part += 1;
        }
        self.propose()
    }
}

/// A step with one part less, by the number of the part.
fn simpler(step: &Step, part: usize) -> Option<Step> {
    let mut step = step.clone();
    if step.gas.is_some() {
        step.gas = None;
        return (part == 0).then_some(step);
    }
    match &mut step.action {
        Action::Multicall { actions, .. } if part < actions.len() && actions.len() > 1 => {
            actions.remove(part);
        }
        Action::Multicall { actions, .. } if part == 0 && actions.len() == 1 => {
            step.action = actions.remove(0);
        }
        Action::OrderMany { purchases, .. } if part < purchases.len() && purchases.len() > 1 => {
            purchases.remove(part);
        }
        Action::RedeemMany { batches } if part < batches.len() && batches.len() > 1 => {
            batches.remove(part);
        }
        _ => return None,
    }
    Some(step)
}
