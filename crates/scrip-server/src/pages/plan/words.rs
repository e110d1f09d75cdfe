//! Plans in words.

use alloy::primitives::{Address, U256};
use scrip::{Currency, Grant, Price, Terms, Token};

use super::super::text::duration;
use crate::{problem::Problem, state::State};

/// What a price is, for people.
pub(crate) async fn price(state: &State, price: &Price) -> Result<String, Problem> {
    Ok(match *price {
        Price::Free => "Free".to_owned(),
        Price::Fixed { token, amount } => token_amount(state, token, amount).await?,
        Price::PerUse { token, amount } => {
            format!("{} for each use", token_amount(state, token, amount).await?)
        }
        Price::Fiat { currency, amount } => money(currency).format(U256::from(amount)) + ", by card",
        _ => "What a contract asks".to_owned(),
    })
}

async fn token_amount(state: &State, token: Address, amount: u128) -> Result<String, Problem> {
    Ok(token_of(state, token).await?.format(U256::from(amount)))
}

/// A token, as far as it says what it is.
pub(crate) async fn token_of(state: &State, address: Address) -> Result<Token, Problem> {
    match state.chain.token(address).await {
        Ok(token) => Ok(token),
        Err(scrip::Error::NotAToken { .. }) => {
            Ok(Token { address, symbol: address.to_string(), decimals: 0 })
        }
        Err(error) => Err(error.into()),
    }
}

/// A currency, in millionths.
pub(crate) fn money(currency: Currency) -> Token {
    Token { address: Address::ZERO, symbol: currency.to_string(), decimals: 6 }
}

/// What an order gives, for people.
pub(crate) fn grant(terms: &Terms) -> String {
    let gives = match terms.grant {
        Grant::Credits { amount, lifetime: None } => format!("{amount} credits"),
        Grant::Credits { amount, lifetime: Some(seconds) } => {
            format!("{amount} credits for {}", duration(seconds.into()))
        }
        Grant::Time { duration: seconds } => format!("{} of access", duration(seconds.into())),
        _ => "What the plan's terms say".to_owned(),
    };
    if terms.limits.per_holder == Some(1) { format!("{gives}, once for each") } else { gives }
}
