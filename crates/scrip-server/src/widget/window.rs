//! The window that the widget opens, of the server's own: here one is logged in, buys, and lets the app know.

use std::sync::Arc;

use alloy::primitives::{Address, keccak256};
use axum::{
    Json, extract,
    http::HeaderMap,
    response::{IntoResponse, Redirect, Response},
};
use maud::{DOCTYPE, Markup, html};
use scrip::{Did, PlanId, Price};
use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::Row;

use super::{
    assets::{WIDGET_STYLE, WINDOW_SCRIPT},
    offer::{Offer, Payment, PlanView},
    origin::Origin,
    window_path,
};
use crate::{
    auth::Caller,
    database::fresh_id,
    extract::{Asked, AskedQuery, PathAgent, Repeat, agent_number, parse_plan},
    pages::{Filled, Instead, STYLE_PATH, Visitor, encoded, wait_script},
    problem::{Problem, ProblemKind},
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
    /// What the order was sent under, of an account that this server signs for.
    order: Option<String>,
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
    let failed = match &shown.order {
        Some(once) => state.why_failed(session.account, &key(once)).await?,
        None => None,
    };
    let apps = state.widget_origins(&offer.service).await?.iter().map(Origin::to_string).collect();
    let window =
        Window { offer: &offer, agent, plans: &plans, is_managed, who: &who, shown: &shown, failed, apps };
    Ok(page(&window))
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
    let (work, price) = ordered(&state, &visitor, agent, plan).await?;
    if matches!(price, Price::Quoted { .. }) {
        return Err(ProblemKind::REFUSED
            .problem(format!("what plan {} costs is asked of a contract when it is ordered", plan.0))
            .hint("buy it with a wallet of your own, which shows you what it pays")
            .into());
    }
    let window = format!("{}?{}", window_path(agent), bought(&asked));
    match state.operate(visitor.0.account, repeat(&asked), work).await {
        Ok(_) => Ok(Redirect::to(&window)),
        // Not by a page from which it would be ordered once more.
        Err(problem) if problem.code == ProblemKind::PENDING.code() => {
            Ok(Redirect::to(&format!("{window}&order={}", encoded(&asked.once))))
        }
        Err(problem) => Err(problem.into()),
    }
}

/// What a wallet sends to order a plan.
pub(super) async fn calls(
    state: extract::State<Arc<State>>,
    visitor: Visitor,
    PathAgent(agent): PathAgent,
    asked: Asked<Wanted>,
) -> Result<Json<Value>, Problem> {
    let (work, _) = ordered(&state, &visitor, agent, PlanId(asked.body.plan.0)).await?;
    let handed = state.hand_out(visitor.0.account, None, work).await;
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
    let window = format!("{}{}", origin(&state, &headers), window_path(agent));
    let body =
        PayAsked::of(plan, format!("{window}?{}", bought(&asked)), format!("{window}?plan={}", plan.0));
    let caller = Caller::of_session(&visitor.0);
    let opened = check_out(&state, &caller, &headers, Asked { body, repeat: repeat(&asked) }).await?;
    Ok(at_stripe(opened.0.url()).into_response())
}

async fn ordered(
    state: &State,
    visitor: &Visitor,
    agent: Did,
    plan: PlanId,
) -> Result<(Work, Price), Problem> {
    let offer = state.offer(agent).await?;
    let found = offer.plan(plan)?;
    let charge = state.charge(&Caller::of_session(&visitor.0), plan, 1).await?;
    Ok((Work::Order { plan, quantity: 1, charge }, found.terms.price))
}

fn key(once: &str) -> String {
    format!("widget {}", once.get(..64).unwrap_or(once))
}

fn repeat(asked: &Bought) -> Repeat {
    let key = key(&asked.once);
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
    /// Why what was ordered a moment ago was not.
    failed: Option<String>,
    /// The origins of the pages that show the widget.
    apps: Vec<String>,
}

impl Window<'_> {
    /// Whether a plan was chosen in the widget. It comes first, and is not focused: a key that is held down would buy it.
    fn is_chosen(&self, plan: &PlanView) -> bool {
        self.shown.plan.as_deref() == Some(&*plan.id.0.to_string())
    }

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
    let is_coming = window.failed.is_none() && bought.is_some_and(|(_, is_here)| !is_here);
    let has_access = window.plans.iter().any(PlanView::opens);
    let body = html! {
        // Until the script lets go: see there.
        main inert data-agent=(agent) data-access[has_access] data-pending=[is_coming.then_some(1)] {
            h1 { (title) }
            p { "You are logged in as " (window.who) "." }
            @match (bought, &window.failed) {
                (_, Some(why)) => p.wrong role="alert" { "Nothing was bought: " (why) "." },
                (Some((plan, true)), _) => p.good role="status" { "Paid: " (plan.title) ". " (left(plan)) },
                (Some((plan, false)), _) => p role="status" {
                    "We wait for the payment of " (plan.title) "… What was paid comes by itself: do not pay it again."
                },
                (None, _) => {}
            }
            p #status role="status" {}
            p { button #continue type="button" hidden { "Continue to the app" } }
            @if !window.apps.is_empty() {
                p.faint { "The app, which is let know that you are logged in, is at " (window.apps.join(", or ")) "." }
            }
            h2 { "Plans" }
            @if window.plans.is_empty() { p { "No plan opens this service now." } }
            @for plan in window.plans.iter().filter(|plan| window.is_chosen(plan)) { (offered(window, plan)) }
            @for plan in window.plans.iter().filter(|plan| !window.is_chosen(plan)) { (offered(window, plan)) }
            form method="post" action="/logout" {
                input type="hidden" name="next" value=(window_path(window.agent));
                button.quiet { "Log out" }
            }
        }
    };
    let waits = html! { @if is_coming { (wait_script()) } };
    whole(title, waits, html! { (body) noscript { p { "This needs a script." } } })
}

fn offered(window: &Window<'_>, plan: &PlanView) -> Markup {
    let agent = agent_number(window.agent);
    let buy = |path: &str, verb: &str| {
        html! {
            form data-buy method="post" action={ "/widget/" (agent) "/" (path) } {
                input type="hidden" name="plan" value=(plan.id.0);
                input type="hidden" name="once" value=(fresh_id());
                input type="hidden" name="had" value=(plan.left);
                button { (verb) ": " (plan.title) }
            }
        }
    };
    html! {
        section {
            h3 { (plan.title) }
            p { (plan.gives) ", " (plan.price) }
            @if plan.left > 0 { p { (left(plan)) } }
            @if plan.to_sign {
                p { "They are taken by your signature alone. Sign for what you have: it costs nothing, and is good for 30 days." }
                button type="button" hidden data-sign=(plan.id.0) { "Sign with your wallet: " (plan.title) }
            }
            @if !plan.is_open {
                p { "It takes no orders now." }
            } @else {
                @match (plan.payment, window.is_managed) {
                    (Payment::Card, _) => (buy("card", "Buy by card")),
                    (Payment::PerUse, _) => p { "It is paid by its uses." },
                    (Payment::Free, true) => (buy("order", "Get")),
                    (Payment::Wallet, true) => (buy("order", "Buy")),
                    (Payment::Quoted, true) => p { "A wallet of one's own buys it, and shows what it pays." },
                    (Payment::Free | Payment::Wallet | Payment::Quoted, false) => {
                        button type="button" hidden data-wallet=(plan.id.0) data-had=(plan.left) {
                            @if plan.payment == Payment::Free { "Get" } @else { "Buy with your wallet" } ": " (plan.title)
                        }
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
    whole("Pay by card", html! { meta http-equiv="refresh" content={ "0;url=" (url) }; }, body)
}

fn whole(title: &str, head: Markup, body: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html.window lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                (head)
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
    /// Why what an account has asked for under a key was not done; nothing of what was, and of what is under way.
    async fn why_failed(&self, account: Address, key: &str) -> Result<Option<String>, Problem> {
        let row = sqlx::query(
            "SELECT outcome FROM operations WHERE account = $1 AND request_key = $2 AND status = 'failed'",
        )
        .bind(account.to_string())
        .bind(key)
        .fetch_optional(&self.db)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let outcome = row.try_get::<Option<String>, _>(0)?.unwrap_or_default();
        let problem = serde_json::from_str::<Problem>(&outcome);
        Ok(Some(
            problem.map_or_else(|_| "the chain has refused it".to_owned(), |problem| problem.detail.clone()),
        ))
    }

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
