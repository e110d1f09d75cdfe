//! The agents that there are: the builder's own, each with its widget to embed.

use std::sync::Arc;

use alloy::primitives::Address;
use axum::{extract, http::HeaderMap, response::Response};
use maud::{Markup, html};
use scrip::{Did, Service};
use serde::Deserialize;
use serde_json::Value;

use super::origins;
use crate::{
    database::fresh_id,
    extract::{AskedQuery, PathAgent, agent_number, parse_plan},
    gateway,
    pages::{
        answer::Instead,
        form::Filled,
        layout::{Frame, page, pager},
        made::go_on,
        plan::own_plan,
        visitor::Visitor,
    },
    paging::Page,
    problem::{Problem, ProblemKind},
    routes::{agents::service, fiat::origin},
    state::State,
    widget::Origin,
    wire::agent,
    work::Work,
};

#[derive(Debug, Default, Deserialize)]
pub(super) struct Made {
    made: Option<String>,
    changed: Option<String>,
}

#[derive(Debug, serde::Serialize, Deserialize)]
pub(super) struct PlanGiven {
    plan: String,
    /// Different on each page that is shown: what was added, taken off and is added again is no repetition.
    #[serde(default)]
    once: String,
}

pub(super) async fn list(
    state: extract::State<Arc<State>>,
    Visitor(me): Visitor,
    shown: Page,
) -> Result<Markup, Instead> {
    let (total, agents) = state.agents_of(me.account, shown).await?;
    let mut rows = Vec::with_capacity(agents.len());
    for one in &agents {
        rows.push((one, name(&agent::record(one, &state.agent_page(one.did).await?, ""), one.did)));
    }
    let body = html! {
        h1 { "My Agents" }
        p { a.button href="/new/service" { "Create Content" } }
        @if rows.is_empty() { p { "You have no agents yet." } } @else {
            div.wide { table {
                thead { tr { th { "Title" } th.number { "Plans" } th { span.unseen { "Its page" } } } }
                tbody { @for (one, name) in &rows {
                    tr {
                        td { (name) }
                        td.number { (one.plans.len()) }
                        td { a href={ "/my/agents/" (one.did) } { "See Agent" span.unseen { ": " (name) } } }
                    }
                } }
            } }
            (pager("/my/agents", shown.number, shown.size, total))
        }
    };
    Ok(page(&Frame::of_area("My Agents"), body))
}

fn name(record: &Value, did: Did) -> String {
    record["name"].as_str().map_or_else(|| did.to_string(), str::to_owned)
}

/// An agent that an account owns.
pub(super) async fn own_agent(state: &State, account: Address, agent: Did) -> Result<Service, Problem> {
    let found = service(state, agent).await?;
    if found.owner == account {
        return Ok(found);
    }
    Err(ProblemKind::NOT_AGENT_OWNER
        .problem(format!("agent {} is {}'s, not yours", agent_number(agent), found.owner))
        .hint("log in as its owner"))
}

pub(super) async fn show(
    state: extract::State<Arc<State>>,
    Visitor(me): Visitor,
    headers: HeaderMap,
    PathAgent(agent): PathAgent,
    AskedQuery(made): AskedQuery<Made>,
) -> Result<Markup, Instead> {
    let found = own_agent(&state, me.account, agent).await?;
    let origins: Vec<_> = state.widget_origins(&found).await?.iter().map(Origin::to_string).collect();
    whole(&state, &found, &headers, &made, origins::form(agent, &origins.join("\n"), None)).await
}

/// The page of an agent; `origins` is the form of where its widget is shown.
pub(super) async fn whole(
    state: &State,
    found: &Service,
    headers: &HeaderMap,
    made: &Made,
    origins: Markup,
) -> Result<Markup, Instead> {
    let agent = found.did;
    let record = agent::record(found, &state.agent_page(agent).await?, "");
    let title = name(&record, agent);
    let (main, api) = (&record["metadata"]["main"], &record["metadata"]["agent"]);
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let cover = text(&main["image"]).filter(|url| url.starts_with("https://") || url.starts_with("http://"));
    let endpoints: Vec<_> = api["endpoints"].as_array().into_iter().flatten().collect();
    let (origin, did) = (origin(state, headers), text(&record["did"]).unwrap_or_default());
    let widget = format!(
        "<iframe src=\"{origin}/streamlit?did={did}\" title=\"Log in and buy\" style=\"border: 0; border-radius: 10px; width: 100%;\"></iframe>"
    );
    let streamlit = format!("st.markdown('{widget}', unsafe_allow_html=True)");
    let proxy = format!("{origin}{}/{}", gateway::PATH, found.did);
    let (_, linked) =
        state.plans_that_open(agent, Page::<10> { number: 1, size: 100, order: "DESC" }).await?;
    let mut plans = Vec::with_capacity(linked.len());
    for plan in &linked {
        let is_own = plan.owner == found.owner;
        plans.push((plan.id.0.to_string(), state.plan_page(plan.id).await?.name(&plan.terms.name), is_own));
    }
    let (_, own) =
        state.plans_of(found.owner, None, Page::<10> { number: 1, size: 100, order: "DESC" }).await?;
    let mut others = Vec::new();
    for plan in own.iter().filter(|plan| !found.plans.contains(&plan.id)) {
        others.push((plan.id.0.to_string(), state.plan_page(plan.id).await?.name(&plan.terms.name)));
    }
    let signs = state.signs_for(found.owner).await?;
    let body = html! {
        h1 { (title) }
        @if made.made.is_some() {
            p.good role="status" { "The service is created." }
            p { a.button href="#widget" { "See the Agent" } }
        }
        @if made.changed.is_some() { p.good role="status" { "The service is changed." } }
        @if let Some(cover) = &cover { p { img.cover src=(cover) alt=""; } }
        @if let Some(description) = text(&main["description"]) { p.text { (description) } }
        dl {
            dt { "DID" } dd { (copied(&did)) }
            dt { "Agent" } dd { code { (agent_number(agent)) } }
            dt { "Proxy URL" }
            dd { (copied(&proxy)) }
            dt { "API" }
            dd { ul.plain { @for one in &endpoints { li { (words(one)) } } } }
            @if let Some(credits) = api["pricing"]["credits"].as_u64() { dt { "Credits for one request" } dd { (credits) } }
            @if let Some(auth) = text(&api["authType"]) { dt { "Authentication" } dd { (auth) } }
        }
        p { a.button.quiet href={ "/my/agents/" (agent) "/edit" } { "Edit the service" } }
        h2 { "Plans" }
        @if plans.is_empty() { p { "No plan opens it yet." } }
        ul { @for (id, name, is_own) in &plans {
            li { @if *is_own { a href={ "/my/plans/" (id) } { (name) } } @else { (name) } }
        } }
        @if !others.is_empty() {
            form method="post" action={ "/my/agents/" (agent) "/plan" } {
                input type="hidden" name="once" value=(fresh_id());
                label { "Another plan of yours that opens it"
                    select name="plan" { @for (id, name) in &others { option value=(id) { (name) } } }
                }
                button.quiet { "Add the plan" }
            }
        }
        h2 #widget { "Widget" }
        @if !signs {
            p.note {
                "You sign with a wallet of your own, so this server could not redeem what is served here: its gateway does not serve this \
                 service, and the widget offers no plan of it. A service that an account by e-mail creates is served."
            }
        }
        p { "Embed this in your app: whoever logs in there and holds a plan may ask the service." }
        (snippet(&widget))
        h3 { "In Streamlit" }
        (snippet(&streamlit))
        (origins)
    };
    Ok(page(&Frame::of_area(&title).with_script(), body))
}

/// The verb and the URL of an endpoint, in either shape.
pub(super) fn pair(endpoint: &Value) -> Option<(String, String)> {
    match (endpoint["verb"].as_str(), endpoint["url"].as_str()) {
        (Some(verb), Some(url)) => Some((verb.to_owned(), url.to_owned())),
        _ => endpoint
            .as_object()
            .and_then(|members| members.iter().next())
            .and_then(|(verb, url)| Some((verb.clone(), url.as_str()?.to_owned()))),
    }
}

fn words(endpoint: &Value) -> Markup {
    html! { @if let Some((verb, url)) = &pair(endpoint) { (verb) " " code { (url) } } }
}

fn copied(text: &str) -> Markup {
    html! {
        span { code { (text) } " " button.small.quiet type="button" hidden data-copy=(text) { "Copy" } " " span role="status" data-said="" {} }
    }
}

fn snippet(text: &str) -> Markup {
    html! { div { pre tabindex="0" { code { (text) } } button.quiet type="button" hidden data-copy=(text) { "Copy" } " " span role="status" data-said="" {} } }
}

/// One more plan opens an agent.
pub(super) async fn link(
    state: extract::State<Arc<State>>,
    Visitor(me): Visitor,
    PathAgent(agent): PathAgent,
    Filled(given): Filled<PlanGiven>,
) -> Result<Response, Instead> {
    own_agent(&state, me.account, agent).await?;
    let plan = own_plan(&state, me.account, parse_plan(given.plan.trim())?).await?.id;
    let shown = format!("/my/agents/{agent}");
    let repeat = state.repeat_of(&format!("link {agent}"), &given)?;
    let linked = state.operate(me.account, repeat, Work::Link { agent, plan }).await;
    go_on(linked, |_| shown.clone(), &shown)
}
