//! Compiles the contracts, with the settings of `foundry.toml`, into the bytecode that is committed.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use alloy::{
    json_abi::JsonAbi,
    primitives::{hex, keccak256},
};
use eyre::{ContextCompat, Result, WrapErr, ensure, eyre};
use foundry_compilers::{
    Artifact, ConfigurableArtifacts, Project, ProjectBuilder, ProjectPathsConfig,
    artifacts::{
        BytecodeHash, EvmVersion, Remapping, Settings, SettingsMetadata, output_selection::OutputSelection,
    },
    solc::{Solc, SolcCompiler, SolcSettings},
};
use serde::Deserialize;

/// A contract whose bytecode is committed.
#[derive(Debug, Clone, Copy)]
pub struct Deployable {
    /// Its name.
    pub name: &'static str,
    /// The file that declares it.
    pub source: &'static str,
    /// The folder that keeps its artifacts.
    pub artifacts: &'static str,
    /// Whether clients check the hash of its code, so that this is committed too.
    pub is_checked: bool,
}

/// Every contract whose bytecode is committed.
pub const DEPLOYABLES: [Deployable; 2] = [
    Deployable {
        name: "Scrip",
        source: "contracts/Scrip.sol",
        artifacts: "crates/scrip/artifacts",
        is_checked: true,
    },
    Deployable {
        name: "TestDollar",
        source: "tests/contracts/mocks/TestDollar.sol",
        artifacts: "crates/scrip-devnet/artifacts",
        is_checked: false,
    },
];

/// What the compiler made of a contract, as committed: hex without a prefix, and a line end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compiled {
    /// Its functions, events and errors.
    pub abi: JsonAbi,
    /// The bytecode that deploys it.
    pub creation: String,
    /// Keccak-256 of the code that it has once deployed.
    pub code_hash: String,
}

impl Deployable {
    /// The committed artifacts: each file and what it should hold.
    pub fn files(&self, compiled: &Compiled) -> Vec<(PathBuf, String)> {
        let file = |extension| root().join(self.artifacts).join(format!("{}.{extension}", self.name));
        let mut files = vec![(file("hex"), compiled.creation.clone())];
        if self.is_checked {
            files.push((file("codehash"), compiled.code_hash.clone()));
        }
        files
    }
}

/// The part of `foundry.toml` that decides over bytecode.
#[derive(Debug, Deserialize)]
struct FoundryToml {
    profile: BTreeMap<String, Profile>,
}

#[derive(Debug, Deserialize)]
struct Profile {
    src: PathBuf,
    test: PathBuf,
    libs: Vec<PathBuf>,
    remappings: Vec<String>,
    solc: PathBuf,
    evm_version: String,
    via_ir: bool,
    optimizer: bool,
    optimizer_runs: usize,
    bytecode_hash: String,
    cbor_metadata: bool,
}

/// The root of the workspace.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Compiles every deployable.
pub fn compile() -> Result<Vec<(Deployable, Compiled)>> {
    let contracts = DEPLOYABLES.map(|deployable| (deployable.source, deployable.name));
    Ok(DEPLOYABLES.into_iter().zip(compile_contracts(&contracts)?).collect())
}

/// Compiles contracts, each given by its file and name.
pub fn compile_contracts(contracts: &[(&str, &str)]) -> Result<Vec<Compiled>> {
    let root = root().canonicalize()?;
    let project = project(&root)?;
    let sources = contracts.iter().map(|(source, _)| root.join(source));
    let output = project.compile_files(sources).wrap_err("the compiler did not run; has scripts/setup?")?;
    ensure!(!output.has_compiler_errors(), "{output}");
    contracts
        .iter()
        .map(|(source, name)| {
            let artifact =
                output.find(&root.join(source), name).wrap_err_with(|| format!("no {name} in {source}"))?;
            let creation = artifact.get_bytecode_bytes().wrap_err("no bytecode")?;
            let code = artifact.get_deployed_bytecode_bytes().wrap_err("no deployed bytecode")?;
            Ok(Compiled {
                abi: artifact.abi.clone().wrap_err("no ABI")?,
                creation: format!("{}\n", hex::encode(creation.as_ref())),
                code_hash: format!("{}\n", hex::encode(keccak256(code.as_ref()))),
            })
        })
        .collect()
}

/// The project of `foundry.toml`, compiled in memory.
fn project(root: &Path) -> Result<Project<SolcCompiler, ConfigurableArtifacts>> {
    let text = fs::read_to_string(root.join("foundry.toml"))?;
    let mut config: FoundryToml = toml::from_str(&text).wrap_err("foundry.toml is not as expected")?;
    let profile = config.profile.remove("default").wrap_err("foundry.toml has no default profile")?;

    let remappings =
        profile.remappings.iter().map(|line| line.parse::<Remapping>()).collect::<Result<Vec<_>, _>>()?;
    let paths = ProjectPathsConfig::builder()
        .root(root)
        .sources(root.join(&profile.src))
        .tests(root.join(&profile.test))
        .libs(profile.libs.iter().map(|lib| root.join(lib)))
        .remappings(remappings)
        .build_with_root(root);

    let evm_version: EvmVersion = profile.evm_version.parse().map_err(|error: String| eyre!(error))?;
    let bytecode_hash: BytecodeHash = profile.bytecode_hash.parse().map_err(|error: String| eyre!(error))?;
    let mut settings = Settings {
        evm_version: Some(evm_version),
        via_ir: Some(profile.via_ir),
        output_selection: OutputSelection::default_output_selection(),
        metadata: Some(SettingsMetadata {
            use_literal_content: None,
            bytecode_hash: Some(bytecode_hash),
            cbor_metadata: Some(profile.cbor_metadata),
        }),
        ..Default::default()
    };
    settings.optimizer.enabled = Some(profile.optimizer);
    settings.optimizer.runs = Some(profile.optimizer_runs);

    let solc = Solc::new(root.join(&profile.solc))
        .wrap_err("scripts/solc does not answer; has scripts/setup run?")?;
    Ok(ProjectBuilder::<SolcCompiler>::default()
        .paths(paths)
        .settings(SolcSettings { settings, ..Default::default() })
        .ephemeral()
        .no_artifacts()
        .build(SolcCompiler::Specific(solc))?)
}
