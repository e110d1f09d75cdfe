//! The server as a process of its own: `scrip serve`, killed at any moment and started again.

use std::{
    env,
    fs::{self, File},
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use alloy::{hex, signers::local::PrivateKeySigner};
use eyre::{OptionExt, Result, WrapErr, ensure};
use tokio::{
    process::{Child, Command},
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{Instant, sleep},
};

/// How long it may take until it serves.
const PATIENCE: Duration = Duration::from_secs(120);
/// After how long one that ended by itself is started again: it does not start without its database or its node.
const AGAIN: Duration = Duration::from_millis(100);

/// What a process serves, the same for all that share a database.
#[derive(Debug)]
pub struct Serving<'a> {
    /// The node's URL.
    pub node: &'a str,
    /// The database's URL.
    pub database: &'a str,
    /// Who pays for gas.
    pub fund: &'a PrivateKeySigner,
    /// Where it keeps the admin's key and its log.
    pub folder: &'a Path,
    /// What else it is told.
    pub more: &'a [&'a str],
}

/// `scrip serve` on a port of its own: whenever it ends it is started again, until this is dropped.
#[derive(Debug)]
pub struct Process {
    url: String,
    log: PathBuf,
    kills: mpsc::Sender<Duration>,
    pid: watch::Receiver<Option<u32>>,
    keeper: JoinHandle<Result<()>>,
}

impl Process {
    /// Starts one, and waits until it serves.
    pub async fn start(name: &str, serving: &Serving<'_>) -> Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let log = serving.folder.join(format!("{name}.log"));
        let command = command(serving, port, File::create(&log)?)?;
        let (kills, told) = mpsc::channel(1);
        let (tell_pid, pid) = watch::channel(None);
        let keeper = tokio::spawn(keep(command, told, tell_pid));
        let process = Self { url: format!("http://127.0.0.1:{port}"), log, kills, pid, keeper };
        process.serves().await?;
        Ok(process)
    }

    /// Where it is reached.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its number, while it runs.
    pub fn id(&self) -> Option<u32> {
        *self.pid.borrow()
    }

    /// Kills it (SIGKILL), wherever it is; it is started again after a while.
    pub async fn kill(&self, pause: Duration) -> Result<()> {
        Ok(self.kills.send(pause).await?)
    }

    /// Waits until it serves, with its database and its node.
    pub async fn serves(&self) -> Result<()> {
        let (http, began) =
            (reqwest::Client::builder().timeout(Duration::from_secs(5)).build()?, Instant::now());
        loop {
            let answer = http.get(format!("{}/readyz", self.url)).send().await;
            if answer.is_ok_and(|answer| answer.status() == 200) {
                return Ok(());
            }
            ensure!(!self.keeper.is_finished(), "scrip serve cannot be started");
            ensure!(began.elapsed() < PATIENCE, "scrip serve does not serve; it says\n{}", self.says()?);
            sleep(AGAIN).await;
        }
    }

    /// The end of its log.
    pub fn says(&self) -> Result<String> {
        let log = fs::read(&self.log)?;
        Ok(String::from_utf8_lossy(&log[log.len().saturating_sub(4_000)..]).into_owned())
    }

    /// All of its log.
    pub fn log(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(&self.log)?).into_owned())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The process ends with who waits for it.
        self.keeper.abort();
    }
}

/// Starts it whenever it does not run.
async fn keep(
    mut command: Command,
    mut kills: mpsc::Receiver<Duration>,
    pid: watch::Sender<Option<u32>>,
) -> Result<()> {
    loop {
        let mut child: Child = command.spawn().wrap_err("scrip serve")?;
        pid.send_replace(child.id());
        tokio::select! {
            ended = child.wait() => {
                ended?;
                pid.send_replace(None);
                sleep(AGAIN).await;
            }
            told = kills.recv() => {
                let Some(pause) = told else { return Ok(()) };
                child.kill().await?;
                pid.send_replace(None);
                sleep(pause).await;
            }
        }
    }
}

fn command(serving: &Serving<'_>, port: u16, log: File) -> Result<Command> {
    let Serving { node, database, fund, folder, more } = serving;
    let mut command = Command::new(program()?);
    command.args(["serve", "--json", "--fund", "--requests-per-second", "0", "--chain", "31337"]);
    command.args(["--rpc-url", node, "--database", database, "--listen", &format!("127.0.0.1:{port}")]);
    command.args(*more);
    command.arg("--admin-key").arg(folder.join("admin")).current_dir(folder);
    command.env("HOME", folder).env("XDG_CONFIG_HOME", folder).env("SCRIP_MASTER_KEY", "5a".repeat(32));
    command.env("SCRIP_PRIVATE_KEY", hex::encode(fund.to_bytes())).env("RUST_LOG", "warn");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).kill_on_drop(true);
    Ok(command)
}

/// The tool, as it was built beside this program.
fn program() -> Result<PathBuf> {
    let here = env::current_exe()?;
    let mut folders = here.ancestors().skip(1).take(2);
    let program = folders.find_map(|folder| Some(folder.join("scrip")).filter(|program| program.is_file()));
    program.ok_or_eyre("scrip is not built: cargo build -p scrip-cli")
}
