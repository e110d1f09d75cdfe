//! What a plan has sold, in numbers for people.

use alloy::primitives::U256;
use scrip::{Grant, Plan, Price, Token};
use sqlx::Row;

use crate::{
    index::{Day, GIVES, Sums},
    pages::plan::words::{money, token_of},
    problem::Problem,
    state::State,
};

/// What a plan has sold.
#[derive(Debug)]
pub(super) struct Figures {
    /// How many were ever given something.
    pub(super) subscribers: u64,
    /// What an order gives: credits, or periods.
    pub(super) unit: &'static str,
    days: Vec<Day>,
    money: Token,
    /// What a settled order costs, in millionths of a currency.
    settled: U256,
}

/// A day: each number to draw, and in words.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    pub(super) number: u64,
    pub(super) sold: (f64, String),
    pub(super) requests: (f64, String),
    pub(super) revenue: (f64, String),
}

impl Shown {
    pub(super) fn is_something(&self) -> bool {
        self.sold.0 > 0.0 || self.requests.0 > 0.0 || self.revenue.0 > 0.0
    }
}

impl Figures {
    pub(super) async fn read(state: &State, plan: &Plan) -> Result<Self, Problem> {
        let text =
            format!("SELECT COUNT(DISTINCT holder) FROM index_entries WHERE plan = $1 AND kind IN {GIVES}");
        let count =
            sqlx::query(sqlx::AssertSqlSafe(text)).bind(plan.id.to_string()).fetch_one(&state.db).await?;
        let (money, settled) = match plan.terms.price {
            Price::Fixed { token, .. } | Price::Quoted { token, .. } | Price::PerUse { token, .. } => {
                (token_of(state, token).await?, U256::ZERO)
            }
            Price::Fiat { currency, amount } => (money(currency), U256::from(amount)),
            _ => (Token { decimals: 0, ..Token::native("") }, U256::ZERO),
        };
        Ok(Self {
            subscribers: crate::account::as_u64(count.try_get(0)?),
            unit: if is_time(plan) { "periods" } else { "credits" },
            days: state.days_of(plan.id).await?,
            money,
            settled,
        })
    }

    fn sums(&self, kinds: &[&str], day: Option<u64>) -> Sums {
        let of = |one: &&Day| kinds.contains(&&*one.kind) && day.is_none_or(|day| one.number == day);
        Sums::of(self.days.iter().filter(of))
    }

    fn sold_on(&self, day: Option<u64>) -> U256 {
        let sums = self.sums(&["ordered", "settled"], day);
        if self.unit == "periods" { sums.quantity } else { sums.credits }
    }

    fn revenue_on(&self, day: Option<u64>) -> U256 {
        let by_card = self.sums(&["settled"], day).quantity.saturating_mul(self.settled);
        self.sums(&["ordered", "uses_paid"], day).paid.saturating_add(by_card)
    }

    pub(super) fn unit_sold(&self) -> String {
        if self.unit == "periods" { "Periods sold" } else { "Credits sold" }.to_owned()
    }

    /// How much was sold, by orders and cards.
    pub(super) fn sold(&self) -> U256 {
        self.sold_on(None)
    }

    /// The credits that were redeemed.
    pub(super) fn served(&self) -> U256 {
        self.sums(&["redeemed"], None).credits
    }

    /// The requests that were redeemed.
    pub(super) fn requests(&self) -> u64 {
        self.sums(&["redeemed"], None).count
    }

    /// What was taken back after refunds and disputes, if anything was.
    pub(super) fn taken_back(&self) -> Option<String> {
        let back = self.sums(&["taken_back"], None).credits;
        let again = self.sums(&["take_back_reversed"], None).credits;
        let left = back.saturating_sub(again);
        (!left.is_zero()).then(|| format!("{left} {}", self.unit))
    }

    /// What was paid to the plan's payees; by card what was charged.
    pub(super) fn revenue(&self) -> String {
        self.money_of(self.revenue_on(None))
    }

    fn money_of(&self, amount: U256) -> String {
        // A plan that is free has no money.
        self.money.format(amount).trim_end().to_owned()
    }

    pub(super) fn day(&self, number: u64) -> Shown {
        let (sold, revenue) = (self.sold_on(Some(number)), self.revenue_on(Some(number)));
        let requests = self.sums(&["redeemed"], Some(number)).count;
        Shown {
            number,
            sold: (f64::from(sold), sold.to_string()),
            requests: (requests as f64, requests.to_string()),
            revenue: (f64::from(revenue), self.money_of(revenue)),
        }
    }

    /// The days on which something happened, the oldest first.
    pub(super) fn days(&self) -> Vec<Shown> {
        let mut numbers: Vec<_> = self.days.iter().map(|day| day.number).collect();
        numbers.dedup();
        numbers.into_iter().map(|number| self.day(number)).collect()
    }
}

pub(super) fn is_time(plan: &Plan) -> bool {
    matches!(plan.terms.grant, Grant::Time { .. })
}
