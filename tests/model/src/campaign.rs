//! A campaign: many sequences, on as many threads as there are processors, and what is done when one fails.

use std::{
    cell::RefCell,
    env, fs,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use eyre::{Result, WrapErr, eyre};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use crate::{driver, machine::Stage, model::Fault, shrink::Sequences, stats::Stats, step::Step};

/// How many steps a sequence has.
pub const LENGTH: usize = 120;

/// What a campaign is to do.
#[derive(Debug, Clone, Copy)]
pub struct Campaign {
    /// At least how many steps in all.
    pub steps: u64,
    /// From which seed.
    pub seed: u64,
    /// What is wrong with the model, if anything.
    pub fault: Option<Fault>,
}

/// A sequence that fails, shrunk, and why.
#[derive(Debug)]
pub struct Failure {
    /// The sequence.
    pub steps: Vec<Step>,
    /// Why.
    pub reason: String,
}

impl Campaign {
    /// The one that the environment asks for: `SCRIP_MODEL_STEPS` and `SCRIP_MODEL_SEED`.
    pub fn from_env(steps: u64, seed: u64) -> Result<Self> {
        Ok(Self {
            steps: number("SCRIP_MODEL_STEPS")?.unwrap_or(steps),
            seed: number("SCRIP_MODEL_SEED")?.unwrap_or(seed),
            fault: None,
        })
    }

    /// Runs it on several threads, each with a seed of its own.
    pub fn run(self, stage: &Stage, threads: u64) -> Result<Stats, Failure> {
        let outcomes: Vec<_> = thread::scope(|scope| {
            let part = |thread| {
                let part = Self { steps: self.steps.div_ceil(threads), ..self };
                scope.spawn(move || part.run_one(stage, thread))
            };
            let handles: Vec<_> = (0..threads).map(part).collect();
            handles.into_iter().map(thread::ScopedJoinHandle::join).collect()
        });
        let mut stats = Stats::default();
        for outcome in outcomes {
            let failed = |_| Failure { steps: Vec::new(), reason: "a thread panicked".into() };
            stats.add(&outcome.map_err(failed)??);
        }
        Ok(stats)
    }

    fn run_one(self, stage: &Stage, thread: u64) -> Result<Stats, Failure> {
        let stats = RefCell::new(Stats::default());
        let config = Config {
            cases: u32::try_from(self.steps.div_ceil(LENGTH as u64)).unwrap_or(u32::MAX),
            failure_persistence: None,
            max_shrink_iters: 100_000,
            ..Config::default()
        };
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.seed.to_le_bytes());
        seed[8..16].copy_from_slice(&thread.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
        let mut runner = TestRunner::new_with_rng(config, rng);
        let sequences = Sequences { cast: Arc::new(stage.cast.clone()), length: LENGTH };
        let outcome = runner.run(&sequences, |steps| {
            let mut counted = stats.borrow_mut();
            driver::run(stage, &steps, self.fault, &mut counted)
                .map_err(|difference| TestCaseError::fail(difference.to_string()))
        });
        match outcome {
            Ok(()) => Ok(stats.into_inner()),
            Err(TestError::Fail(reason, steps)) => Err(Failure { steps, reason: reason.to_string() }),
            Err(TestError::Abort(reason)) => Err(Failure { steps: Vec::new(), reason: reason.to_string() }),
        }
    }
}

impl Failure {
    /// Keeps the sequence in a file, and says where, why and how to run it again.
    pub fn keep(&self, folder: &Path, name: &str) -> Result<String> {
        fs::create_dir_all(folder)?;
        let path = folder.join(format!("{name}.json"));
        let json = serde_json::to_string_pretty(&self.steps)?;
        fs::write(&path, &json)?;
        Ok(format!(
            "{}\n\n{json}\n\nhint: SCRIP_MODEL_REPLAY={} cargo test -p scrip-model",
            self.reason,
            path.display()
        ))
    }
}

/// The sequence of a file.
pub fn load(path: &Path) -> Result<Vec<Step>> {
    let json = fs::read_to_string(path).wrap_err_with(|| path.display().to_string())?;
    serde_json::from_str(&json).wrap_err_with(|| path.display().to_string())
}

/// The sequences of a folder.
pub fn load_all(folder: &Path) -> Result<Vec<(PathBuf, Vec<Step>)>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        paths.push(entry?.path());
    }
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    paths.into_iter().map(|path| load(&path).map(|steps| (path, steps))).collect()
}

fn number(name: &str) -> Result<Option<u64>> {
    let Ok(text) = env::var(name) else { return Ok(None) };
    let number =
        text.replace('_', "").parse().map_err(|_| eyre!("{name} must be a number, and is {text:?}"))?;
    Ok(Some(number))
}
