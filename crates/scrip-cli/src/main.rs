//! `scrip`: prepaid credits on chain, from the command line.

mod account;
mod amounts;
mod args;
mod commands;
mod config;
mod context;
mod failure;
mod files;
mod journal;
mod node;
mod print;
mod report;
mod text;

use std::process::ExitCode;

use clap::Parser;
use tokio::runtime::{Builder, Runtime};

use crate::{
    args::{Cli, Command},
    context::Context,
    print::Printer,
};

/// A server makes and drops many small things for each request, on another thread than the one that made them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return print::usage(&error),
    };
    let printer = Printer::new(&cli.global);
    let done = match Context::new(cli.global, printer) {
        Ok(context) => {
            runtime(&cli.command).and_then(|runtime| runtime.block_on(commands::run(cli.command, &context)))
        }
        Err(error) => Err(error),
    };
    match done.and_then(|report| printer.report(&report)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => printer.failure(&error),
    }
}

/// One thread is enough for one command, and starts faster than many; a server has one for each core.
fn runtime(command: &Command) -> eyre::Result<Runtime> {
    let mut builder = match command {
        Command::Serve(_) => Builder::new_multi_thread(),
        _ => Builder::new_current_thread(),
    };
    Ok(builder.enable_all().build()?)
}
