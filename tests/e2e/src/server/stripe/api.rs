//! The part of Stripe's API that it speaks.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{
    Form, Json, Router,
    body::to_bytes,
    extract::{Path, Query, Request, State},
    http::{HeaderMap, StatusCode},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use scrip_server::Clock;
use serde_json::{Value, json};

use super::{
    Mishap, SECRET_KEY,
    books::{Books, Sale},
};

/// What all calls share.
#[derive(Debug, Clone)]
struct Desk {
    books: Arc<Mutex<Books>>,
    ahead: Arc<AtomicU64>,
}

/// What was asked: names and values of a form or of a query.
type Asked = BTreeMap<String, String>;
/// A status and a body.
type Answer = (u16, Value);

/// The parameters that a session may have here; Stripe refuses what it does not know.
const OF_SESSION: [&str; 13] = [
    "mode",
    "client_reference_id",
    "success_url",
    "cancel_url",
    "adaptive_pricing[enabled]",
    "metadata[scrip_payment]",
    "line_items[0][quantity]",
    "line_items[0][price_data][currency]",
    "line_items[0][price_data][unit_amount]",
    "line_items[0][price_data][product_data][name]",
    "payment_intent_data[metadata][scrip_payment]",
    "payment_intent_data[on_behalf_of]",
    "payment_intent_data[transfer_data][destination]",
];

pub(super) fn app(books: Arc<Mutex<Books>>, ahead: Arc<AtomicU64>) -> Router {
    let desk = Desk { books, ahead };
    Router::new()
        .route("/v1/checkout/sessions", post(open))
        .route("/v1/checkout/sessions/{id}", get(session))
        .route("/v1/disputes", get(disputes))
        .route("/v1/refunds", post(refund))
        .route("/v1/accounts", post(account))
        .route("/v1/account_links", post(link))
        .fallback(async || answer(refusal(404, "invalid_request_error", "Unrecognized request URL")))
        .layer(from_fn_with_state(desk.clone(), door))
        .with_state(desk)
}

/// Who asks with the key, and what happens on the way.
async fn door(State(desk): State<Desk>, request: Request, next: Next) -> Response {
    let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
    let key = request.headers().get("authorization").and_then(|key| key.to_str().ok());
    if key != Some(&format!("Bearer {SECRET_KEY}")) {
        return answer(refusal(401, "invalid_request_error", "Invalid API Key provided"));
    }
    let mishap = {
        let mut books = desk.books();
        books.heard.push((method, path));
        let is_refund = books.heard.last().is_some_and(|(_, path)| path == "/v1/refunds");
        if books.is_down {
            Some(Mishap::Unavailable)
        } else if is_refund && std::mem::take(&mut books.loses_refund) {
            Some(Mishap::Lost)
        } else {
            books.mishaps.pop_front()
        }
    };
    if matches!(mishap, Some(Mishap::Unavailable)) {
        return answer(refusal(503, "api_error", "down for a while"));
    }
    let response = next.run(request).await;
    match mishap {
        Some(Mishap::Lost) => answer((502, json!("half of an answ"))),
        Some(Mishap::Lie(pointer, instead)) => {
            let status = response.status().as_u16();
            let body = to_bytes(response.into_body(), 1 << 20).await.unwrap_or_default();
            let mut body: Value = serde_json::from_slice(&body).unwrap_or_default();
            if let Some(part) = body.pointer_mut(pointer) {
                *part = instead;
            }
            answer((status, body))
        }
        Some(Mishap::Late(told)) => {
            told.notified().await;
            response
        }
        _ => response,
    }
}

fn refusal(status: u16, kind: &str, message: impl Into<String>) -> Answer {
    (status, json!({ "error": { "type": kind, "message": message.into() } }))
}

fn invalid(message: impl Into<String>) -> Answer {
    refusal(400, "invalid_request_error", message)
}

fn answer((status, body): Answer) -> Response {
    (StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), Json(body)).into_response()
}

impl Desk {
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> u64 {
        Clock::default().now() + self.ahead.load(Ordering::SeqCst)
    }

    /// Does a write once for its idempotency key: the same answer for the same request, and a refusal for another.
    fn once(
        &self,
        headers: &HeaderMap,
        path: &str,
        asked: &Asked,
        act: impl FnOnce(&mut Books, u64) -> Result<Value, Answer>,
    ) -> Response {
        let asked = format!("{path} {:?}", asked.iter().collect::<BTreeMap<_, _>>());
        let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).map(str::to_owned);
        let mut books = self.books();
        if let Some((before, status, body)) = key.as_ref().and_then(|key| books.keys.get(key)) {
            if *before == asked {
                return answer((*status, body.clone()));
            }
            let message = "Keys for idempotent requests can only be used with the same parameters";
            return answer(refusal(400, "idempotency_error", message));
        }
        let (status, body) = match act(&mut books, self.now()) {
            Ok(body) => (200, body),
            Err(refused) => refused,
        };
        if let Some(key) = key {
            books.keys.insert(key, (asked, status, body.clone()));
        }
        answer((status, body))
    }
}

/// The value of a parameter that must be there.
fn needed<'a>(asked: &'a Asked, name: &str) -> Result<&'a str, Answer> {
    let found = asked.get(name).map(String::as_str).filter(|value| !value.is_empty());
    found.ok_or_else(|| invalid(format!("Missing required param: {name}.")))
}

fn only(asked: &Asked, known: &[&str]) -> Result<(), Answer> {
    match asked.keys().find(|name| !known.contains(&name.as_str())) {
        Some(unknown) => Err(invalid(format!("Received unknown parameter: {unknown}"))),
        None => Ok(()),
    }
}

async fn open(State(desk): State<Desk>, headers: HeaderMap, Form(asked): Form<Asked>) -> Response {
    desk.once(&headers, "/v1/checkout/sessions", &asked, |books, now| {
        only(&asked, &OF_SESSION)?;
        let item = |name: &str| needed(&asked, &format!("line_items[0]{name}"));
        let amount = item("[price_data][unit_amount]")?;
        let amount: u64 = amount.parse().map_err(|_| invalid(format!("Invalid integer: {amount}")))?;
        if amount < 50 {
            return Err(invalid("The Checkout Session's total amount must convert to at least 50 cents."));
        }
        if needed(&asked, "mode")? != "payment" || item("[quantity]")? != "1" {
            return Err(invalid("this stand-in sells one thing, in the mode of payment"));
        }
        let destination = asked.get("payment_intent_data[transfer_data][destination]").cloned();
        if destination.as_ref().is_some_and(|account| !books.accounts.contains(account)) {
            return Err(invalid(format!("No such destination: '{}'", destination.unwrap_or_default())));
        }
        let sale = Sale {
            id: format!("cs_test_{}", books.number()),
            reference: needed(&asked, "client_reference_id")?.to_owned(),
            currency: item("[price_data][currency]")?.to_owned(),
            amount,
            name: item("[price_data][product_data][name]")?.to_owned(),
            success_url: needed(&asked, "success_url")?.to_owned(),
            created: now,
            destination,
            status: "open",
            ..Sale::default()
        };
        let session = sale.session(&[]);
        books.sales.insert(sale.id.clone(), sale);
        Ok(session)
    })
}

async fn session(State(desk): State<Desk>, Path(id): Path<String>, Query(asked): Query<Asked>) -> Response {
    let expand: Vec<_> =
        asked.iter().filter(|(name, _)| name.starts_with("expand[")).map(|(_, path)| path.as_str()).collect();
    match desk.books().sales.get(&id) {
        Some(sale) => answer((200, sale.session(&expand))),
        None => answer(refusal(404, "invalid_request_error", format!("No such checkout.session: '{id}'"))),
    }
}

async fn disputes(State(desk): State<Desk>, Query(asked): Query<Asked>) -> Response {
    let none = json!({ "object": "list", "url": "/v1/disputes", "has_more": false, "data": [] });
    let intent = asked.get("payment_intent").cloned().unwrap_or_default();
    let mut books = desk.books();
    answer((200, books.sale_of_intent(&intent).map_or(none, |sale| sale.disputes())))
}

async fn refund(State(desk): State<Desk>, headers: HeaderMap, Form(asked): Form<Asked>) -> Response {
    desk.once(&headers, "/v1/refunds", &asked, |books, now| {
        only(&asked, &["payment_intent", "amount", "reverse_transfer"])?;
        let intent = needed(&asked, "payment_intent")?;
        if books.is_poor {
            return Err(invalid("Insufficient funds in your Stripe balance to refund this amount."));
        }
        let sale = books.sale_of_intent(intent);
        let sale = sale.ok_or_else(|| invalid(format!("No such payment_intent: '{intent}'")))?;
        if sale.left() == 0 {
            return Err(invalid("Charge has already been refunded."));
        }
        if sale.destination.is_none() && asked.contains_key("reverse_transfer") {
            return Err(invalid("Charge does not have an associated transfer, so it cannot be reversed."));
        }
        let amount = asked.get("amount").map_or(Ok(sale.left()), |amount| amount.parse());
        let amount = amount.map_err(|_| invalid("Invalid integer"))?;
        if amount > sale.left() {
            return Err(invalid("Refund amount is greater than unrefunded amount on charge"));
        }
        let refund = sale.refund(amount);
        let charge = sale.charge_object();
        for (kind, object) in [("refund.created", refund.clone()), ("charge.refunded", charge)] {
            let event = books.event(kind, object, now);
            books.own_events.push(event);
        }
        Ok(refund)
    })
}

async fn account(State(desk): State<Desk>, headers: HeaderMap, Form(asked): Form<Asked>) -> Response {
    desk.once(&headers, "/v1/accounts", &asked, |books, now| {
        let (email, country) = (needed(&asked, "email")?, needed(&asked, "country")?);
        for capability in ["card_payments", "transfers"] {
            needed(&asked, &format!("capabilities[{capability}][requested]"))?;
        }
        let id = format!("acct_{}", books.number());
        books.accounts.push(id.clone());
        Ok(json!({
            "id": id, "object": "account", "type": needed(&asked, "type")?, "email": email, "country": country,
            "charges_enabled": false, "payouts_enabled": false, "details_submitted": false, "created": now,
            "capabilities": { "card_payments": "inactive", "transfers": "inactive" },
            "metadata": { "scrip_account": asked.get("metadata[scrip_account]") },
        }))
    })
}

async fn link(State(desk): State<Desk>, headers: HeaderMap, Form(asked): Form<Asked>) -> Response {
    desk.once(&headers, "/v1/account_links", &asked, |books, now| {
        only(&asked, &["account", "return_url", "refresh_url", "type"])?;
        let account = needed(&asked, "account")?;
        if !books.accounts.iter().any(|known| known == account) {
            return Err(invalid(format!("No such account: '{account}'")));
        }
        needed(&asked, "return_url")?;
        Ok(json!({
            "object": "account_link", "created": now, "expires_at": now + 300,
            "url": format!("https://connect.stripe.com/setup/e/{account}/{}", books.number()),
        }))
    })
}
