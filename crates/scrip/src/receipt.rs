//! What a write did, read from its transaction.

use std::ops::Deref;

use alloy::{
    primitives::{Address, TxHash},
    rpc::types::TransactionReceipt,
    sol_types::SolEvent,
};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The transaction of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Its hash.
    pub transaction: TxHash,
    /// The number of its block.
    pub block: u64,
    /// The gas that it used.
    pub gas_used: u64,
}

impl TryFrom<&TransactionReceipt> for Receipt {
    type Error = Error;

    fn try_from(receipt: &TransactionReceipt) -> Result<Self> {
        Ok(Self {
            transaction: receipt.transaction_hash,
            block: receipt.block_number.ok_or(Error::UnexpectedAnswer("a receipt without a block"))?,
            gas_used: receipt.gas_used,
        })
    }
}

/// A write that was done: what happened, and the transaction in which it did.
///
/// It dereferences to what happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done<E> {
    /// What happened.
    pub event: E,
    /// The transaction.
    pub receipt: Receipt,
}

impl<E> Done<E> {
    /// Reads the event from the logs of the contract itself: tokens and holders can emit look-alikes.
    pub(crate) fn read<S>(contract: Address, receipt: &TransactionReceipt) -> Result<Self>
    where
        S: SolEvent,
        E: From<S>,
    {
        let event = receipt
            .logs()
            .iter()
            .filter(|log| log.address() == contract)
            .find_map(|log| log.log_decode::<S>().ok())
            .ok_or(Error::UnexpectedAnswer("a receipt without the event of the call"))?;
        Ok(Self { event: event.inner.data.into(), receipt: receipt.try_into()? })
    }
}

impl<E> Deref for Done<E> {
    type Target = E;

    fn deref(&self) -> &E {
        &self.event
    }
}
