//! A devnet ends with the process that started it, however that ends.

#![allow(clippy::unwrap_used, reason = "tests, and what they share")]

use std::{
    env,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use alloy::providers::{Provider, ProviderBuilder};
use scrip_devnet::{Devnet, Error};

/// When set, this test binary is the process that is ended, and this is how.
const ENDING: &str = "SCRIP_TEST_ENDING";
const URL: &str = "devnet at ";

#[tokio::test]
async fn anvil_ends_with_its_devnet() {
    let devnet = Devnet::start().await.unwrap();
    let url = devnet.url().to_owned();
    assert!(answers(&url).await);
    drop(devnet);
    assert!(!answers(&url).await, "anvil still answers after its devnet was dropped");
}

#[tokio::test]
async fn anvil_ends_with_a_process_that_is_killed() {
    assert_ends("wait", |child| child.kill().unwrap()).await;
}

#[tokio::test]
async fn anvil_ends_with_a_process_that_panics() {
    assert_ends("panic", |_| ()).await;
}

#[tokio::test]
async fn anvil_ends_with_a_process_that_exits_at_once() {
    assert_ends("exit", |_| ()).await;
}

#[tokio::test]
async fn a_missing_anvil_is_named() {
    // Without a shell, and with a shell that finds no anvil.
    for path in ["", "/usr/bin:/bin"] {
        let output =
            itself("missing").env("PATH", path).env("SCRIP_ANVIL", "/nowhere/anvil").output().unwrap();
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert!(stdout.contains("hint: run scripts/setup"), "{stdout}");
    }
}

/// The process above, as a test of its own that does nothing unless it was started by one of the others.
#[tokio::test]
async fn the_process() {
    let Ok(ending) = env::var(ENDING) else { return };
    let devnet = match Devnet::start().await {
        Ok(devnet) => devnet,
        Err(error @ (Error::NoAnvil { .. } | Error::AnvilEnded { .. })) => return println!("{error}"),
        Err(error) => panic!("{error}"),
    };
    println!("{URL}{}", devnet.url());
    match ending.as_str() {
        "exit" => std::process::exit(0),
        "panic" => panic!("as told"),
        _ => tokio::time::sleep(Duration::from_secs(60)).await,
    }
}

fn itself(ending: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "the_process", "--nocapture"]).env(ENDING, ending);
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

async fn assert_ends(ending: &str, end: impl FnOnce(&mut Child)) {
    let mut child = itself(ending).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let url = lines.map_while(Result::ok).find_map(|line| line.split(URL).nth(1).map(str::to_owned)).unwrap();
    end(&mut child);
    child.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while answers(&url).await {
        assert!(Instant::now() < deadline, "anvil still answers after its process has ended ({ending})");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn answers(url: &str) -> bool {
    let provider = ProviderBuilder::new().connect_http(url.parse().unwrap());
    provider.get_chain_id().await.is_ok()
}
