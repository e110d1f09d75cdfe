//! Names that people give to what is theirs.

use std::{borrow::Cow, ops::Deref};

use serde::{Deserialize, Deserializer, de};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};

/// A name of 1 to 100 characters, none of which is a control character: Postgres keeps no NUL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name(String);

/// The most characters.
const LONGEST: usize = 100;

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let length = name.chars().count();
        if length == 0 || length > LONGEST || name.chars().any(char::is_control) {
            let problem = format!("a name has 1 to {LONGEST} characters and no control characters, {name:?}");
            return Err(de::Error::custom(problem));
        }
        Ok(Self(name))
    }
}

impl PartialSchema for Name {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .min_length(Some(1))
            .max_length(Some(LONGEST))
            .pattern(Some("^[^\\x00-\\x1f\\x7f-\\x9f]*$"))
            .into()
    }
}

impl ToSchema for Name {
    fn name() -> Cow<'static, str> {
        "Name".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_can_be_kept() {
        let read = |text: &str| serde_json::from_value::<Name>(text.into()).map(|name| name.to_string());
        for name in ["a", "Jürgen's key 🔑", &"é".repeat(100)] {
            assert_eq!(read(name).unwrap(), name);
        }
        for name in ["", "a\0b", "a\nb", "\u{85}", &"é".repeat(101)] {
            assert!(read(name).is_err(), "{name:?}");
        }
    }
}
