//! Asking about many things in few calls, all as of one block.

use alloy::{
    contract::{self, CallBuilder, CallDecoder},
    eips::{BlockId, BlockNumberOrTag},
    primitives::B256,
    providers::Provider,
    transports::{RpcError, TransportError},
};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// How many calls are under way at once.
const AT_ONCE: usize = 4;

/// A block, as of which something was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Moment {
    /// Its number.
    pub block: u64,
    /// Its hash, by which can be asked whether a reorg has undone it.
    pub hash: B256,
    /// Its time in unix seconds, as of which something had expired or not.
    pub time: u64,
}

impl Moment {
    /// The latest block.
    pub(crate) async fn latest(provider: &impl Provider) -> Result<Self> {
        let block = provider.get_block_by_number(BlockNumberOrTag::Latest).await?;
        let header = block.ok_or(Error::UnexpectedAnswer("that there is no latest block"))?.header;
        Ok(Self { block: header.number, hash: header.hash, time: header.timestamp })
    }
}

impl From<Moment> for BlockId {
    fn from(moment: Moment) -> Self {
        Self::hash(moment.hash)
    }
}

/// Asks about so many things in one call, a few calls at once, and gives the answers in the order asked. What a node refuses as
/// too much is asked again in halves.
pub(crate) async fn ask_in_parts<T, A, P, D>(
    things: &[T],
    in_one: usize,
    ask: impl Fn(&[T]) -> CallBuilder<P, D>,
) -> Result<Vec<A>>
where
    P: Provider,
    D: CallDecoder<CallOutput = Vec<A>> + Unpin,
{
    // A stream of futures, rather than of what becomes one, so that the whole can be sent to another thread.
    let parts: Vec<_> = things.chunks(in_one).map(|part| ask_part(part, &ask)).collect();
    let parts = stream::iter(parts).buffered(AT_ONCE).try_collect::<Vec<_>>().await?;
    Ok(parts.into_iter().flatten().collect())
}

async fn ask_part<T, A, P, D>(part: &[T], ask: &impl Fn(&[T]) -> CallBuilder<P, D>) -> Result<Vec<A>>
where
    P: Provider,
    D: CallDecoder<CallOutput = Vec<A>> + Unpin,
{
    let mut answers = Vec::with_capacity(part.len());
    let mut left = vec![part];
    while let Some(part) = left.pop() {
        let call = ask(part);
        match call.call().await {
            Ok(some) if some.len() == part.len() => answers.extend(some),
            Ok(_) => return Err(Error::UnexpectedAnswer("more or less than it was asked about")),
            Err(contract::Error::TransportError(error)) if part.len() > 1 && may_be_too_much(&error) => {
                let (first, second) = part.split_at(part.len() / 2);
                left.extend([second, first]);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(answers)
}

/// Whether less may do. Nodes and contracts have many words for too little gas; 413 is about the size of the request. A node that is
/// asked too often is not asked still more often.
pub(crate) fn may_be_too_much(error: &TransportError) -> bool {
    match error {
        RpcError::ErrorResp(answer) => !answer.is_retry_err(),
        RpcError::Transport(error) => error.as_http_error().is_some_and(|error| error.status == 413),
        _ => false,
    }
}
