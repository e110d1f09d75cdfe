//! What is answered when something is wrong.

use std::{borrow::Cow, ops::Deref};

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use scrip::{
    Error, Refusal, SessionVoucher, WalletCalls,
    abi::{IScrip::IScripErrors as Refused, IServices::IServicesErrors as OfServices},
};
use serde::{Deserialize, Serialize};
use sqlx::error::DatabaseError;
use utoipa::ToSchema;

/// A problem, as it is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Problem(Box<ProblemDetails>);

/// A problem as RFC 9457 writes it, with the members by which the published SDKs know one: `code` and `message`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemDetails {
    /// The status of the answer.
    pub status: u16,
    /// What kind of problem it is, in words that do not change.
    pub title: Cow<'static, str>,
    /// What was wrong, with the values.
    pub detail: String,
    /// The same, for the SDKs.
    pub message: String,
    /// The kind, for programs.
    pub code: Cow<'static, str>,
    /// What to do about it.
    pub hint: Cow<'static, str>,
    /// Whether the same request may pass later.
    pub retryable: bool,
    /// What the account's own wallet is to send, if that is all that is missing: the parameter of `wallet_sendCalls` (EIP-5792).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub calls: Option<WalletCalls>,
    /// What voucher the holder is to sign, if that is all that is missing: its maximum and its deadline are the least that do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub voucher: Option<SessionVoucher>,
}

/// A kind of problem: its status, code and title, and what to do about it where nothing better is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ProblemKind(StatusCode, &'static str, &'static str, &'static str);

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $status:ident, $code:literal, $title:literal, $hint:literal;)*) => {
        $($(#[$doc])* pub(crate) const $name: ProblemKind = ProblemKind(StatusCode::$status, $code, $title, $hint);)*
    };
}

impl ProblemKind {
    // The codes of the reference's catalogue where it has one for the case; ours begin with SCRIP.
    kinds! {
        NO_KEY = UNAUTHORIZED, "BCK.AUTH.0012", "no API key",
            "send an API key as `Authorization: Bearer KEY`";
        INVALID_KEY = UNAUTHORIZED, "BCK.APIKEY.0004", "an API key that is not valid",
            "ask for a new key";
        OUT_OF_SCOPE = FORBIDDEN, "SCRIP.KEY.SCOPE", "an API key that may not do this",
            "use a key with that scope";
        INVALID_REQUEST = BAD_REQUEST, "BCK.HTTP.400", "a request that cannot be read",
            "see /openapi.json for what it takes";
        INVALID_NUMBER = BAD_REQUEST, "BCK.COMMON.0026", "not a number that fits",
            "write it in decimal digits, as a string or a JSON integer";
        INVALID_AMOUNT = BAD_REQUEST, "BCK.CREDITS.0001", "an amount that is none",
            "ask for 1 at least";
        INVALID_TERMS = BAD_REQUEST, "SCRIP.PLAN.TERMS", "terms that no plan can have",
            "change the terms: nothing was created";
        NO_ROUTE = NOT_FOUND, "BCK.HTTP.404", "no such resource",
            "see /openapi.json";
        NO_METHOD = METHOD_NOT_ALLOWED, "BCK.HTTP.405", "no such method",
            "see /openapi.json";
        TOO_LARGE = PAYLOAD_TOO_LARGE, "BCK.HTTP.413", "a request that is too large",
            "send less";
        PLAN_NOT_FOUND = NOT_FOUND, "BCK.PROTOCOL.0003", "no such plan",
            "check the plan's id, and that this server is on its chain";
        AGENT_NOT_FOUND = NOT_FOUND, "BCK.PROTOCOL.0004", "no such agent",
            "check the agent's id, and that this server is on its chain";
        NOT_AGENT_OWNER = FORBIDDEN, "BCK.PROTOCOL.0016", "not the agent's owner",
            "use a key of the agent's owner";
        PLAN_NOT_OF_AGENT = FORBIDDEN, "BCK.PROTOCOL.0026", "a plan that does not open the agent",
            "choose a plan of the agent: GET /api/v1/protocol/agents/{agentId}";
        ENDPOINT_REFUSED = FORBIDDEN, "BCK.PROTOCOL.0031", "not an endpoint of the agent",
            "see the endpoints of the agent: GET /api/v1/protocol/agents/{agentId}";
        INVALID_TOKEN = PAYMENT_REQUIRED, "BCK.X402.0005", "an access token that is not valid",
            "ask for a new access token";
        DELEGATION_ENDED = PAYMENT_REQUIRED, "BCK.X402.0019", "a delegation that has ended",
            "make a new delegation";
        DELEGATION_SPENT = PAYMENT_REQUIRED, "BCK.X402.0020", "a delegation whose limit is reached",
            "make a new delegation";
        DELEGATION_OTHER = PAYMENT_REQUIRED, "BCK.X402.0021", "a delegation that cannot buy this",
            "make a delegation for this plan";
        TOKEN_REVOKED = PAYMENT_REQUIRED, "BCK.X402.0022", "an access token that was revoked",
            "ask for a new access token";
        TOKEN_ENDED = PAYMENT_REQUIRED, "BCK.X402.0023", "an access token that has ended",
            "ask for a new access token";
        MISSING_INPUT = PAYMENT_REQUIRED, "BCK.X402.0030", "something is missing",
            "see /openapi.json for what it takes";
        TOKEN_SPENT = PAYMENT_REQUIRED, "BCK.X402.0059", "an access token that was used",
            "ask for a new access token";
        PERMISSION_NOT_FOUND = NOT_FOUND, "SCRIP.X402.PERMISSION", "no such access token",
            "list your access tokens";
        DELEGATION_NOT_FOUND = NOT_FOUND, "BCK.DELEGATION.0002", "no such delegation",
            "list your delegations";
        POOR = PAYMENT_REQUIRED, "BCK.PROTOCOL.0011", "too little money",
            "send the account as much as it lacks";
        INSUFFICIENT_CREDITS = PAYMENT_REQUIRED, "BCK.CREDITS.0003", "too few credits",
            "order the plan";
        NOT_PLAN_OWNER = FORBIDDEN, "BCK.PROTOCOL.0017", "not allowed",
            "use a key of the plan's owner";
        FIAT_PLAN = BAD_REQUEST, "BCK.PROTOCOL.0050", "a plan that is paid otherwise",
            "pay for it by card";
        PRICE_TOO_HIGH = BAD_REQUEST, "BCK.PROTOCOL.0046", "a price that is too high",
            "give a price of at most 999,999.99: 999999990000 millionths";
        PRICE_TOO_LOW = BAD_REQUEST, "BCK.PROTOCOL.0047", "a price that is too low",
            "give a price of at least 1.00: 1000000 millionths";
        NOT_FIAT_PLAN = BAD_REQUEST, "SCRIP.CARD.NOT_FIAT", "a plan that is not paid by card",
            "order it: POST /api/v1/protocol/plans/{planId}/order";
        NO_CARDS = CONFLICT, "SCRIP.CARD.NONE", "no card processor is set up",
            "who runs the server sets STRIPE_SECRET_KEY and STRIPE_WEBHOOK_SECRET";
        CARD_REFUSED = CONFLICT, "SCRIP.CARD.REFUSED", "refused by the card processor",
            "see what it says";
        CARD_SIGNATURE = BAD_REQUEST, "SCRIP.CARD.SIGNATURE", "an event that Stripe has not signed",
            "set STRIPE_WEBHOOK_SECRET to the signing secret of this webhook";
        PAYMENT_NOT_FOUND = NOT_FOUND, "SCRIP.CARD.PAYMENT", "no such payment",
            "list your payments: GET /api/v1/fiat/payments";
        CARD_UNREACHABLE = SERVICE_UNAVAILABLE, "SCRIP.CARD.UNREACHABLE", "the card processor cannot be asked",
            "try again";
        BEYOND_LIMIT = FORBIDDEN, "SCRIP.ACCOUNT.LIMIT", "beyond a limit",
            "order less, or later, or have the limit raised";
        LIMIT_REACHED = CONFLICT, "BCK.PROTOCOL.0056", "no more orders",
            "choose another plan";
        REFUSED = CONFLICT, "SCRIP.CHAIN.REFUSED", "refused by the contract",
            "see what the plan allows: GET /api/v1/protocol/plans/{planId}";
        NOT_SIGNED_IN = BAD_REQUEST, "SCRIP.AUTH.SIWE", "nobody has signed in",
            "sign what POST /api/v1/auth/siwe/nonce says";
        WRONG_CODE = BAD_REQUEST, "SCRIP.AUTH.CODE", "not the code that was sent",
            "ask for a new code";
        FOREIGN_ORIGIN = FORBIDDEN, "SCRIP.PAGES.ORIGIN", "not sent from a page of this server",
            "open the page here, and send it from there";
        NO_DRAFT = NOT_FOUND, "SCRIP.PAGES.DRAFT", "a form that is gone",
            "begin anew: what is not finished within a day is forgotten";
        NOT_SET_UP = NOT_IMPLEMENTED, "SCRIP.SERVER.NOT_SET_UP", "not set up on this server",
            "ask who runs it";
        KEY_REUSED = CONFLICT, "SCRIP.REQUEST.REUSED", "an idempotency key that stands for another request",
            "use a new key for a new request";
        NO_ACCOUNT = NOT_FOUND, "SCRIP.ACCOUNT.UNKNOWN", "no such account",
            "make it: POST /api/v1/accounts";
        NO_GAS = CONFLICT, "SCRIP.ACCOUNT.GAS", "nothing to pay for gas with",
            "send the account some of the chain's coin";
        OWN_WALLET = CONFLICT, "SCRIP.ACCOUNT.OWN_WALLET", "an account that signs for itself",
            "sign and send it with that wallet";
        NO_VOUCHER = PAYMENT_REQUIRED, "SCRIP.GATEWAY.VOUCHER", "a voucher that is missing, or is too little",
            "sign what `voucher` says, and send it in base64 as scrip-voucher";
        INVALID_VOUCHER = PAYMENT_REQUIRED, "SCRIP.GATEWAY.VOUCHER_REFUSED", "a voucher that is not valid",
            "send a session voucher of the access token's plan and holder, for the service's owner";
        UPSTREAM = BAD_GATEWAY, "SCRIP.GATEWAY.UPSTREAM", "an upstream that does not answer",
            "try again; nothing was taken for this request";
        UPSTREAM_SLOW = GATEWAY_TIMEOUT, "SCRIP.GATEWAY.TIMEOUT", "an upstream that is too slow",
            "try again; nothing was taken for this request";
        BEYOND_MOST = CONFLICT, "SCRIP.GATEWAY.MOST", "an answer that costs more than it may",
            "raise scrip-max-credits, or ask for less";
        UNDER_WAY = CONFLICT, "SCRIP.GATEWAY.UNDER_WAY", "a request that is under way",
            "send it again in a moment";
        NOT_KEPT = CONFLICT, "SCRIP.GATEWAY.ANSWERED", "a request that was answered",
            "use a new key to ask anew";
        PENDING = SERVICE_UNAVAILABLE, "SCRIP.CHAIN.PENDING", "not known yet",
            "send the same request again: it is not done twice";
        NODE = SERVICE_UNAVAILABLE, "SCRIP.CHAIN.UNREACHABLE", "the chain cannot be asked",
            "try again";
        TOO_OFTEN = TOO_MANY_REQUESTS, "BCK.HTTP.429", "too many requests",
            "ask less often";
        BUSY = SERVICE_UNAVAILABLE, "BCK.HTTP.503", "no time for this request",
            "try again";
        INTERNAL = INTERNAL_SERVER_ERROR, "BCK.HTTP.500", "a fault of this server",
            "tell who runs it";
    }

    /// Its code.
    pub(crate) const fn code(self) -> &'static str {
        self.1
    }

    /// A problem of this kind.
    pub(crate) fn problem(self, detail: impl Into<String>) -> Problem {
        let Self(status, code, title, hint) = self;
        let detail = detail.into();
        Problem(Box::new(ProblemDetails {
            status: status.as_u16(),
            title: title.into(),
            message: detail.clone(),
            detail,
            code: code.into(),
            hint: hint.into(),
            retryable: matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS),
            calls: None,
            voucher: None,
        }))
    }
}

impl Problem {
    /// Says better what to do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = hint.into().into();
        self
    }

    /// Says what is to be sent.
    pub(crate) fn with_calls(mut self, calls: WalletCalls) -> Self {
        self.0.calls = Some(calls);
        self
    }

    /// Whether it is of a voucher, and not of what pays for a request otherwise.
    pub(crate) fn is_of_voucher(&self) -> bool {
        [ProblemKind::NO_VOUCHER, ProblemKind::INVALID_VOUCHER].iter().any(|kind| kind.code() == self.code)
    }

    /// Says what voucher is to be signed.
    pub(crate) fn with_voucher(mut self, voucher: SessionVoucher) -> Self {
        self.0.voucher = Some(voucher);
        self
    }

    /// A fault of ours, of which only the log says more.
    pub(crate) fn internal(error: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error, "a request failed");
        ProblemKind::INTERNAL.problem("this server failed; its log says why")
    }
}

impl Deref for Problem {
    type Target = ProblemDetails;

    fn deref(&self) -> &ProblemDetails {
        &self.0
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(&self)).into_response();
        let problem = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, problem);
        if self.retryable {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
        }
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::InsufficientFunds { .. } => ProblemKind::POOR,
            Error::Pending { .. } => ProblemKind::PENDING,
            Error::Transport(_) | Error::Contract(_) => ProblemKind::NODE,
            Error::Journal(_) => ProblemKind::BUSY,
            Error::InvalidAmount { .. } => ProblemKind::INVALID_AMOUNT,
            Error::InvalidDuration(_)
            | Error::ZeroLimit
            | Error::PriceTooLarge { .. }
            | Error::InvalidCurrency(_)
            | Error::NotAToken { .. } => ProblemKind::INVALID_TERMS,
            Error::InvalidPlanId(_) => ProblemKind::PLAN_NOT_FOUND,
            Error::KeyReused { .. } => ProblemKind::KEY_REUSED,
            Error::Refused(_) | Error::MinedRevert { .. } | Error::Reverted(_) => refused(&error),
            _ => return Self::internal(&error),
        };
        // What a node says, and where it is, is not for all to know: its URL may hold a key.
        let detail = match &error {
            Error::Transport(_) | Error::Contract(_) => {
                tracing::warn!(%error, "the chain cannot be asked");
                "the chain's node does not answer, or refuses to".to_owned()
            }
            Error::Journal(_) => {
                tracing::error!(%error, "the journal cannot be used");
                "the database does not answer".to_owned()
            }
            Error::Pending { transaction, .. } => {
                format!("what became of transaction {transaction} is not known yet")
            }
            error => error.to_string(),
        };
        let problem = kind.problem(detail);
        match error.hint() {
            Some(hint) => problem.hint(hint),
            None => problem,
        }
    }
}

/// The kind of what a contract refused.
fn refused(error: &Error) -> ProblemKind {
    if error.is_insufficient_credits() {
        return ProblemKind::INSUFFICIENT_CREDITS;
    }
    if let Some(Refusal::Services(refused)) = error.refused_by() {
        return match **refused {
            OfServices::ServiceNotFound(_) => ProblemKind::AGENT_NOT_FOUND,
            OfServices::NotServiceOwner(_) => ProblemKind::NOT_AGENT_OWNER,
            _ => ProblemKind::REFUSED,
        };
    }
    if error.is_not_allowed() {
        return ProblemKind::NOT_PLAN_OWNER;
    }
    match error.refusal() {
        Some(Refused::PlanNotFound(_)) => ProblemKind::PLAN_NOT_FOUND,
        Some(Refused::HolderLimitReached(_) | Refused::PlanLimitReached(_)) => ProblemKind::LIMIT_REACHED,
        Some(Refused::WrongPriceKind(_)) => ProblemKind::FIAT_PLAN,
        Some(Refused::ZeroAmount(_)) => ProblemKind::INVALID_AMOUNT,
        Some(
            Refused::NameTooLong(_)
            | Refused::InvalidPrice(_)
            | Refused::AccountWithoutCode(_)
            | Refused::InvalidPerUse(_)
            | Refused::InvalidPayeeCount(_)
            | Refused::InvalidPayee(_)
            | Refused::InvalidShares(_)
            | Refused::InvalidGrant(_)
            | Refused::InvalidRedemptionRange(_),
        ) => ProblemKind::INVALID_TERMS,
        _ => ProblemKind::REFUSED,
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        let is_text = |error: &dyn DatabaseError| error.code().as_deref() == Some(NO_SUCH_TEXT);
        match &error {
            sqlx::Error::Database(refused) if is_text(&**refused) => {
                ProblemKind::INVALID_REQUEST.problem("a text of the request holds the character NUL")
            }
            sqlx::Error::Database(refused) if is_away(&**refused) => {
                tracing::error!(%error, "the database cannot be asked");
                ProblemKind::BUSY.problem("the database does not answer").hint("try again")
            }
            sqlx::Error::PoolTimedOut => {
                ProblemKind::BUSY.problem("the database has no connection left").hint("try again")
            }
            // One that hangs up in the middle of a greeting is taken for one that speaks otherwise.
            sqlx::Error::Io(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::BeginFailed
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => {
                tracing::error!(%error, "the database cannot be asked");
                ProblemKind::BUSY.problem("the database does not answer").hint("try again")
            }
            _ => Self::internal(&error),
        }
    }
}

/// Whether Postgres ends, starts, or has lost a process: SQLSTATE's classes of broken connections, of too little room, and of an
/// operator who steps in.
fn is_away(error: &dyn DatabaseError) -> bool {
    error.code().is_some_and(|code| ["08", "53", "57P"].iter().any(|class| code.starts_with(class)))
}

/// What Postgres answers to a text that it cannot hold: SQLSTATE's `character_not_in_repertoire`.
const NO_SUCH_TEXT: &str = "22021";
