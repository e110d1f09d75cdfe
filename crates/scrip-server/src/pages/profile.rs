//! Who somebody is here.

use std::sync::Arc;

use axum::{
    Router, extract,
    http::HeaderMap,
    response::{IntoResponse, Redirect},
    routing::{get, post},
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    answer::Instead,
    form::Filled,
    layout::{Frame, page},
    text::time,
    visitor::Visitor,
};
use crate::{
    routes::fiat::{origin, sign_seller_up},
    state::State,
    wire::fiat::SignUpAsked,
};

#[derive(Debug, Deserialize)]
struct SessionNamed {
    /// All of them without one.
    id: Option<String>,
}

/// What Stripe wants to know of a seller first.
#[derive(Debug, Deserialize)]
struct Seller {
    email: String,
    country: String,
}

pub(super) fn routes() -> Router<Arc<State>> {
    Router::new()
        .route("/my/profile", get(show))
        .route("/my/sessions/end", post(end))
        .route("/my/profile/stripe", post(sign_up))
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
        h2 #stripe { "How you are paid" }
        @match (state.processor.is_some(), state.card_account(account).await?) {
            (false, _) => {
                p { "Plans that are priced in a token or the chain's coin are paid to your account. Nobody pays by card here." }
            }
            (true, at_stripe) => {
                p { "Plans that are priced in a token or the chain's coin are paid to your account." }
                @if let Some(at_stripe) = &at_stripe {
                    p { "Plans that are paid by card are paid to your Stripe account " code { (at_stripe) } "." }
                } @else {
                    p { "For plans that are paid by card, create a Stripe account, to which your sales go." }
                }
                form method="post" action="/my/profile/stripe" {
                    label { "E-mail address"
                        input type="email" name="email" value=(email.as_deref().unwrap_or_default()) maxlength="254" autocomplete="email" required;
                    }
                    label { "Country, in two letters"
                        input name="country" pattern="[A-Za-z]{2}" maxlength="2" autocomplete="country" placeholder="US" required;
                    }
                    button { @if at_stripe.is_some() { "Continue with Stripe" } @else { "Create Stripe account" } }
                }
            }
        }
        h2 { "Where you are logged in" }
        table {
            thead { tr { th { "Since" } th { "By" } th { "Until" } th { span.unseen { "Log out" } } } }
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
        form method="post" action="/my/sessions/end" { button.quiet { "Log out everywhere" } }
    };
    Ok(page(&Frame::of_area("Profile"), body))
}

async fn end(
    state: extract::State<Arc<State>>,
    Visitor(me): Visitor,
    Filled(SessionNamed { id }): Filled<SessionNamed>,
) -> Result<impl IntoResponse, Instead> {
    state.end_sessions(me.account, id.as_deref()).await?;
    Ok(Redirect::to("/my/profile"))
}

/// Signs somebody up with Stripe. Its page is another site's, to which a form leads nobody: the way there is a link.
async fn sign_up(
    state: extract::State<Arc<State>>,
    Visitor(me): Visitor,
    headers: HeaderMap,
    Filled(Seller { email, country }): Filled<Seller>,
) -> Result<Markup, Instead> {
    let asked = SignUpAsked {
        user_email: email,
        user_country_code: country,
        return_url: format!("{}/my/profile", origin(&state, &headers)),
    };
    let view = sign_seller_up(&state, me.account, asked).await?;
    let body = html! {
        h1 { "Continue at Stripe" }
        p { "Stripe asks you who you are and what you sell, and leads you back here." }
        p { a.button href=(view.stripe_account_link) rel="external" { "Go to Stripe" } }
    };
    Ok(page(&Frame::of_area("Continue at Stripe"), body))
}
