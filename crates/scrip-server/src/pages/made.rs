//! What becomes of a form that asks something of the chain.

use axum::response::{IntoResponse, Redirect, Response};
use maud::html;
use scrip::WalletCalls;

use super::{
    answer::Instead,
    layout::{Frame, page},
};
use crate::problem::{Problem, ProblemKind};

/// Goes on to the page of what was made. Where a wallet must sign it asks for that, and goes on to `listed` then; and where it is
/// not known yet, to where that is seen.
pub(super) fn go_on<T>(
    made: Result<T, Problem>,
    shown: impl FnOnce(T) -> String,
    listed: &str,
) -> Result<Response, Instead> {
    match made {
        Ok(made) => Ok(Redirect::to(&shown(made)).into_response()),
        Err(problem) if problem.code == ProblemKind::PENDING.code() => {
            Ok(Redirect::to("/my/transactions").into_response())
        }
        Err(problem) => match &problem.calls {
            Some(calls) => sign(calls, listed),
            None => Err(problem.into()),
        },
    }
}

/// Where a wallet is asked to sign.
fn sign(calls: &WalletCalls, listed: &str) -> Result<Response, Instead> {
    let text = serde_json::to_string(calls).map_err(|error| Problem::internal(&error))?;
    let count = calls.calls.len();
    let body = html! {
        h1 { "Sign with your wallet" }
        p {
            "You sign with a wallet of your own: " code { (calls.from) } ". It is asked for "
            @if count == 1 { "one transaction" } @else { (count) " transactions, one after the other" }
            " on chain " (calls.chain_id) "."
        }
        div {
            button type="button" hidden data-calls=(text) data-next=(listed) { "Sign and send" }
            noscript { p { "This needs a script, as wallets do." } }
            p role="status" data-said="" {}
        }
        p.faint { "What was made is listed once this server has seen it on the chain, which takes some blocks." }
    };
    Ok(page(&Frame::of_area("Sign with your wallet").with_script(), body).into_response())
}
