//! The journal in which keys stand for what was signed: those of `--once`, and of books of vouchers.

use std::{fs, path::PathBuf};

use alloy::providers::Provider;
use etcetera::BaseStrategy;
use eyre::{OptionExt, Result, WrapErr};
use scrip::{Error, SqlJournal};

use crate::{
    config::DEV_CHAIN,
    failure::{Exit, problem},
    node::Node,
};

/// Opens the journal of a node's chain: the file that was named, or the chain's own, which is made when it is needed first. From
/// then on all writes are in it, so that none takes the nonce of another.
pub(crate) async fn open(node: &Node<'_>, needed: bool) -> Result<Option<SqlJournal>> {
    let global = &node.context.global;
    let file = match global.journal.as_ref().or(node.network.journal.as_ref()) {
        Some(file) => file.clone(),
        None => {
            let folder = folder()?;
            // Nothing is asked of the node, and nothing made, before that.
            if !needed && !folder.exists() {
                return Ok(None);
            }
            match name(node).await? {
                Some(name) if needed || folder.join(&name).exists() => folder.join(name),
                None if needed => {
                    let message = format!("the node plays chain {} for tests", node.chain_id);
                    return Err(problem(Exit::Usage, message)
                        .hint("give it a journal of its own with --journal: what is signed here is good there, too")
                        .into());
                }
                _ => return Ok(None),
            }
        }
    };
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).wrap_err_with(|| format!("{} cannot be made", folder.display()))?;
    }
    let journal = SqlJournal::open(&file).await.map_err(|error| {
        // What was sent before under the same key is not known without it.
        let exit = if needed { Exit::NotKnownYet } else { Exit::Failed };
        problem(exit, format!("the journal {} cannot be used: {error}", file.display())).hint(
            "nothing was sent now; name another file with --journal, but repeat nothing there that this one has",
        )
    })?;
    node.context.print.detail(&format!("the journal is {}", file.display()));
    Ok(Some(journal))
}

fn folder() -> Result<PathBuf> {
    let folders =
        etcetera::choose_base_strategy().wrap_err("there is no home folder; name a file with --journal")?;
    Ok(folders.state_dir().unwrap_or_else(|| folders.data_dir()).join("scrip"))
}

/// The name of a chain's file: by its id, and a devnet's by its first block, too, for it begins anew each time. None for a devnet
/// that goes by the id of another chain.
async fn name(node: &Node<'_>) -> Result<Option<String>> {
    if node.chain_id != DEV_CHAIN {
        let client = node.provider.get_client_version().await.unwrap_or_default().to_lowercase();
        let is_devnet = ["anvil", "hardhat", "ganache"].iter().any(|name| client.starts_with(name));
        return Ok((!is_devnet).then(|| format!("{}.sqlite", node.chain_id)));
    }
    // Anvil keeps that one, and not always the one before it, in the state that it leaves.
    let first = node.provider.get_block_by_number(1.into()).await.map_err(Error::from)?;
    let hash = first.ok_or_eyre("the chain has no block")?.header.hash.to_string();
    Ok(Some(format!("{}-{}.sqlite", node.chain_id, &hash[2..18])))
}
