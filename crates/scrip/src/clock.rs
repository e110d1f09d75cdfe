//! The clock of what waits.

#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
pub(crate) use std::time::Instant;
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
pub(crate) use tokio::time::sleep;
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
pub(crate) use wasmtimer::{std::Instant, tokio::sleep};
