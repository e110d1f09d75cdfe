//! Payments by card: the stand-in for Stripe charges, and the chain has what was paid for.

mod behind;
mod checkout;
mod events;
mod money_back;
mod retries;
mod sdk;

use std::time::Duration;

use alloy::primitives::Address;
use eyre::{OptionExt, Result, ensure};
use scrip::{PlanId, Settlement};
use scrip_e2e::server::{Caller, ServerEnv};
use serde_json::{Value, json};
use sqlx::Row;
use tokio::time::{Instant, sleep};

use super::{changed, plan};

const PAY: &str = "/api/v1/fiat/stripe/payment";
/// What the plan costs, in cents.
const PRICE: u64 = 999;

/// What the SDKs send for a plan of 100 credits for $9.99.
pub(super) fn fiat_plan(env: &ServerEnv, name: &str) -> Value {
    let changes = [
        ("/priceConfig/isCrypto", json!(false)),
        ("/priceConfig/tokenAddress", json!(Address::ZERO)),
        ("/priceConfig/amounts", json!(["9990000"])),
        ("/priceConfig/currency", json!("USD")),
        ("/currency", json!("USD")),
    ];
    changed(plan(env, name), &changes)
}

pub(super) async fn register(env: &ServerEnv, body: &Value) -> Result<PlanId> {
    let made = env.builder.post("/api/v1/protocol/plans", body).await?.ok()?;
    Ok(made["planId"].as_str().ok_or_eyre("no id")?.parse()?)
}

/// Who asks opens a page where it pays; the session's id.
pub(super) async fn check_out(caller: &Caller, plan: PlanId) -> Result<String> {
    let asked = json!({ "planId": plan.0.to_string(), "sessionType": "embedded" });
    let opened = caller.post(PAY, &asked).await?.ok()?;
    Ok(opened["sessionId"].as_str().ok_or_eyre("no session")?.to_owned())
}

/// A plan of the builder's, and the subscriber's payment for it.
struct Sale<'a> {
    env: &'a ServerEnv,
    plan: PlanId,
    session: String,
}

impl<'a> Sale<'a> {
    async fn open(env: &'a ServerEnv) -> Result<Self> {
        Self::of(env, &fiat_plan(env, "Card")).await
    }

    async fn of(env: &'a ServerEnv, body: &Value) -> Result<Self> {
        let plan = register(env, body).await?;
        let session = check_out(&env.subscriber, plan).await?;
        Ok(Self { env, plan, session })
    }

    /// One that is paid, and settled.
    async fn paid(env: &'a ServerEnv) -> Result<Self> {
        let sale = Self::open(env).await?;
        sale.env.stripe.deliver_all(&env.anyone, &env.stripe.pay(&sale.session)?).await?;
        sale.until("settled").await?;
        ensure!(sale.balance().await? == 100, "{}", sale.balance().await?);
        Ok(sale)
    }

    /// As the seller sees it.
    async fn shown(&self) -> Result<Value> {
        self.env.builder.get(&format!("/api/v1/fiat/payments/{}", self.session)).await?.ok()
    }

    /// Waits until it is as far as that, and nothing is wrong with it.
    async fn until(&self, status: &str) -> Result<Value> {
        self.until_shown(|shown| shown["status"] == status && shown["problem"].is_null()).await
    }

    async fn until_shown(&self, is_so: impl Fn(&Value) -> bool) -> Result<Value> {
        let began = Instant::now();
        loop {
            let shown = self.shown().await?;
            if is_so(&shown) {
                return Ok(shown);
            }
            ensure!(began.elapsed() < Duration::from_secs(60), "it stays so: {shown}");
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until so many credits were taken back.
    async fn until_taken_back(&self, credits: u64) -> Result<Value> {
        let credits = credits.to_string();
        self.until_shown(|shown| shown["creditsTakenBack"] == credits).await
    }

    /// Waits until it is not to be looked at again.
    async fn until_nothing_is_due(&self) -> Result<()> {
        let database = self.env.database().connect().await?;
        let due =
            "SELECT count(*) FROM card_payments WHERE session = $1 AND (due_at IS NOT NULL OR leased > 0)";
        let began = Instant::now();
        while sqlx::query(due).bind(&self.session).fetch_one(&database).await?.try_get::<i64, _>(0)? > 0 {
            ensure!(began.elapsed() < Duration::from_secs(60), "it stays due: {}", self.shown().await?);
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    async fn balance(&self) -> Result<u128> {
        Ok(self.env.chain.stranger.balance(self.plan, self.env.subscriber.address).await?.balance)
    }

    /// What the chain has.
    async fn settlement(&self) -> Result<Option<Settlement>> {
        Ok(self.env.chain.stranger.settlement(self.plan, &self.session).await?)
    }

    /// The subscriber's credits are spent.
    async fn spend(&self, credits: u64) -> Result<()> {
        let body = json!({
            "agentRequestId": format!("spend {credits}"), "planId": self.plan.0.to_string(),
            "redeemFrom": self.env.subscriber.address, "amount": credits,
        });
        self.env.builder.post("/api/v1/protocol/plans/redeem", &body).await?.ok()?;
        Ok(())
    }

    /// The money goes back in part, and Stripe says so.
    async fn refund(&self, cents: u64) -> Result<()> {
        let events = self.env.stripe.refund(&self.session, cents)?;
        self.env.stripe.deliver_all(&self.env.anyone, &events).await
    }
}
