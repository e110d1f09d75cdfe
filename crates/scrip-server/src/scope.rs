//! What an API key may be used for.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One kind of thing that a key may be used for. What can be read without a key needs none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// Read what is the account's own: its lists, its operations.
    Read,
    /// Order plans with the account's money, and burn its credits.
    Order,
    /// Create plans and agents, and change what of them can be changed.
    Publish,
    /// Mint credits of the account's plans.
    Mint,
    /// Redeem credits of the account's plans, and verify and settle access tokens.
    Redeem,
    /// Make access tokens, with which others spend the account's credits.
    Access,
    /// Make, list and revoke keys.
    Keys,
    /// Make accounts, and keys for them: for who runs the server.
    Admin,
}

/// A set of scopes, written as their names between spaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Scopes(u8);

/// What names no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no scope: there are read, order, publish, mint, redeem, access, keys and admin")]
pub struct UnknownScope(String);

impl Scope {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Read,
        Self::Order,
        Self::Publish,
        Self::Mint,
        Self::Redeem,
        Self::Access,
        Self::Keys,
        Self::Admin,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Order => "order",
            Self::Publish => "publish",
            Self::Mint => "mint",
            Self::Redeem => "redeem",
            Self::Access => "access",
            Self::Keys => "keys",
            Self::Admin => "admin",
        }
    }
}

impl Scopes {
    /// All that an account may do with what is its own: everything but [`Scope::Admin`].
    pub const ALL: Self = Self(0b0111_1111);

    /// These and one more.
    pub const fn with(self, scope: Scope) -> Self {
        Self(self.0 | 1 << scope as u8)
    }

    /// Whether one is among them.
    pub const fn has(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8) != 0
    }

    /// Whether all of the others are among them.
    pub const fn include(self, others: Self) -> bool {
        others.0 & !self.0 == 0
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | 1 << scope as u8))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> =
            Scope::ALL.into_iter().filter(|&scope| self.has(scope)).map(Scope::name).collect();
        f.write_str(&names.join(" "))
    }
}

impl FromStr for Scopes {
    type Err = UnknownScope;

    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        text.split_whitespace()
            .map(|name| {
                let known = Scope::ALL.into_iter().find(|scope| scope.name() == name);
                known.ok_or_else(|| UnknownScope(name.to_owned()))
            })
            .collect()
    }
}

impl TryFrom<String> for Scopes {
    type Error = UnknownScope;

    fn try_from(text: String) -> Result<Self, UnknownScope> {
        text.parse()
    }
}

impl From<Scopes> for String {
    fn from(scopes: Scopes) -> Self {
        scopes.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_printed_and_parsed() {
        let some: Scopes = "redeem read".parse().unwrap();
        assert_eq!(some.to_string(), "read redeem");
        assert!(some.has(Scope::Read) && !some.has(Scope::Order));
        assert!(Scopes::ALL.include(some) && !some.include(Scopes::ALL));
        assert!(!Scopes::ALL.has(Scope::Admin));
        assert_eq!(
            "read all".parse::<Scopes>().unwrap_err().to_string().split(':').next(),
            Some("`all` is no scope")
        );
    }
}
