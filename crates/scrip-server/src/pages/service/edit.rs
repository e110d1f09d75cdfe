//! Changing a service: all that was said when it was made. What its server wants to be shown stays where nothing new is given.

use std::sync::Arc;

use axum::{
    extract,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};
use scrip::{Did, Service};
use serde_json::{Map, Value, json};

use super::{
    describe::{asked_at, said, says, take_api},
    form::{Auth, Endpoint, ServiceForm, wrong},
    show::{own_agent, pair},
    upload::Uploaded,
};
use crate::{
    agent_page::AgentPage,
    extract::PathAgent,
    pages::{
        answer::Instead,
        layout::{Frame, page},
        visitor::Visitor,
    },
    problem::{Problem, ProblemKind},
    routes::{agents::change, fiat::origin},
    state::State,
    wire::agent::AgentBody,
};

const TITLE: &str = "Edit the service";

/// A service as it is, and what of it the form has no field for.
struct Kept {
    page: AgentPage,
    /// What its server wants to be shown.
    secrets: Map<String, Value>,
    form: ServiceForm,
}

impl Kept {
    async fn read(state: &State, service: &Service) -> Result<Self, Problem> {
        let page = state.agent_page(service.did).await?;
        let opened = match page.open(state, service.owner) {
            // A former owner's is nobody's any more.
            Err(problem) if problem.code == ProblemKind::NOT_SET_UP.code() => None,
            opened => opened?,
        };
        let secrets = opened.and_then(|opened| opened.as_object().cloned()).unwrap_or_default();
        let form = form(&page, &secrets);
        Ok(Self { page, secrets, form })
    }

    /// Whether a request costs a number of credits; what is metered otherwise is changed by the API.
    fn is_by_request(&self) -> bool {
        let unit = self.page.api.get("pricing").map(|pricing| &pricing["unit"]);
        unit.is_none_or(|unit| unit.is_null() || unit == "request")
    }

    /// What the service says of itself from now on.
    fn changed(mut self, form: &ServiceForm) -> AgentBody {
        let (metadata, api) = (&mut self.page.metadata, &mut self.page.api);
        metadata.insert("name".to_owned(), json!(form.title.trim()));
        metadata.insert("description".to_owned(), json!(form.description.trim()));
        if let Some(cover) = &form.cover {
            metadata.insert("image".to_owned(), json!(cover));
        }
        if form.endpoints != self.form.endpoints {
            api.insert("endpoints".to_owned(), json!(form.endpoints));
        }
        if form.credits != self.form.credits {
            api.insert("pricing".to_owned(), json!({ "unit": "request", "credits": form.credits }));
        }
        // Those that the form has no field for stay as they are.
        let others = self.secrets.into_iter();
        api.extend(others.filter(|(name, _)| !["username", "password", "token"].contains(&&**name)));
        api.extend(form.secrets());
        api.insert("authType".to_owned(), json!(form.auth.name()));
        AgentBody { metadata_attributes: self.page.metadata, agent_api_attributes: self.page.api }
    }
}

/// The form, filled in with what there is.
fn form(page: &AgentPage, secrets: &Map<String, Value>) -> ServiceForm {
    let text = |map: &Map<String, Value>, name: &str| {
        map.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let (username, password, token) =
        (text(secrets, "username"), text(secrets, "password"), text(secrets, "token"));
    // As the gateway reads it.
    let auth = match &*text(&page.api, "authType") {
        "basic" => Auth::Basic,
        _ if !token.is_empty() => Auth::Bearer,
        "" | "none" if !username.is_empty() => Auth::Basic,
        _ => Auth::None,
    };
    let endpoints = page.api.get("endpoints").and_then(Value::as_array).into_iter().flatten();
    let credits = page.api.get("pricing").and_then(|pricing| pricing["credits"].as_u64());
    ServiceForm {
        title: text(&page.metadata, "name"),
        description: text(&page.metadata, "description"),
        cover: Some(text(&page.metadata, "image")).filter(|cover| !cover.is_empty()),
        endpoints: endpoints.filter_map(pair).map(|(verb, url)| Endpoint { verb, url }).collect(),
        auth,
        username,
        password,
        token,
        credits: credits.and_then(|credits| u32::try_from(credits).ok()).unwrap_or_default(),
        ..ServiceForm::default()
    }
}

pub(super) async fn show(
    state: extract::State<Arc<State>>,
    Visitor(me): Visitor,
    PathAgent(agent): PathAgent,
) -> Result<Markup, Instead> {
    let service = own_agent(&state, me.account, agent).await?;
    let kept = Kept::read(&state, &service).await?;
    Ok(fill_in(agent, &kept.form, kept.is_by_request(), None))
}

fn fill_in(agent: Did, form: &ServiceForm, is_by_request: bool, wrong: Option<&Problem>) -> Markup {
    let here = format!("/my/agents/{agent}");
    // Not even its owner is shown what is sealed.
    let shown = ServiceForm { username: String::new(), ..form.clone() };
    let body = html! {
        h1 { (TITLE) }
        (said(wrong))
        form method="post" action={ (here) "/edit" } enctype="multipart/form-data" {
            (says(&shown))
            (asked_at(&shown, !form.secrets().is_empty()))
            @if is_by_request {
                label { "Credits for one request"
                    input name="credits" value=(if form.credits == 0 { String::new() } else { form.credits.to_string() }) inputmode="numeric";
                }
            } @else {
                p.faint { "What it costs is metered, and is changed by the API." }
            }
            button { "Save" }
            " " a href=(here) { "Back" }
        }
    };
    page(&Frame::of_area(TITLE), body)
}

/// It is changed, at once.
pub(super) async fn save(
    state: extract::State<Arc<State>>,
    Visitor(me): Visitor,
    PathAgent(agent): PathAgent,
    headers: HeaderMap,
    given: Uploaded,
) -> Result<Response, Instead> {
    let service = own_agent(&state, me.account, agent).await?;
    let kept = Kept::read(&state, &service).await?;
    let is_by_request = kept.is_by_request();
    let mut form = kept.form.clone();
    let saved = match take(&state, &service, &kept, &mut form, &given, &headers).await {
        Ok(()) => change(&state, me.account, agent, kept.changed(&form)).await,
        wrong => wrong,
    };
    match saved {
        Ok(()) => Ok(Redirect::to(&format!("/my/agents/{agent}?changed=1")).into_response()),
        Err(wrong) if matches!(wrong.status, 400 | 413) => {
            Ok((StatusCode::BAD_REQUEST, fill_in(agent, &form, is_by_request, Some(&wrong))).into_response())
        }
        Err(problem) => Err(problem.into()),
    }
}

/// Takes what was filled in.
async fn take(
    state: &State,
    service: &Service,
    kept: &Kept,
    form: &mut ServiceForm,
    given: &Uploaded,
    headers: &HeaderMap,
) -> Result<(), Problem> {
    form.title = given.text("title").to_owned();
    form.description = given.text("description").to_owned();
    take_api(form, given)?;
    form.check_description()?;
    if !kept.page.api.contains_key("upstream") {
        form.check_endpoints()?;
    }
    form.check_auth()?;
    let credits = given.text("credits");
    if kept.is_by_request() && !credits.is_empty() {
        form.credits = price(state, service, credits).await?;
    }
    if let Some((_, image)) = given.file("cover") {
        let path = state.keep_cover(service.owner, image).await?;
        form.cover = Some(format!("{}{path}", origin(state, headers)));
    }
    Ok(())
}

/// What a request costs, if one of the service's plans lets it.
async fn price(state: &State, service: &Service, given: &str) -> Result<u32, Problem> {
    let mut hint = "write a whole number from 1 on".to_owned();
    let credits = given.parse::<u32>().ok().filter(|&credits| credits > 0);
    for &plan in &service.plans {
        let Ok(terms) = state.chain.terms(plan).await else { continue };
        if let Some(credits) = credits.filter(|credits| terms.redemption.contains(credits)) {
            return Ok(credits);
        }
        hint = format!("write a number from {} to {}", terms.redemption.start(), terms.redemption.end());
    }
    match credits {
        Some(credits) if service.plans.is_empty() => Ok(credits),
        _ => Err(wrong(format!("a request cannot cost `{given:.20}` credits of any plan that opens it"))
            .hint(hint)),
    }
}
