//! Whether another transaction has used the nonce of a write, which has failed for certain then.

use alloy::{
    eips::eip7702::SignedAuthorization,
    primitives::{Address, TxHash, U64, U256},
    providers::{Provider, WalletProvider},
};
use serde::Deserialize;
use serde_json::Value;

use super::{Waiting, follow::Follower};
use crate::{Result, journal::Outcome};

/// A block with its transactions. Chains have kinds of their own of both, which are not all read.
#[derive(Debug, Deserialize)]
struct Block {
    transactions: Vec<Value>,
}

/// What all kinds of transactions have.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Transaction {
    hash: TxHash,
    from: Address,
    nonce: U64,
    #[serde(default)]
    authorization_list: Vec<Value>,
}

/// What all kinds of receipts have.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mined {
    block_number: Option<U64>,
}

/// Whether a transaction of anybody, of whatever kind, is in a block.
pub(super) async fn is_mined<P: Provider>(provider: &P, transaction: TxHash) -> Result<bool> {
    let receipt: Option<Mined> =
        provider.raw_request("eth_getTransactionReceipt".into(), (transaction,)).await?;
    Ok(receipt.is_some_and(|receipt| receipt.block_number.is_some()))
}

impl Transaction {
    /// Whether it has an authorisation that an account has signed for a nonce, which uses that up (EIP-7702).
    fn authorises(&self, chain_id: u64, address: Address, nonce: u64) -> bool {
        self.authorization_list.iter().any(|authorization| {
            serde_json::from_value(authorization.clone()).is_ok_and(|signed: SignedAuthorization| {
                signed.nonce == nonce
                    && (signed.chain_id.is_zero() || signed.chain_id == U256::from(chain_id))
                    && signed.recover_authority().is_ok_and(|authority| authority == address)
            })
        })
    }
}

impl<P: Provider + WalletProvider> Follower<'_, P> {
    /// The nonce is used, but not by a transaction that a receipt is known of: finds the one that used it, so that nothing is
    /// believed which a lagging node leaves out.
    pub(super) async fn find_other(&mut self, address: Address, nonce: u64) -> Result<()> {
        self.read_again().await?;
        let head = self.provider.get_block_number().await?;
        let Some((block, is_first)) = self.block_that_used(address, nonce, head).await? else {
            return Ok(());
        };
        let found: Option<Block> =
            self.provider.raw_request("eth_getBlockByNumber".into(), (U64::from(block), true)).await?;
        let Some(found) = found else { return Ok(()) };
        let chain_id = self.entry.account.chain_id;
        let read = |one| serde_json::from_value::<Transaction>(one).ok();
        let transactions: Vec<_> = found.transactions.into_iter().filter_map(read).collect();
        let own = transactions.iter().find(|other| other.from == address && other.nonce.to::<u64>() == nonce);
        // An authorisation that comes too early or too late does nothing: it did it if nothing else did, and in this block.
        let authorised = || transactions.iter().find(|other| other.authorises(chain_id, address, nonce));
        let Some(by) = own.or_else(|| authorised().filter(|_| is_first)).map(|other| other.hash) else {
            self.waiting = if is_first { Waiting::NonceUsed { block } } else { Waiting::OldState { block } };
            return Ok(());
        };
        // Who else waits for it, or cancels it, may have replaced it.
        if !self.hashes.contains(&by) {
            self.read_again().await?;
        }
        if self.hashes.contains(&by) {
            return Ok(());
        }
        let depth = (head + 1).saturating_sub(block);
        if depth < self.manner.confirmations {
            self.waiting = Waiting::Certainty { by };
            return Ok(());
        }
        self.settle(Outcome::Superseded { by }).await;
        Err(self.superseded(by))
    }

    /// The first block after which an account's nonce is used, of those whose state the node has; and whether the node has that of
    /// the block before, by which it is the first of all.
    async fn block_that_used(&self, address: Address, nonce: u64, head: u64) -> Result<Option<(u64, bool)>> {
        // None where the node has no state.
        let used = async |block: u64| -> Result<Option<bool>> {
            match self.provider.get_transaction_count(address).number(block).await {
                Ok(count) => Ok(Some(count > nonce)),
                Err(error) if error.is_error_resp() => Ok(None),
                Err(error) => Err(error.into()),
            }
        };
        if used(head).await? != Some(true) {
            return Ok(None);
        }
        // It is used after `after`, and not known to be after `before`.
        let (mut after, mut step) = (head, 1);
        let (mut before, mut is_first);
        loop {
            if after == 0 {
                return Ok(None);
            }
            before = after.saturating_sub(step);
            step *= 2;
            match used(before).await? {
                Some(true) => after = before,
                not_or_unknown => {
                    is_first = not_or_unknown.is_some();
                    break;
                }
            }
        }
        while after - before > 1 {
            let middle = before + (after - before) / 2;
            match used(middle).await? {
                Some(true) => after = middle,
                not_or_unknown => {
                    before = middle;
                    is_first = not_or_unknown.is_some();
                }
            }
        }
        Ok(Some((after, is_first)))
    }
}
