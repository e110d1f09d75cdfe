//! The driver: a sequence of steps, through the model and through the machine, compared after each.

use std::fmt;

use alloy::primitives::U256;
use eyre::{Report, Result, ensure};

use crate::{
    compare::Comparison,
    explain,
    machine::{GAS, Machine, Stage},
    model::{Answer, Fault, Model},
    replay::Replay,
    resolve::{Resolver, Tx},
    stats::Stats,
    step::{Action, Step},
};

/// After how many steps everything is compared, and not only what changed.
const FULL_COMPARISON: usize = 16;

/// Where the model and the machine part.
#[derive(Debug)]
pub struct Difference {
    /// At which step, from 0.
    pub at: usize,
    /// How.
    pub report: Report,
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "at step {}: {:#}", self.at, self.report)
    }
}

/// A sequence under way.
#[derive(Debug)]
pub struct Run {
    model: Model,
    machine: Machine,
    resolver: Resolver,
    replay: Replay,
    comparison: Comparison,
}

/// Runs a sequence. What it tried is added to the statistics.
pub fn run(stage: &Stage, steps: &[Step], fault: Option<Fault>, stats: &mut Stats) -> Result<(), Difference> {
    let mut run = Run::new(stage, fault);
    for (at, step) in steps.iter().enumerate() {
        let is_full = at % FULL_COMPARISON == FULL_COMPARISON - 1 || at + 1 == steps.len();
        let answer = run.step(step, is_full).map_err(|report| Difference { at, report })?;
        stats.count(step, &answer);
    }
    run.check_replay().map_err(|report| Difference { at: steps.len(), report })
}

impl Run {
    /// A sequence that has not begun.
    pub fn new(stage: &Stage, fault: Option<Fault>) -> Self {
        let machine = stage.machine();
        let model = Model::new(&stage.cast, machine.now(), fault);
        let resolver = Resolver { cast: stage.cast.clone(), slots: Default::default() };
        let comparison = Comparison::new(&model);
        let mut replay = Replay::default();
        // Its creation has told of this.
        replay.books.controller = model.state.books.controller;
        Self { model, machine, resolver, replay, comparison }
    }

    /// Does a step, and compares.
    pub fn step(&mut self, step: &Step, is_full: bool) -> Result<Answer> {
        let tx = self.resolver.tx(step.by, &step.action);
        let by = self.resolver.cast.at(step.by);
        let before = self.model.clone();
        let expected = self.model.execute(by, &tx);
        let Some(message) = tx.message(&self.resolver.cast) else {
            if let Tx::Warp(seconds) = tx {
                self.machine.warp(seconds);
            }
            self.compare(is_full)?;
            return Ok(expected);
        };
        let is_of_core = matches!(tx, Tx::Core { .. });
        let (found, logs, _) = self.machine.transact(by, message, step.gas.unwrap_or(GAS))?;
        // Of others than the core only success matters.
        let is_equal = if is_of_core { found == expected } else { found.is_ok() == expected.is_ok() };
        let may_lack_gas = step.gas.is_some() && found.is_err() && logs.is_empty();
        if may_lack_gas && !is_equal {
            self.model = before;
            self.model.state.log.clear();
            self.compare(is_full)?;
            return Ok(found);
        }
        ensure!(
            is_equal,
            "{step:?}\n  expected: {}\n  found:    {}",
            explain::answer(&expected),
            explain::answer(&found)
        );
        ensure!(
            expected.is_err() || self.model.state.log == logs,
            "{step:?}\n expected events:\n{}\n found:\n{}",
            explain::events(&self.model.state.log),
            explain::events(&logs)
        );
        if found.is_err() {
            self.model.state.log.clear();
        }
        self.replay.read(&logs, self.model.now)?;
        self.compare(is_full)?;
        bind(&mut self.resolver, step, &expected);
        Ok(expected)
    }

    fn compare(&mut self, is_full: bool) -> Result<()> {
        let logs = self.model.state.log.clone();
        self.comparison.compare_touched(&mut self.model, &mut self.machine, &logs)?;
        if is_full {
            self.comparison.compare_all(&mut self.model, &mut self.machine)?;
        }
        Ok(())
    }

    /// Whether the events alone tell what the model, and so the core, has.
    pub fn check_replay(&self) -> Result<()> {
        let now = self.model.now;
        let (told, known) = (self.replay.books.at(now), self.model.state.books.at(now));
        ensure!(told == known, "the events tell\n{told:#?}\nand there is\n{known:#?}");
        self.replay.check_transfers()
    }
}

/// Gives a plan that was created its place.
pub(crate) fn bind(resolver: &mut Resolver, step: &Step, answer: &Answer) {
    if let (Action::CreatePlan { slot, .. }, Ok(id)) = (&step.action, answer) {
        resolver.slots.insert(*slot, U256::from_be_slice(id));
    }
}
