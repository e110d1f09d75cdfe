//! The first steps: what a service is, and where it is asked.

use std::sync::Arc;

use axum::{
    extract,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use maud::{Markup, html};

use super::{
    Drafted, TITLE,
    form::{Auth, Endpoint, ServiceForm, VERBS},
    openapi::endpoints,
    upload::Uploaded,
};
use crate::{
    extract::AskedQuery,
    pages::{
        answer::Instead,
        layout::{Frame, page},
        visitor::Visitor,
    },
    problem::Problem,
    routes::fiat::origin,
    session::Session,
    state::State,
};

/// The form as it was filled in before; an empty one otherwise.
async fn form(state: &State, me: &Session, asked: &Drafted) -> Result<ServiceForm, Instead> {
    match &asked.draft {
        Some(draft) => Ok(state.draft(me.account, draft).await?),
        None => Ok(ServiceForm {
            plan: asked.plan.clone().unwrap_or_default(),
            credits: 1,
            ..ServiceForm::default()
        }),
    }
}

pub(super) fn said(wrong: Option<&Problem>) -> Markup {
    html! { @if let Some(wrong) = wrong { p.wrong role="alert" { (wrong.detail) ". " (wrong.hint) "." } } }
}

pub(super) async fn describe(
    state: extract::State<Arc<State>>,
    Visitor(me): Visitor,
    AskedQuery(asked): AskedQuery<Drafted>,
) -> Result<Markup, Instead> {
    let form = form(&state, &me, &asked).await?;
    Ok(description(&form, asked.draft.as_deref(), None))
}

fn description(form: &ServiceForm, draft: Option<&str>, wrong: Option<&Problem>) -> Markup {
    let body = html! {
        h1 { (TITLE) ": your AI service" }
        p.faint { "Step 1 of 4" }
        (said(wrong))
        form method="post" action="/new/service" enctype="multipart/form-data" {
            @if let Some(draft) = draft { input type="hidden" name="draft" value=(draft); }
            input type="hidden" name="plan" value=(form.plan);
            (says(form))
            button { "Next" }
        }
    };
    page(&Frame::of_area(TITLE), body)
}

/// The fields of what a service is.
pub(super) fn says(form: &ServiceForm) -> Markup {
    html! {
        label { "Title" input name="title" value=(form.title) maxlength="120" required; }
        label { "Description" textarea name="description" maxlength="4000" { (form.description) } }
        label { "Cover image, a PNG, JPEG or WebP of at most 512 kB"
            input type="file" name="cover" accept="image/png,image/jpeg,image/webp";
        }
        @if let Some(cover) = &form.cover { p { img.cover src=(cover) alt="The cover that was chosen"; } }
    }
}

pub(super) async fn described(
    state: extract::State<Arc<State>>,
    Visitor(me): Visitor,
    headers: HeaderMap,
    given: Uploaded,
) -> Result<Response, Instead> {
    let draft = Some(given.text("draft")).filter(|draft| !draft.is_empty());
    let asked = Drafted { draft: draft.map(str::to_owned), plan: Some(given.text("plan").to_owned()) };
    let mut form = form(&state, &me, &asked).await?;
    form.title = given.text("title").to_owned();
    form.description = given.text("description").to_owned();
    let mut checked = form.check_description();
    if let Some((_, image)) = given.file("cover").filter(|_| checked.is_ok()) {
        match state.keep_cover(me.account, image).await {
            Ok(path) => form.cover = Some(format!("{}{path}", origin(&state, &headers))),
            Err(problem) => checked = Err(problem),
        }
    }
    match checked {
        Ok(()) => {
            let draft = state.keep_draft(me.account, draft, &form).await?;
            Ok(Redirect::to(&format!("/new/service/api?draft={draft}")).into_response())
        }
        Err(wrong) if wrong.status == 400 => {
            Ok((StatusCode::BAD_REQUEST, description(&form, draft, Some(&wrong))).into_response())
        }
        Err(problem) => Err(problem.into()),
    }
}

pub(super) async fn api(
    state: extract::State<Arc<State>>,
    Visitor(me): Visitor,
    AskedQuery(asked): AskedQuery<Drafted>,
) -> Result<Markup, Instead> {
    let form = form(&state, &me, &asked).await?;
    Ok(interface(&form, asked.draft.as_deref().unwrap_or_default(), None))
}

fn interface(form: &ServiceForm, draft: &str, wrong: Option<&Problem>) -> Markup {
    let has_secret = !form.token.is_empty() || !form.password.is_empty();
    let body = html! {
        h1 { (TITLE) ": its API" }
        p.faint { "Step 2 of 4" }
        (said(wrong))
        form method="post" action="/new/service/api" enctype="multipart/form-data" {
            input type="hidden" name="draft" value=(draft);
            (asked_at(form, has_secret))
            button { "Next" }
            " " a href={ "/new/service?draft=" (draft) } { "Back" }
        }
    };
    page(&Frame::of_area(TITLE), body)
}

/// The fields of where it is asked, and of what it wants to be shown.
pub(super) fn asked_at(form: &ServiceForm, has_secret: bool) -> Markup {
    let one = form.endpoints.first().filter(|_| form.file.is_none() && form.endpoints.len() == 1);
    let (verb, url) = one.map_or(("POST", ""), |one| (&one.verb, &one.url));
    html! {
        fieldset {
            legend { "Where the service is asked" }
            label { "Method"
                select name="verb" { @for one in VERBS { option selected[one == verb] { (one) } } }
            }
            label { "URL" input type="url" name="url" value=(url) maxlength="2048" placeholder="https://api.openai.com/v1/chat/completions"; }
            label { "Or an OpenAPI file, of JSON or YAML"
                input type="file" name="openapi" accept=".json,.yaml,.yml,application/json";
            }
            @if let Some(file) = &form.file { p { "Taken of " code { (file) } ": " (form.endpoints.len()) " operations." } }
            @else if form.endpoints.len() > 1 {
                p { "It is asked at " (form.endpoints.len()) " endpoints, which stay unless a URL or a file is given." }
            }
        }
        fieldset {
            legend { "User authentication: what the service wants to be shown" }
            @for auth in Auth::ALL {
                label.choice {
                    input type="radio" name="auth" value=(auth.name()) checked[auth == form.auth];
                    (auth.label())
                }
            }
            label { "Username" input name="username" value=(form.username) autocomplete="off"; }
            label { "Password" input type="password" name="password" autocomplete="off"; }
            label { "Bearer token, such as an API key" input type="password" name="token" autocomplete="off"; }
            @if has_secret { p { "What was given is kept. Leave it empty to keep it." } }
            p.faint { "It is sealed, shown to nobody, and sent to your service alone." }
        }
    }
}

pub(super) async fn api_given(
    state: extract::State<Arc<State>>,
    Visitor(me): Visitor,
    given: Uploaded,
) -> Result<Response, Instead> {
    let draft = given.text("draft");
    let mut form: ServiceForm = state.draft(me.account, draft).await?;
    let taken =
        take_api(&mut form, &given).and_then(|()| form.check_endpoints()).and_then(|()| form.check_auth());
    match taken {
        Ok(()) => {
            state.keep_draft(me.account, Some(draft), &form).await?;
            Ok(Redirect::to(&format!("/new/service/plan?draft={draft}")).into_response())
        }
        Err(wrong) => Ok((StatusCode::BAD_REQUEST, interface(&form, draft, Some(&wrong))).into_response()),
    }
}

/// Takes where it is asked, if that is given, and what it wants to be shown: what is not given stays.
pub(super) fn take_api(form: &mut ServiceForm, given: &Uploaded) -> Result<(), Problem> {
    form.auth = Auth::ALL.into_iter().find(|auth| auth.name() == given.text("auth")).unwrap_or_default();
    for (kept, name) in
        [(&mut form.username, "username"), (&mut form.password, "password"), (&mut form.token, "token")]
    {
        if !given.text(name).is_empty() {
            *kept = given.text(name).to_owned();
        }
    }
    let url = given.text("url");
    if let Some((name, file)) = given.file("openapi") {
        form.endpoints = endpoints(&String::from_utf8_lossy(file))?;
        form.file = Some(name.to_owned());
    } else if !url.is_empty() {
        form.endpoints = vec![Endpoint::new(given.text("verb"), url)?];
        form.file = None;
    }
    Ok(())
}
