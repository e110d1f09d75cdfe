//! What a write is waited for.

use alloy::{primitives::TxHash, transports::TransportError};

use crate::journal::JournalError;

/// What has to happen before it is known what became of a write.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Waiting {
    /// A block that has it.
    #[error("it is in no block yet")]
    Block,

    /// Blocks on top of the one that has it.
    #[error("it is {depth} deep, of {needed} blocks")]
    Confirmations {
        /// How many blocks there are from its own on.
        depth: u64,
        /// How many there have to be.
        needed: u64,
    },

    /// A block that has it again, for a reorganisation took the one away that had it.
    #[error("a reorganisation took away block {block}, which had it")]
    TakenBack {
        /// The number of that block.
        block: u64,
    },

    /// Transactions of the same account with lower nonces, which are not this client's.
    #[error("nonce {missing} of the account comes first, and nothing is known of its transaction")]
    EarlierNonce {
        /// The lowest that is missing.
        missing: u64,
    },

    /// What took its nonce to be as deep as is asked for.
    #[error("transaction {by} has its nonce, but not deep enough to be certain")]
    Certainty {
        /// The transaction of the same nonce.
        by: TxHash,
    },

    /// A node that tells what used its nonce: no transaction of that block that is known did, and no authorisation. The code of an
    /// account may (EIP-7702), when it creates a contract.
    #[error("block {block} has used its nonce, and the node tells no transaction that did")]
    NonceUsed {
        /// The number of that block.
        block: u64,
    },

    /// A node that has older states: this one cannot say in which block the nonce was used.
    #[error(
        "its nonce was used before block {block}, and the node has no state of that time; an archive node has"
    )]
    OldState {
        /// The number of the first block of whose state it is known.
        block: u64,
    },

    /// Fees that fall, or more that may be paid: by [`Scrip::with_max_fee_per_gas`](crate::Scrip::with_max_fee_per_gas) or
    /// [`Scrip::with_max_raise`](crate::Scrip::with_max_raise).
    #[error("to replace it takes {needed} wei for a unit of gas, and at most {most} may be paid")]
    Fee {
        /// What it takes, in wei for a unit of gas.
        needed: u128,
        /// The most that may be paid, in wei for a unit of gas.
        most: u128,
    },

    /// A journal that answers: it was handed the write, and has not said whether it has it. If it has, whoever writes next as the
    /// account may send it; repeated under its key, the write is done once in either case.
    #[error("the journal has not said whether it has it: {0}")]
    Journal(JournalError),

    /// A node that answers, or one that takes it.
    #[error("the node says: {0}")]
    Node(TransportError),
}
