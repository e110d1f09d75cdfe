//! Payments by card as the SDKs ask for them and read them.

use alloy::primitives::{Address, U256};
use jiff::Timestamp;
use scrip::PlanId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{address::HexAddress, number::Number};
use crate::{
    card::{Payment, PaymentStatus},
    problem::{Problem, ProblemKind},
};

/// A plan to be paid by card.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PayAsked {
    pub(crate) plan_id: Number,
    /// What the SDKs send; the page is Stripe's in any case.
    #[serde(default, rename = "sessionType")]
    #[schema(value_type = Option<String>)]
    pub(crate) _session_type: Option<serde::de::IgnoredAny>,
    /// The page to which the buyer comes back.
    #[serde(default)]
    pub(crate) success_url: Option<String>,
    /// The page to which the buyer comes back without having paid.
    #[serde(default)]
    pub(crate) cancel_url: Option<String>,
}

/// A page where a plan is paid.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CheckoutView {
    success: bool,
    /// The page.
    checkout_url: String,
    /// The payment's id, on the chain as well.
    session_id: String,
    result: CheckoutResult,
}

/// The same, as the SDK for TypeScript has it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CheckoutResult {
    stripe_checkout_session_id: String,
    checkout_link: String,
    client_reference_id: String,
    payment_status: &'static str,
    /// In unix seconds.
    link_created_at: u64,
    /// In unix seconds.
    link_expires_at: u64,
}

impl PayAsked {
    /// A plan to be paid by who looks at a page of this server's, and the pages to come back to.
    pub(crate) fn of(plan: PlanId, success_url: String, cancel_url: String) -> Self {
        let (success_url, cancel_url) = (Some(success_url), Some(cancel_url));
        Self { plan_id: Number(plan.0), _session_type: None, success_url, cancel_url }
    }
}

impl CheckoutView {
    /// The page.
    pub(crate) fn url(&self) -> &str {
        &self.checkout_url
    }

    /// None of a payment for which no session was opened yet.
    pub(crate) fn new(payment: &Payment) -> Option<Self> {
        let (session, url) = (payment.session.clone()?, payment.url.clone()?);
        Some(Self {
            success: true,
            checkout_url: url.clone(),
            session_id: session.clone(),
            result: CheckoutResult {
                stripe_checkout_session_id: session,
                checkout_link: url,
                client_reference_id: payment.id.clone(),
                payment_status: if payment.paid_at.is_some() { "paid" } else { "unpaid" },
                link_created_at: payment.created_at,
                link_expires_at: payment.expires_at.unwrap_or_default(),
            },
        })
    }
}

/// A payment by card, as its buyer and its seller see it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PaymentView {
    /// The checkout session's id, and the payment's on the chain.
    id: String,
    plan_id: Number,
    #[schema(value_type = HexAddress)]
    buyer: Address,
    #[schema(value_type = HexAddress)]
    seller: Address,
    status: PaymentStatus,
    /// In capital letters.
    currency: String,
    /// In minor units of the currency: cents, mostly.
    amount: Number,
    /// How much of that was given back.
    amount_refunded: Number,
    /// The credits granted; on a time plan the periods.
    credits: Number,
    /// How many of them were taken back.
    credits_taken_back: Number,
    /// Why it does not go on, if it does not.
    problem: Option<String>,
    /// When that is tried again.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_try: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    paid_at: Option<Timestamp>,
}

/// A page of an account's payments.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PaymentsView {
    /// How many there are in all.
    pub(crate) total: u64,
    pub(crate) page: u32,
    /// The size of a page.
    pub(crate) offset: u32,
    pub(crate) payments: Vec<PaymentView>,
}

impl From<&Payment> for PaymentView {
    fn from(payment: &Payment) -> Self {
        let told = payment.told.clone().unwrap_or_default();
        let settled = payment.settled.unwrap_or_default();
        let number = |number| Number(U256::from(number));
        Self {
            id: payment.session.clone().unwrap_or_default(),
            plan_id: Number(payment.plan.0),
            buyer: payment.buyer,
            seller: payment.seller,
            status: payment.status(),
            currency: payment.opening.currency.to_ascii_uppercase(),
            amount: number(payment.opening.amount),
            amount_refunded: number(told.refunded),
            credits: number(settled.granted),
            credits_taken_back: number(settled.taken_back),
            problem: payment.trouble.clone(),
            next_try: payment.trouble.as_ref().and(payment.due_at).map(time),
            created_at: time(payment.created_at),
            paid_at: payment.paid_at.map(time),
        }
    }
}

fn time(seconds: u64) -> Timestamp {
    i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok()).unwrap_or_default()
}

/// A seller who signs up with Stripe.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SignUpAsked {
    #[schema(max_length = 320)]
    pub(crate) user_email: String,
    /// Two letters, by ISO 3166.
    #[schema(pattern = "^[A-Za-z]{2}$")]
    pub(crate) user_country_code: String,
    /// The page to which the seller comes back.
    pub(crate) return_url: String,
}

/// Where a seller signs up with Stripe.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SignUpView {
    /// The seller's account at Stripe, to which sales go from now on.
    pub(crate) stripe_account_id: String,
    pub(crate) stripe_account_link: String,
    /// The account here.
    #[schema(value_type = HexAddress)]
    pub(crate) user_id: Address,
    pub(crate) user_country_code: String,
    /// In unix seconds.
    pub(crate) link_created_at: u64,
    /// In unix seconds.
    pub(crate) link_expires_at: u64,
}

/// An address of the web that a browser can be sent to.
pub(crate) fn web_url(url: String) -> Result<String, Problem> {
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    if is_web && url.len() <= 2_048 && url.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(url);
    }
    Err(ProblemKind::INVALID_REQUEST
        .problem(format!("`{url:.100}` is no address of a page"))
        .hint("give one that begins with https://, of at most 2,048 characters"))
}

impl SignUpAsked {
    /// The same, if it can be asked of Stripe.
    pub(crate) fn checked(self) -> Result<Self, Problem> {
        let invalid = |detail: String| ProblemKind::INVALID_REQUEST.problem(detail);
        let Self { user_email, user_country_code, return_url } = self;
        let email = &user_email;
        if email.len() > 320
            || !email.contains('@')
            || email.chars().any(|one| one.is_control() || one == ' ')
        {
            return Err(invalid(format!("`{email:.100}` is no e-mail address")).hint("give userEmail"));
        }
        let country = user_country_code.to_ascii_uppercase();
        if country.len() != 2 || !country.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(
                invalid(format!("`{country:.100}` is no country")).hint("give two letters, such as US")
            );
        }
        Ok(Self { user_email, user_country_code: country, return_url: web_url(return_url)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_on_the_web() {
        for url in ["https://example.com/thanks?id={CHECKOUT_SESSION_ID}", "http://127.0.0.1:3001/"] {
            assert_eq!(web_url(url.to_owned()).unwrap(), url);
        }
        for url in
            ["", "javascript:alert(1)", "https://example.com/ a", "https://example.com/\n", "//example.com"]
        {
            assert!(web_url(url.to_owned()).is_err(), "{url}");
        }
        assert!(web_url(format!("https://example.com/{}", "a".repeat(2_048))).is_err());
    }

    #[test]
    fn a_seller_has_an_address_and_a_country() {
        let asked = |email: &str, country: &str| {
            let [user_email, user_country_code] = [email, country].map(str::to_owned);
            SignUpAsked { user_email, user_country_code, return_url: "https://example.com".to_owned() }
                .checked()
        };
        assert_eq!(asked("a@b.c", "es").unwrap().user_country_code, "ES");
        for (email, country) in
            [("", "ES"), ("a", "ES"), ("a@b.c\0", "ES"), ("a@b.c", "ESP"), ("a@b.c", "1a")]
        {
            assert!(asked(email, country).is_err(), "{email} {country}");
        }
    }
}
