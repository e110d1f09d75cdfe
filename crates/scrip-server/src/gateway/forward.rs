//! A request on its way: let in, sent on, answered, settled.

use std::{collections::VecDeque, error::Error, sync::Arc, time::Instant};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::{Request, State as Shared},
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header, request::Parts},
    response::{IntoResponse, Response},
};
use futures_util::StreamExt;
use http_body_util::{LengthLimitError, Limited};
use scrip::{Grant, Price as PlanPrice};
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{timeout, timeout_at},
};

use super::{
    PATH,
    delivered::{Delivered, Delivery, Ticket},
    headers,
    hold::{Asking, Entrance, LetIn},
    meter::{Meter, Unit},
    price::{Price, Pricing},
    repeat::{self, Key},
    room::Read,
    service::Served,
    token,
};
use crate::{
    access_token::AccessToken,
    extract::parse_agent,
    holds::PerUse,
    listen::Peer,
    problem::{Problem, ProblemKind},
    rate::Who,
    state::State,
};

/// The most bytes of an answer that are read before any of it is delivered: to tell what it has cost, and to keep it.
pub(super) const READ_FIRST: usize = 64 << 10;

/// The most bytes of headers, asked and answered.
const HEAD: usize = 64 << 10;

/// Forwards a request to the service's upstream.
pub(super) async fn forward(Shared(state): Shared<Arc<State>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if parts.method == Method::OPTIONS && parts.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) {
        return preflight();
    }
    let uri = parts.uri.path().to_owned();
    let (service, path) = match split(&uri) {
        Ok(split) => split,
        Err(problem) => return state.refuse(problem, None, (parts.method.as_str(), &uri)).await,
    };
    // Each token is counted, and each address that asks without one, before anything is looked up for it.
    let token = token::token(&state, &parts.headers);
    let who = match &token {
        Ok(token) => Who::Key(token.authorization().hash),
        Err(_) => Who::at(parts.extensions.get::<Peer>()),
    };
    if let Err(problem) = state.rate.check(who).and_then(|()| check_method(&parts.method)) {
        return state.refuse(problem, None, (parts.method.as_str(), &uri)).await;
    }
    let served = match parse_agent(service) {
        Ok(did) => state.served(did).await,
        Err(problem) => Err(problem),
    };
    let served = match served {
        Ok(served) => served,
        Err(problem) => return state.refuse(problem, None, (parts.method.as_str(), &uri)).await,
    };
    let method = parts.method.clone();
    match state.serve(&served, token, (path, &uri), parts, body).await {
        Ok(response) => response,
        Err(problem) => state.refuse(problem, Some(&served), (method.as_str(), &uri)).await,
    }
}

/// What asks an upstream for something. `TRACE` asks for the headers that it was sent, which the builder has sealed, and `CONNECT` for a
/// way to elsewhere.
fn check_method(method: &Method) -> Result<(), Problem> {
    if [Method::TRACE, Method::CONNECT].contains(method) {
        return Err(ProblemKind::NO_METHOD
            .problem(format!("{method} is not let through"))
            .hint("see the endpoints of the agent: GET /api/v1/protocol/agents/{agentId}"));
    }
    Ok(())
}

/// The service and the path behind it, as they were sent.
fn split(uri: &str) -> Result<(&str, &str), Problem> {
    let rest = uri.strip_prefix(PATH).and_then(|rest| rest.strip_prefix('/')).unwrap_or_default();
    let end = rest.find('/').unwrap_or(rest.len());
    let (service, path) = rest.split_at(end);
    // As the reference names it, with its colons encoded or not.
    let service =
        service.strip_prefix("did:nv:").or_else(|| service.strip_prefix("did%3Anv%3A")).unwrap_or(service);
    match service {
        "" => Err(ProblemKind::NO_ROUTE.problem(format!("there is no service at {uri}"))),
        _ => Ok((service, if path.is_empty() { "/" } else { path })),
    }
}

/// What a browser asks before it sends a request of another origin's page.
fn preflight() -> Response {
    let mut headers = HeaderMap::new();
    headers::open_to_all(&mut headers);
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, HEAD, POST, PUT, PATCH, DELETE"),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            "accept, authorization, content-type, idempotency-key, payment-signature, scrip-max-credits, scrip-voucher, \
             access-control-expose-headers",
        ),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    (StatusCode::NO_CONTENT, headers).into_response()
}

impl State {
    async fn serve(
        self: &Arc<Self>,
        served: &Served,
        token: Result<Arc<AccessToken>, Problem>,
        (path, uri): (&str, &str),
        parts: Parts,
        body: Body,
    ) -> Result<Response, Problem> {
        let (came, settings) = (Instant::now(), &self.gate.settings);
        let token = token?;
        token::check(self, &token, served, (&parts.method, path, uri))?;
        let upstream = served.upstream(&parts.method, path, parts.uri.query())?;
        let (plan, holder) = (token.plan(), token.authorization().from);
        let terms = self.chain.terms(plan).await?;
        let is_time = matches!(terms.grant, Grant::Time { .. });
        let range = (u64::from(*terms.redemption.start()), u64::from(*terms.redemption.end()));
        let price = Price::new(served.pricing.of(&terms), range, most(&parts.headers)?)?;
        let at_risk = settings.at_risk;
        if !is_time && price.most > at_risk {
            return Err(ProblemKind::NOT_SET_UP
                .problem(format!(
                    "a request may take {} credits, and no more than {at_risk} of a holder's are to be at risk here",
                    price.most
                ))
                .hint("bound it with scrip-max-credits, or tell who runs the server"));
        }
        self.check_redeems(served, &terms, (plan, holder), price.most).await?;
        if parts.headers.contains_key(header::TRANSFER_ENCODING)
            && parts.headers.contains_key(header::CONTENT_LENGTH)
        {
            return Err(ProblemKind::INVALID_REQUEST
                .problem("the request says in two ways how long it is")
                .hint("send Content-Length or Transfer-Encoding"));
        }
        if headers::size(&parts.headers) > HEAD {
            return Err(
                ProblemKind::TOO_LARGE.problem(format!("the request's headers have more than {HEAD} bytes"))
            );
        }
        let (body, key, _room) = self.read(&parts, body, (served, &token)).await?;
        let per_use = match terms.price {
            PlanPrice::PerUse { token, amount } => Some(PerUse { token, price: amount }),
            _ => None,
        };
        let mut asking = Asking {
            redeemer: served.owner,
            plan,
            holder,
            token: token.authorization().hash.to_string(),
            is_single_use: token.is_single_use(),
            delegation: token.authorization().delegation_id.clone(),
            amount: price.most,
            is_time,
            per_use,
            vouched: None,
            key: key.as_ref().map(Key::binds),
            came,
        };
        let entrance = async {
            // Of access nothing is redeemed.
            if terms.voucher_required && !is_time {
                asking.vouched = Some(Box::pin(self.vouched(&asking.to_redeem(), &parts.headers)).await?);
            }
            self.let_in(&asking).await
        };
        let (entered, ticket) = match entrance.await {
            Ok(Entrance::In(entered)) => *entered,
            Ok(Entrance::Repeated) => return Box::pin(self.answer_again(key.as_ref())).await,
            // What was let in before is answered, whatever has become of its voucher.
            Err(problem) if problem.is_of_voucher() && Box::pin(self.is_repeated(key.as_ref())).await? => {
                Box::pin(self.check_token(&token)).await?;
                return Box::pin(self.answer_again(key.as_ref())).await;
            }
            Err(problem) => return Err(problem),
        };

        let mut headers = headers::for_upstream(parts.headers, &served.secret);
        if matches!(price.pricing, Pricing::Rated { .. }) {
            // What is counted is to be read.
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        if matches!(price.pricing, Pricing::Rated { unit: Unit::Tokens, .. }) {
            // What was used stands in the whole of it.
            headers.remove(header::RANGE);
        }
        for (name, text) in [
            ("scrip-holder", holder.to_string()),
            ("scrip-plan", plan.0.to_string()),
            ("scrip-request", entered.id.clone()),
            ("scrip-max-credits", price.most.to_string()),
        ] {
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(name, value);
            }
        }
        let mut request = Request::new(body);
        *request.method_mut() = parts.method;
        *request.uri_mut() = upstream.clone();
        *request.headers_mut() = headers;
        let asked = Instant::now();
        let answer = timeout(settings.patience, self.gate.upstreams.request(request)).await;
        let answer = match answer {
            Err(_) => return Err(slow(settings.patience.as_secs())),
            Ok(Err(error)) => return Err(unreachable_upstream(&upstream, &error)),
            Ok(Ok(answer)) => answer,
        };
        let answer = answer.map(Body::new);
        let passage = Passage { price, entered, ticket, asked, key, came };
        self.answer(passage, answer).await
    }

    /// The body that goes on, and what the request is called if the caller has a name for it: then all of it is read first.
    async fn read(
        &self,
        parts: &Parts,
        body: Body,
        (served, token): (&Served, &AccessToken),
    ) -> Result<(Body, Option<Key>, Option<OwnedSemaphorePermit>), Problem> {
        let most = self.gate.settings.body;
        let too_large = || {
            ProblemKind::TOO_LARGE
                .problem(format!("a request has {most} bytes at most"))
                .hint("send less at once")
        };
        if body.size_hint().lower() > most {
            return Err(too_large());
        }
        let limit = usize::try_from(most).unwrap_or(usize::MAX);
        let Some(key) = repeat::key(&parts.headers)? else {
            return Ok((Body::new(Limited::new(body, limit)), None, None));
        };
        let patience = self.gate.settings.patience;
        let read = timeout(patience, self.gate.room.read(body, most)).await.map_err(|_| {
            ProblemKind::INVALID_REQUEST
                .problem(format!("the request's body has not come within {} seconds", patience.as_secs()))
                .hint("send it faster, or without an Idempotency-Key")
        })?;
        let Read { body, room } = read?.ok_or_else(too_large)?;
        let holder = token.authorization().from;
        let key = Key::new(self, (served.did, holder, &key), (&parts.method, &parts.uri, &body));
        Ok((Body::from(body), Some(key), room))
    }

    /// What the upstream has answered goes on to the caller.
    async fn answer(
        &self,
        passage: Passage,
        answer: axum::http::Response<Body>,
    ) -> Result<Response, Problem> {
        let Passage { price, entered, ticket, asked, key, came } = passage;
        let settings = &self.gate.settings;
        let (parts, body) = answer.into_parts();
        if parts.status.is_informational() {
            return Err(
                ProblemKind::UPSTREAM.problem(format!("the service's upstream answers {}", parts.status))
            );
        }
        if headers::size(&parts.headers) > HEAD {
            return Err(ProblemKind::UPSTREAM.problem(format!(
                "the headers that the service's upstream answers with have more than {HEAD} bytes"
            )));
        }
        let claim = headers::SAYS_USED.iter().find_map(|name| parts.headers.get(*name)).cloned();
        let expected = body.size_hint().exact();
        let is_events = is_kind(&parts.headers, "text/event-stream");
        let is_json = is_kind(&parts.headers, "application/json");
        let mut headers = headers::for_caller(parts.headers);
        if let Ok(id) = HeaderValue::try_from(&entered.id) {
            headers.insert(headers::REQUEST, id);
        }
        let until = came + settings.longest;
        let mut delivery = Delivery {
            head: VecDeque::new(),
            rest: Some(body),
            meter: Meter::new(price, Some(0), asked, false),
            ticket: None,
            is_all_or_nothing: true,
            is_events,
            expected,
            patience: settings.patience,
            until: until.into(),
        };
        // What is not served costs nothing: the ticket is let go of.
        if !parts.status.is_success() {
            match key {
                // Who asks again under the key is to find it free.
                Some(_) => drop(timeout(settings.patience, ticket.release_first()).await),
                None => drop(ticket),
            }
            headers.insert(headers::USED, headers::number(0));
            headers.insert(headers::LEFT, headers::number(entered.left + entered.held));
            return Ok((parts.status, headers, Body::new(Delivered::from(delivery))).into_response());
        }
        let mut known = match price.pricing {
            Pricing::Header => {
                let cost = price.of_claim(claim.as_ref().and_then(|claim| claim.to_str().ok()));
                price.check(cost)?;
                Some(cost)
            }
            _ => price.known(),
        };
        delivery.is_all_or_nothing = known.is_some();
        delivery.meter = Meter::new(price, known, asked, is_events);
        let mut announced = known;
        let is_short = |length: u64| length <= READ_FIRST as u64;
        let may_read = !is_events
            && match price.pricing {
                // What is not JSON is not held back, unless it must be known.
                Pricing::Rated { unit: Unit::Tokens, .. } if known.is_none() => {
                    key.is_some() || price.is_bounded() || is_json || expected.is_some_and(is_short)
                }
                Pricing::Rated { unit: Unit::Bytes, .. } if known.is_none() => {
                    announced =
                        expected.map(|length| price.of_units(length)).filter(|cost| *cost <= price.most);
                    key.is_some() && announced.is_some()
                }
                _ => key.is_some() && known.is_some(),
            };
        if may_read {
            let read = read_first(&mut delivery).await?;
            if let Some(body) = read {
                // All of it is there: what it costs is known before any of it is delivered.
                for part in &body {
                    let _ = delivery.meter.take(part);
                }
                let cost = *known.get_or_insert_with(|| delivery.meter.credits(true));
                price.check(cost)?;
                delivery.is_all_or_nothing = true;
                delivery.meter = Meter::new(price, Some(cost), asked, false);
                let body: Bytes = body.concat().into();
                delivery.expected = Some(body.len() as u64);
                told(&mut headers, &entered, Some(cost));
                if key.is_some() {
                    let kept = repeat::answer(parts.status, &headers, &body);
                    let written = timeout(settings.patience, ticket.settle_first(cost, kept)).await;
                    let stands = written.map_err(|_| {
                        ProblemKind::PENDING.problem("it is not known yet that this request is settled")
                    })?;
                    if !stands {
                        return Err(ProblemKind::BUSY
                            .problem(
                                "this process was taken for gone, and another has let go of this request",
                            )
                            .hint("send it again under the same Idempotency-Key"));
                    }
                    return Ok((parts.status, headers, Body::from(body)).into_response());
                }
                delivery.head = VecDeque::from([body]);
                delivery.ticket = Some(ticket);
                return Ok((parts.status, headers, Body::new(Delivered::from(delivery))).into_response());
            }
            if price.is_bounded() && delivery.meter.is_told_at_the_end() {
                return Err(ProblemKind::BEYOND_MOST
                    .problem(format!(
                        "the answer has more than {READ_FIRST} bytes, and whether it costs no more than scrip-max-credits is only known at \
                         its end: it is not delivered"
                    ))
                    .hint("leave scrip-max-credits out, or ask for less; nothing was taken for this request"));
            }
        }
        told(&mut headers, &entered, announced);
        delivery.ticket = Some(ticket);
        Ok((parts.status, headers, Body::new(Delivered::from(delivery))).into_response())
    }
}

/// A request that was let in and sent on.
struct Passage {
    price: Price,
    entered: LetIn,
    ticket: Ticket,
    asked: Instant,
    key: Option<Key>,
    came: Instant,
}

/// Tells what is used and left, as far as it is known.
fn told(headers: &mut HeaderMap, entered: &LetIn, used: Option<u64>) {
    match used {
        Some(used) => {
            // Of access nothing is used.
            let used = used.min(entered.held);
            headers.insert(headers::USED, headers::number(used));
            headers.insert(headers::CONSUMED, headers::number(used));
            headers.insert(headers::LEFT, headers::number(entered.left + entered.held - used));
        }
        None => {
            headers.insert(headers::HELD, headers::number(entered.held));
            headers.insert(headers::LEFT, headers::number(entered.left));
        }
    }
}

/// Reads an answer until its end, or until it is too long for that.
async fn read_first(delivery: &mut Delivery) -> Result<Option<Vec<Bytes>>, Problem> {
    let broken =
        || ProblemKind::UPSTREAM.problem("the service's upstream broke off in the middle of its answer");
    let Some(rest) = delivery.rest.take() else { return Ok(Some(Vec::new())) };
    let mut stream = rest.into_data_stream();
    let (mut parts, mut length) = (Vec::new(), 0);
    loop {
        let silent = tokio::time::Instant::now() + delivery.patience;
        let next = timeout_at(silent.min(delivery.until), stream.next()).await;
        let next = next.map_err(|_| slow(delivery.patience.as_secs()))?;
        let Some(part) = next else { return Ok(Some(parts)) };
        let part: Bytes = part.map_err(|_| broken())?;
        length += part.len();
        parts.push(part);
        if length > READ_FIRST {
            delivery.head = parts.into();
            delivery.rest = Some(Body::from_stream(stream));
            return Ok(None);
        }
    }
}

/// The most credits that the caller lets it take.
fn most(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(most) = headers.get(headers::MOST) else { return Ok(None) };
    let read = most.to_str().ok().and_then(|most| most.parse().ok());
    read.map(Some).ok_or_else(|| {
        ProblemKind::INVALID_NUMBER
            .problem("the header scrip-max-credits is no number")
            .hint("write it in decimal digits")
    })
}

fn is_kind(headers: &HeaderMap, kind: &str) -> bool {
    let said = headers.get(header::CONTENT_TYPE).and_then(|said| said.to_str().ok()).unwrap_or_default();
    said.trim_start().to_ascii_lowercase().starts_with(kind)
}

fn slow(seconds: u64) -> Problem {
    ProblemKind::UPSTREAM_SLOW
        .problem(format!(
            "the service's upstream says nothing for {seconds} seconds, or takes too long in all"
        ))
        .hint("try again; nothing was taken for this request")
}

/// Why an upstream could not be asked. What its address is, and what it says of itself, is for the log.
fn unreachable_upstream(upstream: &Uri, error: &(dyn Error + 'static)) -> Problem {
    if is_too_long(error) {
        return ProblemKind::TOO_LARGE.problem("the request has more bytes than are let through");
    }
    tracing::info!(
        upstream = upstream.authority().map(|place| place.as_str()),
        error,
        "an upstream cannot be asked"
    );
    ProblemKind::UPSTREAM
        .problem("the service's upstream cannot be reached, or does not answer in HTTP")
        .hint("try again; nothing was taken for this request")
}

fn is_too_long(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return true;
        }
        cause = error.source();
    }
    false
}
