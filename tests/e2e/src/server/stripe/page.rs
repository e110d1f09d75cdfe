//! The page where a buyer pays by card, which is Stripe's own.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    response::{Html, IntoResponse, Redirect, Response},
    routing::get,
};

use super::books::Books;

type Shared = State<Arc<Mutex<Books>>>;

pub(super) fn app(books: Arc<Mutex<Books>>) -> Router {
    Router::new().route("/c/pay/{id}", get(show).post(pay)).with_state(books)
}

async fn show(State(books): Shared, Path(id): Path<String>) -> Response {
    let books = books.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(sale) = books.sales.get(&id) else { return StatusCode::NOT_FOUND.into_response() };
    let (units, cents) = (sale.amount / 100, sale.amount % 100);
    let (name, currency) = (&sale.name, sale.currency.to_uppercase());
    Html(format!(
        "<!doctype html><title>Stripe</title><h1>{name}</h1><p>{units}.{cents:02} {currency}</p>\
         <form method=post><button>Pay</button></form>"
    ))
    .into_response()
}

/// The card is charged, and the buyer goes back; the events are delivered later.
async fn pay(State(books): Shared, Path(id): Path<String>) -> Response {
    let mut books = books.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(sale) = books.sales.get(&id) else { return StatusCode::NOT_FOUND.into_response() };
    let back = Redirect::to(&sale.success_url);
    books.paid_on_page.push(id);
    back.into_response()
}
