//! Sales as files for spreadsheets.

use std::sync::Arc;

use axum::{extract, response::Response};
use serde_json::Value;

use super::{csv::file, figures::Figures};
use crate::{
    extract::PathPlan,
    pages::{answer::Instead, plan::own_plan, text::day, visitor::Visitor},
    paging::Page,
    problem::Problem,
    state::State,
    wire::history::HistoryEntry,
};

/// How many pages of a list are exported at most, of a hundred each.
const PAGES: u32 = 50;

pub(super) async fn days(
    state: extract::State<Arc<State>>,
    Visitor(me): Visitor,
    PathPlan(plan): PathPlan,
) -> Result<Response, Instead> {
    let plan = own_plan(&state, me.account, plan).await?;
    let name = state.plan_page(plan.id).await?.name(&plan.terms.name);
    let figures = Figures::read(&state, &plan).await?;
    let sold = format!("{} sold", figures.unit);
    let rows = figures
        .days()
        .into_iter()
        .map(|shown| [name.clone(), day(shown.number), shown.sold.1, shown.requests.1, shown.revenue.1]);
    Ok(file("days.csv", &["plan", "day", &sold, "requests served", "revenue"], rows)?)
}

pub(super) async fn subscribers(
    state: extract::State<Arc<State>>,
    Visitor(me): Visitor,
    PathPlan(plan): PathPlan,
) -> Result<Response, Instead> {
    let plan = own_plan(&state, me.account, plan).await?;
    let name = state.plan_page(plan.id).await?.name(&plan.terms.name);
    let mut rows = Vec::new();
    for number in 1..=PAGES {
        let (_, some) = state.subscribers(&plan, Page::<100> { number, size: 100, order: "DESC" }).await?;
        let is_last = some.len() < 100;
        rows.extend(some.into_iter().map(|one| {
            let (amount, expiry) = one.next.map_or((None, None), |(amount, expiry)| (amount, Some(expiry)));
            let some = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
            [name.clone(), one.holder.to_string(), one.balance.to_string(), some(amount), some(expiry)]
        }));
        if is_last {
            break;
        }
    }
    let columns = ["plan", "account", "balance", "credits that expire next", "expiry in unix seconds"];
    Ok(file("subscribers.csv", &columns, rows)?)
}

pub(super) async fn history(
    state: extract::State<Arc<State>>,
    Visitor(me): Visitor,
    PathPlan(plan): PathPlan,
) -> Result<Response, Instead> {
    const COLUMNS: [&str; 12] = [
        "kind",
        "planId",
        "holder",
        "credits",
        "quantity",
        "token",
        "paid",
        "by",
        "request",
        "paymentId",
        "transaction",
        "time",
    ];
    let plan = own_plan(&state, me.account, plan).await?.id;
    let mut rows = Vec::new();
    for number in 1..=PAGES {
        let newest = Page::<10> { number, size: 100, order: "DESC" };
        let (_, told) = state.history(Some(plan), None, newest).await?;
        let is_last = told.len() < 100;
        for one in told {
            // As the API tells it.
            let entry =
                serde_json::to_value(HistoryEntry::from(one)).map_err(|error| Problem::internal(&error))?;
            rows.push(COLUMNS.map(|column| match &entry[column] {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            }));
        }
        if is_last {
            break;
        }
    }
    Ok(file("history.csv", &COLUMNS, rows)?)
}
