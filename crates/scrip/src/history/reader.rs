//! What is asked of the node.

use std::collections::BTreeMap;

use alloy::{
    consensus::BlockHeader as _,
    eips::BlockNumberOrTag,
    primitives::{Address, B256, Log as RawLog},
    providers::Provider,
    rpc::types::{Filter, Log},
    sol_types::SolEventInterface,
    transports::{RpcError, TransportError, TransportErrorKind},
};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{
    record::{BlockRef, Position, Record},
    wanted::Wanted,
};
use crate::{Error, Event, Result, abi::IScrip::IScripEvents};

/// How many calls are under way at once.
const AT_ONCE: usize = 8;

/// What is needed of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) block: BlockRef,
    pub(crate) parent: B256,
    pub(crate) time: u64,
}

/// The header of a block, if the node has it.
pub(crate) async fn header<P: Provider>(
    provider: &P,
    block: impl Into<BlockNumberOrTag>,
) -> Result<Option<Header>> {
    let tag = block.into();
    let Some(found) = provider.get_block_by_number(tag).await? else { return Ok(None) };
    let header = found.header;
    let block = BlockRef { number: header.number(), hash: header.hash };
    if tag.as_number().is_some_and(|number| number != block.number) {
        return Err(Error::UnexpectedAnswer("another block than was asked for"));
    }
    Ok(Some(Header { block, parent: header.parent_hash(), time: header.timestamp() }))
}

/// The headers of consecutive blocks, as far as the node has them and each is the child of the one before.
pub(crate) async fn headers_after<P: Provider>(
    provider: &P,
    block: BlockRef,
    last: u64,
) -> Result<Vec<Header>> {
    let headers = stream::iter(block.number + 1..=last).map(|number| header(provider, number));
    let headers: Vec<_> = headers.buffered(AT_ONCE).try_collect().await?;
    let mut parent = block.hash;
    let chain = headers.into_iter().map_while(|header| {
        header.filter(|header| header.parent == parent).inspect(|header| parent = header.block.hash)
    });
    Ok(chain.collect())
}

/// What is wanted of blocks that are known by their hashes, in their order. A node answers for just that block, or says that it
/// does not know it: then what came before is returned, with the error.
pub(crate) async fn records_of<P: Provider>(
    provider: &P,
    contract: Address,
    wanted: &Wanted,
    headers: &[Header],
) -> Result<(Vec<(BlockRef, Vec<Record>)>, Option<Error>)> {
    let filter = wanted.broad(contract);
    let asked = stream::iter(headers.to_vec()).map(|header| {
        let filter = filter.clone().at_block_hash(header.block.hash);
        async move { (header, provider.get_logs(&filter).await) }
    });
    let mut answers = asked.buffered(AT_ONCE);
    let mut blocks = Vec::new();
    while let Some((header, answer)) = answers.next().await {
        let logs = match answer {
            Ok(logs) => logs,
            Err(error @ RpcError::ErrorResp(_)) => return Ok((blocks, Some(error.into()))),
            Err(error) => return Err(error.into()),
        };
        let mut records = Vec::new();
        for log in logs {
            let record = record(contract, log, header.time)?;
            if record.position.block != header.block {
                return Err(Error::UnexpectedAnswer("a log of another block than was asked for"));
            }
            records.push(record);
        }
        blocks.push((header.block, keep(wanted, records)));
    }
    Ok((blocks, None))
}

/// What is wanted of a range of blocks, in their order; none when the chain has changed meanwhile. If it has not, whether these
/// blocks are on it is still for the caller to find out.
pub(crate) async fn records_between<P: Provider>(
    provider: &P,
    contract: Address,
    wanted: &Wanted,
    first: u64,
    last: u64,
) -> Result<Option<Vec<Record>>> {
    let filters = wanted.narrow(contract).into_iter().map(|filter| filter.from_block(first).to_block(last));
    let asked = stream::iter(filters).map(|filter: Filter| async move { provider.get_logs(&filter).await });
    let logs: Vec<Vec<Log>> = asked.buffered(AT_ONCE).try_collect().await?;
    let logs: Vec<Log> = logs.into_iter().flatten().collect();
    let times = times(provider, &logs).await?;
    let mut records = Vec::with_capacity(logs.len());
    for log in logs {
        let told = log.block_timestamp.filter(|time| *time != 0);
        let time = told.or_else(|| times.get(&log.block_hash?).copied());
        let Some(time) = time else { return Ok(None) };
        let record = record(contract, log, time)?;
        if !(first..=last).contains(&record.position.block.number) {
            return Err(Error::UnexpectedAnswer("a log from outside the range that was asked for"));
        }
        records.push(record);
    }
    Ok(Some(keep(wanted, records)))
}

/// The times of the blocks of logs that do not tell it.
async fn times<P: Provider>(provider: &P, logs: &[Log]) -> Result<BTreeMap<B256, u64>> {
    let silent = logs.iter().filter(|log| log.block_timestamp.is_none_or(|time| time == 0));
    let numbers: BTreeMap<_, _> =
        silent.filter_map(|log| Some((log.block_number?, log.block_hash?))).collect();
    let asked = stream::iter(numbers.into_keys()).map(|number| header(provider, number));
    let headers: Vec<_> = asked.buffered(AT_ONCE).try_collect().await?;
    Ok(headers.into_iter().flatten().map(|header| (header.block.hash, header.time)).collect())
}

/// A log of the contract, typed.
fn record(contract: Address, log: Log, time: u64) -> Result<Record> {
    let Log { block_hash, block_number, transaction_hash, log_index, removed, inner, .. } = log;
    let place = (block_number, block_hash, log_index, transaction_hash);
    let (Some(number), Some(hash), Some(log), Some(transaction), false) =
        (place.0, place.1, place.2, place.3, removed)
    else {
        return Err(Error::UnexpectedAnswer("a log that is on no chain"));
    };
    if inner.address != contract {
        return Err(Error::UnexpectedAnswer("a log of another contract than was asked for"));
    }
    let RawLog { data, .. } = inner;
    let event = IScripEvents::decode_raw_log(data.topics(), &data.data)
        .map_err(|_| Error::UnexpectedAnswer("a log that is no event of Scrip"))?;
    let terms = match &event {
        IScripEvents::PlanCreated(created) => Some(Box::new(created.terms.clone().try_into()?)),
        _ => None,
    };
    let position = Position { block: BlockRef { number, hash }, log };
    Ok(Record { position, transaction, time, event: Event::from(event), terms })
}

/// What is wanted, in its order and once.
fn keep(wanted: &Wanted, mut records: Vec<Record>) -> Vec<Record> {
    records.retain(|record| wanted.is_wanted(&record.event));
    records.sort_by_key(|record| record.position.order());
    records.dedup_by_key(|record| record.position);
    records
}

/// Whether a node may have refused a call for the number of blocks or logs that it asked for, and not for the number of calls.
pub(crate) fn is_too_much(error: &TransportError) -> bool {
    let is_too_much = |status: u16| matches!(status, 400 | 413 | 422 | 500..=504);
    match error {
        RpcError::ErrorResp(answer) => {
            let says = |text: &str| answer.message.to_lowercase().contains(text);
            !matches!(answer.code, 429 | -32601) && !says("rate limit") && !says("too many requests")
        }
        RpcError::Transport(TransportErrorKind::HttpError(error)) => is_too_much(error.status),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answered(code: i64, message: &str) -> TransportError {
        let payload = json!({ "code": code, "message": message }).to_string();
        RpcError::ErrorResp(serde_json::from_str(&payload).unwrap())
    }

    #[test]
    fn only_what_is_too_much_is_asked_for_in_parts() {
        for (code, message) in [
            (-32_602, "block range too large"),
            (-32_005, "query returned more than 10000 results"),
            (-32_000, "exceed maximum block range: 5000"),
            (-32_000, "query timeout exceeded"),
        ] {
            assert!(is_too_much(&answered(code, message)), "{message}");
        }
        for (code, message) in [
            (429, "slow down"),
            (-32_005, "daily request count exceeded, request rate limited: rate limit"),
            (-32_000, "Too Many Requests"),
            (-32_601, "the method eth_getLogs does not exist"),
        ] {
            assert!(!is_too_much(&answered(code, message)), "{message}");
        }
        for (status, expected) in [(413, true), (400, true), (504, true), (429, false), (401, false)] {
            let error = TransportErrorKind::http_error(status, String::new());
            assert_eq!(is_too_much(&error), expected, "{status}");
        }
        assert!(!is_too_much(&TransportErrorKind::backend_gone()));
    }
}
