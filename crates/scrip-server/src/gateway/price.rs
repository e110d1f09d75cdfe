//! What a request costs, in credits.

use scrip::{Grant, Terms};
use serde_json::{Map, Value};

use super::meter::Unit;
use crate::problem::{Problem, ProblemKind};

/// How a service prices its requests: the member `pricing` of its `agentApiAttributes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pricing {
    /// So many credits each: `{"unit": "request", "credits": 2}`.
    Fixed(u64),
    /// As the plan has it, without `pricing`: the least where a request may take a whole order, as of plans that the SDKs call fixed,
    /// and otherwise as the upstream says.
    Usual,
    /// As many as the upstream says in a header, within the plan's range, and otherwise the least of it: `{"unit": "header"}`.
    Header,
    /// So many credits for so many units, rounded up, within the plan's range: `{"unit": "tokens", "credits": 1, "per": 1000}`,
    /// and likewise `bytes` and `seconds`.
    Rated {
        /// What is counted.
        unit: Unit,
        credits: u64,
        per: u64,
    },
}

impl Pricing {
    /// Reads it, of what a service says of its API.
    pub(crate) fn read(api: &Map<String, Value>) -> Result<Self, Problem> {
        let said = match api.get("pricing") {
            None | Some(Value::Null) => return Ok(Self::Usual),
            Some(said) => said,
        };
        let wrong = |detail: &str| {
            ProblemKind::INVALID_REQUEST.problem(format!("agentApiAttributes.pricing {detail}: {said}")).hint(
                "write {\"unit\": \"request\", \"credits\": 2} or {\"unit\": \"tokens\", \"credits\": 1, \"per\": 1000}; other \
                 units are bytes, seconds, and header",
            )
        };
        let number = |name: &str| match said.get(name) {
            Some(Value::String(text)) => text.parse::<u32>().ok(),
            Some(number) => number.as_u64().and_then(|number| number.try_into().ok()),
            None => Some(1),
        };
        let number = |name: &str| {
            let number = number(name).filter(|&number| number > 0);
            number.map(u64::from).ok_or_else(|| wrong(&format!("has a `{name}` that is no number from 1 on")))
        };
        let unit = match said.get("unit").and_then(Value::as_str) {
            Some("request") => return Ok(Self::Fixed(number("credits")?)),
            Some("header") => return Ok(Self::Header),
            Some("tokens") => Unit::Tokens,
            Some("bytes") => Unit::Bytes,
            Some("seconds") => Unit::Seconds,
            _ => return Err(wrong("has no `unit` that is known")),
        };
        Ok(Self::Rated { unit, credits: number("credits")?, per: number("per")? })
    }

    /// For a plan of these terms.
    pub(super) const fn of(self, terms: &Terms) -> Self {
        let least = *terms.redemption.start();
        match (self, &terms.grant) {
            (Self::Usual, Grant::Credits { amount, .. }) if *terms.redemption.end() as u64 >= *amount => {
                Self::Fixed(least as u64)
            }
            (Self::Usual, _) => Self::Header,
            (pricing, _) => pricing,
        }
    }
}

/// What one request costs: at least so much and at most so much, which is held. An answer that costs more by the plan than its caller
/// lets it is not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Price {
    pub(super) pricing: Pricing,
    pub(super) least: u64,
    pub(super) most: u64,
    /// What it costs at most, whatever the caller says.
    highest: u64,
}

impl Price {
    /// Of a plan with this range, for a caller who lets it take at most so many.
    pub(super) fn new(pricing: Pricing, range: (u64, u64), most: Option<u64>) -> Result<Self, Problem> {
        let (least, highest) = range;
        if let Pricing::Fixed(credits) = pricing
            && !(least..=highest).contains(&credits)
        {
            return Err(ProblemKind::NOT_SET_UP
                .problem(format!(
                    "a request costs {credits} credits, and the plan lets {least} to {highest} be taken for one"
                ))
                .hint("tell the service's builder, or use another plan of it"));
        }
        let (least, highest) = match pricing {
            Pricing::Fixed(credits) => (credits, credits),
            _ => (least, highest),
        };
        let most = most.map_or(highest, |most| most.min(highest));
        if most < least {
            return Err(ProblemKind::INVALID_REQUEST
                .problem(format!("a request costs {least} credits at least, and scrip-max-credits is {most}"))
                .hint("raise scrip-max-credits, or leave it out"));
        }
        Ok(Self { pricing, least, most, highest })
    }

    /// What so many units cost, however many are held.
    pub(super) fn of_units(&self, units: u64) -> u64 {
        let Pricing::Rated { credits, per, .. } = self.pricing else { return self.least };
        let cost = (u128::from(units) * u128::from(credits)).div_ceil(u128::from(per));
        u64::try_from(cost).unwrap_or(u64::MAX).max(self.least)
    }

    /// The same, as far as the plan lets it.
    pub(super) fn of_answer(&self, units: u64) -> u64 {
        self.of_units(units).min(self.highest)
    }

    /// What an upstream has claimed in a header: within the plan's range, or else the least.
    pub(super) fn of_claim(&self, claim: Option<&str>) -> u64 {
        let claim = claim.and_then(|claim| claim.trim().parse::<u64>().ok());
        claim.filter(|claim| (self.least..=self.highest).contains(claim)).unwrap_or(self.least)
    }

    /// Makes sure that an answer costs no more than its caller lets it. Whoever pays less for what has cost more would pay the least
    /// for everything.
    pub(super) fn check(&self, cost: u64) -> Result<(), Problem> {
        if cost <= self.most {
            return Ok(());
        }
        let most = self.most;
        Err(ProblemKind::BEYOND_MOST
            .problem(format!(
                "the answer costs {cost} credits, and scrip-max-credits is {most}: it is not delivered"
            ))
            .hint("raise scrip-max-credits, or ask for less; nothing was taken for this request"))
    }

    /// Whether the caller lets it take less than the plan does.
    pub(super) const fn is_bounded(&self) -> bool {
        self.most < self.highest
    }

    /// The price, if it does not depend on what is answered.
    pub(super) fn known(&self) -> Option<u64> {
        (self.least == self.most).then_some(self.least)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(pricing: Value) -> Result<Pricing, Problem> {
        let Value::Object(api) = json!({ "pricing": pricing }) else { unreachable!() };
        Pricing::read(&api)
    }

    #[test]
    fn prices_are_read() {
        assert_eq!(Pricing::read(&Map::new()).unwrap(), Pricing::Usual);
        assert_eq!(read(json!({ "unit": "request", "credits": "2" })).unwrap(), Pricing::Fixed(2));
        let rated = Pricing::Rated { unit: Unit::Tokens, credits: 1, per: 1_000 };
        assert_eq!(read(json!({ "unit": "tokens", "per": 1_000 })).unwrap(), rated);
        for wrong in [
            json!({}),
            json!("tokens"),
            json!({ "unit": "request", "credits": 0 }),
            json!({ "unit": "request", "credits": -1 }),
            json!({ "unit": "bytes", "per": "x" }),
            json!({ "unit": "hours" }),
        ] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_price_stays_within_the_range_and_what_is_held() {
        let rated = Pricing::Rated { unit: Unit::Bytes, credits: 3, per: 10 };
        let price = Price::new(rated, (2, 9), None).unwrap();
        assert_eq!([0, 1, 10, 11, 1_000].map(|units| price.of_units(units)), [2, 2, 3, 4, 300]);
        let header = Price::new(Pricing::Header, (2, 9), Some(5)).unwrap();
        let claims = [None, Some("1"), Some("4"), Some("7"), Some("9"), Some("10"), Some("-3"), Some("x")];
        assert_eq!(claims.map(|claim| header.of_claim(claim)), [2, 2, 4, 7, 9, 2, 2, 2]);
        assert!(header.check(5).is_ok() && header.check(7).is_err() && header.is_bounded());
        assert!(Price::new(Pricing::Header, (2, 9), Some(1)).is_err());
        assert!(Price::new(Pricing::Fixed(10), (2, 9), None).is_err());
        assert_eq!(Price::new(Pricing::Fixed(3), (2, 9), None).unwrap().known(), Some(3));
    }
}
