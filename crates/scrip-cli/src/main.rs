//! `scrip`: prepaid credits on chain, from the command line.

mod account;
mod amounts;
mod args;
mod commands;
mod config;
mod context;
mod failure;
mod journal;
mod node;
mod print;
mod report;
mod text;

use std::process::ExitCode;

use clap::Parser;

use crate::{args::Cli, context::Context, print::Printer};

// One thread is enough for one command, and starts faster than many.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return print::usage(&error),
    };
    let printer = Printer::new(&cli.global);
    let done = match Context::new(cli.global, printer) {
        Ok(context) => commands::run(cli.command, &context).await,
        Err(error) => Err(error),
    };
    match done.and_then(|report| printer.report(&report)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => printer.failure(&error),
    }
}
