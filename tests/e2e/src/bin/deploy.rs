//! `scripts/deploy`: puts Scrip on a chain and writes a record of it, or verifies a record against a chain.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

use std::{env, process::ExitCode};

use scrip_e2e::deploy;

#[tokio::main]
async fn main() -> ExitCode {
    match deploy::run(env::args().skip(1), env::var(deploy::KEY).ok()).await {
        Ok(message) => {
            println!("{message}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            if let Some(hint) = error.downcast_ref::<scrip::Error>().and_then(scrip::Error::hint) {
                eprintln!("\nhint: {hint}");
            }
            ExitCode::FAILURE
        }
    }
}
