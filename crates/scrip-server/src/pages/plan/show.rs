//! The plans that there are.

use std::sync::Arc;

use alloy::primitives::Address;
use axum::extract;
use maud::{Markup, html};
use scrip::{Plan, PlanId};
use serde::Deserialize;

use super::words;
use crate::{
    extract::{AskedQuery, PathPlan},
    pages::{
        answer::Instead,
        layout::{Frame, page, pager},
        sales,
        visitor::Visitor,
    },
    paging::Page,
    problem::{Problem, ProblemKind},
    state::State,
};

#[derive(Debug, Deserialize)]
pub(super) struct Made {
    made: Option<String>,
}

/// A plan that an account owns.
pub(in crate::pages) async fn own_plan(
    state: &State,
    account: Address,
    plan: PlanId,
) -> Result<Plan, Problem> {
    let found = state.chain.scrip().plan(plan).await?;
    if found.owner == account {
        return Ok(found);
    }
    Err(ProblemKind::NOT_PLAN_OWNER
        .problem(format!("plan {} is {}'s, not yours", plan.0, found.owner))
        .hint("log in as its owner"))
}

pub(super) async fn list(
    state: extract::State<Arc<State>>,
    Visitor(me): Visitor,
    shown: Page,
) -> Result<Markup, Instead> {
    let (total, plans) = state.plans_of(me.account, None, shown).await?;
    let mut rows = Vec::with_capacity(plans.len());
    for plan in &plans {
        let name = state.plan_page(plan.id).await?.name(&plan.terms.name);
        rows.push((plan, name, words::price(&state, &plan.terms.price).await?, words::grant(&plan.terms)));
    }
    let body = html! {
        h1 { "My plans" }
        p { a.button href="/new/plan" { "Create a plan" } }
        @if rows.is_empty() { p { "You have no plans yet." } } @else {
            div.wide { table {
                thead { tr { th { "Title" } th { "Price" } th { "An order gives" } th { "Orders" } } }
                tbody { @for (plan, name, price, grant) in &rows {
                    tr {
                        td { a href={ "/my/plans/" (plan.id.0) } { (name) } }
                        td { (price) } td { (grant) }
                        td { @if plan.open { "Open" } @else { "Stopped" } }
                    }
                } }
            } }
            (pager("/my/plans", shown.number, shown.size, total))
        }
    };
    Ok(page(&Frame::of_area("My plans"), body))
}

pub(super) async fn show(
    state: extract::State<Arc<State>>,
    Visitor(me): Visitor,
    PathPlan(plan): PathPlan,
    AskedQuery(Made { made }): AskedQuery<Made>,
) -> Result<Markup, Instead> {
    let found = own_plan(&state, me.account, plan).await?;
    let name = state.plan_page(plan).await?.name(&found.terms.name);
    let id = plan.0.to_string();
    let body = html! {
        h1 { (name) }
        @if made.is_some() { p.good role="status" { "The plan is created." } }
        dl {
            dt { "Plan" } dd { code { (id) } }
            dt { "Price" } dd { (words::price(&state, &found.terms.price).await?) }
            dt { "An order gives" } dd { (words::grant(&found.terms)) }
            dt { "Orders" } dd { @if found.open { "Open" } @else { "Stopped" } }
        }
        p { a.button href={ "/new/service?plan=" (id) } { "Create Content" } }
        p.faint { "Link your AI service to this plan: who holds it may ask the service." }
        (sales::of_plan(&state, &found).await?)
    };
    Ok(page(&Frame::of_area(&name), body))
}
