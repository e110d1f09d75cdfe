//! The two ids: of a plan, and of a request.

use std::{fmt, str::FromStr};

use alloy::primitives::{U256, keccak256};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// The id of a plan: a hash that commits to its terms, and the ERC-1155 id of its credits.
///
/// Printed as 64 hex digits after `0x`; parsed from that or from a decimal number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlanId(pub U256);

impl fmt::Display for PlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#066x}", self.0)
    }
}

impl FromStr for PlanId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let digits = text.strip_prefix("0x").unwrap_or(text);
        let id = if digits.is_empty() || digits.contains('_') { None } else { text.parse().ok() };
        id.map(Self).ok_or_else(|| Error::InvalidPlanId(text.to_owned()))
    }
}

impl From<U256> for PlanId {
    fn from(id: U256) -> Self {
        Self(id)
    }
}

/// The id of a request, which a redeemer redeems exactly once for each plan.
///
/// A number is taken as it is: number densely, and 256 ids share one storage word. A string is hashed, and costs a fresh
/// word.
///
/// ```
/// use scrip::RequestId;
///
/// assert_eq!(RequestId::from(7).to_string(), "7");
/// assert_eq!(
///     RequestId::from("request-123").to_string(),
///     "0x401560a7b69d71ca101bbddb7e92e22ce1bc9239549f9520512ff6666eb7b6c8"
/// );
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestId(pub U256);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match u64::try_from(self.0) {
            Ok(number) => number.fmt(f),
            Err(_) => write!(f, "{:#066x}", self.0),
        }
    }
}

impl From<u64> for RequestId {
    fn from(id: u64) -> Self {
        Self(U256::from(id))
    }
}

impl From<&str> for RequestId {
    fn from(id: &str) -> Self {
        Self(U256::from_be_bytes(keccak256(id).0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plan_ids_are_printed_and_parsed() {
        let id = PlanId(U256::from(10));
        assert_eq!(id.to_string().parse::<PlanId>().unwrap(), id);
        assert_eq!("10".parse::<PlanId>().unwrap(), id);
        assert_eq!("0xa".parse::<PlanId>().unwrap(), id);
        for text in ["", "0x", "1_0", "plan", "-1", "0xg"] {
            let error = text.parse::<PlanId>().unwrap_err();
            assert!(error.to_string().starts_with(&format!("`{text}` is no id of a plan")), "{error}");
        }
        assert!("9".repeat(80).parse::<PlanId>().is_err());
    }
}
