//! Of what happened.

use std::{num::NonZeroUsize, path::PathBuf};

use clap::Args;
use scrip::{Kind, PlanId};
use serde_json::json;

use super::Who;

/// Which events.
#[derive(Debug, Args)]
pub(crate) struct WhichArgs {
    /// Of these plans [default: of all]
    pub(crate) plans: Vec<PlanId>,
    /// Of what this account holds or held; again for each
    #[arg(long, value_name = "ACCOUNT")]
    pub(crate) holder: Vec<Who>,
    /// Of this kind, such as ordered or redeemed; again for each [default: all but transferred, which repeats the others]
    #[arg(long, value_name = "KIND", value_parser = kind)]
    pub(crate) kind: Vec<Kind>,
}

#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    #[command(flatten)]
    pub(crate) which: WhichArgs,
    /// From this block on [default: the network's from_block, or 1,000,000 blocks back]
    #[arg(long, value_name = "BLOCK")]
    pub(crate) from_block: Option<u64>,
    /// Only the last so many
    #[arg(long, short = 'n', value_name = "NUMBER")]
    pub(crate) last: Option<NonZeroUsize>,
    /// Rebuild every balance from the events, and say where it differs from the chain; from the block of Scrip's deployment
    #[arg(long, conflicts_with_all = ["holder", "kind", "last"])]
    pub(crate) check: bool,
}

#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    #[command(flatten)]
    pub(crate) which: WhichArgs,
    /// From this block on [default: what is new]
    #[arg(long, value_name = "BLOCK")]
    pub(crate) from_block: Option<u64>,
    /// End after this block
    #[arg(long, value_name = "BLOCK")]
    pub(crate) until: Option<u64>,
    /// Tell only what has so many blocks on top of its own
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) confirmations: u64,
    /// Go on where this file says, if it is there, and keep it up to date: nothing is left out between two runs
    #[arg(long, value_name = "FILE", conflicts_with = "from_block")]
    pub(crate) cursor: Option<PathBuf>,
}

/// A kind of events, by its name in JSON.
fn kind(text: &str) -> Result<Kind, String> {
    let name = text.replace('-', "_");
    serde_json::from_value(json!(name)).map_err(|_| {
        let names = Kind::ALL.map(|kind| json!(kind).as_str().unwrap_or_default().replace('_', "-"));
        format!("`{text}` is no kind of events; there are {}", names.join(", "))
    })
}
