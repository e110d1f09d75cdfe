//! Programs in Python, run against the server with what `scripts/sdk` installs.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use eyre::{Result, WrapErr, ensure};
use tokio::process::Command;

/// An environment of Python: `payments-py-1.18.0`, for example.
#[derive(Debug)]
pub struct Python {
    folder: PathBuf,
}

impl Python {
    /// The environment of this name; none where `scripts/sdk` has not installed it as it is pinned now, which is said, and an
    /// error in CI.
    #[expect(clippy::print_stderr, reason = "who runs the tests is told what was not run")]
    pub fn find(name: &str) -> Result<Option<Self>> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
        let folder = root.join("target/sdk").join(name);
        let pinned = root.join(format!("tests/e2e/sdk/requirements-{name}.txt"));
        let pinned = fs::read(&pinned).wrap_err_with(|| format!("there is no {}", pinned.display()))?;
        if fs::read(folder.join(".scrip-requirements")).is_ok_and(|installed| installed == pinned) {
            return Ok(Some(Self { folder }));
        }
        ensure!(env::var("CI").as_deref() != Ok("true"), "{name} is missing, and CI must run everything");
        eprintln!("not run, for want of {name} (scripts/sdk)");
        Ok(None)
    }

    /// One of its programs, which ends with whoever runs it.
    pub fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.folder.join("bin").join(name));
        command.kill_on_drop(true).env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    /// A script of `tests/e2e/sdk`.
    pub fn script(&self, name: &str) -> Command {
        let mut command = self.program("python");
        // Its warnings tell of what is to come in the SDK; what it prints is what counts.
        command.args(["-W", "ignore"]).arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("sdk").join(name));
        command
    }
}

/// Runs a program to its end; what it printed.
pub async fn printed(mut command: Command) -> Result<String> {
    let output = command.output().await?;
    let (out, err) =
        (String::from_utf8(output.stdout)?, String::from_utf8_lossy(&output.stderr).into_owned());
    ensure!(output.status.success(), "{}\n{out}{err}", output.status);
    Ok(out)
}
