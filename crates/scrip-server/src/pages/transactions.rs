//! What was asked of the chain, and how far it is.

use std::sync::Arc;

use axum::{Router, extract, routing::get};
use maud::{Markup, html};
use sqlx::Row;

use super::{
    answer::Instead,
    layout::{Frame, page, pager},
    text::time,
    visitor::Visitor,
};
use crate::{
    account::as_u64,
    paging::{Listed, Page},
    problem::Problem,
    state::State,
    work::{Outcome, Work},
};

pub(super) fn routes() -> Router<Arc<State>> {
    Router::new().route("/my/transactions", get(list))
}

/// How far an operation is.
#[derive(Debug)]
enum Stand {
    Pending,
    Done(Option<String>),
    Failed(String),
}

impl Stand {
    fn read(status: &str, outcome: Option<&str>) -> Self {
        let outcome = outcome.unwrap_or_default();
        match status {
            "done" => {
                let done = serde_json::from_str::<Outcome>(outcome).ok();
                Self::Done(done.and_then(|done| done.transaction).map(|hash| hash.to_string()))
            }
            "failed" => {
                let why = serde_json::from_str::<Problem>(outcome).map(|problem| problem.detail.clone());
                Self::Failed(why.unwrap_or_default())
            }
            _ => Self::Pending,
        }
    }
}

fn words(work: &Work) -> &'static str {
    match work.name() {
        "create_plan" => "Create a plan",
        "create_agent" => "Create a service",
        "link" => "Add a plan to a service",
        "unlink" => "Take a plan off a service",
        "order" => "Order",
        "mint" => "Mint credits",
        "burn" => "Burn credits",
        "redeem" => "Redeem credits",
        "capture" => "Redeem reserved credits",
        "top_up" => "Order more under a delegation",
        "card" => "Settle a payment by card",
        "settle_batch" => "Redeem what a service has served",
        other => other,
    }
}

async fn list(
    state: extract::State<Arc<State>>,
    Visitor(me): Visitor,
    shown: Page<25>,
) -> Result<Markup, Instead> {
    let listed = Listed {
        columns: "work, status, outcome, created_at",
        from: "operations WHERE account = $1",
        order: &format!("created_at {}, id", shown.order),
        binds: &[me.account.to_string()],
    };
    let (total, found) = state.page(shown, listed).await?;
    let mut rows = Vec::with_capacity(found.len());
    for row in &found {
        let (work, status): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let (outcome, created_at): (Option<String>, i64) = (row.try_get(2)?, row.try_get(3)?);
        let what = serde_json::from_str::<Work>(&work).map_or("Something else", |work| words(&work));
        rows.push((as_u64(created_at), what, Stand::read(&status, outcome.as_deref())));
    }
    let pending = rows.iter().filter(|(_, _, stand)| matches!(stand, Stand::Pending)).count();
    let body = html! {
        h1 { "Transactions" }
        @if pending > 0 { p role="status" { "Something is under way. This page looks again by itself." } }
        @if rows.is_empty() { p { "Nothing was asked of the chain yet." } } @else {
            div.wide { table {
                thead { tr { th { "When" } th { "What" } th { "State" } th { "Transaction" } } }
                tbody { @for (when, what, stand) in &rows {
                    tr {
                        td { (time(*when)) }
                        td { (what) }
                        @match stand {
                            Stand::Pending => { td { "Pending" } td {} }
                            Stand::Done(hash) => {
                                td.good { "Done" }
                                td { @if let Some(hash) = hash { code { (hash) } } @else { "None was needed" } }
                            }
                            Stand::Failed(why) => { td.wrong { "Failed" } td { (why) } }
                        }
                    }
                } }
            } }
            (pager("/my/transactions", shown.number, shown.size, total))
        }
    };
    let frame = Frame::of_area("Transactions");
    Ok(page(&frame.pending(pending), body))
}
