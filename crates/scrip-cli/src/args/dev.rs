//! Of a chain itself.

use std::path::PathBuf;

use clap::Args;

use super::Who;

#[derive(Debug, Args)]
pub(crate) struct DevArgs {
    /// Where to listen on this machine; 0 for any free port
    #[arg(long, default_value_t = 8545, value_name = "PORT")]
    pub(crate) port: u16,
    /// Start from this file, if it is there, and leave the chain in it at the end
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    /// The rules of the chain, by Anvil's name
    #[arg(long, default_value = "prague", value_name = "NAME")]
    pub(crate) hardfork: String,
}

#[derive(Debug, Args)]
pub(crate) struct DeployArgs {
    /// Who may set the protocol's fee, at most 1 %; nobody, ever, without
    #[arg(long, value_name = "ACCOUNT")]
    pub(crate) fee_controller: Option<Who>,
    /// Write the record to this file, too
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The record that `scrip deploy` made
    #[arg(value_name = "RECORD")]
    pub(crate) record: PathBuf,
}
