//! The model beside the bytecode.

use std::{
    env,
    path::{Path, PathBuf},
    sync::OnceLock,
    thread,
    time::Instant,
};

use scrip_model::{
    campaign::{Campaign, Failure, load, load_all},
    driver,
    machine::Stage,
    model::Fault,
    stats::Stats,
};

/// The steps of a run in CI, and the seed of every run that names none.
const STEPS: u64 = 100_000;
const SEED: u64 = 0x5c21b;

fn stage() -> &'static Stage {
    static STAGE: OnceLock<Stage> = OnceLock::new();
    STAGE.get_or_init(|| Stage::set().expect("the stage is set"))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn keep(failure: &Failure, name: &str) -> String {
    let folder = root().join("target/model-failures");
    failure.keep(&folder, name).expect("the failure is kept")
}

#[test]
fn the_model_foretells_the_bytecode() {
    let campaign = Campaign::from_env(STEPS, SEED).expect("numbers in the environment");
    let threads = thread::available_parallelism().map_or(2, |threads| threads.get() as u64);
    let stage = stage();
    let start = Instant::now();
    let stats = match campaign.run(stage, threads) {
        Ok(stats) => stats,
        Err(failure) => panic!("{}", keep(&failure, &format!("seed-{}", campaign.seed))),
    };
    report(&stats, start);
    assert!(stats.steps >= campaign.steps, "all steps were done");
    // A short run says nothing of what is rare.
    if campaign.steps >= STEPS {
        assert_eq!(stats.idle_kinds(), [], "every kind of step succeeds in a twentieth of its tries");
        assert_eq!(stats.unmet_errors(), [""; 0], "every error is met");
    }
}

#[expect(clippy::print_stdout, reason = "what a run has tried is read with `--nocapture`")]
fn report(stats: &Stats, start: Instant) {
    let seconds = start.elapsed().as_secs_f64();
    println!("{} steps in {seconds:.0} s, {:.0} a second", stats.steps, stats.steps as f64 / seconds);
    for (kind, (tries, successes)) in &stats.kinds {
        println!("{kind:20} {successes:7} of {tries:7}: {:3} %", successes * 100 / tries);
    }
    for (name, count) in &stats.errors {
        println!("{name:28} {count:7}");
    }
    println!("not met: {:?}; idle: {:?}", stats.unmet_errors(), stats.idle_kinds());
}

#[test]
fn past_sequences_still_agree() {
    let mut past = load_all(&root().join("tests/model/regressions")).expect("the folder is there");
    assert!(!past.is_empty(), "there are past sequences");
    if let Ok(path) = env::var("SCRIP_MODEL_REPLAY") {
        // Cargo runs tests in the crate's folder, and names come from the workspace's; of two absolute paths the last counts.
        let path = root().join(path);
        past.push((path.clone(), load(&path).expect("a sequence")));
    }
    for (path, steps) in past {
        let outcome = driver::run(stage(), &steps, None, &mut Stats::default());
        assert!(outcome.is_ok(), "{}: {}", path.display(), outcome.expect_err("a difference"));
    }
}

#[test]
fn a_wrong_model_is_caught_and_shrunk() {
    let faults = [
        Fault::ExpiryInclusive,
        Fault::FeeRoundedUp,
        Fault::LastingFirst,
        Fault::NonceSurvives,
        Fault::SilentExpiry,
    ];
    for fault in faults {
        let campaign = Campaign { steps: 20_000, seed: SEED, fault: Some(fault) };
        let failure = campaign.run(stage(), 1).expect_err("a wrong model is caught");
        let count = failure.steps.len();
        assert!((1..=8).contains(&count), "{fault:?} is shown by {count} steps: {}", failure.reason);
        let right = driver::run(stage(), &failure.steps, None, &mut Stats::default());
        assert!(right.is_ok(), "{fault:?}: the right model agrees");
    }
}
