//! Addresses as the SDKs write them.

use std::{borrow::Cow, str::FromStr};

use alloy::primitives::{Address, hex};
use serde::{Deserialize, Deserializer, de};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};

/// An address: `0x` and 40 hex digits, in capitals or not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct HexAddress(pub(crate) Address);

/// What is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no address, which is 0x and 40 hex digits")]
pub(crate) struct InvalidAddress(String);

impl FromStr for HexAddress {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let mut bytes = [0; 20];
        let digits = text.strip_prefix("0x").filter(|digits| !digits.starts_with("0x"));
        match digits.map(|digits| hex::decode_to_slice(digits, &mut bytes)) {
            Some(Ok(())) => Ok(Self(bytes.into())),
            _ => Err(InvalidAddress(text.to_owned())),
        }
    }
}

impl<'de> Deserialize<'de> for HexAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl PartialSchema for HexAddress {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some("^0x[0-9a-fA-F]{40}$"))
            .description(Some("An address"))
            .into()
    }
}

impl ToSchema for HexAddress {
    fn name() -> Cow<'static, str> {
        "Address".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let written = "0x75faf114eafb1BDbe2F0316DF893fd58CE46AA4d";
        for text in [written, &*written.to_lowercase()] {
            let read: HexAddress = serde_json::from_value(text.into()).unwrap();
            assert_eq!(read.0.to_string(), written);
        }
        for text in
            ["", "0x", &written[2..], &written[..41], "0x0x75faf114eafb1BDbe2F0316DF893fd58CE46AA", "me"]
        {
            assert_eq!(text.parse::<HexAddress>(), Err(InvalidAddress(text.to_owned())));
        }
    }
}
