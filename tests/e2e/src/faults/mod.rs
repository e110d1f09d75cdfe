//! A node that misbehaves: a proxy between a client and a chain that loses, delays, repeats and corrupts what passes, by a script
//! or at random, and tells how often it did what.
//!
//! ```
//! # use alloy::providers::Provider;
//! # use scrip_devnet::Devnet;
//! # use scrip_e2e::faults::{Fault, FaultyNode};
//! # #[tokio::main]
//! # async fn main() -> eyre::Result<()> {
//! let devnet = Devnet::start().await?;
//! let node = FaultyNode::before(devnet.url()).await?;
//! node.next("eth_chainId", Fault::Unavailable);
//! assert!(node.reader().get_chain_id().await.is_err());
//! assert_eq!(node.reader().get_chain_id().await?, 31_337);
//! assert_eq!(node.count(Fault::Unavailable), 1);
//! # Ok(())
//! # }
//! ```

mod node;
mod plan;
mod proxy;
mod wire;

pub use node::FaultyNode;
pub use plan::Chance;
pub use wire::FaultyLine;

/// What can happen to a call on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// The connection is closed before the node hears of the call.
    DropBefore,
    /// The node does what it was asked, and the connection is closed before it is heard.
    DropAfter,
    /// The node does what it was asked, and the answer is the error -32603.
    ErrorAfter,
    /// The node does what it was asked, and half of the answer arrives.
    Truncate,
    /// The answer is a page, not JSON; the node did not hear of the call.
    Garbage,
    /// The answer is 429, and the node did not hear of the call.
    TooManyRequests,
    /// The answer is 503, and the node did not hear of the call.
    Unavailable,
    /// The call reaches the node late.
    Delay,
    /// The call reaches the node twice; the first answer is passed on.
    Twice,
    /// The call reaches the node twice; the second answer is passed on, as by a gateway that lost the first.
    Retried,
    /// The answer has the id of another call.
    WrongId,
    /// There is no such receipt yet, for this call and for the next two about the same transaction.
    NoReceipt,
    /// The answer is the error -32005, and the node did not hear of the call.
    LimitExceeded,
    /// The answer is that of the block before: of `eth_blockNumber`, and of `eth_getTransactionCount` for latest and pending.
    Stale,
    /// The latest block is the one before: of `eth_getBlockByNumber`.
    Behind,
    /// The connection stays, and nothing ever comes; the node did not hear of the call.
    Silence,
    /// The block begins with a transaction of a kind that only its chain has: a deposit of the OP stack.
    Deposit,
    /// The node has no state of blocks before the last three: of `eth_getTransactionCount`.
    Pruned,
}

impl Fault {
    /// All that happen at random: all but [`Fault::Silence`], of which a client that has no patience of its own hears nothing, and
    /// what is no fault, but how some nodes are.
    pub const ALL: [Self; 14] = [
        Self::DropBefore,
        Self::DropAfter,
        Self::ErrorAfter,
        Self::Truncate,
        Self::Garbage,
        Self::TooManyRequests,
        Self::Unavailable,
        Self::Delay,
        Self::Twice,
        Self::Retried,
        Self::WrongId,
        Self::NoReceipt,
        Self::LimitExceeded,
        Self::Stale,
    ];

    /// Whether it can happen to a call of this method.
    pub fn can_meet(self, method: &str) -> bool {
        match self {
            Self::NoReceipt => method == "eth_getTransactionReceipt",
            Self::LimitExceeded => method == "eth_estimateGas",
            Self::Deposit | Self::Behind => method == "eth_getBlockByNumber",
            Self::Pruned => method == "eth_getTransactionCount",
            Self::Stale => matches!(method, "eth_blockNumber" | "eth_getTransactionCount"),
            _ => true,
        }
    }

    /// Whether it happens to a whole request, with all the calls of a batch.
    pub const fn is_of_request(self) -> bool {
        matches!(
            self,
            Self::DropBefore
                | Self::DropAfter
                | Self::Truncate
                | Self::Garbage
                | Self::TooManyRequests
                | Self::Unavailable
                | Self::Delay
                | Self::Silence
        )
    }
}
