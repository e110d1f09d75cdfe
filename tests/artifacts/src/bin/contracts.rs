//! Refreshes the committed bytecode: `scripts/contracts`.

#![allow(clippy::print_stdout, reason = "a program for people")]

use std::fs;

use eyre::Result;

fn main() -> Result<()> {
    for (deployable, compiled) in scrip_artifacts::compile()? {
        for (file, content) in deployable.files(&compiled) {
            let stale = fs::read_to_string(&file).is_ok_and(|old| old != content) || !file.exists();
            if stale {
                fs::write(&file, content)?;
            }
            let file = file.strip_prefix(scrip_artifacts::root())?.display().to_string();
            println!("{} {file}", if stale { "written  " } else { "unchanged" });
        }
    }
    Ok(())
}
