//! Amounts such as `20 USDC`: a number and a token, by its symbol or address.

use alloy::{
    primitives::{Address, U256},
    providers::Provider,
};
use eyre::Result;
use scrip::{Error, Scrip, Token};

use crate::{
    config::Network,
    failure::{Exit, problem},
};

/// A number and what it is of, as written.
pub(crate) fn split(text: &str) -> Result<(&str, &str)> {
    let text = text.trim();
    let end =
        text.find(|letter: char| !(letter.is_ascii_digit() || "-.".contains(letter))).unwrap_or(text.len());
    // `20 0x…` is a number and an address; `200x…` is not.
    let (number, unit) = match text.split_once(char::is_whitespace) {
        Some((number, unit)) => (number, unit.trim()),
        None => text.split_at(end),
    };
    if number.is_empty() || unit.is_empty() {
        return Err(problem(Exit::Usage, format!("`{text}` is no amount"))
            .hint("write a number and its token, such as '20 USDC' or '0.01 ETH'")
            .into());
    }
    Ok((number, unit))
}

/// A token by its symbol in the configuration, by its address, or the native coin.
pub(crate) async fn token<P: Provider>(network: &Network, scrip: &Scrip<P>, text: &str) -> Result<Token> {
    if let Some(coin) = coin(network, text) {
        return Ok(coin);
    }
    let configured = network.tokens.get(text).copied();
    let Some(address) = configured.or_else(|| text.parse::<Address>().ok()) else {
        let symbols: Vec<_> =
            network.tokens.keys().map(String::as_str).chain([coin_symbol(network)]).collect();
        return Err(problem(
            Exit::Usage,
            format!("`{text}` is no token known here; known are {}", symbols.join(", ")),
        )
        .hint("name the token by its address, or add it to the network in the configuration")
        .into());
    };
    let token = scrip.token(address).await?;
    if configured.is_some() && token.symbol != text {
        return Err(problem(
            Exit::Usage,
            format!("the token {address}, configured as {text}, calls itself {}", token.symbol),
        )
        .hint("correct the configuration")
        .into());
    }
    Ok(token)
}

/// The token of a plan, by its address; the native coin by its name on this network. One that does not tell its symbol and
/// decimals is counted in base units.
pub(crate) async fn named<P: Provider>(
    network: &Network,
    scrip: &Scrip<P>,
    address: Address,
) -> Result<Token> {
    if address.is_zero() {
        return Ok(Token::native(coin_symbol(network)));
    }
    match scrip.token(address).await {
        Err(Error::NotAToken { .. }) => {
            Ok(Token { address, symbol: format!("base units of {address}"), decimals: 0 })
        }
        token => Ok(token?),
    }
}

/// An amount of a token that is given; its symbol or address must be that token's.
pub(crate) fn of_token(network: &Network, token: &Token, text: &str) -> Result<U256> {
    let (number, unit) = split(text)?;
    let by_address = unit.parse::<Address>().is_ok_and(|address| address == token.address);
    let by_symbol = unit == token.symbol && impostor(network, token).is_none();
    if !by_address && !by_symbol {
        return Err(problem(
            Exit::Usage,
            format!("`{text}` is no amount of {}, the plan's token", full_name(token)),
        )
        .hint(format!(
            "write it as '{number} {}'",
            if unit == token.symbol { token.address.to_string() } else { token.symbol.clone() }
        ))
        .into());
    }
    Ok(token.parse(number)?)
}

/// The token of the configuration whose symbol this other token bears.
pub(crate) fn impostor(network: &Network, token: &Token) -> Option<Address> {
    let known = network.tokens.get(&token.symbol).copied()?;
    (known != token.address).then_some(known)
}

/// A token's symbol and address.
pub(crate) fn full_name(token: &Token) -> String {
    if token.is_native() { token.symbol.clone() } else { format!("{} ({})", token.symbol, token.address) }
}

fn coin_symbol(network: &Network) -> &str {
    network.coin.as_deref().unwrap_or("ETH")
}

fn coin(network: &Network, text: &str) -> Option<Token> {
    let symbol = coin_symbol(network);
    (text == symbol || text == "native").then(|| Token::native(symbol))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_split() {
        for (text, parts) in [
            ("20 tUSD", ("20", "tUSD")),
            ("20tUSD", ("20", "tUSD")),
            (" 0.01  ETH ", ("0.01", "ETH")),
            ("20 0xab", ("20", "0xab")),
        ] {
            assert_eq!(split(text).unwrap(), parts, "{text}");
        }
        for text in ["", "20", "tUSD", "20 "] {
            assert!(split(text).is_err(), "{text}");
        }
    }
}
