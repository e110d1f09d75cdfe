//! Amounts of a token, between what people write and base units.

use alloy::primitives::{
    Address, U256,
    utils::{ParseUnits, format_units, parse_units},
};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// A token that plans can be priced in: an ERC-20 or the native coin.
///
/// ```
/// use scrip::Token;
///
/// let coin = Token::native("ETH");
/// let amount = coin.parse("0.01")?;
/// assert_eq!(amount.to_string(), "10000000000000000");
/// assert_eq!(coin.format(amount), "0.01 ETH");
/// # Ok::<(), scrip::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Token {
    /// Where it is; zero for the native coin.
    pub address: Address,
    /// Its short name.
    pub symbol: String,
    /// How many digits of a base unit's count come after the point.
    pub decimals: u8,
}

impl Token {
    /// The native coin of a chain.
    pub fn native(symbol: impl Into<String>) -> Self {
        Self { address: Address::ZERO, symbol: symbol.into(), decimals: 18 }
    }

    /// Whether it is the native coin.
    pub fn is_native(&self) -> bool {
        self.address.is_zero()
    }

    /// An amount as people write it, such as `20` or `0.01`, in base units.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidAmount`] when it is no number, is negative, or has more decimals than the token.
    pub fn parse(&self, amount: &str) -> Result<U256> {
        let invalid = |reason: String| Error::InvalidAmount {
            amount: amount.to_owned(),
            symbol: self.symbol.clone(),
            reason,
        };
        let (whole, decimals) = amount.split_once('.').unwrap_or((amount, ""));
        let digits = || whole.bytes().chain(decimals.bytes());
        if digits().next().is_none() || !digits().all(|digit| digit.is_ascii_digit()) {
            return Err(invalid("write it in digits, such as 20 or 0.01".to_owned()));
        }
        if decimals.len() > usize::from(self.decimals) {
            return Err(invalid(format!("{} decimals, but the token has {}", decimals.len(), self.decimals)));
        }
        match parse_units(amount, self.decimals).map_err(|error| invalid(error.to_string()))? {
            ParseUnits::U256(units) => Ok(units),
            ParseUnits::I256(_) => Err(invalid("negative".to_owned())),
        }
    }

    /// An amount in base units as people write it, without needless zeros, and with the token's name.
    pub fn format(&self, units: U256) -> String {
        let Ok(text) = format_units(units, self.decimals) else {
            return format!("{units} base units of {}", self.symbol);
        };
        let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        format!("{text} {}", self.symbol)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dollar() -> Token {
        Token { address: Address::repeat_byte(1), symbol: "tUSD".into(), decimals: 6 }
    }

    #[test]
    fn amounts_there_and_back() {
        for (text, units, printed) in [
            ("20", 20_000_000_u64, "20 tUSD"),
            ("0.000001", 1, "0.000001 tUSD"),
            ("1.50", 1_500_000, "1.5 tUSD"),
            ("0", 0, "0 tUSD"),
            (".5", 500_000, "0.5 tUSD"),
            ("5.", 5_000_000, "5 tUSD"),
            ("100", 100_000_000, "100 tUSD"),
        ] {
            let parsed = dollar().parse(text).unwrap();
            assert_eq!(parsed, U256::from(units), "{text}");
            assert_eq!(dollar().format(parsed), printed, "{text}");
        }
    }

    #[test]
    fn bad_amounts_say_why() {
        let message = |text| dollar().parse(text).unwrap_err().to_string();
        assert_eq!(message("0.0000001"), "`0.0000001` is no amount of tUSD: 7 decimals, but the token has 6");
        for text in ["", ".", "-1", "+1", "twenty", "1e6", "1_000", "1,5", "0x10", " 1", "1.2.3", "٣"] {
            let expected = format!("`{text}` is no amount of tUSD: write it in digits, such as 20 or 0.01");
            assert_eq!(message(text), expected);
        }
        let huge = "9".repeat(78);
        assert!(message(&huge).starts_with(&format!("`{huge}` is no amount of tUSD: ")));
    }

    #[test]
    fn tokens_without_or_with_too_many_decimals_are_printed() {
        let token = |decimals| Token { decimals, ..dollar() };
        assert_eq!(token(0).format(U256::from(100)), "100 tUSD");
        assert_eq!(token(255).format(U256::from(100)), "100 base units of tUSD");
    }
}
