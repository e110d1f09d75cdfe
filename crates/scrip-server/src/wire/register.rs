//! Plans as the SDKs register them, and the terms that they become.

use std::time::Duration;

use alloy::primitives::{Address, U256};
use scrip::{Currency, Price, Redeemers, Terms};
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{address::HexAddress, number::Number, object::object};
use crate::{
    card::minor_units,
    plan_page::PlanPage,
    problem::{Problem, ProblemKind},
    work::NewPlan,
};

/// The address by which the SDKs say that a plan is paid per use. No contract is there: it is a word.
pub(crate) const PAY_AS_YOU_GO: Address = Address::with_last_byte(0x9a);

/// A plan to be created.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegisterPlan {
    /// `name`, and whatever else is to be known of it.
    #[schema(value_type = Object)]
    pub(crate) metadata_attributes: Map<String, Value>,
    #[serde(deserialize_with = "object")]
    pub(crate) price_config: PriceConfig,
    #[serde(deserialize_with = "object")]
    pub(crate) credits_config: CreditsConfig,
    /// Sets plans of the same terms apart; the same one again is the same plan.
    #[serde(default)]
    pub(crate) nonce: Option<Number>,
    #[serde(default)]
    pub(crate) is_trial_plan: bool,
    /// `credits` or `time`; without it, a plan with a duration is one of time.
    #[serde(default)]
    pub(crate) access_limit: Option<AccessLimit>,
    #[serde(default)]
    pub(crate) currency: Option<String>,
}

/// What an order gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AccessLimit {
    Credits,
    Time,
}

/// What an order costs.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PriceConfig {
    /// Of older clients: 0 fixed, 1 fiat, 2 by a contract.
    #[serde(default)]
    price_type: Option<u8>,
    #[serde(default)]
    is_crypto: Option<bool>,
    #[serde(default)]
    token_address: Option<HexAddress>,
    /// In base units of the token, or millionths of the currency, for each receiver.
    #[serde(default)]
    amounts: Vec<Number>,
    #[serde(default)]
    receivers: Vec<HexAddress>,
    #[serde(default)]
    template_address: Option<HexAddress>,
    #[serde(default)]
    currency: Option<String>,
}

/// What an order gives, and how it is redeemed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreditsConfig {
    /// Of older clients: 0 expirable, 1 fixed, 2 dynamic.
    #[serde(default)]
    credits_type: Option<u8>,
    #[serde(default)]
    is_redemption_amount_fixed: Option<bool>,
    /// Who may redeem: 1 the owner; 0, 2 and 4 operators, too; 4 holders, too.
    #[serde(default)]
    redemption_type: Option<u8>,
    /// Seconds; 0 for never.
    #[serde(default)]
    duration_secs: Number,
    amount: Number,
    #[serde(default)]
    min_amount: Option<Number>,
    #[serde(default)]
    max_amount: Option<Number>,
}

/// The most bytes of a name that the chain keeps.
const NAME: usize = 31;

impl RegisterPlan {
    /// The name that was given.
    fn name(&self) -> Result<&str, Problem> {
        let name = self.metadata_attributes.get("name").and_then(Value::as_str).map(str::trim);
        name.filter(|name| !name.is_empty()).ok_or_else(|| {
            ProblemKind::INVALID_TERMS
                .problem("the plan has no name")
                .hint("give one: metadataAttributes.name, at most 31 bytes of which are kept on the chain")
        })
    }

    /// What is to be created.
    pub(crate) fn into_new(self, org_id: Option<String>) -> Result<NewPlan, Problem> {
        let (terms, salt) = (Box::new(self.terms()?), self.nonce.map(|nonce| nonce.0));
        Ok(NewPlan { terms, salt, page: PlanPage::new(self.metadata_attributes, org_id)? })
    }

    /// The terms that it becomes.
    fn terms(&self) -> Result<Terms, Problem> {
        let name = self.name()?;
        let (price, payees) = self.price_config.price(self.currency.as_deref())?;
        let is_per_use = matches!(price, Price::PerUse { .. });
        let mut terms = self.credits_config.grant(on_chain(name), self.access_limit, is_per_use)?;
        terms.price = price;
        if !payees.is_empty() {
            terms = terms.split(payees);
        }
        terms.voucher_required = is_per_use;
        let is_trial = |map: &Map<String, Value>| map.get("isTrialPlan") == Some(&Value::Bool(true));
        if self.is_trial_plan || is_trial(&self.metadata_attributes) {
            terms = terms.limit_per_holder(1);
        }
        Ok(terms)
    }
}

/// A name, cut to what the chain keeps.
fn on_chain(name: &str) -> &str {
    &name[..name.floor_char_boundary(NAME)]
}

impl PriceConfig {
    fn price(&self, currency: Option<&str>) -> Result<(Price, Vec<(Address, u16)>), Problem> {
        if self.price_type == Some(2) {
            return Err(invalid("a price that a contract asks cannot be registered here")
                .hint("create the plan with the client or `scrip plan create`"));
        }
        let is_fiat = self.price_type == Some(1) || self.is_crypto == Some(false);
        let sum = self.amounts.iter().try_fold(U256::ZERO, |sum, amount| sum.checked_add(amount.0));
        let sum = Number(sum.ok_or_else(|| invalid("the amounts sum to more than 2^256 - 1"))?);
        let amount = sum.to_u128("a price")?;
        if amount == 0 {
            return Ok((Price::Free, Vec::new()));
        }
        if is_fiat {
            let currency = self.currency.as_deref().or(currency).unwrap_or("USD");
            let currency: Currency = currency.to_ascii_uppercase().parse()?;
            // That it can be paid by card.
            minor_units(currency, amount)?;
            return Ok((Price::Fiat { currency, amount }, Vec::new()));
        }
        let token = self.token_address.unwrap_or_default().0;
        let price = match self.template_address {
            Some(HexAddress(PAY_AS_YOU_GO)) => Price::PerUse { token, amount },
            _ => Price::Fixed { token, amount },
        };
        Ok((price, self.shares(sum.0)?))
    }

    /// The receivers' shares in basis points, which must give each exactly its amount.
    fn shares(&self, sum: U256) -> Result<Vec<(Address, u16)>, Problem> {
        let (amounts, receivers) = (self.amounts.len(), self.receivers.len());
        if amounts != receivers {
            return Err(invalid(format!("{amounts} amounts for {receivers} receivers"))
                .hint("give as many amounts as receivers"));
        }
        let whole = U256::from(10_000);
        let mut shares = Vec::new();
        let mut left = whole;
        let mut unpaid = sum;
        for (place, (&Number(amount), &HexAddress(receiver))) in
            self.amounts.iter().zip(&self.receivers).enumerate()
        {
            let is_last = place + 1 == receivers;
            // The least share of which the contract's rounding down makes the amount.
            let share = if is_last { left } else { (amount * whole).div_ceil(sum) };
            let paid = if is_last { unpaid } else { sum * share / whole };
            if paid != amount || share > left {
                return Err(invalid(format!("{amount} of {sum} is no share in hundredths of a percent"))
                    .hint(
                        "divide the price so that each receiver's part is a whole number of basis points",
                    ));
            }
            left -= share;
            unpaid -= paid;
            shares.push((receiver, share.to()));
        }
        Ok(shares)
    }
}

impl CreditsConfig {
    fn grant(&self, name: &str, limit: Option<AccessLimit>, is_per_use: bool) -> Result<Terms, Problem> {
        let duration = self.duration_secs.to_u32("a duration")?;
        let implied = if duration > 0 { AccessLimit::Time } else { AccessLimit::Credits };
        let redeemers = Redeemers {
            owner: true,
            operators: self.redemption_type != Some(1),
            holder: self.redemption_type == Some(4),
        };
        let terms = match limit.unwrap_or(implied) {
            // A time plan without an end has the longest that there is, 136 years.
            AccessLimit::Time => {
                let duration = if duration == 0 { u32::MAX } else { duration };
                Terms::access(name, Duration::from_secs(duration.into()))?.takes(1..=1)
            }
            AccessLimit::Credits => {
                let amount = if is_per_use { 0 } else { self.amount.to_u64("a grant")? };
                let terms = Terms::credits(name, amount).takes(self.range(amount)?);
                match duration {
                    0 => terms,
                    seconds => terms.lasting(Duration::from_secs(seconds.into()))?,
                }
            }
        };
        Ok(terms.redeemed_by(redeemers))
    }

    /// How much a redemption may take. The SDKs' fixed plans, one a request, become 1 to the grant, so that redeeming five at
    /// once is five requests' worth.
    fn range(&self, granted: u64) -> Result<std::ops::RangeInclusive<u32>, Problem> {
        let number = |number: Option<Number>, what| number.map_or(Ok(1), |number| number.to_u32(what));
        let least = number(self.min_amount, "a least redemption")?.max(1);
        let most = number(self.max_amount, "a highest redemption")?.max(1);
        let is_fixed = self.is_redemption_amount_fixed.unwrap_or(self.credits_type != Some(2));
        let whole = u32::try_from(granted).unwrap_or(u32::MAX).max(1);
        match (least, most) {
            (1, 1) if is_fixed => Ok(1..=whole),
            (least, most) if least > most => {
                Err(invalid(format!("a redemption takes at least {least} and at most {most}"))
                    .hint("give a minAmount that is not above the maxAmount"))
            }
            (least, most) => Ok(least..=most),
        }
    }
}

fn invalid(detail: impl Into<String>) -> Problem {
    ProblemKind::INVALID_TERMS.problem(detail)
}

#[cfg(test)]
mod tests {
    use alloy::primitives::address;
    use scrip::Grant;
    use serde_json::{Value, json};

    use super::*;

    const TOKEN: Address = address!("0x75faf114eafb1BDbe2F0316DF893fd58CE46AA4d");

    /// What the SDKs send for a plan of 100 credits for 20 base units, with some of it changed.
    fn registered(changes: &[(&str, Value)]) -> Result<Terms, Problem> {
        let zero = Address::ZERO;
        let mut body = json!({
            "metadataAttributes": { "name": "Premium Plan", "isTrialPlan": false },
            "priceConfig": {
                "tokenAddress": TOKEN, "amounts": ["20"], "receivers": [Address::repeat_byte(0x11)],
                "contractAddress": zero, "feeController": zero, "externalPriceAddress": zero,
                "templateAddress": zero, "isCrypto": true,
            },
            "creditsConfig": {
                "isRedemptionAmountFixed": true, "redemptionType": 4, "onchainMirror": false, "durationSecs": "0",
                "amount": "100", "minAmount": "1", "maxAmount": "1",
            },
            "nonce": "57904075276699504321099125330494103260", "isTrialPlan": false, "accessLimit": "credits",
        });
        for (path, value) in changes {
            let (path, member) = path.rsplit_once('/').unwrap();
            let parent = body.pointer_mut(path).unwrap().as_object_mut().unwrap();
            match value {
                Value::Null => drop(parent.remove(member)),
                value => drop(parent.insert(member.to_owned(), value.clone())),
            }
        }
        serde_json::from_str::<RegisterPlan>(&body.to_string()).unwrap().terms()
    }

    #[test]
    fn fixed_credits_are_redeemed_one_to_all() {
        let terms = registered(&[]).unwrap();
        assert_eq!(terms.price, Price::Fixed { token: TOKEN, amount: 20 });
        assert_eq!(terms.grant, Grant::Credits { amount: 100, lifetime: None });
        assert_eq!(terms.redemption, 1..=100);
        assert_eq!(terms.payees.len(), 1);
        assert_eq!(terms.redeemers, Redeemers { owner: true, operators: true, holder: true });
        assert_eq!((terms.limits.per_holder, terms.voucher_required, terms.revocable), (None, false, false));
    }

    #[test]
    fn every_kind_of_plan_has_its_terms() {
        let grant =
            |changes: &[(&str, Value)]| registered(changes).map(|terms| (terms.grant, terms.redemption));
        let credits = |amount, lifetime| Grant::Credits { amount, lifetime };
        let two = [("/creditsConfig/minAmount", json!("2")), ("/creditsConfig/maxAmount", json!("2"))];
        assert_eq!(grant(&two).unwrap(), (credits(100, None), 2..=2));
        let dynamic = [
            ("/creditsConfig/isRedemptionAmountFixed", json!(false)),
            ("/creditsConfig/maxAmount", json!("10")),
        ];
        assert_eq!(grant(&dynamic).unwrap(), (credits(100, None), 1..=10));
        let day = ("/creditsConfig/durationSecs", json!("86400"));
        assert_eq!(grant(std::slice::from_ref(&day)).unwrap(), (credits(100, Some(86_400)), 1..=100));
        let time = ("/accessLimit", json!("time"));
        let of_time = |duration| Grant::Time { duration };
        assert_eq!(grant(&[day.clone(), time.clone()]).unwrap(), (of_time(86_400), 1..=1));
        assert_eq!(grant(&[day, ("/accessLimit", Value::Null)]).unwrap(), (of_time(86_400), 1..=1));
        assert_eq!(grant(&[time]).unwrap(), (of_time(u32::MAX), 1..=1));
        assert_eq!(registered(&[("/isTrialPlan", json!(true))]).unwrap().limits.per_holder, Some(1));
        let in_metadata = ("/metadataAttributes/isTrialPlan", json!(true));
        assert_eq!(registered(&[in_metadata]).unwrap().limits.per_holder, Some(1));
    }

    #[test]
    fn every_kind_of_price_is_read() {
        let price =
            |changes: &[(&str, Value)]| registered(changes).map(|terms| (terms.price, terms.payees.len()));
        let fiat = [
            ("/priceConfig/isCrypto", json!(false)),
            ("/priceConfig/amounts", json!(["9990000"])),
            ("/priceConfig/tokenAddress", json!(Address::ZERO)),
            ("/currency", json!("USD")),
        ];
        let usd = "USD".parse().unwrap();
        assert_eq!(price(&fiat).unwrap(), (Price::Fiat { currency: usd, amount: 9_990_000 }, 0));
        let old = [
            ("/priceConfig/isCrypto", Value::Null),
            ("/priceConfig/priceType", json!(1)),
            ("/priceConfig/amounts", json!([9_990_000])),
        ];
        assert_eq!(price(&old).unwrap(), (Price::Fiat { currency: usd, amount: 9_990_000 }, 0));
        for (amount, code) in [("999999", "BCK.PROTOCOL.0047"), ("999999990001", "BCK.PROTOCOL.0046")] {
            let refused = price(&[fiat[0].clone(), ("/priceConfig/amounts", json!([amount]))]).unwrap_err();
            assert_eq!((refused.status, &*refused.code), (400, code));
        }
        let empty = [("/priceConfig/amounts", json!([])), ("/priceConfig/receivers", json!([]))];
        assert_eq!(price(&empty).unwrap(), (Price::Free, 0));
        assert_eq!(price(&[("/priceConfig/amounts", json!(["0"]))]).unwrap(), (Price::Free, 0));
        let per_use = registered(&[("/priceConfig/templateAddress", json!(PAY_AS_YOU_GO))]).unwrap();
        assert_eq!(per_use.price, Price::PerUse { token: TOKEN, amount: 20 });
        assert!(per_use.voucher_required);
        assert_eq!(per_use.grant, Grant::Credits { amount: 0, lifetime: None });
    }

    #[test]
    fn shares_give_each_receiver_its_amount_or_are_refused() {
        let shares = |amounts: &[&str]| {
            let receivers: Vec<_> = (1..).take(amounts.len()).map(Address::repeat_byte).collect();
            let changes =
                [("/priceConfig/amounts", json!(amounts)), ("/priceConfig/receivers", json!(receivers))];
            registered(&changes).map(|terms| terms.payees.iter().map(|payee| payee.share).collect::<Vec<_>>())
        };
        assert_eq!(shares(&["19", "1"]).unwrap(), [9_500, 500]);
        assert_eq!(shares(&["9800000", "200000"]).unwrap(), [9_800, 200]);
        assert_eq!(shares(&["1", "1", "1"]).unwrap(), [3_334, 3_334, 3_332]);
        let refused = shares(&["1", "1000000"]).unwrap_err();
        assert_eq!(refused.detail, "1 of 1000001 is no share in hundredths of a percent");
        let receivers = registered(&[("/priceConfig/receivers", json!([]))]).unwrap_err();
        assert_eq!(receivers.detail, "1 amounts for 0 receivers");
    }

    #[test]
    fn a_long_name_is_cut_where_a_letter_ends() {
        let name = "n".repeat(30) + "äö";
        let terms = registered(&[("/metadataAttributes/name", json!(name))]).unwrap();
        assert_eq!(terms.name, "n".repeat(30));
        let refused = registered(&[("/metadataAttributes/name", json!("  "))]).unwrap_err();
        assert_eq!((refused.status, &*refused.detail), (400, "the plan has no name"));
    }

    #[test]
    fn the_oldest_dialect_is_read() {
        let changes = [
            ("/priceConfig/isCrypto", Value::Null),
            ("/priceConfig/priceType", json!(0)),
            ("/priceConfig/amounts", json!([20])),
            ("/creditsConfig/isRedemptionAmountFixed", Value::Null),
            ("/creditsConfig/creditsType", json!(1)),
            ("/creditsConfig/proofRequired", json!(false)),
            ("/creditsConfig/durationSecs", json!(0)),
            ("/creditsConfig/amount", json!(100)),
            ("/creditsConfig/minAmount", json!(1)),
            ("/creditsConfig/maxAmount", json!(1)),
            ("/accessLimit", Value::Null),
        ];
        let mut current = registered(&[]).unwrap();
        current.redeemers.holder = true;
        assert_eq!(registered(&changes).unwrap(), current);
    }
}
