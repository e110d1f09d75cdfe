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
#[non_exhaustive]
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

impl<E> Done<Vec<E>> {
    /// Reads all events of a kind, in their order, from the logs of the contract itself.
    pub(crate) fn read_all<S>(contract: Address, receipt: &TransactionReceipt) -> Result<Self>
    where
        S: SolEvent,
        E: From<S>,
    {
        let logs = receipt.logs().iter().filter(|log| log.address() == contract);
        let events = logs.filter_map(|log| log.log_decode::<S>().ok()).map(|log| log.inner.data.into());
        Ok(Self { event: events.collect(), receipt: receipt.try_into()? })
    }
}

impl<E> Deref for Done<E> {
    type Target = E;

    fn deref(&self) -> &E {
        &self.event
    }
}

#[cfg(test)]
mod tests {
    use alloy::{primitives::U256, sol_types::SolEvent};
    use serde_json::{Value, json};

    use super::*;
    use crate::{OpenSet, PlanId, abi::IScrip};

    const SCRIP: Address = Address::repeat_byte(1);
    const TOKEN: Address = Address::repeat_byte(2);

    /// A receipt with an `OpenSet` for each emitter, whose plan's id is its place.
    fn receipt(emitters: &[Address], block: &Value) -> TransactionReceipt {
        let hash = TxHash::repeat_byte(3);
        let logs: Vec<_> = (0..)
            .zip(emitters)
            .map(|(place, emitter)| {
                let event = IScrip::OpenSet { planId: U256::from(place), open: true }.encode_log_data();
                json!({
                    "address": emitter, "topics": event.topics(), "data": event.data, "blockHash": hash,
                    "blockNumber": block, "transactionHash": hash, "transactionIndex": "0x0", "logIndex": "0x0",
                    "removed": false,
                })
            })
            .collect();
        serde_json::from_value(json!({
            "type": "0x2", "status": "0x1", "cumulativeGasUsed": "0x5208", "gasUsed": "0x5208",
            "effectiveGasPrice": "0x1", "logs": logs, "logsBloom": format!("0x{}", "00".repeat(256)),
            "transactionHash": hash, "transactionIndex": "0x0", "blockHash": hash, "blockNumber": block,
            "from": SCRIP, "to": SCRIP, "contractAddress": null,
        }))
        .unwrap()
    }

    #[test]
    fn only_the_contract_itself_is_believed() {
        let receipt = receipt(&[TOKEN, SCRIP], &json!("0x7"));
        let done = Done::<OpenSet>::read::<IScrip::OpenSet>(SCRIP, &receipt).unwrap();
        assert_eq!(done.plan, PlanId(U256::from(1)), "the token's look-alike was believed");
        assert_eq!((done.receipt.block, done.receipt.gas_used), (7, 21_000));
    }

    #[test]
    fn what_a_receipt_lacks_is_named() {
        let read =
            |receipt| Done::<OpenSet>::read::<IScrip::OpenSet>(SCRIP, &receipt).unwrap_err().to_string();
        let lacking = read(receipt(&[TOKEN], &json!("0x7")));
        assert_eq!(lacking, "the node answered a receipt without the event of the call");
        assert_eq!(read(receipt(&[SCRIP], &Value::Null)), "the node answered a receipt without a block");
    }
}
