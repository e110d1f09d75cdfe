//! A real browser, headless Chromium, that a story clicks through pages with: `tests/e2e/browser/driver.mjs` drives it.

mod page;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    sync::atomic::{AtomicUsize, Ordering},
};

use alloy::{hex, signers::local::PrivateKeySigner};
use eyre::{OptionExt, Result, bail, ensure};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    sync::Mutex,
};

pub use page::Page;

/// Where Debian puts it.
const CHROMIUM: &str = "/usr/bin/chromium";

/// A browser with a profile of its own, for one story. It ends with whoever holds it.
#[derive(Debug, Clone)]
pub struct Browser(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    line: Mutex<Line>,
    /// Where its pictures are put, and how many there are.
    shots: PathBuf,
    taken: AtomicUsize,
}

/// What commands go through, one after another.
#[derive(Debug)]
struct Line {
    _driver: Child,
    to: ChildStdin,
    from: Lines<BufReader<ChildStdout>>,
}

impl Browser {
    /// Starts one for the story of this name, whose pictures go to `target/browser/NAME`; none where Chromium or what drives it is
    /// not installed, which is said, and an error in CI.
    #[expect(clippy::print_stderr, reason = "who runs the tests is told what was not run")]
    pub async fn start(story: &str) -> Result<Option<Self>> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
        let chromium = env::var("SCRIP_CHROMIUM").unwrap_or_else(|_| CHROMIUM.to_owned());
        for (tool, hint) in [
            (Path::new(&chromium).to_path_buf(), "apt-get install chromium, or its path in SCRIP_CHROMIUM"),
            (root.join("node_modules/playwright-core"), "scripts/setup"),
        ] {
            if tool.exists() {
                continue;
            }
            let tool = tool.display();
            ensure!(env::var("CI").as_deref() != Ok("true"), "{tool} is missing, and CI must run everything");
            eprintln!("not run, for want of {tool} ({hint})");
            return Ok(None);
        }
        let shots = root.join("target/browser").join(story);
        let _ = fs::remove_dir_all(&shots);
        fs::create_dir_all(&shots)?;
        let mut driver = Command::new("node")
            .arg(root.join("tests/e2e/browser/driver.mjs"))
            .env("SCRIP_CHROMIUM", chromium)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let to = driver.stdin.take().ok_or_eyre("the driver has no input")?;
        let from = BufReader::new(driver.stdout.take().ok_or_eyre("the driver has no output")?).lines();
        let line = Mutex::new(Line { _driver: driver, to, from });
        Ok(Some(Self(Arc::new(Inner { line, shots, taken: AtomicUsize::new(0) }))))
    }

    /// A wallet in every page and frame from now on: this key's, which sends by the node at this URL.
    pub async fn install_wallet(&self, signer: &PrivateKeySigner, node: &str, chain: u64) -> Result<()> {
        let key = hex::encode_prefixed(signer.to_bytes());
        self.tell(json!({ "do": "wallet", "key": key, "rpc": node, "chain": chain })).await
    }

    /// The wallet's owner refuses all that it is asked for, or agrees again.
    pub async fn wallet_refuses(&self, refuses: bool) -> Result<()> {
        self.tell(json!({ "do": "walletRefuses", "refuses": refuses })).await
    }

    /// What the wallet was asked for since this was called last.
    pub async fn wallet_asked(&self) -> Result<Vec<String>> {
        self.tell(json!({ "do": "walletAsked" })).await
    }

    /// What stood in the pages' consoles since this was called last, errors of their scripts among it.
    pub async fn said(&self) -> Result<Vec<String>> {
        self.tell(json!({ "do": "said" })).await
    }

    /// Another server answers for an origin that cannot be reached from tests.
    pub async fn route(&self, origin: &str, to: &str) -> Result<()> {
        self.tell(json!({ "do": "route", "origin": origin, "to": to })).await
    }

    /// Opens a page in a tab of its own.
    pub async fn open(&self, url: &str) -> Result<Page> {
        let index = self.tell(json!({ "do": "open", "url": url })).await?;
        Ok(Page::new(self.clone(), index))
    }

    async fn tell<T: DeserializeOwned>(&self, command: Value) -> Result<T> {
        let mut line = self.0.line.lock().await;
        line.to.write_all(format!("{command}\n").as_bytes()).await?;
        let answer = line.from.next_line().await?.ok_or_eyre("the browser's driver has ended")?;
        drop(line);
        let mut answer: Value = serde_json::from_str(&answer)?;
        if let Some(failed) = answer.get("failed") {
            bail!("{command}\n{}", failed.as_str().unwrap_or_default());
        }
        Ok(serde_json::from_value(answer["done"].take())?)
    }

    /// Where the next picture goes.
    fn next_shot(&self, name: &str) -> PathBuf {
        let number = self.0.taken.fetch_add(1, Ordering::Relaxed) + 1;
        self.0.shots.join(format!("{number:02}-{}.png", name.replace(' ', "-")))
    }
}
