//! The configuration: `~/.config/scrip/config.toml`, or what `SCRIP_CONFIG` names.

use std::{collections::BTreeMap, env, fs, io, path::PathBuf};

use alloy::primitives::{Address, ChainId};
use etcetera::BaseStrategy;
use eyre::{Result, WrapErr};
use serde::Deserialize;
use toml_edit::DocumentMut;

use crate::failure::{Exit, problem};

/// The network that is there without a configuration: where `scrip dev` listens.
pub(crate) const DEV: &str = "dev";
pub(crate) const DEV_CHAIN: ChainId = 31_337;

/// What is configured.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The network used when none is named.
    pub(crate) network: Option<String>,
    /// The account used when none is named.
    pub(crate) account: Option<String>,
    /// Networks by their names.
    #[serde(default)]
    pub(crate) networks: BTreeMap<String, Network>,
}

/// A network.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Network {
    /// Its node.
    pub(crate) rpc_url: Option<String>,
    /// The id that its chain must have.
    pub(crate) chain_id: Option<ChainId>,
    /// Where Scrip is, if not at its canonical address.
    pub(crate) scrip: Option<Address>,
    /// What the native coin is called.
    pub(crate) coin: Option<String>,
    /// The block from which on plans are looked for: that of Scrip's deployment.
    pub(crate) from_block: Option<u64>,
    /// Where its journal is, if not in the folder of all.
    pub(crate) journal: Option<PathBuf>,
    /// Tokens by their symbols.
    #[serde(default)]
    pub(crate) tokens: BTreeMap<String, Address>,
}

impl Config {
    /// Reads it; nothing is configured where there is no file.
    pub(crate) fn read() -> Result<Self> {
        let file = file()?;
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => {
                return Err(error).wrap_err_with(|| format!("{} cannot be read", file.display()));
            }
        };
        let mut config: Self = toml_edit::de::from_str(&text).map_err(|error| {
            problem(Exit::Usage, format!("{} is no configuration: {}", file.display(), error.message()))
                .hint("README.md of scrip-cli shows what it may hold")
        })?;
        let dev = config.networks.entry(DEV.to_owned()).or_default();
        dev.rpc_url.get_or_insert_with(|| "http://127.0.0.1:8545".to_owned());
        dev.chain_id.get_or_insert(DEV_CHAIN);
        let dollar = scrip_devnet::dollar();
        dev.tokens.entry(dollar.symbol).or_insert(dollar.address);
        Ok(config)
    }

    /// The network of this name.
    pub(crate) fn named(&self, name: &str) -> Result<&Network> {
        Ok(self.networks.get(name).ok_or_else(|| {
            let names: Vec<_> = self.networks.keys().map(String::as_str).collect();
            problem(Exit::Usage, format!("there is no network `{name}`; there are {}", names.join(", ")))
                .hint(
                    "name one of them, add it to the configuration, or give --rpc-url and the id of a chain",
                )
        })?)
    }

    /// A network of this chain, if there is one.
    pub(crate) fn of_chain(&self, chain_id: ChainId) -> Option<&Network> {
        self.networks.values().find(|network| network.chain_id == Some(chain_id))
    }
}

/// Where the configuration is.
pub(crate) fn file() -> Result<PathBuf> {
    if let Some(file) = env::var_os("SCRIP_CONFIG") {
        return Ok(file.into());
    }
    let folders = etcetera::choose_base_strategy().wrap_err("there is no home folder; name SCRIP_CONFIG")?;
    Ok(folders.config_dir().join("scrip/config.toml"))
}

/// Writes down where the devnet listens, and leaves all else in the file as it is.
pub(crate) fn write_dev_url(url: &str) -> Result<PathBuf> {
    let file = file()?;
    let failed = || format!("{} cannot be written", file.display());
    let text = fs::read_to_string(&file).unwrap_or_default();
    let mut document: DocumentMut =
        text.parse().wrap_err_with(|| format!("{} is no TOML", file.display()))?;
    let networks = document.entry("networks").or_insert(toml_edit::table());
    if let Some(networks) = networks.as_table_mut() {
        networks.set_implicit(true);
        let dev = networks.entry(DEV).or_insert(toml_edit::table());
        dev["rpc_url"] = toml_edit::value(url);
    }
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).wrap_err_with(failed)?;
    }
    fs::write(&file, document.to_string()).wrap_err_with(failed)?;
    Ok(file)
}
