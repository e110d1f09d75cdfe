//! A client: what it asks for, as often as it takes to get an answer, and its book of it.

use std::{
    collections::BTreeMap,
    fmt::{self, Display, Formatter},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use eyre::{OptionExt, Result, bail, ensure};
use reqwest::Method;
use scrip::PlanId;
use scrip_e2e::server::{Answer, Caller};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{
    Draw,
    books::{Account, Book},
    place::Place,
};
use crate::server::x402::{asked, payment};

/// How long it asks for one thing.
const PATIENCE: Duration = Duration::from_secs(150);
/// How long it waits before it asks again.
const PAUSE: Duration = Duration::from_millis(50);
/// With fewer credits it spends none.
const FEW: u64 = 40;

/// What all clients together have met.
#[derive(Debug, Default)]
pub(super) struct Tally {
    answers: AtomicU64,
    is_over: AtomicBool,
    /// By what was asked for, or was answered instead of what was asked for.
    counts: Mutex<BTreeMap<String, u64>>,
}

impl Tally {
    pub(super) fn answers(&self) -> u64 {
        self.answers.load(Ordering::SeqCst)
    }

    /// No client begins anything new.
    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }

    /// Somebody was answered.
    pub(super) fn answered(&self) {
        self.answers.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn count(&self, what: impl Into<String>) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(what.into()).or_default() += 1;
    }
}

impl Display for Tally {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let parts = counts.iter().map(|(what, times)| format!("{what} {times}"));
        f.write_str(&parts.collect::<Vec<_>>().join(", "))
    }
}

/// A client with a holder of its own. It does one thing after the other.
pub(super) struct Client {
    number: usize,
    holder: Caller,
    builder: Caller,
    urls: Vec<String>,
    plans: Vec<(PlanId, String)>,
    draw: Draw,
    tally: Arc<Tally>,
    book: Book,
    asked: u64,
}

/// Who asks.
#[derive(Clone, Copy)]
enum Who {
    Holder,
    Builder,
}

/// What was answered, and how often an answer may have been lost on its way before.
struct Heard {
    body: Value,
    lost: u64,
    /// It was done before, by what the same client had asked.
    is_found_again: bool,
}

impl Client {
    pub(super) async fn new(place: &Place, number: usize, seed: u64, tally: Arc<Tally>) -> Result<Self> {
        let holder = place.holder(&format!("client {number}")).await?;
        let mut plans = Vec::new();
        for plan in &place.plans {
            let made = holder.post("/api/v1/x402/permissions", &asked(&plan.0.to_string())).await?.ok()?;
            plans.push((*plan, made["accessToken"].as_str().ok_or_eyre("no token")?.to_owned()));
        }
        Ok(Self {
            number,
            book: Book::new(holder.address, &place.plans),
            holder,
            builder: place.builder.clone(),
            urls: place.servers.iter().map(|server| server.url().to_owned()).collect(),
            plans,
            draw: Draw::new(seed, &format!("client {number}")),
            tally,
            asked: 0,
        })
    }

    /// Works until all is over; its book.
    pub(super) async fn work(mut self) -> Result<Book> {
        while !self.tally.is_over.load(Ordering::SeqCst) {
            let one = self.draw.below(self.plans.len() as u64) as usize;
            let is_rich = self.book.accounts[one].sure() >= FEW;
            match self.draw.below(9) {
                0 | 1 => self.order(one, true).await?,
                2 => self.order(one, false).await?,
                3 if is_rich => self.burn(one).await?,
                4 if is_rich => self.redeem(one, true).await?,
                5 if is_rich => self.redeem(one, false).await?,
                6..9 if is_rich => self.verify_and_settle(one).await?,
                _ => self.mint(one).await?,
            }
        }
        Ok(self.book)
    }

    fn account(&mut self, one: usize) -> &mut Account {
        &mut self.book.accounts[one]
    }

    async fn order(&mut self, one: usize, has_key: bool) -> Result<()> {
        let path = format!("/api/v1/protocol/plans/{}/order", self.plans[one].0.0);
        let name = if has_key { "order" } else { "order without a key" };
        let heard = self.ask(name, Who::Holder, &path, None, has_key).await?;
        let account = self.account(one);
        account.orders += 1;
        if !has_key {
            account.perhaps += heard.lost;
        }
        Ok(())
    }

    async fn mint(&mut self, one: usize) -> Result<()> {
        let amount = 1 + self.draw.below(200);
        let mint = json!({
            "planId": self.plans[one].0.0.to_string(), "amount": amount.to_string(),
            "creditsReceiver": self.holder.address,
        });
        self.ask("mint", Who::Builder, "/api/v1/protocol/plans/mint", Some(mint), true).await?;
        let account = self.account(one);
        (account.mints, account.minted) = (account.mints + 1, account.minted + amount);
        Ok(())
    }

    async fn burn(&mut self, one: usize) -> Result<()> {
        let amount = 1 + self.draw.below(10);
        let burn = json!({ "planId": self.plans[one].0.0.to_string(), "creditsAmount": amount.to_string() });
        self.ask("burn", Who::Holder, "/api/v1/protocol/plans/burn", Some(burn), true).await?;
        let account = self.account(one);
        (account.burns, account.burned) = (account.burns + 1, account.burned + amount);
        Ok(())
    }

    async fn redeem(&mut self, one: usize, has_key: bool) -> Result<()> {
        let amount = 1 + self.draw.below(10);
        let redeem = json!({
            "agentRequestId": format!("request {} of {}", self.asked, self.number),
            "planId": self.plans[one].0.0.to_string(), "redeemFrom": self.holder.address,
            "amount": amount.to_string(),
        });
        let name = if has_key { "redemption" } else { "redemption without a key" };
        let heard =
            self.ask(name, Who::Builder, "/api/v1/protocol/plans/redeem", Some(redeem), has_key).await?;
        if heard.is_found_again {
            self.tally.count("redemptions found again");
        }
        let account = self.account(one);
        (account.redemptions, account.redeemed) = (account.redemptions + 1, account.redeemed + amount);
        Ok(())
    }

    async fn verify_and_settle(&mut self, one: usize) -> Result<()> {
        let amount = 1 + self.draw.below(5);
        let (plan, token) = &self.plans[one];
        let mut payment = payment(&plan.0.to_string(), token, amount);
        let verify = Some(payment.clone());
        let heard = self.ask("verification", Who::Builder, "/api/v1/x402/verify", verify, false).await?;
        ensure!(heard.body["isValid"] == true, "{}", heard.body);
        // Each time may have reserved, for a request whose id was never heard.
        self.account(one).reserved += heard.lost * amount;
        payment["agentRequestId"] = heard.body["agentRequestId"].clone();
        let heard = self.ask("settlement", Who::Builder, "/api/v1/x402/settle", Some(payment), false).await?;
        let taken = heard.body["creditsRedeemed"].as_str().unwrap_or_default();
        ensure!(taken.parse() == Ok(amount), "{}", heard.body);
        let account = self.account(one);
        (account.settlements, account.redeemed) = (account.settlements + 1, account.redeemed + amount);
        Ok(())
    }

    /// Asks for one thing until it is answered, of any server.
    async fn ask(
        &mut self,
        name: &str,
        who: Who,
        path: &str,
        body: Option<Value>,
        has_key: bool,
    ) -> Result<Heard> {
        self.asked += 1;
        let key = format!("{} {}", self.number, self.asked);
        let (began, mut lost) = (Instant::now(), 0);
        loop {
            let url = &self.urls[self.draw.below(self.urls.len() as u64) as usize];
            let caller = match who {
                Who::Holder => &self.holder,
                Who::Builder => &self.builder,
            };
            let mut request = caller.at_url(url).request(Method::POST, path);
            if has_key {
                request = request.header("idempotency-key", &key);
            }
            if let Some(body) = &body {
                request = request.json(body);
            }
            let is_found_again = |answer: &Answer| {
                answer.body["code"] == "SCRIP.CHAIN.REFUSED"
                    && answer.body["detail"]
                        .as_str()
                        .is_some_and(|detail| detail.contains("already redeemed"))
            };
            match Answer::of(request).await {
                Ok(Answer { status: 200, body, .. }) => {
                    self.tally.answers.fetch_add(1, Ordering::SeqCst);
                    self.tally.count(name);
                    return Ok(Heard { body, lost, is_found_again: false });
                }
                // Only what was lost can have done it.
                Ok(answer) if lost > 0 && is_found_again(&answer) => {
                    self.tally.answers.fetch_add(1, Ordering::SeqCst);
                    self.tally.count(name);
                    return Ok(Heard { body: answer.body, lost, is_found_again: true });
                }
                Ok(answer) if answer.status == 503 => {
                    self.tally.count(format!("503 {}", answer.body["code"].as_str().unwrap_or_default()));
                }
                Ok(answer) => bail!("{name}: {} {}", answer.status, answer.body),
                Err(error) => {
                    let error = error.downcast::<reqwest::Error>()?;
                    // Where there was no connection nothing was asked.
                    if error.is_connect() {
                        self.tally.count("not connected");
                    } else {
                        self.tally.count("answers lost");
                        lost += 1;
                    }
                }
            }
            ensure!(began.elapsed() < PATIENCE, "{name} is never answered");
            sleep(PAUSE).await;
        }
    }
}
