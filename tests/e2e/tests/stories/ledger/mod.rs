//! The books rebuilt from events, beside the chain.

mod differences;
mod walk;
