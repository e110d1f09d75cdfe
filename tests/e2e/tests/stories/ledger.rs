//! The books rebuilt from events, beside the chain.
