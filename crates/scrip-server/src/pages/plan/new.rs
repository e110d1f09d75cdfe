//! Making a plan: its kind, its details, a review.

use std::sync::Arc;

use alloy::primitives::Address;
use axum::{
    extract,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    form::{CARD, FREE, OTHER, PlanForm},
    template::{Sells, Unit},
    words,
};
use crate::{
    extract::AskedQuery,
    pages::{
        answer::Instead,
        form::Filled,
        layout::{Frame, page},
        made::go_on,
        visitor::Visitor,
    },
    problem::Problem,
    routes::plans::create,
    state::State,
};

const TITLE: &str = "Create a plan";

#[derive(Debug, Default, Deserialize)]
pub(super) struct Begun {
    draft: Option<String>,
    #[serde(default)]
    sells: Sells,
    template: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Drafted {
    draft: String,
}

/// The kinds of plans, and their templates.
pub(super) async fn choose(
    state: extract::State<Arc<State>>,
    Visitor(me): Visitor,
) -> Result<Markup, Instead> {
    let has_cards = state.processor.is_some();
    let is_paid_by_card = has_cards && state.card_account(me.account).await?.is_some();
    let body = html! {
        h1 { (TITLE) }
        @if has_cards && !is_paid_by_card {
            p.note {
                "To be paid by card, continue with your profile first: "
                a href="/my/profile#stripe" { "create your Stripe account" } "."
            }
        }
        p { "What are you selling?" }
        @for sells in Sells::BOTH {
            section {
                h2 { (sells.label()) }
                p { (sells.says()) }
                ul.choices {
                    @for template in sells.templates() {
                        li {
                            a.button.quiet href={ "/new/plan/details?sells=" (sells.name()) "&template=" (template.name) } {
                                (template.label)
                            }
                        }
                    }
                }
            }
        }
    };
    Ok(page(&Frame::of_area(TITLE), body))
}

/// The form, filled in by a template or as it was before.
pub(super) async fn details(
    state: extract::State<Arc<State>>,
    Visitor(me): Visitor,
    AskedQuery(begun): AskedQuery<Begun>,
) -> Result<Markup, Instead> {
    let form = match &begun.draft {
        Some(draft) => state.draft(me.account, draft).await?,
        None => {
            let templates = begun.sells.templates();
            let named = templates.iter().find(|template| begun.template.as_deref() == Some(template.name));
            PlanForm::of(begun.sells, named.unwrap_or(&templates[templates.len() - 1]))
        }
    };
    fill_in(&state, &form, None).await
}

async fn fill_in(state: &State, form: &PlanForm, wrong: Option<&Problem>) -> Result<Markup, Instead> {
    let mut currencies: Vec<(String, String)> = vec![(FREE.to_owned(), "Free".to_owned())];
    if state.processor.is_some() {
        currencies.extend(CARD.map(|(code, label)| (code.to_owned(), label.to_owned())));
    }
    for token in &state.pages.tokens {
        let token = words::token_of(state, *token).await?;
        currencies.push((token.address.to_string(), format!("{}, on the chain", token.symbol)));
    }
    currencies.push((Address::ZERO.to_string(), "The chain's coin".to_owned()));
    currencies.push((OTHER.to_owned(), "Another token, on the chain".to_owned()));
    // What is most likely, where nothing was chosen: the first that costs something.
    let chosen = if form.currency.is_empty() { &currencies[1].0 } else { &form.currency };
    let body = html! {
        h1 { (TITLE) ": " (form.sells.label().to_lowercase()) }
        @if let Some(wrong) = wrong { p.wrong role="alert" { (wrong.detail) ". " (wrong.hint) "." } }
        form method="post" action="/new/plan/details" {
            input type="hidden" name="sells" value=(form.sells.name());
            label { "Title" input name="title" value=(form.title) maxlength="120" required; }
            label { "Currency"
                select name="currency" {
                    @for (value, label) in &currencies {
                        option value=(value) selected[value == chosen] { (label) }
                    }
                }
            }
            label { "Address of another token" input name="token" value=(form.token) pattern="0x[0-9a-fA-F]{40}" placeholder="0x…"; }
            label { "Price" input name="price" value=(form.price) inputmode="decimal" placeholder="9.99"; }
            label { "Paid to on the chain; without an address, to your account"
                input name="payee" value=(form.payee) pattern="0x[0-9a-fA-F]{40}" placeholder="0x…";
            }
            @match form.sells {
                Sells::Requests => {
                    label { "No. of Credits" input name="amount" value=(form.amount) inputmode="numeric" required; }
                }
                Sells::Time => {
                    fieldset {
                        legend { "Duration" }
                        label { "How many" input name="amount" value=(form.amount) inputmode="numeric" required; }
                        label { "Of what"
                            select name="unit" {
                                @for unit in Unit::ALL {
                                    option value=(unit.name()) selected[unit == form.unit] { (unit.label()) }
                                }
                            }
                        }
                    }
                }
            }
            label.choice {
                input type="checkbox" name="trial" value="on" checked[form.trial.is_some()];
                "Trial: each may have it once"
            }
            p.faint { "The terms of a plan never change once it is created." }
            button { "Next" }
            " " a href="/new/plan" { "Back" }
        }
    };
    Ok(page(&Frame::of_area(TITLE), body))
}

/// The form was filled in: it is looked at before anything is made of it.
pub(super) async fn filled_in(
    state: extract::State<Arc<State>>,
    Visitor(me): Visitor,
    Filled(form): Filled<PlanForm>,
) -> Result<Response, Instead> {
    let read = form.register(&state, me.account, "").await;
    if let Err(wrong) = read.and_then(|asked| asked.into_new(None)) {
        if wrong.status != 400 {
            return Err(wrong.into());
        }
        return Ok((StatusCode::BAD_REQUEST, fill_in(&state, &form, Some(&wrong)).await?).into_response());
    }
    let draft = state.keep_draft(me.account, None, &form).await?;
    Ok(Redirect::to(&format!("/new/plan/review?draft={draft}")).into_response())
}

pub(super) async fn review(
    state: extract::State<Arc<State>>,
    Visitor(me): Visitor,
    AskedQuery(Drafted { draft }): AskedQuery<Drafted>,
) -> Result<Markup, Instead> {
    let form: PlanForm = state.draft(me.account, &draft).await?;
    let new = form.register(&state, me.account, &draft).await?.into_new(None)?;
    let terms = &new.terms;
    let body = html! {
        h1 { "Review your plan" }
        dl {
            dt { "Title" } dd { (form.title.trim()) }
            dt { "Kind" } dd { (form.sells.label()) }
            dt { "Price" } dd { (words::price(&state, &terms.price).await?) }
            dt { "An order gives" } dd { (words::grant(terms)) }
            @if !terms.payees.is_empty() { dt { "Paid to" } dd { @for payee in &terms.payees { code { (payee.account) } } } }
        }
        form method="post" action="/new/plan/review" {
            input type="hidden" name="draft" value=(draft);
            button { "Next" }
            " " a href={ "/new/plan/details?draft=" (draft) } { "Back" }
        }
    };
    Ok(page(&Frame::of_area("Review your plan"), body))
}

/// It is created, once, however often this is sent.
pub(super) async fn confirmed(
    state: extract::State<Arc<State>>,
    Visitor(me): Visitor,
    Filled(Drafted { draft }): Filled<Drafted>,
) -> Result<Response, Instead> {
    let form: PlanForm = state.draft(me.account, &draft).await?;
    let asked = form.register(&state, me.account, &draft).await?;
    let repeat = state.repeat_of(&draft, &form)?;
    let made = create(&state, me.account, repeat, asked, None).await;
    go_on(made, |made| format!("/my/plans/{}?made=1", made.plan_id.0), "/my/plans")
}
