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
        BytecodeHash, EvmVersion, Remapping, Settings, SettingsMetadata, StorageLayout,
        output_selection::{ContractOutputSelection, OutputSelection},
    },
    solc::{Solc, SolcCompiler, SolcSettings},
};
use serde::{Deserialize, Serialize};

/// A contract of which something is committed.
#[derive(Debug, Clone, Copy)]
pub struct Deployable {
    /// Its name.
    pub name: &'static str,
    /// The file that declares it.
    pub source: &'static str,
    /// The folder that keeps its artifacts.
    pub artifacts: &'static str,
    /// Whether anyone deploys it by itself, or runs what would, so that its bytecode is committed.
    pub is_deployed: bool,
    /// Whether clients check the hash of its code, so that this is committed.
    pub is_checked: bool,
}

/// Every contract of which something is committed.
pub const DEPLOYABLES: [Deployable; 7] = [
    Deployable {
        name: "Scrip",
        source: "contracts/Scrip.sol",
        artifacts: "crates/scrip/artifacts",
        is_deployed: true,
        is_checked: true,
    },
    Deployable {
        name: "Annex",
        source: "contracts/Annex.sol",
        artifacts: "crates/scrip/artifacts",
        is_deployed: false,
        is_checked: true,
    },
    Deployable {
        name: "Router",
        source: "contracts/periphery/Router.sol",
        artifacts: "crates/scrip/artifacts",
        is_deployed: false,
        is_checked: true,
    },
    Deployable {
        name: "Lens",
        source: "contracts/periphery/Lens.sol",
        artifacts: "crates/scrip/artifacts",
        is_deployed: true,
        is_checked: true,
    },
    Deployable {
        name: "Services",
        source: "contracts/periphery/Services.sol",
        artifacts: "crates/scrip/artifacts",
        is_deployed: true,
        is_checked: true,
    },
    Deployable {
        name: "SignatureProbe",
        source: "contracts/periphery/SignatureProbe.sol",
        artifacts: "crates/scrip/artifacts",
        is_deployed: true,
        is_checked: false,
    },
    Deployable {
        name: "TestDollar",
        source: "tests/contracts/mocks/TestDollar.sol",
        artifacts: "crates/scrip-devnet/artifacts",
        is_deployed: true,
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
    /// Keccak-256 of the code that it has once deployed, with zeros for its immutables.
    pub code_hash: String,
    /// What it stores where: slot, offset, name and type of each variable.
    pub storage: Vec<String>,
}

impl Deployable {
    /// The committed artifacts: each file and what it should hold.
    pub fn files(&self, compiled: &Compiled) -> Vec<(PathBuf, String)> {
        let file = |extension| root().join(self.artifacts).join(format!("{}.{extension}", self.name));
        let mut files = Vec::new();
        if self.is_deployed {
            files.push((file("hex"), compiled.creation.clone()));
        }
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
    #[serde(flatten)]
    settings: CompilerSettings,
}

#[derive(Debug, Deserialize, Serialize)]
struct CompilerSettings {
    evm_version: String,
    via_ir: bool,
    optimizer: bool,
    optimizer_runs: usize,
    bytecode_hash: String,
    cbor_metadata: bool,
}

/// What compiled the contracts, as it is committed for the records of deployments.
#[derive(Debug, Serialize)]
struct Compiler<'a> {
    version: String,
    #[serde(flatten)]
    settings: &'a CompilerSettings,
}

/// The root of the workspace.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The committed name of the compiler and its settings: the file and what it should hold.
pub fn compiler_file() -> Result<(PathBuf, String)> {
    let profile = profile(root())?;
    let version = solc(root(), &profile)?.version;
    // The build goes on with the platform, which makes no difference.
    let commit: Vec<_> = version.build.split('.').take(2).collect();
    let version = format!("{}.{}.{}+{}", version.major, version.minor, version.patch, commit.join("."));
    let compiler = Compiler { version, settings: &profile.settings };
    let file = root().join("crates/scrip/artifacts/compiler.json");
    Ok((file, serde_json::to_string_pretty(&compiler)? + "\n"))
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
            let layout = artifact.storage_layout.as_ref().wrap_err("no storage layout")?;
            Ok(Compiled {
                storage: variables(layout),
                abi: artifact.abi.clone().wrap_err("no ABI")?,
                creation: format!("{}\n", hex::encode(creation.as_ref())),
                code_hash: format!("{}\n", hex::encode(keccak256(code.as_ref()))),
            })
        })
        .collect()
}

/// Where each variable is stored, and of what type it is.
fn variables(layout: &StorageLayout) -> Vec<String> {
    let variable = |variable: &foundry_compilers::artifacts::Storage| {
        let kind = layout.types.get(&variable.storage_type);
        let kind = kind.map(|kind| format!("{} of {} bytes", kind.label, kind.number_of_bytes));
        format!("{}+{} {}: {}", variable.slot, variable.offset, variable.label, kind.unwrap_or_default())
    };
    layout.storage.iter().map(variable).collect()
}

fn profile(root: &Path) -> Result<Profile> {
    let text = fs::read_to_string(root.join("foundry.toml"))?;
    let mut config: FoundryToml = toml::from_str(&text).wrap_err("foundry.toml is not as expected")?;
    config.profile.remove("default").wrap_err("foundry.toml has no default profile")
}

fn solc(root: &Path, profile: &Profile) -> Result<Solc> {
    Solc::new(root.join(&profile.solc)).wrap_err("scripts/solc does not answer; has scripts/setup run?")
}

/// The project of `foundry.toml`, compiled in memory.
fn project(root: &Path) -> Result<Project<SolcCompiler, ConfigurableArtifacts>> {
    let profile = profile(root)?;
    let solc = solc(root, &profile)?;
    let remappings =
        profile.remappings.iter().map(|line| line.parse::<Remapping>()).collect::<Result<Vec<_>, _>>()?;
    let paths = ProjectPathsConfig::builder()
        .root(root)
        .sources(root.join(&profile.src))
        .tests(root.join(&profile.test))
        .libs(profile.libs.iter().map(|lib| root.join(lib)))
        .remappings(remappings)
        .build_with_root(root);

    let configured = profile.settings;
    let evm_version: EvmVersion = configured.evm_version.parse().map_err(|error: String| eyre!(error))?;
    let bytecode_hash: BytecodeHash =
        configured.bytecode_hash.parse().map_err(|error: String| eyre!(error))?;
    let artifacts = ConfigurableArtifacts::new([ContractOutputSelection::StorageLayout], []);
    let outputs = artifacts.output_selection().into_iter().map(|output| output.to_string());
    let mut settings = Settings {
        evm_version: Some(evm_version),
        via_ir: Some(configured.via_ir),
        output_selection: OutputSelection::common_output_selection(outputs),
        metadata: Some(SettingsMetadata {
            use_literal_content: None,
            bytecode_hash: Some(bytecode_hash),
            cbor_metadata: Some(configured.cbor_metadata),
        }),
        ..Default::default()
    };
    settings.optimizer.enabled = Some(configured.optimizer);
    settings.optimizer.runs = Some(configured.optimizer_runs);

    Ok(ProjectBuilder::<SolcCompiler>::new(artifacts)
        .paths(paths)
        .settings(SolcSettings { settings, ..Default::default() })
        .ephemeral()
        .no_artifacts()
        .build(SolcCompiler::Specific(solc))?)
}
