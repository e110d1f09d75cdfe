//! A plan's terms, for programs and for people.

use alloy::{primitives::U256, providers::Provider};
use eyre::Result;
use scrip::{Grant, Plan, Price, Scrip, Terms, Token};
use serde_json::{Value, json};

use crate::{amounts, config::Network, report::Report, text};

/// A price, for programs and for people.
pub(crate) async fn price<P: Provider>(
    network: &Network,
    scrip: &Scrip<P>,
    price: Price,
) -> Result<(Value, String)> {
    let known = async |address| amounts::named(network, scrip, address).await;
    let of = |token: &Token, amount: u128| token.format(U256::from(amount));
    Ok(match price {
        Price::Free => (json!({ "kind": "free" }), "free".to_owned()),
        Price::Fixed { token, amount } => {
            let token = known(token).await?;
            (priced("fixed", &token, amount), of(&token, amount))
        }
        Price::Fiat { currency, amount } => {
            let unit = Token { symbol: currency.to_string(), decimals: 6, ..Token::native("") };
            let json = json!({
                "kind": "fiat", "currency": unit.symbol, "amount": amount.to_string(), "formatted": of(&unit, amount),
            });
            (json, format!("{}, paid off chain", of(&unit, amount)))
        }
        Price::Quoted { token, source } => {
            let token = known(token).await?;
            let json =
                json!({ "kind": "quoted", "token": token.address, "symbol": token.symbol, "source": source });
            (json, format!("in {}, quoted by {source}", token.symbol))
        }
        Price::PerUse { token, amount } => {
            let token = known(token).await?;
            (priced("per_use", &token, amount), format!("{} for each use", of(&token, amount)))
        }
        _ => (json!({ "kind": "unknown" }), "unknown".to_owned()),
    })
}

fn priced(kind: &str, token: &Token, amount: u128) -> Value {
    json!({
        "kind": kind, "token": token.address, "symbol": token.symbol, "amount": amount.to_string(),
        "formatted": token.format(U256::from(amount)),
    })
}

/// A grant, for programs and for people.
pub(crate) fn grant(grant: Grant) -> (Value, String) {
    match grant {
        Grant::Credits { amount, lifetime } => {
            let lasting = lifetime.map_or_else(
                || " that never expire".to_owned(),
                |seconds| format!(" that last {}", text::duration(seconds)),
            );
            let json = json!({ "kind": "credits", "credits": amount, "lifetime_seconds": lifetime });
            (json, text::count(amount, "credit") + &lasting)
        }
        Grant::Time { duration } => (
            json!({ "kind": "time", "duration_seconds": duration }),
            format!("{} of access", text::duration(duration)),
        ),
        _ => (json!({ "kind": "unknown" }), "unknown".to_owned()),
    }
}

/// A plan, whole.
pub(crate) async fn plan<P: Provider>(network: &Network, scrip: &Scrip<P>, plan: &Plan) -> Result<Report> {
    let Terms { name, uri, payees, redemption, redeemers, voucher_required, revocable, limits, hook, .. } =
        &plan.terms;
    let (price_json, price) = price(network, scrip, plan.terms.price).await?;
    let (grant_json, grant) = grant(plan.terms.grant);
    let (least, most) = (*redemption.start(), *redemption.end());
    let json = json!({
        "plan": plan.id.to_string(),
        "name": name,
        "uri": uri,
        "owner": plan.owner,
        "pending_owner": plan.pending_owner,
        "open": plan.open,
        "ordered": plan.ordered,
        "price": price_json,
        "payees": payees.iter().map(|payee| json!({ "account": payee.account, "share": payee.share })).collect::<Vec<_>>(),
        "grant": grant_json,
        "redemption": { "minimum": least, "maximum": most },
        "redeemers": text::redeemers(*redeemers),
        "voucher_required": voucher_required,
        "revocable": revocable,
        "limits": { "per_holder": limits.per_holder, "in_all": limits.in_all },
        "hook": hook.map(|hook| json!({ "account": hook.account, "calls": text::hook_calls(&hook) })),
    });

    let mut fields = vec![
        ("name", name.clone()),
        ("owner", plan.owner.to_string()),
        ("orders", if plan.open { "open" } else { "stopped" }.to_owned()),
    ];
    fields.extend(plan.pending_owner.map(|account| ("offered to", account.to_string())));
    fields.push(("price", price));
    fields.extend(
        payees.iter().map(|payee| ("paid to", format!("{} {}", payee.account, text::percent(payee.share)))),
    );
    // A plan paid per use grants nothing.
    if !matches!(plan.terms.price, Price::PerUse { .. }) {
        fields.push(("gives", grant));
    }
    fields.push(("a redemption takes", takes(least, most)));
    fields.push(("redeemed by", text::redeemers(*redeemers).join(", ")));
    if *voucher_required {
        fields.push(("voucher", "required".to_owned()));
    }
    if *revocable {
        fields.push(("revocable", "by the owner".to_owned()));
    }
    fields
        .extend(limits.per_holder.map(|orders| ("limit", text::count(orders, "order") + " for each holder")));
    fields.extend(limits.in_all.map(|orders| {
        ("limit", format!("{} in all, {} so far", text::count(orders, "order"), plan.ordered))
    }));
    fields.extend(
        hook.map(|hook| ("hook", format!("{} {}", hook.account, text::hook_calls(&hook).join(", ")))),
    );
    if !uri.is_empty() {
        fields.push(("metadata", uri.clone()));
    }
    Ok(Report::new(json).fields(fields))
}

fn takes(least: u32, most: u32) -> String {
    match (least, most) {
        (least, u32::MAX) => format!("{least} or more"),
        (least, most) if least == most => least.to_string(),
        (least, most) => format!("{least} to {most}"),
    }
}
