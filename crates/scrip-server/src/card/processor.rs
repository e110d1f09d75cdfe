//! Stripe, as it is asked: each call with a limit of time, each write with an idempotency key, and of each answer only what is
//! needed, so that what Stripe adds or leaves out elsewhere is in nobody's way.

use std::{collections::BTreeMap, fmt, time::Duration};

use alloy::primitives::{Address, keccak256};
use miniserde::json::Value as Raw;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use stripe::{Client, ClientBuilder, IdempotencyKey, RequestStrategy, StripeError, StripeRequest};
use stripe_checkout::checkout_session::{
    CreateCheckoutSession, CreateCheckoutSessionAdaptivePricing as AdaptivePricing,
    CreateCheckoutSessionLineItems as Item, CreateCheckoutSessionLineItemsPriceData as PriceData,
    CreateCheckoutSessionPaymentIntentData as IntentData,
    CreateCheckoutSessionPaymentIntentDataTransferData as TransferData, ProductData,
};
use stripe_client_core::{CustomizableStripeRequest, RequestBuilder, StripeMethod};
use stripe_shared::CheckoutSessionMode;
use stripe_types::Currency;

use super::told::{Disputes, Session, Told};
use crate::problem::{Problem, ProblemKind};

/// The card processor, by which plans that are priced in a currency are paid.
#[derive(Clone)]
pub struct Stripe {
    /// The secret key, `sk_…` or `rk_…`.
    pub secret_key: String,
    /// The signing secret of the webhook, `whsec_…`.
    pub webhook_secret: String,
    /// Where the API is, if it is not Stripe's.
    pub api_base: Option<String>,
    /// The page to which buyers come back; without it their balance at the address by which this server was asked.
    pub return_url: Option<String>,
}

impl fmt::Debug for Stripe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { api_base, return_url, .. } = self;
        f.debug_struct("Stripe")
            .field("api_base", api_base)
            .field("return_url", return_url)
            .finish_non_exhaustive()
    }
}

/// Stripe, as it is asked.
pub(crate) struct Processor {
    client: Client,
    pub(super) webhook_secret: String,
    pub(crate) return_url: Option<String>,
}

/// How long a call may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why Stripe did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CardError {
    /// It refused.
    #[error("Stripe refuses: {0}")]
    Refused(String),
    /// It was not reached, or its answer cannot be read: what was asked may have been done.
    #[error("Stripe does not answer as it should")]
    Unknown(String),
    /// Its answer is not about what was asked.
    #[error("Stripe's answer is not believed: {0}")]
    Wrong(String),
}

/// What a checkout session is opened with: the same however often that is tried, for Stripe compares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Opening {
    /// The plan's name.
    pub(crate) name: String,
    /// The currency's code, in small letters.
    pub(crate) currency: String,
    /// In minor units.
    pub(crate) amount: u64,
    /// The seller's account at Stripe, if it has one.
    pub(crate) destination: Option<String>,
    pub(crate) return_url: String,
    pub(crate) cancel_url: Option<String>,
}

/// A checkout session that was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Opened {
    pub(crate) session: String,
    pub(crate) url: String,
    /// In unix seconds.
    pub(crate) expires_at: u64,
}

/// A link by which a seller signs up with Stripe.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct AccountLink {
    pub(crate) url: String,
    /// In unix seconds.
    pub(crate) created: u64,
    /// In unix seconds.
    pub(crate) expires_at: u64,
}

#[derive(Deserialize)]
struct Made {
    id: String,
}

impl Processor {
    pub(crate) fn new(config: Stripe) -> Result<Self, StripeError> {
        let Stripe { secret_key, webhook_secret, api_base, return_url } = config;
        let mut builder = ClientBuilder::new(secret_key).timeout(PATIENCE).app_info(
            "scrip",
            Some(env!("CARGO_PKG_VERSION").to_owned()),
            None,
        );
        if let Some(base) = api_base {
            // Paths are put behind it as they are.
            builder = builder.url(format!("{}/", base.trim_end_matches('/')));
        }
        Ok(Self { client: builder.build()?, webhook_secret, return_url })
    }

    /// Opens a checkout session for a payment of ours; the same one however often it is asked.
    pub(crate) async fn open(&self, payment: &str, opening: &Opening) -> Result<Opened, CardError> {
        let Opening { name, currency, amount, destination, return_url, cancel_url } = opening;
        let mut price = PriceData::new(currency.parse::<Currency>().unwrap_or_default());
        price.unit_amount = Some(i64::try_from(*amount).unwrap_or(i64::MAX));
        price.product_data = Some(ProductData::new(name));
        let mut item = Item::new();
        (item.quantity, item.price_data) = (Some(1), Some(price));
        let named = [("scrip_payment".to_owned(), payment.to_owned())];
        let mut intent = IntentData::new();
        intent.metadata = Some(named.clone().into());
        if let Some(destination) = destination {
            intent.on_behalf_of = Some(destination.clone());
            intent.transfer_data = Some(TransferData::new(destination));
        }
        // What is paid is the price, in its own currency.
        let mut adaptive = AdaptivePricing::new();
        adaptive.enabled = Some(false);
        let mut create = CreateCheckoutSession::new()
            .mode(CheckoutSessionMode::Payment)
            .client_reference_id(payment)
            .line_items(vec![item])
            .metadata(named)
            .payment_intent_data(intent)
            .adaptive_pricing(adaptive)
            .success_url(return_url);
        if let Some(cancel_url) = cancel_url {
            create = create.cancel_url(cancel_url);
        }
        let session: Session = self.write(create.build(), &format!("scrip {payment} session")).await?;
        let opened = session.opened(payment, opening).map_err(CardError::Wrong)?;
        checked(&opened.session)?;
        Ok(opened)
    }

    /// What Stripe tells of a session, and of what became of its payment.
    pub(crate) async fn told(
        &self,
        payment: &str,
        session: &str,
        opening: &Opening,
    ) -> Result<Told, CardError> {
        let path = format!("/checkout/sessions/{}", checked(session)?);
        let found: Session = self.read(get(path, &[("expand[]", "payment_intent.latest_charge")])).await?;
        let disputes: Disputes = match found.disputed_intent() {
            Some(intent) => {
                self.read(get("/disputes", &[("payment_intent", intent), ("limit", "100")])).await?
            }
            None => Disputes::default(),
        };
        found.told(payment, session, opening, &disputes).map_err(CardError::Wrong)
    }

    /// Gives all of a payment back that was not given back before; once for each key. The refund's id.
    pub(crate) async fn refund(
        &self,
        key: &str,
        intent: &str,
        opening: &Opening,
    ) -> Result<String, CardError> {
        let mut asked = vec![("payment_intent", checked(intent)?)];
        if opening.destination.is_some() {
            asked.push(("reverse_transfer", "true"));
        }
        let made: Made = self.write(post("/refunds", &asked), &format!("scrip {key} refund")).await?;
        Ok(made.id)
    }

    /// Makes an account for a seller; the same one however often it is asked.
    pub(crate) async fn make_account(
        &self,
        seller: Address,
        email: &str,
        country: &str,
    ) -> Result<String, CardError> {
        let address = seller.to_string();
        let asked = [
            ("type", "express"),
            ("email", email),
            ("country", country),
            ("capabilities[card_payments][requested]", "true"),
            ("capabilities[transfers][requested]", "true"),
            ("metadata[scrip_account]", &address),
        ];
        // Stripe compares: what is asked otherwise is another account.
        let key = keccak256(format!("{country} {email}"));
        let made: Made =
            self.write(post("/accounts", &asked), &format!("scrip {address} account {key}")).await?;
        Ok(checked(&made.id)?.to_owned())
    }

    /// A fresh link by which a seller signs up.
    pub(crate) async fn link_account(
        &self,
        account: &str,
        return_url: &str,
    ) -> Result<AccountLink, CardError> {
        let asked = [
            ("account", account),
            ("return_url", return_url),
            ("refresh_url", return_url),
            ("type", "account_onboarding"),
        ];
        self.read(post("/account_links", &asked)).await
    }

    async fn write<T: DeserializeOwned>(&self, request: RequestBuilder, key: &str) -> Result<T, CardError> {
        let key = IdempotencyKey::new(key).map_err(|error| CardError::Unknown(error.to_string()))?;
        self.send(request.customize().request_strategy(RequestStrategy::Idempotent(key))).await
    }

    async fn read<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, CardError> {
        self.send(request.customize()).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        request: CustomizableStripeRequest<Raw>,
    ) -> Result<T, CardError> {
        let answer = request.send(&self.client).await.map_err(|error| CardError::from(error).logged())?;
        serde_json::from_str(&miniserde::json::to_string(&answer))
            .map_err(|error| CardError::Unknown(error.to_string()).logged())
    }
}

impl fmt::Debug for Processor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Processor").field("return_url", &self.return_url).finish_non_exhaustive()
    }
}

impl From<StripeError> for CardError {
    fn from(error: StripeError) -> Self {
        match error {
            // 401 and 403: the key is not right, which nobody who asks can mend. 409 and 429: later.
            StripeError::Stripe(refused, status @ (400 | 402 | 404)) => {
                let said = refused.message.unwrap_or_else(|| format!("it answers {status}"));
                Self::Refused(said)
            }
            StripeError::Stripe(refused, status) => Self::Unknown(format!(
                "{status}, {}",
                refused.message.as_deref().unwrap_or("and nothing more")
            )),
            error => Self::Unknown(error.to_string()),
        }
    }
}

impl CardError {
    /// Says to the log what may not be for all to know.
    fn logged(self) -> Self {
        match &self {
            Self::Refused(said) => tracing::info!(said, "Stripe refuses"),
            Self::Unknown(said) | Self::Wrong(said) => {
                tracing::warn!(said, "Stripe does not answer as it should");
            }
        }
        self
    }
}

impl From<CardError> for Problem {
    fn from(error: CardError) -> Self {
        match error {
            CardError::Refused(_) => ProblemKind::CARD_REFUSED.problem(error.to_string()),
            CardError::Unknown(_) | CardError::Wrong(_) => {
                ProblemKind::CARD_UNREACHABLE.problem("the card processor does not answer as it should")
            }
        }
    }
}

fn get<'a>(path: impl Into<String>, asked: &[(&'a str, &'a str)]) -> RequestBuilder {
    RequestBuilder::new(StripeMethod::Get, path).query(&BTreeMap::from_iter(asked.iter().copied()))
}

fn post<'a>(path: &str, asked: &[(&'a str, &'a str)]) -> RequestBuilder {
    RequestBuilder::new(StripeMethod::Post, path).form(&BTreeMap::from_iter(asked.iter().copied()))
}

/// An id of Stripe's, which may stand in a path.
fn checked(id: &str) -> Result<&str, CardError> {
    let is_id = !id.is_empty()
        && id.len() <= 255
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if is_id { Ok(id) } else { Err(CardError::Unknown(format!("`{id:.255}` is no id"))) }
}
