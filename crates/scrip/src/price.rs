//! How plans are paid.

use std::{fmt, str::FromStr};

use alloy::primitives::{Address, FixedBytes, U256, aliases::U96, hex};
use serde::{Deserialize, Serialize};

use crate::{Error, Result, Token, abi::IScrip};

/// What one order costs, or one use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Price {
    /// Nothing.
    Free,
    /// An amount of a token.
    Fixed {
        /// The token; zero for the native coin.
        token: Address,
        /// The amount in base units, less than 2^96.
        amount: u128,
    },
    /// An amount of a currency, paid off chain and settled by the plan's owner or an operator.
    Fiat {
        /// The currency.
        currency: Currency,
        /// The amount in millionths of it, less than 2^96.
        amount: u128,
    },
    /// What a contract asks, for each order.
    Quoted {
        /// The token; zero for the native coin.
        token: Address,
        /// The contract, an `IPriceSource`.
        source: Address,
    },
    /// Nothing for an order, for there are none; an amount of a token for each use, pulled from the holder at redemption.
    PerUse {
        /// The token, not the native coin.
        token: Address,
        /// The amount in base units, less than 2^96.
        amount: u128,
    },
}

/// The code of a currency by ISO 4217, such as `USD`.
///
/// ```
/// use scrip::Currency;
///
/// let currency: Currency = "USD".parse()?;
/// assert_eq!(currency.to_string(), "USD");
/// # Ok::<(), scrip::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

/// Prices are kept in 96 bits.
const MAX_PRICE: U256 = U256::from_limbs([0, 1 << 32, 0, 0]);

/// An amount as people write it, that fits a price.
pub(crate) fn parse_price(token: &Token, amount: &str) -> Result<u128> {
    let units = token.parse(amount)?;
    match u128::try_from(units) {
        Ok(price) if units < MAX_PRICE => Ok(price),
        _ => Err(Error::InvalidAmount {
            amount: amount.to_owned(),
            symbol: token.symbol.clone(),
            reason: format!("a price is less than {}", token.format(MAX_PRICE)),
        }),
    }
}

impl Currency {
    /// As the contract keeps it. A plan may name anything but three zeros; what is no code is printed in hex.
    pub const fn code(self) -> [u8; 3] {
        self.0
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match std::str::from_utf8(&self.0) {
            Ok(code) if code.bytes().all(|byte| byte.is_ascii_uppercase()) => f.write_str(code),
            _ => f.write_str(&hex::encode_prefixed(self.0)),
        }
    }
}

impl FromStr for Currency {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let invalid = || Error::InvalidCurrency(text.to_owned());
        let code = if text.starts_with("0x") {
            hex::decode(text).map_err(|_| invalid())?
        } else if text.bytes().all(|byte| byte.is_ascii_uppercase()) {
            text.into()
        } else {
            return Err(invalid());
        };
        code.try_into().map(Self).map_err(|_| invalid())
    }
}

impl TryFrom<String> for Currency {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<[u8; 3]> for Currency {
    fn from(code: [u8; 3]) -> Self {
        Self(code)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.to_string()
    }
}

impl TryFrom<Price> for IScrip::Price {
    type Error = Error;

    fn try_from(price: Price) -> Result<Self> {
        use IScrip::PriceKind as Kind;
        let none = (Address::ZERO, 0, [0; 3], Address::ZERO);
        let (kind, (token, amount, currency, source)) = match price {
            Price::Free => (Kind::Free, none),
            Price::Fixed { token, amount } => (Kind::Fixed, (token, amount, none.2, none.3)),
            Price::Fiat { currency, amount } => (Kind::Fiat, (none.0, amount, currency.0, none.3)),
            Price::Quoted { token, source } => (Kind::Quoted, (token, 0, none.2, source)),
            Price::PerUse { token, amount } => (Kind::PerUse, (token, amount, none.2, none.3)),
        };
        let amount = U96::try_from(amount)
            .map_err(|_| Error::PriceTooLarge { amount, maximum: MAX_PRICE - U256::ONE })?;
        Ok(Self { kind, token, amount, currency: FixedBytes(currency), source })
    }
}

impl TryFrom<IScrip::Price> for Price {
    type Error = Error;

    fn try_from(price: IScrip::Price) -> Result<Self> {
        let IScrip::Price { kind, token, amount, currency, source } = price;
        let amount = amount.to();
        Ok(match kind {
            IScrip::PriceKind::Free => Self::Free,
            IScrip::PriceKind::Fixed => Self::Fixed { token, amount },
            IScrip::PriceKind::Fiat => Self::Fiat { currency: Currency(currency.0), amount },
            IScrip::PriceKind::Quoted => Self::Quoted { token, source },
            IScrip::PriceKind::PerUse => Self::PerUse { token, amount },
            IScrip::PriceKind::__Invalid => return Err(Error::UnknownKind("price")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn currencies_are_printed_and_parsed() {
        for code in [*b"USD", *b"usd", [0, 255, 1]] {
            let currency = Currency(code);
            assert_eq!(currency.to_string().parse::<Currency>().unwrap(), currency);
        }
        for text in ["", "US", "usd", "USDC", "0x", "0x01", "0xzzzzzz", "€€€"] {
            let error = text.parse::<Currency>().unwrap_err();
            assert!(error.to_string().starts_with(&format!("`{text}` is no currency")), "{error}");
        }
    }
}
