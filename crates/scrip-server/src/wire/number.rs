//! Numbers as the SDKs write them: decimal strings, and JSON integers of any length.

use std::{borrow::Cow, fmt};

use alloy::primitives::U256;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::RawValue;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, OneOfBuilder, RefOr, Schema, schema::Type},
};

use crate::problem::{Problem, ProblemKind};

/// A whole number from 0 to 2^256 − 1. It is read from a decimal string or a JSON integer, exactly, and written as a string.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number(pub(crate) U256);

impl Number {
    /// A number of credits, or of whatever else fits 64 bits.
    pub(crate) fn to_u64(self, what: &str) -> Result<u64, Problem> {
        self.0.try_into().map_err(|_| self.too_large(what, &u64::MAX))
    }

    /// A number of seconds, or of whatever else fits 32 bits.
    pub(crate) fn to_u32(self, what: &str) -> Result<u32, Problem> {
        self.0.try_into().map_err(|_| self.too_large(what, &u32::MAX))
    }

    /// An amount of money.
    pub(crate) fn to_u128(self, what: &str) -> Result<u128, Problem> {
        self.0.try_into().map_err(|_| self.too_large(what, &u128::MAX))
    }

    fn too_large(self, what: &str, most: &dyn fmt::Display) -> Problem {
        ProblemKind::INVALID_NUMBER.problem(format!("{what} of {} is more than {most}", self.0))
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let text: Cow<'_, str> = match raw.get() {
            quoted if quoted.starts_with('"') => {
                serde_json::from_str::<String>(quoted).map_err(de::Error::custom)?.into()
            }
            bare => bare.into(),
        };
        // What `U256` reads besides is no decimal number: hex, underscores.
        let is_decimal = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = if is_decimal { U256::from_str_radix(&text, 10).ok() } else { None };
        number.map(Self).ok_or_else(|| {
            de::Error::custom(format!(
                "`{text}` is no whole number from 0 to 2^256 - 1, written in decimal digits"
            ))
        })
    }
}

impl PartialSchema for Number {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[0-9]{1,78}$"));
        let bare = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0));
        OneOfBuilder::new().item(text).item(bare).into()
    }
}

impl ToSchema for Number {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_and_integers_are_read_exactly() {
        let large = "57904075276699504321099125330494103260";
        for text in ["0", "100", large, &U256::MAX.to_string()] {
            let expected = Number(text.parse().unwrap());
            assert_eq!(serde_json::from_str::<Number>(text).unwrap(), expected);
            let quoted = format!("\"{text}\"");
            assert_eq!(serde_json::from_str::<Number>(&quoted).unwrap(), expected);
            assert_eq!(serde_json::to_string(&expected).unwrap(), quoted);
        }
    }

    #[test]
    fn all_else_is_refused() {
        let too_large = format!("{}0", U256::MAX);
        for text in
            ["-1", "\"-1\"", "1.5", "1e3", "\"\"", "\"0x10\"", "\"1_0\"", "null", "true", "[1]", &too_large]
        {
            let refused = serde_json::from_str::<Number>(text).unwrap_err().to_string();
            assert!(refused.contains("is no whole number"), "{text}: {refused}");
        }
    }
}
