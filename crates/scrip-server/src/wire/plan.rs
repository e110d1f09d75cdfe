//! Plans and balances as the SDKs read them.

use alloy::primitives::{Address, U256};
use scrip::{Balance, Grant, Plan, PlanType, Price};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::{address::HexAddress, number::Number, register::PAY_AS_YOU_GO};
use crate::plan_page::PlanPage;

/// What a holder has of a plan.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BalanceView {
    plan_id: Number,
    plan_name: String,
    /// `credits` or `time`.
    #[schema(value_type = String)]
    plan_type: PlanType,
    #[schema(value_type = HexAddress)]
    holder_address: Address,
    /// The credits that can be spent now; of a time plan 1 while access lasts.
    balance: Number,
    #[schema(value_type = HexAddress)]
    credits_contract: Address,
    is_subscriber: bool,
    /// In base units of the plan's token, or millionths of its currency, for one credit; 0 where there is no such price.
    price_per_credit: f64,
    /// Whether the holder owns the plan.
    is_owner: bool,
}

impl BalanceView {
    pub(crate) fn new(balance: Balance, owner: Address, contract: Address, page: &PlanPage) -> Self {
        Self {
            plan_id: Number(balance.plan_id.0),
            plan_name: page.name(&balance.plan_name),
            plan_type: balance.plan_type,
            holder_address: balance.holder_address,
            balance: Number(U256::from(balance.balance)),
            credits_contract: contract,
            is_subscriber: balance.is_subscriber,
            price_per_credit: balance.price_per_credit.unwrap_or_default(),
            is_owner: balance.holder_address == owner,
        }
    }
}

/// A plan's record: its terms from the chain, and its page.
pub(crate) fn record(plan: &Plan, page: &PlanPage) -> Value {
    let id = plan.id.0.to_string();
    let name = page.name(&plan.terms.name);
    let plan_type = match plan.terms.grant {
        Grant::Time { .. } => "time",
        _ => "credits",
    };
    let mut main = page.metadata.clone();
    main.insert("name".to_owned(), json!(name));
    let is_trial = plan.terms.limits.per_holder == Some(1);
    let mut record = json!({
        "id": id,
        "planId": id,
        "name": name,
        "planType": plan_type,
        "isOpen": plan.open,
        "registry": {
            "owner": plan.owner,
            "price": price(plan),
            "credits": credits(plan),
        },
        "metadata": {
            "main": main,
            "plan": { "accessLimit": plan_type, "isTrialPlan": is_trial },
            "curation": { "isListed": plan.open },
        },
        "orgId": page.org_id,
        "organizationName": null,
    });
    if matches!(plan.terms.price, Price::Fiat { .. }) {
        record["metadata"]["plan"]["fiatPaymentProvider"] = json!("stripe");
    }
    record
}

fn price(plan: &Plan) -> Value {
    let zero = Address::ZERO;
    let (token, amount, template, source, currency) = match plan.terms.price {
        Price::Fixed { token, amount } => (token, amount, zero, zero, None),
        Price::Fiat { currency, amount } => (zero, amount, zero, zero, Some(currency.to_string())),
        Price::PerUse { token, amount } => (token, amount, PAY_AS_YOU_GO, zero, None),
        Price::Quoted { token, source } => (token, 0, zero, source, None),
        _ => (zero, 0, zero, zero, None),
    };
    let payees = &plan.terms.payees;
    let mut left = amount;
    let amounts: Vec<_> = (1..)
        .zip(payees)
        .map(|(place, payee)| {
            // As the contract divides: rounded down, and the last takes what is left.
            let paid = if place == payees.len() { left } else { amount * u128::from(payee.share) / 10_000 };
            left -= paid;
            paid.to_string()
        })
        .collect();
    let amounts = if payees.is_empty() && amount > 0 { vec![amount.to_string()] } else { amounts };
    let receivers: Vec<_> = payees.iter().map(|payee| payee.account).collect();
    json!({
        "isCrypto": currency.is_none(),
        "currency": currency,
        "tokenAddress": token,
        "amounts": amounts,
        "receivers": receivers,
        "contractAddress": source,
        "externalPriceAddress": source,
        "feeController": zero,
        "templateAddress": template,
    })
}

fn credits(plan: &Plan) -> Value {
    let (amount, duration) = match plan.terms.grant {
        Grant::Credits { amount, lifetime } => (amount, lifetime.unwrap_or_default()),
        Grant::Time { duration } => (1, duration),
        _ => (0, 0),
    };
    let (least, most) = (plan.terms.redemption.start(), plan.terms.redemption.end());
    let redeemers = plan.terms.redeemers;
    json!({
        "amount": amount.to_string(),
        "durationSecs": duration.to_string(),
        "minAmount": least.to_string(),
        "maxAmount": most.to_string(),
        "isRedemptionAmountFixed": least == most,
        "redemptionType": if redeemers.holder { 4 } else if redeemers.operators { 2 } else { 1 },
        "onchainMirror": true,
    })
}
