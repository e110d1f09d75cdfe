//! The process of Anvil.
//!
//! Alloy's own node bindings stop Anvil when they are dropped, but leave it running when the process that started it is
//! killed. Here a shell stands between, and stops Anvil as soon as its standard input ends, which it does however the
//! process on the other end has ended.

use std::{
    env,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
};

use alloy::transports::http::reqwest::Url;

use crate::{Config, Error, Result, actor::MNEMONIC};

/// Runs its arguments, closes its own standard output so that its end shows Anvil's, and waits for its input's end.
const GUARD: &str = r#""$0" "$@" </dev/null & exec >&-; cat >/dev/null; kill $! 2>/dev/null; wait"#;

/// What Anvil prints, before its address, when it is ready.
const LISTENING: &str = "Listening on ";

/// A running Anvil, stopped when dropped and when this process ends.
#[derive(Debug)]
pub(crate) struct Anvil {
    guard: Child,
    pub(crate) url: Url,
}

impl Anvil {
    /// Starts Anvil and waits until it listens.
    pub(crate) fn start(config: &Config) -> Result<Self> {
        let anvil = find();
        let mut command = Command::new("sh");
        command.arg("-c").arg(GUARD).arg(&anvil);
        command.args(["--port", &config.port.to_string(), "--hardfork", &config.hardfork]);
        command.args(["--mnemonic", MNEMONIC, "--enable-tx-gas-limit"]);
        // The states of the latest 500 blocks are kept, in memory. By default some thousands more go to the disk, a quarter of a
        // megabyte each, and stay there when Anvil is killed.
        command.args(["--max-persisted-states", "0"]);
        if let Some(state) = &config.state {
            command.arg("--state").arg(state);
        }
        let mut guard = command
            .env("NO_COLOR", "1")
            // What a terminal sends on Ctrl-C is for this process, which then lets Anvil keep its state and end.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .map_err(|source| Error::NoAnvil { anvil: anvil.clone(), source })?;

        let stdout = guard.stdout.take().ok_or_else(|| ended(&anvil, ""))?;
        let mut lines = BufReader::new(stdout).lines();
        let mut output = String::new();
        for line in lines.by_ref().map_while(Result::ok) {
            let address = line.strip_prefix(LISTENING);
            if let Some(url) = address.and_then(|address| Url::parse(&format!("http://{address}")).ok()) {
                // Anvil blocks when nobody reads what it prints.
                thread::spawn(move || lines.for_each(drop));
                return Ok(Self { guard, url });
            }
            output.push_str(&line);
            output.push('\n');
        }
        let _ = guard.wait();
        Err(ended(&anvil, &output))
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

fn ended(anvil: &Path, output: &str) -> Error {
    Error::AnvilEnded { anvil: anvil.to_owned(), output: output.to_owned() }
}

/// The Anvil that the environment names, if it is there, else the one on PATH.
fn find() -> PathBuf {
    env::var_os("SCRIP_ANVIL")
        .map(PathBuf::from)
        .filter(|path| path.exists())
        .unwrap_or_else(|| "anvil".into())
}
