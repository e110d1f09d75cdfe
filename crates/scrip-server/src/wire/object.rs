//! Objects in requests: what is derived for a struct reads an array as well, member after member.

use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeOwned},
};
use serde_json::value::RawValue;

/// Reads an object, and nothing else.
pub(crate) fn object<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<T, D::Error> {
    read(&Box::<RawValue>::deserialize(deserializer)?)
}

/// Reads an object or null.
pub(crate) fn object_or_null<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Option::<Box<RawValue>>::deserialize(deserializer)?.map(|raw| read(&raw)).transpose()
}

/// Reads an array of objects.
pub(crate) fn objects<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    Vec::<Box<RawValue>>::deserialize(deserializer)?.iter().map(|raw| read(raw)).collect()
}

fn read<T: DeserializeOwned, E: de::Error>(raw: &RawValue) -> Result<T, E> {
    if !raw.get().starts_with('{') {
        return Err(E::custom(format!("`{:.100}` is no object", raw.get())));
    }
    serde_json::from_str(raw.get()).map_err(E::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Inner {
        #[serde(default)]
        number: u64,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Outer {
        #[serde(deserialize_with = "object")]
        one: Inner,
        #[serde(default, deserialize_with = "object_or_null")]
        other: Option<Inner>,
        #[serde(default, deserialize_with = "objects")]
        more: Vec<Inner>,
    }

    #[test]
    fn arrays_are_no_objects() {
        let read = |text: &str| serde_json::from_str::<Outer>(text);
        let one = Inner { number: 7 };
        assert_eq!(read(r#"{"one":{"number":7}}"#).unwrap(), Outer { one, other: None, more: Vec::new() });
        assert_eq!(read(r#"{"one": {}, "other": null}"#).unwrap().other, None);
        assert_eq!(read(r#"{"one": {}, "other": {"number": 1}}"#).unwrap().other, Some(Inner { number: 1 }));
        assert_eq!(read(r#"{"one": {}, "more": [{}, {"number": 2}]}"#).unwrap().more[1], Inner { number: 2 });
        for text in [
            r#"{"one":{},"more":[[7]]}"#,
            r#"{"one":[7]}"#,
            r#"{"one":[]}"#,
            r#"{"one":{},"other":[7]}"#,
            r#"{"one":null}"#,
            r#"{"one":"a"}"#,
        ] {
            assert!(read(text).unwrap_err().to_string().contains("is no object"), "{text}");
        }
    }
}
