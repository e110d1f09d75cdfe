//! What goes over the wire, in the SDKs' words.

pub(crate) mod address;
pub(crate) mod agent;
pub(crate) mod fiat;
pub(crate) mod history;
pub(crate) mod name;
pub(crate) mod number;
pub(crate) mod object;
pub(crate) mod plan;
pub(crate) mod register;
pub(crate) mod x402;
