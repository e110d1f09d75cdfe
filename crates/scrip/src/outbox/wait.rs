//! What a write is waited for.

use alloy::{primitives::TxHash, transports::TransportError};

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

    /// A node that answers, or one that takes it.
    #[error("the node says: {0}")]
    Node(TransportError),
}
