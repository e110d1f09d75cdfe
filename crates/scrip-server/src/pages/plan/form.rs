//! The form of a plan, and what of the API it becomes.

use alloy::primitives::{Address, U256, keccak256};
use scrip::Token;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::template::{Sells, Template, Unit};
use crate::{
    extract::parse_address,
    problem::{Problem, ProblemKind},
    state::State,
    wire::register::RegisterPlan,
};

/// A plan, as a form has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PlanForm {
    #[serde(default)]
    pub(super) sells: Sells,
    #[serde(default)]
    pub(super) title: String,
    #[serde(default)]
    pub(super) price: String,
    /// `free`; `USD` or `EUR`, which are paid by card; the address of a token; or `other`.
    #[serde(default)]
    pub(super) currency: String,
    /// The address of another token.
    #[serde(default)]
    pub(super) token: String,
    /// Who is paid on the chain; the owner without.
    #[serde(default)]
    pub(super) payee: String,
    /// The credits, or how many units of time.
    #[serde(default)]
    pub(super) amount: String,
    #[serde(default)]
    pub(super) unit: Unit,
    /// Whether each may order it once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) trial: Option<String>,
}

/// What is paid by card.
pub(super) const CARD: [(&str, &str); 2] = [("USD", "US dollars, by card"), ("EUR", "Euros, by card")];
pub(super) const FREE: &str = "free";
pub(super) const OTHER: &str = "other";

impl PlanForm {
    /// A form that is filled in by a template.
    pub(super) fn of(sells: Sells, template: &Template) -> Self {
        Self {
            sells,
            title: String::new(),
            price: String::new(),
            currency: if template.is_free { FREE.to_owned() } else { String::new() },
            token: String::new(),
            payee: String::new(),
            amount: template.amount.to_owned(),
            unit: template.unit,
            trial: template.is_trial.then(|| "on".to_owned()),
        }
    }

    /// What is asked of the API for it. `draft` sets plans of the same terms apart.
    pub(super) async fn register(
        &self,
        state: &State,
        owner: Address,
        draft: &str,
    ) -> Result<RegisterPlan, Problem> {
        let title = self.title.trim();
        if title.is_empty() {
            return Err(wrong("the plan has no title").hint("give your plan a title"));
        }
        let price = self.price_config(state, owner).await?;
        let is_trial = self.trial.is_some();
        let (credits, seconds, limit) = match self.sells {
            Sells::Requests => (self.whole("number of credits")?, 0, "credits"),
            Sells::Time => {
                let units = self.whole("duration")?;
                let seconds =
                    units.checked_mul(self.unit.seconds()).filter(|&seconds| seconds <= u64::from(u32::MAX));
                let seconds = seconds.ok_or_else(|| {
                    wrong(format!("{units} {} are more than 136 years", self.unit.name()))
                        .hint("give a shorter duration")
                })?;
                (1, seconds, "time")
            }
        };
        let asked = json!({
            "metadataAttributes": { "name": title, "isTrialPlan": is_trial },
            "priceConfig": price,
            "creditsConfig": {
                "isRedemptionAmountFixed": true, "redemptionType": 2, "durationSecs": seconds.to_string(),
                "amount": credits.to_string(), "minAmount": "1", "maxAmount": "1",
            },
            "accessLimit": limit,
            "isTrialPlan": is_trial,
            "nonce": U256::from_be_bytes(keccak256(format!("plan of draft {draft}")).0).to_string(),
        });
        // By what the API reads, so that a plan is one, wherever it is made.
        serde_json::from_str(&asked.to_string()).map_err(|error| Problem::internal(&error))
    }

    async fn price_config(&self, state: &State, owner: Address) -> Result<serde_json::Value, Problem> {
        if self.currency == FREE {
            return Ok(json!({ "isCrypto": true, "amounts": [], "receivers": [] }));
        }
        if CARD.iter().any(|(code, _)| *code == self.currency) {
            // In millionths.
            let money = Token { address: Address::ZERO, symbol: self.currency.clone(), decimals: 6 };
            let amount = self.amount_of(&money)?;
            return Ok(
                json!({ "isCrypto": false, "currency": self.currency, "amounts": [amount.to_string()] }),
            );
        }
        let address = if self.currency == OTHER { self.token.trim() } else { &self.currency };
        let token = state.chain.token(parse_address(address)?).await?;
        let amount = self.amount_of(&token)?;
        let payee = self.payee.trim();
        let payee = if payee.is_empty() { owner } else { parse_address(payee)? };
        Ok(json!({
            "isCrypto": true, "tokenAddress": token.address, "amounts": [amount.to_string()], "receivers": [payee],
        }))
    }

    fn amount_of(&self, token: &Token) -> Result<U256, Problem> {
        let amount = token.parse(self.price.trim())?;
        if amount.is_zero() {
            return Err(wrong("the price is 0").hint("give a price, or choose that the plan is free"));
        }
        Ok(amount)
    }

    fn whole(&self, what: &str) -> Result<u64, Problem> {
        let number = self.amount.trim().parse::<u64>().ok().filter(|&number| number > 0);
        number.ok_or_else(|| {
            wrong(format!("`{:.40}` is no {what}", self.amount)).hint("write a whole number from 1 on")
        })
    }
}

fn wrong(detail: impl Into<String>) -> Problem {
    ProblemKind::INVALID_TERMS.problem(detail)
}
