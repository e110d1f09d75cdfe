//! A stand-in for Stripe, which cannot be reached from tests: it speaks the part of Stripe's API that the server uses, refuses
//! what Stripe refuses, remembers idempotency keys, and signs events.

mod api;
mod books;
mod page;

use std::{
    net::Ipv4Addr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use alloy::primitives::hex;
use eyre::{OptionExt, Result};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use scrip_server::{Clock, Stripe};
use serde_json::Value;
use sha2::Sha256;
use tokio::{net::TcpListener, sync::Notify, task::JoinHandle};

use self::books::{Books, Sale};
use super::{Answer, Caller};

/// The secret key that it knows.
pub const SECRET_KEY: &str = "sk_test_stand_in";
/// What it signs events with.
pub const WEBHOOK_SECRET: &str = "whsec_stand_in";

/// What can happen to a call.
#[derive(Debug, Clone)]
pub enum Mishap {
    /// Nothing.
    None,
    /// It is done, and the answer is lost.
    Lost,
    /// It is answered with 503, and nothing is done.
    Unavailable,
    /// It is done, and a part of the answer, by a JSON pointer, is another.
    Lie(&'static str, Value),
    /// It is done, and the answer is kept back until this is told.
    Late(Arc<Notify>),
}

/// The stand-in.
#[derive(Debug)]
pub struct StandIn {
    url: String,
    books: Arc<Mutex<Books>>,
    /// By how many seconds its clock is ahead of the machine's.
    ahead: Arc<AtomicU64>,
    served: JoinHandle<std::io::Result<()>>,
}

/// An event, as it is delivered.
#[derive(Debug, Clone)]
pub struct Event {
    /// What kind.
    pub kind: String,
    /// The body, to the byte.
    pub payload: String,
}

impl StandIn {
    /// Starts one, whose clock is as much ahead as the server's.
    pub async fn start(ahead: Arc<AtomicU64>) -> Result<Self> {
        let books = Arc::new(Mutex::new(Books::default()));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let app = api::app(Arc::clone(&books), Arc::clone(&ahead)).merge(page::app(Arc::clone(&books)));
        let served = tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Self { url, books, ahead, served })
    }

    /// Where its API is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What a server is started with that asks it.
    pub fn config(&self) -> Stripe {
        Stripe {
            secret_key: SECRET_KEY.to_owned(),
            webhook_secret: WEBHOOK_SECRET.to_owned(),
            api_base: Some(self.url.clone()),
            return_url: None,
        }
    }

    fn now(&self) -> u64 {
        Clock::default().now() + self.ahead.load(Ordering::SeqCst)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next call meets a mishap.
    pub fn next(&self, mishap: Mishap) {
        self.books().mishaps.push_back(mishap);
    }

    /// It answers nothing but 503, or goes on.
    pub fn set_down(&self, is_down: bool) {
        self.books().is_down = is_down;
    }

    /// Sellers have not got any more what they would have to give back, or have again.
    pub fn set_poor(&self, is_poor: bool) {
        self.books().is_poor = is_poor;
    }

    /// The answer to the next refund is lost.
    pub fn lose_refund(&self) {
        self.books().loses_refund = true;
    }

    /// How many calls of a path that begins so it has heard of.
    pub fn count(&self, method: &str, path: &str) -> usize {
        let books = self.books();
        books.heard.iter().filter(|(how, what)| how == method && what.starts_with(path)).count()
    }

    /// What it has of a session's sale, as Stripe's API shows it.
    pub fn session(&self, session: &str) -> Result<Value> {
        Ok(self.books().sale(session)?.session(&[]))
    }

    /// How much of a sale was refunded, in minor units.
    pub fn refunded(&self, session: &str) -> Result<u64> {
        Ok(self.books().sale(session)?.refunded)
    }

    /// The account to which a sale goes, if it is a seller's.
    pub fn destination(&self, session: &str) -> Result<Option<String>> {
        Ok(self.books().sale(session)?.destination.clone())
    }

    fn change(
        &self,
        session: &str,
        change: impl FnOnce(&mut Sale) -> Vec<(&'static str, Value)>,
    ) -> Result<Vec<Event>> {
        let now = self.now();
        let mut books = self.books();
        let happened = change(books.sale_mut(session)?);
        Ok(happened.into_iter().map(|(kind, object)| books.event(kind, object, now)).collect())
    }

    /// A card is charged in a session.
    pub fn pay(&self, session: &str) -> Result<Vec<Event>> {
        self.change(session, |sale| {
            sale.charge(true);
            vec![
                ("checkout.session.completed", sale.session(&[])),
                ("payment_intent.succeeded", sale.intent(&[])),
                ("charge.succeeded", sale.charge_object()),
            ]
        })
    }

    /// A session is completed, and the money is on its way.
    pub fn promise(&self, session: &str) -> Result<Vec<Event>> {
        self.change(session, |sale| {
            sale.charge(false);
            vec![("checkout.session.completed", sale.session(&[]))]
        })
    }

    /// The money arrives.
    pub fn arrive(&self, session: &str) -> Result<Vec<Event>> {
        self.change(session, |sale| {
            sale.charge(true);
            vec![
                ("checkout.session.async_payment_succeeded", sale.session(&[])),
                ("payment_intent.succeeded", sale.intent(&[])),
            ]
        })
    }

    /// Nobody has paid in time.
    pub fn expire(&self, session: &str) -> Result<Vec<Event>> {
        self.change(session, |sale| {
            sale.status = "expired";
            vec![("checkout.session.expired", sale.session(&[]))]
        })
    }

    /// The seller gives money back.
    pub fn refund(&self, session: &str, amount: u64) -> Result<Vec<Event>> {
        self.change(session, |sale| {
            let refund = sale.refund(amount);
            vec![("refund.created", refund), ("charge.refunded", sale.charge_object())]
        })
    }

    /// The buyer's bank takes the money until it is decided.
    pub fn dispute(&self, session: &str) -> Result<Vec<Event>> {
        self.change(session, |sale| {
            let dispute = sale.dispute("needs_response");
            vec![("charge.dispute.created", dispute.clone()), ("charge.dispute.funds_withdrawn", dispute)]
        })
    }

    /// The buyer's bank asks, and takes nothing.
    pub fn inquire(&self, session: &str) -> Result<Vec<Event>> {
        self.change(session, |sale| vec![("charge.dispute.created", sale.dispute("warning_needs_response"))])
    }

    /// It is decided.
    pub fn decide(&self, session: &str, is_won: bool) -> Result<Vec<Event>> {
        self.change(session, |sale| {
            let dispute = sale.decide(if is_won { "won" } else { "lost" });
            vec![("charge.dispute.closed", dispute)]
        })
    }

    /// The events of all that was done by the API since this was asked last.
    pub fn own_events(&self) -> Vec<Event> {
        std::mem::take(&mut self.books().own_events)
    }

    /// Signs a payload at some time, in unix seconds.
    pub fn sign(payload: &str, secret: &str, at: u64) -> Result<String> {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())?;
        mac.update(format!("{at}.{payload}").as_bytes());
        Ok(format!("t={at},v1={}", hex::encode(mac.finalize().into_bytes())))
    }

    /// Signs a payload as it would now.
    pub fn signature(&self, payload: &str) -> Result<String> {
        Self::sign(payload, WEBHOOK_SECRET, self.now())
    }

    /// Tells a server of all that was paid on the pages where buyers pay.
    pub async fn deliver_paid(&self, to: &Caller) -> Result<()> {
        let paid = std::mem::take(&mut self.books().paid_on_page);
        for session in paid {
            self.deliver_all(to, &self.pay(&session)?).await?;
        }
        Ok(())
    }

    /// Delivers an event to the webhook of a server, by whoever reaches it.
    pub async fn deliver(&self, to: &Caller, event: &Event) -> Result<Answer> {
        deliver(to, &event.payload, &self.signature(&event.payload)?).await
    }

    /// Delivers all of these, in this order; all must be taken.
    pub async fn deliver_all(&self, to: &Caller, events: &[Event]) -> Result<()> {
        for event in events {
            self.deliver(to, event).await?.ok()?;
        }
        Ok(())
    }
}

/// Delivers a payload with a signature.
pub async fn deliver(to: &Caller, payload: &str, signature: &str) -> Result<Answer> {
    let request = to.request(Method::POST, "/api/v1/fiat/stripe/webhook");
    let request = request.header("content-type", "application/json").header("stripe-signature", signature);
    Answer::of(request.body(payload.to_owned())).await
}

impl Books {
    fn sale(&self, session: &str) -> Result<&Sale> {
        self.sales.get(session).ok_or_eyre(format!("there is no session {session}"))
    }

    fn sale_mut(&mut self, session: &str) -> Result<&mut Sale> {
        self.sales.get_mut(session).ok_or_eyre(format!("there is no session {session}"))
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.served.abort();
    }
}
