//! Verifying and settling what access tokens pay for.

use std::sync::Arc;

use alloy::primitives::{Address, TxHash, keccak256};
use axum::{Json, extract};
use scrip::{Balance, Grant, PlanId};
use serde_json::{Value, json};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    access_token::AccessToken,
    auth::Caller,
    database::fresh_id,
    endpoints::{Endpoint, Matching, matching},
    extract::{Asked, agent_number, parse_agent},
    holds::{Ask, Capture, Hold, Settled, request_name},
    problem::{Problem, ProblemKind},
    scope::Scope,
    state::State,
    wire::{
        plan::BalanceView,
        x402::{Offered, PaymentAsked, SettledView, Verified},
    },
};

pub(super) fn routes() -> OpenApiRouter<Arc<State>> {
    OpenApiRouter::new().routes(routes!(verify)).routes(routes!(settle))
}

/// The longest name of a request, in bytes.
const LONGEST: usize = 255;

/// What is to be paid, and by whom, once it is known that it may be.
struct Payment {
    token: AccessToken,
    /// The seller's entry that the token pays.
    accepted: Offered,
    url: String,
    plan: PlanId,
    holder: Address,
    /// Who redeems: the caller.
    redeemer: Address,
    amount: Option<u64>,
    request: Option<String>,
}

impl Payment {
    async fn read(state: &State, caller: &Caller, asked: PaymentAsked) -> Result<Self, Problem> {
        let redeemer = caller.may(Scope::Redeem)?;
        let missing = |what: &str| {
            ProblemKind::MISSING_INPUT.problem(format!("there is no {what}")).hint("see /openapi.json")
        };
        let text = asked.x402_access_token.ok_or_else(|| missing("x402AccessToken"))?;
        let token = state.read_token(&text)?;
        let required = asked.payment_required.ok_or_else(|| missing("paymentRequired"))?;
        let (plan, holder) = (token.plan(), token.authorization().from);
        let invalid = |detail: String| {
            ProblemKind::INVALID_TOKEN.problem(detail).hint("ask the subscriber for a token for what is sold")
        };
        let accepted =
            required.accepts.into_iter().find(|accepted| accepted.plan_id.is_some_and(|id| id.0 == plan.0));
        let accepted = accepted.ok_or_else(|| {
            invalid(format!("the access token is for plan {}, which the seller does not accept", plan.0))
        })?;
        let extra = accepted.extra.as_ref();
        let bound = &token.accepted.extra;
        if let (Some(sold), Some(paid)) = (extra.and_then(|extra| extra.agent_id.as_deref()), &bound.agent_id)
            && parse_agent(sold)? != parse_agent(paid)?
        {
            return Err(invalid(format!("the access token is for agent {paid}, not for {sold}")));
        }
        let url = required.resource.and_then(|resource| resource.url).unwrap_or_default();
        if let Some(resource) = token.resource.as_ref().filter(|resource| resource.url != url) {
            return Err(invalid(format!("the access token is for {}, not for {url}", resource.url)));
        }
        let verb = extra.and_then(|extra| extra.http_verb.as_deref()).unwrap_or_default();
        if let Some(paid) = bound.http_verb.as_deref().filter(|paid| !paid.eq_ignore_ascii_case(verb)) {
            return Err(invalid(format!("the access token is for {paid}, not for `{verb}`")));
        }
        let amount = asked.max_amount.map(|amount| amount.to_u64("an amount")).transpose()?;
        let request = asked.agent_request_id.filter(|request| !request.is_empty());
        if let Some(length) = request.as_ref().map(String::len).filter(|length| *length > LONGEST) {
            return Err(ProblemKind::INVALID_REQUEST
                .problem(format!("an agentRequestId of {length} bytes, and {LONGEST} are the most"))
                .hint("settle with the id that was given when it was verified"));
        }
        let request = request.map(|request| request_name(redeemer, holder, &request)).transpose()?;
        Ok(Self { token, accepted, url, plan, holder, redeemer, amount, request })
    }

    /// Which endpoint of the agent it is, if the agent names any.
    async fn endpoint(&self, state: &State) -> Result<(Option<Endpoint>, Value), Problem> {
        let extra = self.accepted.extra.as_ref();
        let agent =
            extra.and_then(|extra| extra.agent_id.as_ref()).or(self.token.accepted.extra.agent_id.as_ref());
        let Some(agent) = agent else { return Ok((None, Value::Null)) };
        let agent = parse_agent(agent)?;
        let page = state.agent_page(agent).await?;
        let verb = extra.and_then(|extra| extra.http_verb.as_deref());
        let shown = json!({
            "agentId": agent_number(agent).to_string(),
            "agentName": page.metadata.get("name"),
        });
        // What is sold without a URL is not an endpoint.
        let found = if self.url.is_empty() {
            Matching::All
        } else {
            matching(page.api.get("endpoints"), &self.url, verb)
        };
        match found {
            Matching::All => Ok((None, shown)),
            Matching::One(endpoint) => Ok((Some(endpoint), shown)),
            Matching::None => Err(ProblemKind::ENDPOINT_REFUSED
                .problem(format!(
                    "{} {} is none of the endpoints of agent {}",
                    verb.unwrap_or("any method of"),
                    self.url,
                    agent_number(agent)
                ))
                .hint("register it: PUT /api/v1/protocol/agents/{agentId}, agentApiAttributes.endpoints")),
        }
    }

    /// What is to be reserved for it, if the plan lets the caller redeem it at all.
    async fn ask(&self, state: &State, request: Option<String>) -> Result<Ask, Problem> {
        let Self { plan, holder, redeemer, .. } = *self;
        let terms = state.chain.terms(plan).await?;
        let is_time = matches!(terms.grant, Grant::Time { .. });
        let amount = self.amount.unwrap_or(u64::from(*terms.redemption.start()));
        // What takes nothing is checked as the least that may be taken, for the sake of who asks.
        let checked = if amount == 0 { u64::from(*terms.redemption.start()) } else { amount };
        state.check_redeemer(redeemer, (plan, holder), checked).await?;
        Ok(Ask {
            plan,
            holder,
            reserver: redeemer,
            is_new: request.is_none(),
            request: request.map_or_else(|| request_name(redeemer, holder, &fresh_id()), Ok)?,
            amount,
            is_time,
            lasts: state.reservation_lasts(plan).await?,
            token: Some(self.token.authorization().hash.to_string()),
            is_single_use: self.token.is_single_use(),
        })
    }

    fn delegation(&self) -> Option<&str> {
        self.token.authorization().delegation_id.as_deref()
    }
}

/// Whether an access token pays for something. If it does, the credits are reserved until they are settled, or for ten
/// minutes; if there are too few, and the token is under a delegation, more are bought first. The key is that of an account
/// which may redeem the plan: what is reserved is not for strangers to reserve.
#[utoipa::path(post, path = "/api/v1/x402/verify", tag = "x402", request_body = PaymentAsked, security(("key" = [])),
    responses((status = 200, body = Verified)))]
async fn verify(
    state: extract::State<Arc<State>>,
    caller: Caller,
    Asked { body: asked, .. }: Asked<PaymentAsked>,
) -> Result<Json<Verified>, Problem> {
    let payment = Payment::read(&state, &caller, asked).await?;
    state.check_token(&payment.token).await?;
    // It is to be settled by the same account, which must sign here.
    state.signer(payment.redeemer).await?;
    let (endpoint, agent) = payment.endpoint(&state).await?;
    let ask = payment.ask(&state, None).await?;
    let (hold, _) = state.reserve_or_buy(&ask, payment.delegation()).await?;
    let url_matching = endpoint.as_ref().map(|endpoint| endpoint.url.clone()).unwrap_or_default();
    let mut agent_request = json!({
        "agentRequestId": hold.request,
        "agentId": agent["agentId"].as_str().unwrap_or_default(),
        "agentName": agent["agentName"].as_str().unwrap_or_default(),
        "urlMatching": url_matching,
        "verbMatching": endpoint.map(|endpoint| endpoint.verb).unwrap_or_default(),
        "batch": false,
    });
    agent_request["balance"] = balance(&state, payment.plan, payment.holder).await?;
    Ok(Json(Verified {
        is_valid: true,
        payer: payment.holder,
        network: payment.token.accepted.network.clone(),
        agent_request_id: hold.request,
        url_matching,
        agent_request,
    }))
}

async fn balance(state: &State, plan: PlanId, holder: Address) -> Result<Value, Problem> {
    let scrip = state.chain.scrip();
    let balance: Balance = scrip.balance(plan, holder).await?;
    let page = state.plan_page(plan).await?;
    // Who owns the plan is of no interest to who is asked to serve the holder.
    let view = BalanceView::new(balance, Address::ZERO, scrip.address(), &page);
    serde_json::to_value(view).map_err(|error| Problem::internal(&error))
}

/// Takes what an access token pays, on the chain, once for each request. Without an id the token's oldest reservation is
/// settled, and with an `Idempotency-Key` the same one when it is repeated; what is not reserved, or no more, is reserved anew if there are credits, or can be bought. What was reserved and is
/// not taken is let go of. Settled again it gives the same answer.
#[utoipa::path(post, path = "/api/v1/x402/settle", tag = "x402", request_body = PaymentAsked, security(("key" = [])),
    responses((status = 200, body = SettledView)))]
async fn settle(
    state: extract::State<Arc<State>>,
    caller: Caller,
    Asked { body: asked, repeat }: Asked<PaymentAsked>,
) -> Result<Json<SettledView>, Problem> {
    let payment = Payment::read(&state, &caller, asked).await?;
    if let Some(request) = payment.request.clone() {
        return settle_request(&state, &payment, request).await;
    }
    let hash = payment.token.authorization().hash.to_string();
    // What is repeated under a key takes what it took.
    let claim = match &repeat.key {
        Some(key) => keccak256(format!("{} {key}", payment.redeemer)).to_string(),
        None => fresh_id(),
    };
    let claim = request_name(payment.redeemer, payment.holder, &claim)?;
    let request = match state.claimed(&hash, &claim).await? {
        Some(request) => request,
        None => {
            // Who may not redeem the plan takes nothing from who may.
            payment.ask(&state, None).await?;
            let holding = (payment.plan, payment.holder);
            let oldest = state.claim_oldest(holding, payment.redeemer, &hash, &claim).await?;
            oldest.unwrap_or_else(|| claim.clone())
        }
    };
    let settled = settle_request(&state, &payment, request).await;
    if settled.is_err() && repeat.key.is_none() {
        // It may be tried again, and nobody can say that it is the same.
        state.let_go_of_claim(&hash, &claim).await?;
    }
    settled
}

async fn settle_request(
    state: &Arc<State>,
    payment: &Payment,
    request: String,
) -> Result<Json<SettledView>, Problem> {
    let (plan, holder) = (payment.plan, payment.holder);
    let hash = payment.token.authorization().hash.to_string();
    let hold = state.hold(plan, holder, &request).await?;
    if hold.as_ref().is_some_and(|hold| hold.token.as_ref() != Some(&hash)) {
        return Err(ProblemKind::INVALID_TOKEN
            .problem(format!("request `{request}` was verified with another access token"))
            .hint("settle it with the token that it was verified with"));
    }
    // What the caller has settled stays so, whatever has become of the plan.
    if let Some(settled) = hold.as_ref().map(|hold| hold.settled_by(payment.redeemer)).transpose()?.flatten()
    {
        return Ok(Json(answer(payment, settled, None)));
    }
    // Who may redeem the plan at all is asked first.
    let ask = payment.ask(state, Some(request.clone())).await?;
    if let Some(settled) = hold.as_ref().map(Hold::settled).transpose()?.flatten() {
        return Ok(Json(answer(payment, settled, None)));
    }
    let amount = match (payment.amount, &hold) {
        (None, Some(hold)) if !ask.is_time => hold.amount,
        _ => ask.amount,
    };
    let ask = Ask { amount, ..ask };
    let reserves = if ask.is_time { 0 } else { amount };
    let mut order = None;
    if hold.is_none() || !state.prolong(plan, holder, &request, reserves).await? {
        // Reserved anew: that takes a token that is live, which one that was verified need not be any more.
        state.check_token(&payment.token).await?;
        order = state.reserve_or_buy(&ask, payment.delegation()).await?.1;
    }
    let capture = Capture { plan, holder, request, amount, is_time: ask.is_time };
    let settled = state.settle(payment.redeemer, capture).await?;
    Ok(Json(answer(payment, settled, order)))
}

fn answer(payment: &Payment, settled: Settled, order_tx: Option<TxHash>) -> SettledView {
    SettledView {
        success: true,
        payer: payment.holder,
        transaction: settled.transaction.map(|hash| hash.to_string()).unwrap_or_default(),
        network: payment.token.accepted.network.clone(),
        credits_redeemed: settled.credits.to_string(),
        remaining_balance: settled.remaining.map(|balance| balance.to_string()),
        order_tx,
    }
}
