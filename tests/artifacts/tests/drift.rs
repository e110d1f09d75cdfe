//! Interface, source and committed bytecode are one.

use std::{collections::BTreeSet, fs};

use scrip::abi::IScrip::{IScripCalls, IScripErrors, IScripEvents};
use scrip_artifacts::{DEPLOYABLES, compile};

/// What the core inherits from libraries and the interface does not name: the guard's and the casts' own errors.
const INHERITED_ERRORS: [&str; 3] =
    ["ReentrancyGuardReentrantCall", "SafeCastOverflowedUintDowncast", "ETHTransferFailed"];

#[test]
fn the_committed_bytecode_is_what_the_source_compiles_to() {
    for (deployable, compiled) in compile().unwrap() {
        for (file, content) in deployable.files(&compiled) {
            let committed = fs::read_to_string(&file).unwrap();
            assert!(committed == content, "{} is stale: run scripts/contracts", file.display());
        }
    }
}

#[test]
fn the_interface_is_all_that_the_core_has() {
    let (_, core) =
        compile().unwrap().into_iter().find(|(deployable, _)| deployable.name == "Scrip").unwrap();

    let functions: BTreeSet<_> = core.abi.functions().map(|function| function.selector().0).collect();
    assert_eq!(functions, IScripCalls::SELECTORS.iter().copied().collect(), "functions");

    let events: BTreeSet<_> = core.abi.events().map(|event| event.selector()).collect();
    assert_eq!(events, IScripEvents::SELECTORS.iter().copied().map(Into::into).collect(), "events");

    let errors: BTreeSet<_> = core
        .abi
        .errors()
        .filter(|error| !INHERITED_ERRORS.contains(&error.name.as_str()))
        .map(|error| error.selector().0)
        .collect();
    assert_eq!(errors, IScripErrors::SELECTORS.iter().copied().collect(), "errors");
}

#[test]
fn forge_compiles_the_same_bytecode() {
    for deployable in DEPLOYABLES {
        let file = deployable.source.rsplit('/').next().unwrap();
        let out = tempfile::tempdir().unwrap();
        let packaged = scrip_artifacts::root().join("node_modules/@foundry-rs/forge-linux-amd64/bin/forge");
        let forge = if packaged.exists() { packaged } else { "forge".into() };
        let built = std::process::Command::new(forge)
            .args(["build", deployable.source, "--out"])
            .arg(out.path())
            .args(["--cache-path"])
            .arg(out.path().join("cache"))
            .current_dir(scrip_artifacts::root())
            .output()
            .expect("forge is there once scripts/setup has run");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let artifact = out.path().join(file).join(format!("{}.json", deployable.name));
        let artifact: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(artifact).unwrap()).unwrap();
        let forge = artifact["bytecode"]["object"].as_str().unwrap().trim_start_matches("0x");
        let committed = fs::read_to_string(
            scrip_artifacts::root().join(deployable.artifacts).join(format!("{}.hex", deployable.name)),
        );
        assert!(committed.unwrap().trim() == forge, "forge compiles another {}", deployable.name);
    }
}
