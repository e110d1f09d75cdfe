//! The window that the widget opens, of the server's own: here one is logged in, buys, and lets the app know.

use std::sync::Arc;

use alloy::primitives::{Address, keccak256};
use axum::{
    Json, extract,
    http::HeaderMap,
    response::{IntoResponse, Redirect, Response},
};
use maud::{DOCTYPE, Markup, html};
use scrip::{Did, PlanId};
use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::Row;

use super::{
    assets::{WIDGET_STYLE, WINDOW_SCRIPT},
    offer::{Offer, Payment, PlanView},
};
use crate::{
    auth::Caller,
    database::fresh_id,
    extract::{Asked, AskedQuery, PathAgent, Repeat, agent_number, parse_plan},
    pages::{Filled, Instead, STYLE_PATH, Visitor, encoded},
    problem::Problem,
    routes::fiat::{check_out, origin},
    state::State,
    wire::{fiat::PayAsked, number::Number},
    work::Work,
};

/// What the window is to show.
#[derive(Debug, Deserialize)]
pub(super) struct Shown {
    /// The plan that was chosen in the widget.
    plan: Option<String>,
    /// The plan that was paid a moment ago.
    bought: Option<String>,
    /// What of it there was before.
    had: Option<u64>,
}

/// A plan that is bought.
#[derive(Debug, Deserialize)]
pub(super) struct Bought {
    plan: String,
    /// Different on each page that is shown, so that two clicks on one buy once.
    once: String,
    /// What there was of it when the page was made.
    #[serde(default)]
    had: u64,
}

/// A plan that a wallet buys.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    plan: Number,
}

/// Shows the plans that open the service, and what of them the visitor has.
pub(super) async fn show(
    state: extract::State<Arc<State>>,
    visitor: Visitor,
    PathAgent(agent): PathAgent,
    AskedQuery(shown): AskedQuery<Shown>,
) -> Result<Markup, Instead> {
    let offer = state.offer(agent).await?;
    let Visitor(session) = visitor;
    let plans = state.plan_views(&offer, Some(session.account)).await?;
    let is_managed = state.signs_for(session.account).await?;
    let who = state.name_of(session.account).await?;
    Ok(page(&Window { offer: &offer, agent, plans: &plans, is_managed, who: &who, shown: &shown }))
}

/// Makes what the window hands to the widget that has opened it.
pub(super) async fn grant(
    state: extract::State<Arc<State>>,
    visitor: Visitor,
    PathAgent(agent): PathAgent,
) -> Result<Json<Value>, Problem> {
    let grant = state.grant_widget(visitor.0.account, agent).await?;
    Ok(Json(json!({ "grant": grant })))
}

/// Orders a plan for an account that this server signs for.
pub(super) async fn order(
    state: extract::State<Arc<State>>,
    visitor: Visitor,
    PathAgent(agent): PathAgent,
    Filled(asked): Filled<Bought>,
) -> Result<Redirect, Instead> {
    let plan = parse_plan(&asked.plan)?;
    let work = ordered(&state, &visitor, agent, plan).await?;
    state.operate(visitor.0.account, repeat(&asked), work).await?;
    Ok(Redirect::to(&format!("/widget/{}/window?{}", agent_number(agent), bought(&asked))))
}

/// What a wallet sends to order a plan.
pub(super) async fn calls(
    state: extract::State<Arc<State>>,
    visitor: Visitor,
    PathAgent(agent): PathAgent,
    asked: Asked<Wanted>,
) -> Result<Json<Value>, Problem> {
    let work = ordered(&state, &visitor, agent, PlanId(asked.body.plan.0)).await?;
    let handed = state.hand_out(visitor.0.account, work).await;
    match &handed.calls {
        Some(calls) => Ok(Json(json!({ "calls": calls }))),
        None => Err(handed),
    }
}

/// Goes on to the page where a plan is paid by card.
pub(super) async fn card(
    state: extract::State<Arc<State>>,
    visitor: Visitor,
    PathAgent(agent): PathAgent,
    headers: HeaderMap,
    Filled(asked): Filled<Bought>,
) -> Result<Response, Instead> {
    let offer = state.offer(agent).await?;
    let plan = offer.plan(parse_plan(&asked.plan)?)?.id;
    let window = format!("{}/widget/{}/window", origin(&state, &headers), agent_number(agent));
    let body =
        PayAsked::of(plan, format!("{window}?{}", bought(&asked)), format!("{window}?plan={}", plan.0));
    let caller = Caller::of_session(&visitor.0);
    let opened = check_out(&state, &caller, &headers, Asked { body, repeat: repeat(&asked) }).await?;
    Ok(at_stripe(opened.0.url()).into_response())
}

async fn ordered(state: &State, visitor: &Visitor, agent: Did, plan: PlanId) -> Result<Work, Problem> {
    let offer = state.offer(agent).await?;
    let plan = offer.plan(plan)?.id;
    let charge = state.charge(&Caller::of_session(&visitor.0), plan, 1).await?;
    Ok(Work::Order { plan, quantity: 1, charge })
}

fn repeat(asked: &Bought) -> Repeat {
    let key = format!("widget {}", asked.once.get(..64).unwrap_or(&asked.once));
    Repeat { digest: keccak256(format!("{key} {}", asked.plan)), key: Some(key) }
}

fn bought(asked: &Bought) -> String {
    format!("bought={}&had={}", encoded(&asked.plan), asked.had)
}

/// What is shown.
struct Window<'a> {
    offer: &'a Offer,
    agent: Did,
    plans: &'a [PlanView],
    /// Whether this server signs for who is logged in.
    is_managed: bool,
    who: &'a str,
    shown: &'a Shown,
}

impl Window<'_> {
    /// What was paid a moment ago, and whether it is here.
    fn bought(&self) -> Option<(&PlanView, bool)> {
        let plan =
            self.plans.iter().find(|plan| self.shown.bought.as_deref() == Some(&*plan.id.0.to_string()))?;
        let had = self.shown.had.unwrap_or_default();
        Some((plan, plan.is_time && plan.left > 0 || plan.left > had))
    }
}

fn page(window: &Window<'_>) -> Markup {
    let (title, agent) = (window.offer.title(), agent_number(window.agent));
    let bought = window.bought();
    let is_coming = bought.is_some_and(|(_, is_here)| !is_here);
    let has_access = window.plans.iter().any(|plan| plan.left > 0);
    let body = html! {
        main data-agent=(agent) data-access[has_access] {
            h1 { (title) }
            p { "You are logged in as " (window.who) "." }
            @match bought {
                Some((plan, true)) => p.good role="status" { "Paid: " (plan.title) ". " (left(plan)) },
                Some((plan, false)) => p role="status" { "We wait for the payment of " (plan.title) "…" },
                None => {}
            }
            p #status role="status" {}
            p { button #continue type="button" hidden { "Continue to the app" } }
            h2 { "Plans" }
            @if window.plans.is_empty() { p { "No plan opens this service now." } }
            @for plan in window.plans { (offered(window, plan)) }
            form method="post" action="/logout" { button.quiet { "Log out" } }
        }
    };
    whole(title, is_coming.then_some("2"), body)
}

fn offered(window: &Window<'_>, plan: &PlanView) -> Markup {
    let agent = agent_number(window.agent);
    let is_chosen = window.shown.plan.as_deref() == Some(&*plan.id.0.to_string());
    let buy = |path: &str, verb: &str| {
        html! {
            form data-buy method="post" action={ "/widget/" (agent) "/" (path) } {
                input type="hidden" name="plan" value=(plan.id.0);
                input type="hidden" name="once" value=(fresh_id());
                input type="hidden" name="had" value=(plan.left);
                button autofocus[is_chosen] { (verb) ": " (plan.title) }
            }
        }
    };
    html! {
        section {
            h3 { (plan.title) }
            p { (plan.gives) ", " (plan.price) }
            @if plan.left > 0 { p { (left(plan)) } }
            @if !plan.is_open {
                p { "It takes no orders now." }
            } @else {
                @match (plan.payment, window.is_managed) {
                    (Payment::Card, _) => (buy("card", "Buy by card")),
                    (Payment::PerUse, _) => p { "It is paid by its uses." },
                    (Payment::Free, true) => (buy("order", "Get")),
                    (Payment::Wallet, true) => (buy("order", "Buy")),
                    (Payment::Free | Payment::Wallet, false) => {
                        button type="button" hidden data-wallet=(plan.id.0) data-had=(plan.left) autofocus[is_chosen] {
                            @if plan.payment == Payment::Free { "Get" } @else { "Buy with your wallet" } ": " (plan.title)
                        }
                        noscript { p { "This needs a script, as wallets do." } }
                    }
                }
            }
        }
    }
}

fn left(plan: &PlanView) -> String {
    match (plan.is_time, plan.left) {
        (true, _) => "You have access.".to_owned(),
        (false, 1) => "You have 1 credit.".to_owned(),
        (false, left) => format!("You have {left} credits."),
    }
}

/// Sends a browser on to Stripe. A redirection would have to be allowed to the form that asked for it, whatever domain Stripe uses.
fn at_stripe(url: &str) -> Markup {
    let body = html! {
        main {
            h1 { "Pay by card" }
            p { "You pay on a page of Stripe's, and come back here." }
            p { a.button href=(url) { "Go on to Stripe" } }
        }
    };
    whole("Pay by card", Some(&format!("0;url={url}")), body)
}

fn whole(title: &str, refresh: Option<&str>, body: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html.window lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                @if let Some(refresh) = refresh { meta http-equiv="refresh" content=(refresh); }
                title { (title) " · Scrip" }
                link rel="stylesheet" href=(*STYLE_PATH);
                link rel="stylesheet" href=(*WIDGET_STYLE);
                script src=(*WINDOW_SCRIPT) defer {}
            }
            body { (body) }
        }
    }
}

impl State {
    /// Who an account is, in the words of its owner: by its e-mail address, its name, or its wallet.
    async fn name_of(&self, account: Address) -> Result<String, Problem> {
        let row = sqlx::query(
            "SELECT accounts.sealed_key, accounts.name, email_accounts.email FROM accounts \
             LEFT JOIN email_accounts ON email_accounts.account = accounts.address WHERE accounts.address = $1",
        )
        .bind(account.to_string())
        .fetch_optional(&self.db)
        .await?;
        let Some(row) = row else { return Ok(account.to_string()) };
        if let Some(email) = row.try_get::<Option<String>, _>(2)? {
            return Ok(email);
        }
        match row.try_get::<Option<String>, _>(0)? {
            Some(_) => Ok(row.try_get(1)?),
            None => Ok(account.to_string()),
        }
    }
}
