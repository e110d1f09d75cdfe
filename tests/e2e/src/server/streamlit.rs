//! An app of Streamlit's, as PyPI has it, which runs until this is dropped.

use std::{
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::Stdio,
    time::Duration,
};

use eyre::{Result, ensure};
use tempfile::TempDir;
use tokio::{
    process::Child,
    time::{Instant, sleep},
};

use super::python::Python;

/// How long it may take until it answers.
const PATIENCE: Duration = Duration::from_secs(120);

/// An app that runs.
#[derive(Debug)]
pub struct Streamlit {
    url: String,
    _process: Child,
    _home: TempDir,
}

impl Streamlit {
    /// A port for an app to come, by which it is allowed to show the widget: on `localhost`, another site than `127.0.0.1`, where
    /// the server is.
    pub fn free_port() -> Result<u16> {
        Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
    }

    /// Runs an app, a file of this repository, at a port, by a version of Streamlit: `streamlit`, or `streamlit-1.37.1`. Nothing where
    /// that is not installed, which has been said.
    pub async fn start(
        version: &str,
        app: &str,
        port: u16,
        settings: &[(&str, String)],
    ) -> Result<Option<Self>> {
        let Some(python) = Python::find(version)? else { return Ok(None) };
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
        let home = tempfile::tempdir()?;
        let port_text = port.to_string();
        let mut command = python.program("streamlit");
        command.arg("run").arg(root.join(app)).args([
            "--server.port",
            &port_text,
            "--server.headless",
            "true",
        ]);
        command.args(["--server.address", "localhost", "--server.fileWatcherType", "none"]);
        command.args(["--browser.gatherUsageStats", "false"]).current_dir(home.path());
        command.env("PYTHONPATH", root.join("python/scrip-streamlit/src")).env("HOME", home.path());
        command.envs(settings.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
        let process = command.spawn()?;
        let url = format!("http://localhost:{port}");
        let (http, began) = (reqwest::Client::new(), Instant::now());
        loop {
            let answer = http.get(format!("{url}/_stcore/health")).send().await;
            if answer.is_ok_and(|answer| answer.status() == 200) {
                return Ok(Some(Self { url, _process: process, _home: home }));
            }
            ensure!(began.elapsed() < PATIENCE, "Streamlit does not answer at {url}");
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }
}
