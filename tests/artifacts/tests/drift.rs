//! Interface, source and committed bytecode are one.

use std::{collections::BTreeSet, fs, sync::LazyLock};

use alloy::{json_abi::JsonAbi, primitives::Selector, sol_types::SolEvent};
use scrip::abi::{
    ILens::{ILensCalls, ILensErrors},
    IRouter::{IRouterCalls, IRouterErrors, IRouterEvents},
    IScrip::{CreditsRedeemedInBatch, IScripCalls, IScripErrors, IScripEvents, PlanCreated},
    IServices::{IServicesCalls, IServicesErrors, IServicesEvents},
};
use scrip_artifacts::{Compiled, Deployable, compile, compiler_file};

/// What is inherited from libraries and the interface does not name: the guard's and the casts' own errors.
const INHERITED_ERRORS: [&str; 2] = ["ReentrancyGuardReentrantCall", "SafeCastOverflowedUintDowncast"];

/// What the contracts log by hand, as bytes that they have at hand, so that the compiler does not know of it. The stories in
/// tests/e2e read these events.
const LOGGED_BY_HAND: [&str; 2] = [PlanCreated::SIGNATURE, CreditsRedeemedInBatch::SIGNATURE];

#[test]
fn the_committed_bytecode_is_what_the_source_compiles_to() {
    for (deployable, compiled) in &*COMPILED {
        for (file, content) in deployable.files(compiled) {
            let committed = fs::read_to_string(&file).unwrap();
            assert!(committed == content, "{} is stale: run scripts/contracts", file.display());
        }
    }
    let (file, content) = compiler_file().unwrap();
    assert_eq!(fs::read_to_string(file).unwrap(), content, "compiler.json is stale: run scripts/contracts");
}

static COMPILED: LazyLock<Vec<(Deployable, Compiled)>> =
    LazyLock::new(|| compile().expect("the contracts compile"));

fn compiled(name: &str) -> &'static Compiled {
    &COMPILED.iter().find(|(deployable, _)| deployable.name == name).expect(name).1
}

fn functions(abi: &JsonAbi) -> BTreeSet<Selector> {
    abi.functions().map(|function| function.selector()).collect()
}

#[test]
fn core_and_annex_are_together_what_the_interface_says() {
    let (core, annex) = (&compiled("Scrip").abi, &compiled("Annex").abi);

    let (of_core, of_annex) = (functions(core), functions(annex));
    assert!(of_core.is_disjoint(&of_annex), "the annex's functions that the core has are never run");
    let all: BTreeSet<_> = of_core.union(&of_annex).copied().collect();
    assert_eq!(all, IScripCalls::SELECTORS.iter().copied().map(Into::into).collect(), "functions");

    let events = core.events().chain(annex.events()).map(|event| event.signature());
    let events: BTreeSet<_> = events.chain(LOGGED_BY_HAND.map(str::to_owned)).collect();
    let expected = IScripEvents::SELECTORS.iter().map(|selector| {
        let name = IScripEvents::name_by_selector(*selector);
        IScripEvents::signature_by_selector(*selector).or(name).expect("an event").to_owned()
    });
    assert_eq!(events, expected.collect(), "events");

    let errors: BTreeSet<_> = core
        .errors()
        .chain(annex.errors())
        .filter(|error| !INHERITED_ERRORS.contains(&error.name.as_str()))
        .map(|error| error.selector().0)
        .collect();
    assert_eq!(errors, IScripErrors::SELECTORS.iter().copied().collect(), "errors");
}

/// What libraries revert with.
const OTHERS_ERRORS: [&str; 3] =
    ["ReentrancyGuardReentrantCall", "SafeCastOverflowedUintDowncast", "ERC5267ExtensionsNotSupported"];

/// What the contract's interface says, as the client has bound it.
struct Interface {
    name: &'static str,
    functions: &'static [[u8; 4]],
    events: &'static [[u8; 32]],
    errors: &'static [[u8; 4]],
}

const PERIPHERY: [Interface; 3] = [
    Interface { name: "Lens", functions: ILensCalls::SELECTORS, events: &[], errors: ILensErrors::SELECTORS },
    Interface {
        name: "Router",
        functions: IRouterCalls::SELECTORS,
        events: IRouterEvents::SELECTORS,
        errors: IRouterErrors::SELECTORS,
    },
    Interface {
        name: "Services",
        functions: IServicesCalls::SELECTORS,
        events: IServicesEvents::SELECTORS,
        errors: IServicesErrors::SELECTORS,
    },
];

#[test]
fn the_periphery_is_what_its_interfaces_say() {
    for Interface { name, functions: ours, events, errors } in PERIPHERY {
        let abi = &compiled(name).abi;
        // The router tells its domain by itself, too.
        let of_standards = ["eip712Domain"];
        let found: BTreeSet<_> = abi
            .functions()
            .filter(|function| !of_standards.contains(&function.name.as_str()))
            .map(|function| function.selector().0)
            .collect();
        assert_eq!(found, ours.iter().copied().collect(), "functions of {name}");

        let found: BTreeSet<_> = abi.events().map(|event| event.selector().0).collect();
        assert_eq!(found, events.iter().copied().collect(), "events of {name}");

        // The lens reverts with the core's errors, as the core would.
        let core: BTreeSet<_> = IScripErrors::SELECTORS.iter().copied().collect();
        let found: BTreeSet<_> = abi
            .errors()
            .filter(|error| !OTHERS_ERRORS.contains(&error.name.as_str()))
            .map(|error| error.selector().0)
            .filter(|selector| !core.contains(selector))
            .collect();
        assert_eq!(found, errors.iter().copied().collect(), "errors of {name}");
    }
}

#[test]
fn no_error_is_declared_twice() {
    let all = PERIPHERY.iter().flat_map(|interface| interface.errors).chain(IScripErrors::SELECTORS);
    let mut seen = BTreeSet::new();
    for selector in all {
        assert!(seen.insert(selector), "{selector:02x?} is an error of two contracts");
    }
}

#[test]
fn core_and_annex_share_one_storage() {
    let (core, annex) = (&compiled("Scrip").storage, &compiled("Annex").storage);
    assert!(core.len() > 5, "the layout was read: {core:?}");
    assert_eq!(core, annex, "a variable outside contracts/parts/State.sol");
}

#[test]
fn forge_compiles_the_same_bytecode() {
    let deployed: Vec<_> = COMPILED.iter().filter(|(deployable, _)| deployable.is_deployed).collect();
    let out = tempfile::tempdir().unwrap();
    let packaged = scrip_artifacts::root().join("node_modules/@foundry-rs/forge-linux-amd64/bin/forge");
    let forge = if packaged.exists() { packaged } else { "forge".into() };
    let built = std::process::Command::new(forge)
        .arg("build")
        .args(deployed.iter().map(|(deployable, _)| deployable.source))
        .arg("--out")
        .arg(out.path())
        .args(["--cache-path"])
        .arg(out.path().join("cache"))
        .current_dir(scrip_artifacts::root())
        .output()
        .expect("forge is there once scripts/setup has run");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    for (deployable, ours) in deployed {
        let file = deployable.source.rsplit('/').next().unwrap();
        let artifact = out.path().join(file).join(format!("{}.json", deployable.name));
        let artifact: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(artifact).unwrap()).unwrap();
        let forge = artifact["bytecode"]["object"].as_str().unwrap().trim_start_matches("0x");
        assert!(ours.creation.trim() == forge, "forge compiles another {}", deployable.name);
    }
}
