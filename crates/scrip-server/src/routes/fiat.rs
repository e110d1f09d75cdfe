//! Payments by card.

use std::sync::Arc;

use alloy::primitives::Address;
use axum::{
    Json, extract,
    http::{HeaderMap, header},
};
use scrip::{Plan, PlanId, Price};
use serde_json::{Value, json};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    auth::Caller,
    card::{CardError, FIRST_LOOK, NewPayment, Opening, Processor, minor_units},
    database::fresh_id,
    extract::{Asked, PathText, Signed},
    paging::{Page, PageAsked},
    problem::{Problem, ProblemKind},
    scope::Scope,
    state::State,
    wire::fiat::{CheckoutView, PayAsked, PaymentView, PaymentsView, SignUpAsked, SignUpView, web_url},
};

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new()
        .routes(routes!(pay))
        .routes(routes!(pay_at_stripe))
        .routes(routes!(pay_at_checkout))
        .routes(routes!(list))
        .routes(routes!(show))
        .routes(routes!(sign_up))
        .routes(routes!(webhook))
}

/// Opens a page where the caller pays for a plan by card. What it grants is the caller's once Stripe tells that it is paid.
#[utoipa::path(post, path = "/api/v1/fiat/stripe/payment", tag = "cards",
    request_body = PayAsked, security(("key" = [])),
    responses((status = 200, body = CheckoutView)))]
async fn pay(
    state: extract::State<Arc<State>>,
    caller: Caller,
    headers: HeaderMap,
    asked: Asked<PayAsked>,
) -> Result<Json<CheckoutView>, Problem> {
    check_out(&state, &caller, &headers, asked).await
}

/// The same, where SDKs from 1.3.5 to 1.5.0 look for it.
#[utoipa::path(post, path = "/api/v1/stripe/payment", tag = "cards",
    request_body = PayAsked, security(("key" = [])),
    responses((status = 200, body = CheckoutView)))]
async fn pay_at_stripe(
    state: extract::State<Arc<State>>,
    caller: Caller,
    headers: HeaderMap,
    asked: Asked<PayAsked>,
) -> Result<Json<CheckoutView>, Problem> {
    check_out(&state, &caller, &headers, asked).await
}

/// The same, where older SDKs look for it.
#[utoipa::path(post, path = "/api/v1/stripe/checkout", tag = "cards",
    request_body = PayAsked, security(("key" = [])),
    responses((status = 200, body = CheckoutView)))]
async fn pay_at_checkout(
    state: extract::State<Arc<State>>,
    caller: Caller,
    headers: HeaderMap,
    asked: Asked<PayAsked>,
) -> Result<Json<CheckoutView>, Problem> {
    check_out(&state, &caller, &headers, asked).await
}

/// Opens a page where a plan is paid, or finds the one that was opened for the same request.
pub(crate) async fn check_out(
    state: &State,
    caller: &Caller,
    headers: &HeaderMap,
    Asked { body: asked, repeat }: Asked<PayAsked>,
) -> Result<Json<CheckoutView>, Problem> {
    let buyer = caller.may(Scope::Order)?;
    let processor = processor(state)?;
    let mut payment = match state.payment_asked_before(buyer, &repeat).await? {
        Some(payment) => payment,
        None => {
            let new = new_payment(state, processor, buyer, headers, asked).await?;
            state.take_down_payment(&new, &repeat).await?
        }
    };
    if payment.session.is_none() || payment.url.is_none() {
        let opened = match processor.open(&payment.id, &payment.opening).await {
            Err(error @ CardError::Refused(_)) => {
                // Stripe repeats what it has answered; who asks again asks for another session.
                state.forget_payment(&payment.id).await?;
                return Err(error.into());
            }
            opened => opened?,
        };
        state.keep_session(&payment.id, &opened, payment.created_at + FIRST_LOOK).await?;
        payment.session = Some(opened.session);
        payment.url = Some(opened.url);
        payment.expires_at = Some(opened.expires_at);
    }
    let view = CheckoutView::new(&payment);
    view.map(Json).ok_or_else(|| ProblemKind::INTERNAL.problem("a session that was opened is gone"))
}

fn processor(state: &State) -> Result<&Processor, Problem> {
    state.processor.as_ref().ok_or_else(|| {
        ProblemKind::NO_CARDS.problem("plans cannot be paid by card here: no card processor is set up")
    })
}

/// A payment that could be settled as things are: what is paid is settled whatever the plan's limits say then.
async fn new_payment(
    state: &State,
    processor: &Processor,
    buyer: Address,
    headers: &HeaderMap,
    asked: PayAsked,
) -> Result<NewPayment, Problem> {
    let scrip = state.chain.scrip();
    let found = scrip.plan(PlanId(asked.plan_id.0)).await?;
    let Plan { id: plan, owner: seller, open, ref terms, .. } = found;
    let Price::Fiat { currency, amount } = terms.price else {
        return Err(
            ProblemKind::NOT_FIAT_PLAN.problem(format!("plan {} is not priced in a currency", plan.0))
        );
    };
    let amount = minor_units(currency, amount)?;
    if !open {
        return Err(ProblemKind::REFUSED
            .problem(format!("plan {} takes no orders now", plan.0))
            .hint("ask its owner, or choose another plan"));
    }
    let left = state.chain.lens().await?.remaining_orders(plan, buyer).await?;
    if left.for_holder == Some(0) || left.in_all == Some(0) {
        return Err(
            ProblemKind::LIMIT_REACHED.problem(format!("the limit of orders of plan {} is reached", plan.0))
        );
    }
    if state.signer(seller).await.is_err() {
        return Err(ProblemKind::OWN_WALLET
            .problem(format!("plan {} is owned by {seller}, for whom this server does not sign", plan.0))
            .hint("pay as its owner says, who then settles the payment"));
    }
    let id = fresh_id();
    let settle = scrip.instance().settle(plan.0, buyer, 1, id.clone()).from(seller);
    settle.call().await.map_err(scrip::Error::from)?;
    let return_url = match asked.success_url {
        Some(url) => web_url(url)?,
        None => match &processor.return_url {
            Some(url) => url.clone(),
            None => balance_url(state, headers, plan, buyer)?,
        },
    };
    let opening = Opening {
        name: state.plan_page(plan).await?.name(&terms.name),
        currency: currency.to_string().to_ascii_lowercase(),
        amount,
        destination: state.card_account(seller).await?,
        return_url,
        cancel_url: asked.cancel_url.map(web_url).transpose()?,
    };
    Ok(NewPayment { id, plan, buyer, seller, opening })
}

/// The buyer's balance.
fn balance_url(state: &State, headers: &HeaderMap, plan: PlanId, buyer: Address) -> Result<String, Problem> {
    let path = format!("/api/v1/protocol/plans/{}/balance/{buyer}", plan.0);
    web_url(format!("{}{path}", origin(state, headers)))
}

/// Where all reach this server; by which address it was asked, if nobody has said where that is.
pub(crate) fn origin(state: &State, headers: &HeaderMap) -> String {
    if let Some(place) = &state.place {
        return place.uri().to_owned();
    }
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST).unwrap_or("localhost");
    let is_near = ["localhost", "127.", "[::1]"].iter().any(|near| host.starts_with(near));
    let scheme = if is_near { "http" } else { "https" };
    format!("{scheme}://{host}")
}

/// The payments of the caller's account, as a buyer and as a seller, the newest first, a hundred at once.
#[utoipa::path(get, path = "/api/v1/fiat/payments", tag = "cards", security(("key" = [])), params(PageAsked),
    responses((status = 200, body = PaymentsView)))]
async fn list(
    state: extract::State<Arc<State>>,
    caller: Caller,
    page: Page<100>,
) -> Result<Json<PaymentsView>, Problem> {
    let (total, found) = state.list_payments(caller.may(Scope::Read)?, page).await?;
    let payments = found.iter().map(PaymentView::from).collect();
    Ok(Json(PaymentsView { total, page: page.number, offset: page.size, payments }))
}

/// A payment, for its buyer and its seller.
#[utoipa::path(get, path = "/api/v1/fiat/payments/{paymentId}", tag = "cards", security(("key" = [])),
    responses((status = 200, body = PaymentView)))]
async fn show(
    state: extract::State<Arc<State>>,
    caller: Caller,
    PathText(id): PathText,
) -> Result<Json<PaymentView>, Problem> {
    let found = state.payment(caller.may(Scope::Read)?, &id).await?;
    Ok(Json(PaymentView::from(&found)))
}

/// Signs the caller's account up with Stripe, which pays it for the plans that it sells by card. Its sales go there from now
/// on.
#[utoipa::path(post, path = "/api/v1/fiat/stripe/account", tag = "cards",
    request_body = SignUpAsked, security(("key" = [])),
    responses((status = 200, body = SignUpView)))]
async fn sign_up(
    state: extract::State<Arc<State>>,
    caller: Caller,
    Asked { body: asked, .. }: Asked<SignUpAsked>,
) -> Result<Json<SignUpView>, Problem> {
    sign_seller_up(&state, caller.may(Scope::Publish)?, asked).await.map(Json)
}

/// Signs an account up with Stripe.
pub(crate) async fn sign_seller_up(
    state: &State,
    seller: Address,
    asked: SignUpAsked,
) -> Result<SignUpView, Problem> {
    let processor = processor(state)?;
    let SignUpAsked { user_email, user_country_code, return_url } = asked.checked()?;
    let account = match state.card_account(seller).await? {
        Some(account) => account,
        None => {
            let made = processor.make_account(seller, &user_email, &user_country_code).await?;
            state.keep_card_account(seller, &made).await?
        }
    };
    let link = processor.link_account(&account, &return_url).await?;
    Ok(SignUpView {
        stripe_account_id: account,
        stripe_account_link: link.url,
        user_id: seller,
        user_country_code,
        link_created_at: link.created,
        link_expires_at: link.expires_at,
    })
}

/// Where Stripe delivers events. Each is taken down once, and what it is about is asked of Stripe.
#[utoipa::path(post, path = "/api/v1/fiat/stripe/webhook", tag = "cards",
    request_body = Object, params(("stripe-signature" = String, Header)),
    responses((status = 200, body = Object)))]
async fn webhook(
    state: extract::State<Arc<State>>,
    headers: HeaderMap,
    Signed(payload): Signed,
) -> Result<Json<Value>, Problem> {
    let processor = processor(&state)?;
    let signature = headers.get("stripe-signature").and_then(|signature| signature.to_str().ok());
    let signature = signature
        .ok_or_else(|| ProblemKind::CARD_SIGNATURE.problem("the request has no header Stripe-Signature"))?;
    let event = processor.event(&payload, signature, state.now())?;
    let is_new = state.take_down_event(&event).await?;
    tracing::info!(event = event.id, kind = event.kind, is_new, "Stripe has told something");
    state.card_news.notify_one();
    Ok(Json(json!({ "received": true, "new": is_new })))
}
