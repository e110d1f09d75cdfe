//! Refreshes the committed bytecode: `scripts/contracts`.

#![allow(clippy::print_stdout, reason = "a program for people")]

use std::fs;

use eyre::Result;

fn main() -> Result<()> {
    let compiled = scrip_artifacts::compile()?;
    let files = compiled.iter().flat_map(|(deployable, compiled)| deployable.files(compiled));
    for (file, content) in files.chain([scrip_artifacts::compiler_file()?]) {
        let is_stale = !fs::read_to_string(&file).is_ok_and(|old| old == content);
        if is_stale {
            fs::write(&file, content)?;
        }
        let file = file.strip_prefix(scrip_artifacts::root())?.display().to_string();
        println!("{} {file}", if is_stale { "written  " } else { "unchanged" });
    }
    Ok(())
}
