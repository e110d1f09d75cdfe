//! The immutable part of a plan.

use std::{ops::RangeInclusive, time::Duration};

use alloy::primitives::Address;
use serde::{Deserialize, Serialize};

use crate::{Currency, Error, Price, Result, Token, abi::IScrip, price::parse_price};

/// The terms of a plan. They never change once it is created; its id commits to them.
///
/// ```
/// use scrip::{Terms, Token, alloy::primitives::Address};
/// use std::time::Duration;
///
/// let builder = Address::repeat_byte(1);
/// let coin = Token::native("ETH");
///
/// let premium = Terms::credits("Premium Plan", 100).price(&coin, "0.01")?.paid_to(builder).takes(1..=100);
/// let month = Terms::access("A month", Duration::from_secs(30 * 86_400))?.price(&coin, "0.02")?.paid_to(builder);
/// let trial = Terms::credits("Trial", 10).lasting(Duration::from_secs(7 * 86_400))?.limit_per_holder(1);
/// # Ok::<(), scrip::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// A short name, at most 31 bytes.
    pub name: String,
    /// Where metadata is found; may be empty.
    pub uri: String,
    /// What one order costs.
    pub price: Price,
    /// Who is paid: one to eight when the plan is paid on chain, none when it is free or fiat.
    pub payees: Vec<Payee>,
    /// What one order gives.
    pub grant: Grant,
    /// The least and the most credits that a redemption may take.
    pub redemption: RangeInclusive<u32>,
    /// Who may redeem.
    pub redeemers: Redeemers,
    /// Whether all but the holder itself need the holder's voucher to redeem.
    pub voucher_required: bool,
    /// Whether the plan's owner may burn a holder's credits.
    pub revocable: bool,
    /// How often the plan may be ordered.
    pub limits: Limits,
    /// Who else is asked, and can refuse.
    pub hook: Option<Hook>,
}

/// A contract that is asked before and told after orders and redemptions, an `IHook`, and at which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Hook {
    /// The contract.
    pub account: Address,
    /// Asked before an order takes effect.
    pub before_order: bool,
    /// Told after an order.
    pub after_order: bool,
    /// Asked before a redemption takes effect.
    pub before_redemption: bool,
    /// Told after a redemption.
    pub after_redemption: bool,
}

/// A receiver of a share of the price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Payee {
    /// Who is paid.
    pub account: Address,
    /// Its share in basis points; all shares sum to 10,000.
    pub share: u16,
}

/// What one order gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Grant {
    /// Credits, which redemptions spend.
    Credits {
        /// How many; 0 on a plan paid per use, which has no orders.
        amount: u64,
        /// How many seconds they last; none when they never expire.
        lifetime: Option<u32>,
    },
    /// Access, which redemptions check and do not spend.
    Time {
        /// How many seconds.
        duration: u32,
    },
}

/// Who may redeem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Redeemers {
    /// The plan's owner.
    pub owner: bool,
    /// A holder, its own credits.
    pub holder: bool,
    /// The plan's operators that may redeem.
    pub operators: bool,
}

/// How often a plan may be ordered; both count quantity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// The most orders for one holder.
    pub per_holder: Option<u32>,
    /// The most orders in all.
    pub in_all: Option<u32>,
}

impl Terms {
    /// A free plan whose orders give credits that never expire. A redemption takes one or more; the owner and operators
    /// may redeem; the owner may not revoke.
    pub fn credits(name: impl Into<String>, amount: u64) -> Self {
        Self::new(name, Grant::Credits { amount, lifetime: None })
    }

    /// A free plan whose orders give access for a time; otherwise as [`Terms::credits`].
    ///
    /// # Errors
    ///
    /// [`Error::InvalidDuration`] unless it is in whole seconds, at least 1 and at most 136 years.
    pub fn access(name: impl Into<String>, duration: Duration) -> Result<Self> {
        Ok(Self::new(name, Grant::Time { duration: seconds(duration)? }))
    }

    /// A plan paid for each use, as people write the price. It has no orders: a redeemer with the holder's voucher pulls the
    /// price of each use from the holder, who approves the contract for that. Needs [`Terms::paid_to`] or [`Terms::split`].
    ///
    /// # Errors
    ///
    /// As [`Terms::price`].
    pub fn per_use(name: impl Into<String>, token: &Token, amount: &str) -> Result<Self> {
        let price = Price::PerUse { token: token.address, amount: parse_price(token, amount)? };
        Ok(Self { price, voucher_required: true, ..Self::credits(name, 0) })
    }

    fn new(name: impl Into<String>, grant: Grant) -> Self {
        Self {
            name: name.into(),
            uri: String::new(),
            price: Price::Free,
            payees: Vec::new(),
            grant,
            redemption: 1..=u32::MAX,
            redeemers: Redeemers { owner: true, holder: false, operators: true },
            voucher_required: false,
            revocable: false,
            limits: Limits::default(),
            hook: None,
        }
    }

    /// Where metadata is found.
    pub fn uri(self, uri: impl Into<String>) -> Self {
        Self { uri: uri.into(), ..self }
    }

    /// Costs an amount of a token, as people write it: `20`, `0.01`. Needs [`Terms::paid_to`] or [`Terms::split`].
    ///
    /// # Errors
    ///
    /// [`Error::InvalidAmount`] when it is no amount of that token, or too large for a price.
    pub fn price(self, token: &Token, amount: &str) -> Result<Self> {
        let amount = parse_price(token, amount)?;
        Ok(Self { price: Price::Fixed { token: token.address, amount }, ..self })
    }

    /// Costs an amount of a currency, as people write it, paid off chain: `("USD", "19.99")`. It has no payees.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidCurrency`], and [`Error::InvalidAmount`] as for [`Terms::price`]; a currency has six decimals.
    pub fn fiat_price(self, currency: &str, amount: &str) -> Result<Self> {
        let currency: Currency = currency.parse()?;
        let unit = Token { address: Address::ZERO, symbol: currency.to_string(), decimals: 6 };
        Ok(Self { price: Price::Fiat { currency, amount: parse_price(&unit, amount)? }, ..self })
    }

    /// Costs what a contract asks, in a token. Needs [`Terms::paid_to`] or [`Terms::split`].
    pub fn quoted_by(self, source: Address, token: &Token) -> Self {
        Self { price: Price::Quoted { token: token.address, source }, ..self }
    }

    /// Pays the whole price to one account.
    pub fn paid_to(self, account: Address) -> Self {
        self.split([(account, 10_000)])
    }

    /// Divides the price among one to eight accounts by shares in basis points, which sum to 10,000. The last takes what
    /// rounding leaves.
    pub fn split(self, payees: impl IntoIterator<Item = (Address, u16)>) -> Self {
        let payees = payees.into_iter().map(|(account, share)| Payee { account, share }).collect();
        Self { payees, ..self }
    }

    /// Credits expire after a lifetime, rounded up to the next multiple of a 64th of it. Only for a credits plan: a time
    /// plan stays as it is.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidDuration`] unless it is in whole seconds, at least 1 and at most 136 years.
    pub fn lasting(self, lifetime: Duration) -> Result<Self> {
        let lifetime = Some(seconds(lifetime)?);
        let grant = match self.grant {
            Grant::Credits { amount, .. } => Grant::Credits { amount, lifetime },
            time @ Grant::Time { .. } => time,
        };
        Ok(Self { grant, ..self })
    }

    /// The least and the most credits that a redemption may take.
    pub fn takes(self, redemption: RangeInclusive<u32>) -> Self {
        Self { redemption, ..self }
    }

    /// Who may redeem.
    pub fn redeemed_by(self, redeemers: Redeemers) -> Self {
        Self { redeemers, ..self }
    }

    /// Lets all but the holder itself redeem with the holder's voucher only.
    pub fn with_vouchers(self) -> Self {
        Self { voucher_required: true, ..self }
    }

    /// Asks a contract before or after orders and redemptions.
    pub fn hooked_by(self, hook: Hook) -> Self {
        Self { hook: Some(hook), ..self }
    }

    /// Lets the owner burn a holder's credits.
    pub fn revocable(self) -> Self {
        Self { revocable: true, ..self }
    }

    /// Limits the orders for one holder; 1 makes a trial.
    pub fn limit_per_holder(self, orders: u32) -> Self {
        Self { limits: Limits { per_holder: Some(orders), ..self.limits }, ..self }
    }

    /// Limits the orders in all.
    pub fn limit_in_all(self, orders: u32) -> Self {
        Self { limits: Limits { in_all: Some(orders), ..self.limits }, ..self }
    }
}

/// Whole seconds, as the contract takes them.
pub(crate) fn seconds(duration: Duration) -> Result<u32> {
    match u32::try_from(duration.as_secs()) {
        Ok(seconds) if seconds > 0 && duration.subsec_nanos() == 0 => Ok(seconds),
        _ => Err(Error::InvalidDuration(duration)),
    }
}

/// What the contract writes as 0, for none; a 0 of ours would mean the opposite.
fn zero_for_none<T: Default + PartialEq>(value: Option<T>, error: Error) -> Result<T> {
    match value {
        Some(value) if value == T::default() => Err(error),
        value => Ok(value.unwrap_or_default()),
    }
}

/// The bit if it is set.
fn bit(set: bool, bit: u8) -> u8 {
    if set { bit } else { 0 }
}

impl Hook {
    const BEFORE_ORDER: u8 = 1;
    const AFTER_ORDER: u8 = 2;
    const BEFORE_REDEMPTION: u8 = 4;
    const AFTER_REDEMPTION: u8 = 8;

    /// A contract that is asked nothing yet.
    pub const fn new(account: Address) -> Self {
        Self {
            account,
            before_order: false,
            after_order: false,
            before_redemption: false,
            after_redemption: false,
        }
    }

    fn bits(self) -> u8 {
        bit(self.before_order, Self::BEFORE_ORDER)
            | bit(self.after_order, Self::AFTER_ORDER)
            | bit(self.before_redemption, Self::BEFORE_REDEMPTION)
            | bit(self.after_redemption, Self::AFTER_REDEMPTION)
    }

    fn from_abi(hook: &IScrip::Hook) -> Option<Self> {
        let has = |bit| hook.calls & bit != 0;
        (hook.calls != 0).then(|| Self {
            account: hook.account,
            before_order: has(Self::BEFORE_ORDER),
            after_order: has(Self::AFTER_ORDER),
            before_redemption: has(Self::BEFORE_REDEMPTION),
            after_redemption: has(Self::AFTER_REDEMPTION),
        })
    }
}

impl Redeemers {
    const OWNER: u8 = 1;
    const HOLDER: u8 = 2;
    const OPERATORS: u8 = 4;

    fn bits(self) -> u8 {
        bit(self.owner, Self::OWNER) | bit(self.holder, Self::HOLDER) | bit(self.operators, Self::OPERATORS)
    }

    fn from_bits(bits: u8) -> Self {
        Self {
            owner: bits & Self::OWNER != 0,
            holder: bits & Self::HOLDER != 0,
            operators: bits & Self::OPERATORS != 0,
        }
    }
}

impl TryFrom<&Terms> for IScrip::Terms {
    type Error = Error;

    fn try_from(terms: &Terms) -> Result<Self> {
        Ok(Self {
            name: terms.name.clone(),
            uri: terms.uri.clone(),
            price: terms.price.try_into()?,
            payees: terms
                .payees
                .iter()
                .map(|&Payee { account, share }| IScrip::Payee { account, share })
                .collect(),
            grant: match terms.grant {
                Grant::Credits { amount, lifetime } => IScrip::Grant {
                    kind: IScrip::GrantKind::Credits,
                    credits: amount,
                    duration: zero_for_none(lifetime, Error::InvalidDuration(Duration::ZERO))?,
                },
                Grant::Time { duration } => {
                    IScrip::Grant { kind: IScrip::GrantKind::Time, credits: 0, duration }
                }
            },
            redemption: IScrip::Redemption {
                minimum: *terms.redemption.start(),
                maximum: *terms.redemption.end(),
                redeemers: terms.redeemers.bits(),
                voucherRequired: terms.voucher_required,
            },
            revocable: terms.revocable,
            limits: IScrip::Limits {
                perHolder: zero_for_none(terms.limits.per_holder, Error::ZeroLimit)?,
                inAll: zero_for_none(terms.limits.in_all, Error::ZeroLimit)?,
            },
            hook: terms.hook.map_or(IScrip::Hook { account: Address::ZERO, calls: 0 }, |hook| IScrip::Hook {
                account: hook.account,
                calls: hook.bits(),
            }),
        })
    }
}

impl TryFrom<IScrip::Terms> for Terms {
    type Error = Error;

    fn try_from(terms: IScrip::Terms) -> Result<Self> {
        let some = |number: u32| (number != 0).then_some(number);
        Ok(Self {
            name: terms.name,
            uri: terms.uri,
            price: terms.price.try_into()?,
            payees: terms
                .payees
                .into_iter()
                .map(|IScrip::Payee { account, share }| Payee { account, share })
                .collect(),
            grant: match terms.grant.kind {
                IScrip::GrantKind::Credits => {
                    Grant::Credits { amount: terms.grant.credits, lifetime: some(terms.grant.duration) }
                }
                IScrip::GrantKind::Time => Grant::Time { duration: terms.grant.duration },
                IScrip::GrantKind::__Invalid => return Err(Error::UnknownKind("grant")),
            },
            redemption: terms.redemption.minimum..=terms.redemption.maximum,
            redeemers: Redeemers::from_bits(terms.redemption.redeemers),
            voucher_required: terms.redemption.voucherRequired,
            revocable: terms.revocable,
            limits: Limits { per_holder: some(terms.limits.perHolder), in_all: some(terms.limits.inAll) },
            hook: Hook::from_abi(&terms.hook),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_there_and_back() {
        let coin = Token::native("ETH");
        let day = Duration::from_secs(86_400);
        let account = Address::repeat_byte(7);
        for terms in [
            Terms::credits("Free", 1),
            Terms::credits("Credits", u64::MAX)
                .lasting(day)
                .unwrap()
                .price(&coin, "1")
                .unwrap()
                .paid_to(account),
            Terms::access("Access", day)
                .unwrap()
                .revocable()
                .limit_per_holder(1)
                .limit_in_all(9)
                .takes(3..=4),
            Terms::credits("Fiat", 1).fiat_price("EUR", "19.99").unwrap().with_vouchers(),
            Terms::credits("Quoted", 1).quoted_by(account, &coin).hooked_by(Hook {
                before_order: true,
                after_redemption: true,
                ..Hook::new(account)
            }),
            Terms::per_use("Per use", &coin, "0.5").unwrap().hooked_by(Hook {
                after_order: true,
                before_redemption: true,
                ..Hook::new(account)
            }),
            Terms::credits("Redeemers", 1).redeemed_by(Redeemers {
                owner: false,
                holder: true,
                operators: false,
            }),
        ] {
            let abi = IScrip::Terms::try_from(&terms).unwrap();
            assert_eq!(Terms::try_from(abi).unwrap(), terms);
            let json = serde_json::to_string(&terms).unwrap();
            assert_eq!(serde_json::from_str::<Terms>(&json).unwrap(), terms);
        }
    }

    #[test]
    fn kinds_of_a_later_contract_are_errors() {
        let abi = IScrip::Terms::try_from(&Terms::credits("Later", 1)).unwrap();
        let price = IScrip::Price { kind: IScrip::PriceKind::__Invalid, ..abi.price.clone() };
        let error = Terms::try_from(IScrip::Terms { price, ..abi.clone() }).unwrap_err();
        assert_eq!(error.to_string(), "a kind of price that this client does not know");
        let grant = IScrip::Grant { kind: IScrip::GrantKind::__Invalid, ..abi.grant.clone() };
        let error = Terms::try_from(IScrip::Terms { grant, ..abi }).unwrap_err();
        assert_eq!(error.to_string(), "a kind of grant that this client does not know");
    }

    #[test]
    fn what_would_mean_the_opposite_is_refused() {
        let terms = Terms::credits("Opposite", 1);
        for duration in [Duration::ZERO, Duration::from_millis(1_500), Duration::from_secs(1 << 32)] {
            let message = format!(
                "{duration:?} cannot be the lifetime of credits or a period of access: those are whole seconds, 1 to 4294967295"
            );
            assert_eq!(terms.clone().lasting(duration).unwrap_err().to_string(), message);
            assert_eq!(Terms::access("Opposite", duration).unwrap_err().to_string(), message);
        }
        let grant = Grant::Credits { amount: 1, lifetime: Some(0) };
        for terms in [
            Terms { grant, ..terms.clone() },
            terms.clone().limit_per_holder(0),
            terms.clone().limit_in_all(0),
        ] {
            assert!(IScrip::Terms::try_from(&terms).is_err(), "{terms:?}");
        }
    }
}
