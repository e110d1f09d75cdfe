//! The last steps: the plan that opens a service, what a request costs, and a review.

use std::sync::Arc;

use alloy::primitives::U256;
use axum::{
    extract,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use maud::{Markup, html};
use scrip::{Did, Plan};
use serde::Deserialize;

use super::{
    TITLE,
    form::{Auth, ServiceForm, wrong},
};
use crate::{
    extract::{AskedQuery, parse_plan},
    pages::{
        answer::Instead,
        form::Filled,
        layout::{Frame, page},
        made::go_on,
        plan::{own_plan, words},
        visitor::Visitor,
    },
    paging::Page,
    problem::Problem,
    routes::agents::create,
    session::Session,
    state::State,
};

#[derive(Debug, Deserialize)]
pub(super) struct Drafted {
    draft: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct PlanChosen {
    draft: String,
    #[serde(default)]
    plan: String,
    #[serde(default)]
    credits: String,
}

pub(super) async fn plan(
    state: extract::State<Arc<State>>,
    Visitor(me): Visitor,
    AskedQuery(Drafted { draft }): AskedQuery<Drafted>,
) -> Result<Markup, Instead> {
    let form: ServiceForm = state.draft(me.account, &draft).await?;
    choose(&state, &me, &form, &draft, None).await
}

async fn choose(
    state: &State,
    me: &Session,
    form: &ServiceForm,
    draft: &str,
    wrong: Option<&Problem>,
) -> Result<Markup, Instead> {
    let newest = Page::<10> { number: 1, size: 100, order: "DESC" };
    let (_, plans) = state.plans_of(me.account, None, newest).await?;
    let mut choices = Vec::with_capacity(plans.len());
    for plan in &plans {
        let name = state.plan_page(plan.id).await?.name(&plan.terms.name);
        let price = words::price(state, &plan.terms.price).await?;
        choices.push((plan.id.0.to_string(), name, price, words::grant(&plan.terms)));
    }
    let chosen =
        if form.plan.is_empty() { choices.first().map_or("", |choice| &choice.0) } else { &form.plan };
    let body = html! {
        h1 { (TITLE) ": its plan" }
        p.faint { "Step 3 of 4" }
        @if let Some(wrong) = wrong { p.wrong role="alert" { (wrong.detail) ". " (wrong.hint) "." } }
        @if choices.is_empty() {
            p { "You have no plans yet." }
            p { a.button href="/new/plan" { "Create a plan" } }
        } @else {
            form method="post" action="/new/service/plan" {
                input type="hidden" name="draft" value=(draft);
                fieldset {
                    legend { "The plan whose holders may ask" }
                    @for (id, name, price, grant) in &choices {
                        label.choice {
                            input type="radio" name="plan" value=(id) checked[id == chosen] required;
                            span { (name) " " span.faint { (price) " · " (grant) } }
                        }
                    }
                }
                label { "Credits for one request" input name="credits" value=(form.credits) inputmode="numeric" required; }
                button { "Next" }
                " " a href={ "/new/service/api?draft=" (draft) } { "Back" }
            }
        }
    };
    Ok(page(&Frame::of_area(TITLE), body))
}

pub(super) async fn plan_chosen(
    state: extract::State<Arc<State>>,
    Visitor(me): Visitor,
    Filled(given): Filled<PlanChosen>,
) -> Result<Response, Instead> {
    let mut form: ServiceForm = state.draft(me.account, &given.draft).await?;
    match take_plan(&state, &me, &mut form, &given).await {
        Ok(()) => {
            state.keep_draft(me.account, Some(&given.draft), &form).await?;
            let review = format!("/new/service/review?draft={}", given.draft);
            Ok(axum::response::Redirect::to(&review).into_response())
        }
        Err(wrong) if wrong.status == 400 => {
            let again = choose(&state, &me, &form, &given.draft, Some(&wrong)).await?;
            Ok((StatusCode::BAD_REQUEST, again).into_response())
        }
        Err(problem) => Err(problem.into()),
    }
}

async fn take_plan(
    state: &State,
    me: &Session,
    form: &mut ServiceForm,
    given: &PlanChosen,
) -> Result<(), Problem> {
    let Plan { id, terms, .. } = own_plan(state, me.account, parse_plan(&given.plan)?).await?;
    let (least, most) = (*terms.redemption.start(), *terms.redemption.end());
    let credits =
        given.credits.trim().parse::<u32>().ok().filter(|credits| terms.redemption.contains(credits));
    form.plan = id.0.to_string();
    form.credits = credits.ok_or_else(|| {
        wrong(format!("a request of this plan cannot cost `{:.20}` credits", given.credits))
            .hint(format!("write a number from {least} to {most}"))
    })?;
    Ok(())
}

pub(super) async fn review(
    state: extract::State<Arc<State>>,
    Visitor(me): Visitor,
    AskedQuery(Drafted { draft }): AskedQuery<Drafted>,
) -> Result<Markup, Instead> {
    let form: ServiceForm = state.draft(me.account, &draft).await?;
    form.register()?;
    let plan = own_plan(&state, me.account, parse_plan(&form.plan)?).await?;
    let name = state.plan_page(plan.id).await?.name(&plan.terms.name);
    let body = html! {
        h1 { "Review your AI service" }
        p.faint { "Step 4 of 4" }
        dl {
            dt { "Title" } dd { (form.title) }
            @if !form.description.is_empty() { dt { "Description" } dd.text { (form.description) } }
            @if let Some(cover) = &form.cover { dt { "Cover" } dd { img.cover src=(cover) alt="The cover"; } }
            dt { "API" }
            dd { ul.plain { @for one in &form.endpoints { li { (one.verb) " " code { (one.url) } } } } }
            dt { "Authentication" }
            dd {
                (form.auth.label())
                @if form.auth == Auth::Basic { ": " (form.username) }
                @if form.auth != Auth::None { ", sealed" }
            }
            dt { "Plan" } dd { (name) " " span.faint { (words::price(&state, &plan.terms.price).await?) } }
            dt { "Credits for one request" } dd { (form.credits) }
        }
        form method="post" action="/new/service/review" {
            input type="hidden" name="draft" value=(draft);
            button { "Create" }
            " " a href={ "/new/service/plan?draft=" (draft) } { "Back" }
        }
    };
    Ok(page(&Frame::of_area("Review your AI service"), body))
}

/// It is registered, once, however often this is sent.
pub(super) async fn confirmed(
    state: extract::State<Arc<State>>,
    Visitor(me): Visitor,
    Filled(Drafted { draft }): Filled<Drafted>,
) -> Result<Response, Instead> {
    let form: ServiceForm = state.draft(me.account, &draft).await?;
    let asked = form.register()?;
    // Anyone may list any plan; from here one's own.
    own_plan(&state, me.account, parse_plan(&form.plan)?).await?;
    let repeat = state.repeat_of(&draft, &form)?;
    let made = create(&state, me.account, repeat, asked).await;
    let shown = |did: U256| format!("/my/agents/{}?made=1", Did(did.into()));
    go_on(made, |made| shown(made.agent_id.0), "/my/agents")
}
