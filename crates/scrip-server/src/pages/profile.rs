//! Who somebody is here.

use std::sync::Arc;

use axum::{
    Router, extract,
    response::{IntoResponse, Redirect},
    routing::{get, post},
};
use jiff::Timestamp;
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    answer::Instead,
    form::Filled,
    layout::{Frame, page},
    visitor::Visitor,
};
use crate::{account::as_i64, state::State};

#[derive(Debug, Deserialize)]
struct SessionNamed {
    id: String,
}

pub(super) fn routes() -> Router<Arc<State>> {
    Router::new().route("/my/profile", get(show)).route("/my/sessions/end", post(end))
}

async fn show(state: extract::State<Arc<State>>, Visitor(me): Visitor) -> Result<Markup, Instead> {
    let account = me.account;
    let (email, signs) = (state.email_of(account).await?, state.signs_for(account).await?);
    let sessions = state.sessions(account).await?;
    let body = html! {
        h1 { "Profile" }
        dl {
            dt { "Account" } dd { code { (account) } }
            @if let Some(email) = &email { dt { "E-mail address" } dd { (email) } }
            dt { "Who signs" }
            dd { @if signs { "This server signs for you." } @else { "You sign with a wallet of your own." } }
        }
        h2 { "Where you are logged in" }
        table {
            thead { tr { th { "Since" } th { "By" } th { "Until" } th { "" } } }
            tbody {
                @for session in &sessions {
                    tr {
                        td { (time(session.created_at)) }
                        td { (session.way) }
                        td { (time(session.expires_at)) }
                        td {
                            @if session.id == me.id { "This browser" } @else {
                                form method="post" action="/my/sessions/end" {
                                    input type="hidden" name="id" value=(session.id);
                                    button.quiet { "Log out there" }
                                }
                            }
                        }
                    }
                }
            }
        }
    };
    Ok(page(&Frame::of_area("Profile"), body))
}

async fn end(
    state: extract::State<Arc<State>>,
    Visitor(me): Visitor,
    Filled(SessionNamed { id }): Filled<SessionNamed>,
) -> Result<impl IntoResponse, Instead> {
    state.end_sessions(me.account, Some(&id)).await?;
    Ok(Redirect::to("/my/profile"))
}

/// A time for people, in UTC.
pub(super) fn time(seconds: u64) -> Markup {
    let time = Timestamp::from_second(as_i64(seconds)).unwrap_or_default();
    html! { time datetime=(time) { (time.strftime("%Y-%m-%d %H:%M UTC")) } }
}
