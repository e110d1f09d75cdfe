//! What was sold and served: of the index, and of the chain where it is about now.

mod chart;
mod csv;
mod export;
mod figures;
mod subscribers;

use std::sync::Arc;

use axum::{Router, extract, routing::get};
use maud::{Markup, html};
use scrip::Plan;

use self::{
    chart::{Bar, bars},
    figures::Figures,
};
use super::{
    answer::Instead,
    layout::{Frame, page, pager},
    text,
    visitor::Visitor,
};
use crate::{paging::Page, problem::Problem, state::State};

/// How many days a chart has.
const DAYS: u64 = 30;

pub(super) fn routes() -> Router<Arc<State>> {
    Router::new()
        .route("/my/sales", get(overview))
        .route("/my/plans/{plan}/subscribers", get(subscribers::list))
        .route("/my/plans/{plan}/subscribers.csv", get(export::subscribers))
        .route("/my/plans/{plan}/days.csv", get(export::days))
        .route("/my/plans/{plan}/history.csv", get(export::history))
}

/// All plans of a builder, with what they have sold.
async fn overview(
    state: extract::State<Arc<State>>,
    Visitor(me): Visitor,
    shown: Page,
) -> Result<Markup, Instead> {
    let (total, plans) = state.plans_of(me.account, None, shown).await?;
    let mut rows = Vec::with_capacity(plans.len());
    for plan in &plans {
        let name = state.plan_page(plan.id).await?.name(&plan.terms.name);
        rows.push((plan.id.0.to_string(), name, Figures::read(&state, plan).await?));
    }
    let body = html! {
        h1 { "Sales" }
        @if rows.is_empty() { p { "You have no plans yet." } } @else {
            div.wide { table {
                thead { tr {
                    th { "Plan" } th.number { "Subscribers" } th.number { "Sold" } th.number { "Served" } th.number { "Revenue" }
                } }
                tbody { @for (id, name, figures) in &rows {
                    tr {
                        td { a href={ "/my/plans/" (id) } { (name) } }
                        td.number { (figures.subscribers) }
                        td.number { (figures.sold()) " " (figures.unit) }
                        td.number { (figures.served()) }
                        td.number { (figures.revenue()) }
                    }
                } }
            } }
            (pager("/my/sales", shown.number, shown.size, total))
        }
    };
    Ok(page(&Frame::of_area("Sales"), body))
}

/// What a plan has sold, with charts.
pub(super) async fn of_plan(state: &State, plan: &Plan) -> Result<Markup, Problem> {
    let figures = Figures::read(state, plan).await?;
    let expiring = subscribers::expiring(state, plan).await?;
    let here = format!("/my/plans/{}", plan.id.0);
    let today = state.now() / 86_400;
    let days: Vec<_> =
        (0..DAYS).rev().filter_map(|ago| today.checked_sub(ago)).map(|day| figures.day(day)).collect();
    let chart = |title: &str, of: fn(&figures::Shown) -> (f64, String)| {
        let bar = |day: &figures::Shown| {
            let (value, said) = of(day);
            Bar { label: text::day(day.number), value, said }
        };
        bars(title, &days.iter().map(bar).collect::<Vec<_>>())
    };
    Ok(html! {
        h2 { "Sales" }
        dl.figures {
            dt { "Subscribers" } dd { a href={ (here) "/subscribers" } { (figures.subscribers) } }
            dt { (figures.unit_sold()) } dd { (figures.sold()) }
            dt { "Requests served" } dd { (figures.requests()) }
            dt { "Credits served" } dd { (figures.served()) }
            @if let Some(expiring) = &expiring { dt { "Expiring within 30 days" } dd { (expiring) } }
            @if let Some(back) = figures.taken_back() { dt { "Taken back" } dd { (back) } }
            dt { "Revenue" } dd { (figures.revenue()) }
        }
        @if !days.iter().any(figures::Shown::is_something) { p { "Nothing was sold or served in the last 30 days." } } @else {
        (chart(&figures.unit_sold(), |day| day.sold.clone()))
        (chart("Requests served", |day| day.requests.clone()))
        (chart("Revenue", |day| day.revenue.clone()))
        h3 { "By the day" }
        div.wide { table {
            caption.unseen { "What happened on the last 30 days" }
            thead { tr {
                th { "Day" } th.number { (figures.unit_sold()) } th.number { "Requests served" } th.number { "Revenue" }
            } }
            tbody { @for day in days.iter().rev().filter(|day| day.is_something()) {
                tr {
                    th scope="row" { (text::day(day.number)) }
                    td.number { (day.sold.1) } td.number { (day.requests.1) } td.number { (day.revenue.1) }
                }
            } }
        } }
        }
        p {
            "Export CSV: "
            a href={ (here) "/days.csv" } { "by the day" } ", "
            a href={ (here) "/subscribers.csv" } { "the last 5,000 subscribers" } ", "
            a href={ (here) "/history.csv" } { "the newest 5,000 events" }
        }
    })
}
