//! Runs a program, and prints how long it took, in seconds, and the most memory that it had at a time, in bytes.
//!
//! `measured PROGRAM [ARGUMENT…]`. It is small, for a process begins with the memory of the one that starts it.

#![allow(clippy::print_stdout, reason = "a program for the bench")]

use std::{
    env,
    process::{Command, Stdio},
    time::Instant,
};

use eyre::{OptionExt, Result, ensure};
use wait4::Wait4;

fn main() -> Result<()> {
    let mut arguments = env::args_os().skip(1);
    let program = arguments.next().ok_or_eyre("name the program")?;
    let began = Instant::now();
    let child = Command::new(program).args(arguments).stdout(Stdio::null()).spawn()?;
    let ended = child.wait4()?;
    let took = began.elapsed().as_secs_f64();
    ensure!(ended.status.success(), "the program failed: {}", ended.status);
    println!("{took} {}", ended.rusage.maxrss);
    Ok(())
}
