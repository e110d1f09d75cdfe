//! What bytes mean: errors and events in words, for whoever reads a failure.

use alloy::{
    hex,
    primitives::LogData,
    sol_types::{SolEventInterface, SolInterface},
};

use crate::{
    abi::IScrip::{IScripErrors, IScripEvents},
    model::Answer,
};

/// An answer in words.
pub fn answer(answer: &Answer) -> String {
    match answer {
        Ok(bytes) => format!("returned 0x{}", hex::encode(bytes)),
        Err(bytes) => match IScripErrors::abi_decode(bytes) {
            Ok(error) => format!("reverted with {error:?}"),
            Err(_) => format!("reverted with 0x{}", hex::encode(bytes)),
        },
    }
}

/// Events in words, one to a line.
pub fn events(logs: &[LogData]) -> String {
    let line = |log: &LogData| match IScripEvents::decode_raw_log(log.topics(), &log.data) {
        Ok(event) => format!("  {event:?}"),
        Err(_) => format!("  {log:?}"),
    };
    logs.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The name of the core's error that a call reverted with.
pub fn error_name(bytes: &[u8]) -> Option<&'static str> {
    let selector = bytes.get(..4)?.try_into().ok()?;
    IScripErrors::name_by_selector(selector)
}
