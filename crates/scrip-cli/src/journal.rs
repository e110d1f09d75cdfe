//! The journal in which keys stand for what was signed: `--once`.

use std::{fs, path::PathBuf};

use alloy::{eips::BlockNumberOrTag, providers::Provider};
use etcetera::BaseStrategy;
use eyre::{OptionExt, Result, WrapErr};
use scrip::{Error, SqlJournal};

use crate::{
    failure::{Exit, problem},
    node::Node,
};

/// Opens the journal of a node's chain: the file that was named, or the chain's own, which is made for the first key. From then
/// on all writes are in it, so that none takes the nonce of another.
pub(crate) async fn open(node: &Node<'_>) -> Result<Option<SqlJournal>> {
    let global = &node.context.global;
    let file = match global.journal.as_ref().or(node.network.journal.as_ref()) {
        Some(file) => file.clone(),
        None => match of_chain(node).await? {
            file if global.once.is_some() || file.exists() => file,
            _ => return Ok(None),
        },
    };
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).wrap_err_with(|| format!("{} cannot be made", folder.display()))?;
    }
    let journal = SqlJournal::open(&file).await.map_err(|error| {
        problem(Exit::Failed, format!("the journal {} cannot be used: {error}", file.display())).hint(
            "nothing was sent; name another file with --journal, but repeat nothing there that this one has",
        )
    })?;
    node.context.print.detail(&format!("the journal is {}", file.display()));
    Ok(Some(journal))
}

/// The file of a chain, which its first block tells from others of the same id: a devnet begins anew each time.
async fn of_chain(node: &Node<'_>) -> Result<PathBuf> {
    let first = node.provider.get_block_by_number(BlockNumberOrTag::Earliest).await.map_err(Error::from)?;
    let first = first
        .ok_or_eyre("the node does not know the first block of its chain; name a file with --journal")?;
    let folders =
        etcetera::choose_base_strategy().wrap_err("there is no home folder; name a file with --journal")?;
    let folder = folders.state_dir().unwrap_or_else(|| folders.data_dir()).join("scrip");
    let hash = first.header.hash.to_string();
    Ok(folder.join(format!("{}-{}.sqlite", node.chain_id, &hash[2..18])))
}
