//! Puts the interfaces that refer to each other into one file, since `sol!` does not follow imports.

use std::{env, fs, io, path::PathBuf};

const INTERFACES: [&str; 2] = ["IScrip.sol", "ILens.sol"];

fn main() -> io::Result<()> {
    let mut source = String::new();
    for file in INTERFACES {
        println!("cargo::rerun-if-changed={file}");
        source += &fs::read_to_string(file)?;
    }
    let out = env::var_os("OUT_DIR").map(PathBuf::from).unwrap_or_default();
    let interfaces = out.join("interfaces.sol");
    fs::write(&interfaces, source)?;
    // `sol!` takes a literal path only.
    let attributes = "#![sol(rpc, all_derives, extra_derives(serde::Serialize))]";
    let binding = format!("alloy::sol! {{ {attributes} {interfaces:?} }}");
    fs::write(out.join("interfaces.rs"), binding)
}
