//! Plans that require their holders' vouchers: signed by wallets, collected by the gateway, redeemed to the unit.

use std::time::Duration;

use alloy::primitives::{Address, U256};
use base64::{Engine, prelude::BASE64_STANDARD};
use eyre::{Result, ensure};
use futures_util::future::try_join_all;
use reqwest::{Method, RequestBuilder};
use scrip::{PlanId, SessionVoucher, Signed, Terms, abi::IERC20};
use scrip_e2e::{
    server::{Answer, ServerEnv},
    upstream::Upstream,
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{Books, SETTLED_WITHIN, Service, access, header, read, redeemed_and_unpaid, risk};
use crate::server::{on_each_database, refused, wallets::Wallet};

on_each_database!(
    a_wallet_signs_and_is_served_for_what_it_has_signed,
    a_managed_account_signs_nothing,
    a_hundred_at_once_are_let_in_for_what_is_signed,
    who_ends_its_session_pays_in_the_next,
    a_use_is_paid_for_with_the_holders_money,
);

/// Something is missing that is to be signed.
pub(super) const TO_SIGN: (u16, &str) = (402, "SCRIP.GATEWAY.VOUCHER");

/// A service of the builder's whose plan requires vouchers, and a subscriber with a wallet of its own: the devnet's agent.
pub(super) struct Vouched {
    pub(super) service: Service,
    pub(super) plan: PlanId,
    pub(super) wallet: Wallet,
    token: String,
    /// Until when a voucher is good for all of a story, in unix seconds.
    pub(super) deadline: u64,
}

impl Vouched {
    /// Requests take so many credits each, of which the wallet has so many.
    pub(super) async fn open(env: &ServerEnv, each: u64, credits: u64) -> Result<Self> {
        Self::of(env, &Terms::credits("Vouched", 100).takes(1..=5).with_vouchers(), each, credits).await
    }

    async fn of(env: &ServerEnv, terms: &Terms, each: u64, credits: u64) -> Result<Self> {
        let plan = env.chain.create(terms).await?;
        let upstream = Upstream::start().await?;
        let api = json!({ "upstream": upstream.url(), "pricing": { "unit": "request", "credits": each } });
        let id = plan.0.to_string();
        let service = Service::with_plan(env, upstream, id.clone(), api).await?;
        let wallet = Wallet::of(&env.anyone, env.chain.devnet.actor("agent")?.signer.clone()).await?;
        let token = access(&wallet.caller, &id).await?;
        let deadline = env.chain.devnet.now().await? + 7_200;
        let vouched = Self { service, plan, wallet, token, deadline };
        if credits > 0 {
            vouched.give(env, vouched.holder(), credits).await?;
        }
        Ok(vouched)
    }

    async fn give(&self, env: &ServerEnv, holder: Address, credits: u64) -> Result<()> {
        let mint = json!({ "planId": self.service.plan, "amount": credits, "creditsReceiver": holder });
        env.builder.post("/api/v1/protocol/plans/mint", &mint).await?.ok()?;
        Ok(())
    }

    pub(super) fn holder(&self) -> Address {
        self.wallet.signer.address()
    }

    /// What the wallet signs, of a session and a maximum.
    pub(super) fn voucher(&self, env: &ServerEnv, session: u64, maximum: u64) -> SessionVoucher {
        let (holder, redeemer) = (self.holder(), env.builder.address);
        let session = U256::from(session);
        SessionVoucher { plan: self.plan, holder, redeemer, maximum, session, deadline: self.deadline }
    }

    async fn sign(&self, env: &ServerEnv, voucher: SessionVoucher) -> Result<Signed<SessionVoucher>> {
        Ok(env.chain.stranger.sign(voucher, &self.wallet.signer).await?)
    }

    /// A request of the wallet's without a voucher.
    pub(super) fn bare(&self, env: &ServerEnv) -> RequestBuilder {
        self.service.bare(env.url(), Method::POST, "/ask").bearer_auth(&self.token).body("{}")
    }

    pub(super) async fn ask(&self, env: &ServerEnv) -> Result<Answer> {
        read(self.bare(env)).await
    }

    /// Asks with a voucher.
    pub(super) async fn ask_with(&self, env: &ServerEnv, signed: &Signed<SessionVoucher>) -> Result<Answer> {
        read(self.bare(env).header("scrip-voucher", in_base64(&json!(signed)))).await
    }

    /// The same, which it signs now.
    pub(super) async fn ask_signing(&self, env: &ServerEnv, voucher: SessionVoucher) -> Result<Answer> {
        self.ask_with(env, &self.sign(env, voucher).await?).await
    }

    /// What of the wallet is taken in a session, by the chain.
    async fn spent(&self, env: &ServerEnv, session: U256) -> Result<u64> {
        Ok(env.chain.stranger.session(self.plan, self.holder(), env.builder.address, session).await?.spent)
    }

    async fn balance(&self, env: &ServerEnv) -> Result<u128> {
        Ok(env.chain.stranger.balance(self.plan, self.holder()).await?.balance)
    }
}

pub(super) fn in_base64(voucher: &Value) -> String {
    BASE64_STANDARD.encode(voucher.to_string())
}

/// What a holder is told to sign.
fn asked(answer: &Answer) -> Result<SessionVoucher> {
    refused(answer, TO_SIGN.0, TO_SIGN.1)?;
    Ok(serde_json::from_value(answer.body["voucher"].clone())?)
}

/// Waits until nothing is held and nothing owed.
async fn settled(env: &ServerEnv) -> Result<()> {
    let (db, began) = (env.database().connect().await?, Instant::now());
    loop {
        let books = Books::read(&db).await?;
        if books.open == 0 && books.kept == 0 {
            return Ok(());
        }
        ensure!(began.elapsed() < SETTLED_WITHIN, "not settled: {books:?}");
        sleep(Duration::from_millis(50)).await;
    }
}

async fn a_wallet_signs_and_is_served_for_what_it_has_signed(env: &mut ServerEnv) -> Result<()> {
    let vouched = Vouched::open(env, 2, 20).await?;
    // Whoever has no token yet is told that a voucher will be required, and whose.
    let known = read(vouched.service.bare(env.url(), Method::POST, "/ask")).await?;
    let extra = &known.body["x402"]["accepts"][0]["extra"]["voucher"];
    assert_eq!(extra["redeemer"], json!(env.builder.address));
    assert_eq!(extra["header"], "scrip-voucher");

    // What is to be signed is told in words, for programs, and for wallets.
    let told = vouched.ask(env).await?;
    let to_sign = asked(&told)?;
    let words = told.body["detail"].as_str().unwrap_or_default();
    assert!(
        words.contains(&format!("with a maximum of 2 and a deadline of {}", to_sign.deadline)),
        "{words}"
    );
    assert_eq!(
        (to_sign.plan, to_sign.holder, to_sign.redeemer, to_sign.maximum),
        (vouched.plan, vouched.holder(), env.builder.address, 2)
    );
    let demand = BASE64_STANDARD.decode(told.headers["payment-required"].as_bytes())?;
    let demand: Value = serde_json::from_slice(&demand)?;
    assert_eq!(demand["accepts"][0]["extra"]["voucher"]["maximum"], 2);
    assert_eq!(told.body["typedData"]["primaryType"], "SessionVoucher");
    assert_eq!(told.body["typedData"]["message"]["maximum"], "2");
    assert_eq!(vouched.service.upstream.requests(), 0);

    // It signs for ten, and asks five times: one voucher does for all of them.
    let session = to_sign.session;
    let first = vouched.ask_signing(env, SessionVoucher { maximum: 10, ..to_sign }).await?;
    assert_eq!((first.status, &first.headers["scrip-credits-left"]), (200, &"8".parse()?), "{}", first.body);
    assert!(!vouched.service.upstream.last()["headers"].to_string().contains("scrip-voucher"));
    for left in ["6", "4", "2", "0"] {
        let answer = vouched.ask(env).await?;
        assert_eq!((answer.status, &answer.headers["scrip-credits-left"]), (200, &left.parse()?));
    }
    // It has credits still, and has signed for no more.
    let more = asked(&vouched.ask(env).await?)?;
    assert_eq!((more.session, more.maximum), (session, 12));
    // An older voucher does no harm, and no good.
    asked(&vouched.ask_signing(env, SessionVoucher { maximum: 4, ..to_sign }).await?)?;
    let more = SessionVoucher { maximum: 14, ..more };
    assert_eq!(vouched.ask_signing(env, more).await?.status, 200);
    assert_eq!(vouched.ask_with(env, &vouched.sign(env, more).await?).await?.status, 200);
    asked(&vouched.ask(env).await?)?;
    assert_eq!(vouched.service.upstream.requests(), 7);

    settled(env).await?;
    assert_eq!((vouched.spent(env, session).await?, vouched.balance(env).await?), (14, 20 - 14));
    assert_eq!(redeemed_and_unpaid(env).await?, (7, 0));

    // What was answered under a key is answered again, though there is nothing left to sign for.
    let keyed = || vouched.bare(env).header("idempotency-key", "once");
    let signed = vouched.sign(env, SessionVoucher { maximum: 16, ..more }).await?;
    let first = read(keyed().header("scrip-voucher", in_base64(&json!(signed)))).await?;
    assert_eq!(first.status, 200);
    let again = read(keyed()).await?;
    assert_eq!((again.status, &again.headers["idempotent-replayed"]), (200, &"true".parse()?));
    // More is signed for than there is: then it is to be bought.
    let all = SessionVoucher { maximum: 1_000, ..more };
    for _ in 0..2 {
        assert_eq!(vouched.ask_signing(env, all).await?.status, 200);
    }
    let poor = vouched.ask(env).await?;
    assert!(matches!(poor.status, 402 | 503), "{}", poor.body);
    settled(env).await?;
    assert_eq!((vouched.spent(env, session).await?, vouched.balance(env).await?), (20, 0));
    refused(&vouched.ask(env).await?, 402, "BCK.CREDITS.0003")
}

async fn a_managed_account_signs_nothing(env: &mut ServerEnv) -> Result<()> {
    let vouched = Vouched::open(env, 1, 10).await?;
    let service = &vouched.service;
    vouched.give(env, env.subscriber.address, 3).await?;
    for left in ["2", "1", "0"] {
        let answer = service.get(env, "/ask").await?;
        assert_eq!((answer.status().as_u16(), header(&answer, "scrip-credits-left")), (200, left));
    }
    // Beside one with a wallet, and again when the first are redeemed.
    assert_eq!(vouched.ask_signing(env, vouched.voucher(env, 5, 3)).await?.status, 200);
    service.settles_to(env, 0).await?;
    vouched.give(env, env.subscriber.address, 40).await?;
    let asks = (0..40).map(|_| service.get(env, "/ask"));
    for answer in try_join_all(asks).await? {
        assert_eq!(answer.status(), 200);
    }
    service.settles_to(env, 0).await?;
    assert_eq!(redeemed_and_unpaid(env).await?, (44, 0));
    assert_eq!((vouched.spent(env, U256::from(5)).await?, vouched.balance(env).await?), (1, 9));
    refused(&read(service.request(env, Method::GET, "/ask")).await?, 402, "BCK.CREDITS.0003")
}

async fn a_hundred_at_once_are_let_in_for_what_is_signed(env: &mut ServerEnv) -> Result<()> {
    let vouched = Vouched::open(env, 1, 100).await?;
    let signed = vouched.sign(env, vouched.voucher(env, 1, 10)).await?;
    let answers = try_join_all((0..100).map(|_| vouched.ask_with(env, &signed))).await?;
    let (served, others): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!((served.len(), vouched.service.upstream.requests()), (10, 10));
    for other in others {
        assert_eq!(asked(&other)?.maximum, 11);
    }
    settled(env).await?;
    assert_eq!((vouched.spent(env, U256::ONE).await?, vouched.balance(env).await?), (10, 90));
    // What is let go of may be used again.
    let more = vouched.sign(env, vouched.voucher(env, 1, 11)).await?;
    let failing =
        vouched.service.bare(env.url(), Method::POST, "/ask?status=500").bearer_auth(&vouched.token);
    let failed = read(failing.header("scrip-voucher", in_base64(&json!(more)))).await?;
    assert_eq!(failed.status, 500);
    let began = Instant::now();
    while vouched.ask(env).await?.status != 200 {
        ensure!(began.elapsed() < SETTLED_WITHIN, "what was let go of is held still");
    }
    asked(&vouched.ask(env).await?)?;
    Ok(())
}

/// Nobody is served for nothing by ending one session after the other.
async fn who_ends_its_session_pays_in_the_next(env: &mut ServerEnv) -> Result<()> {
    risk::set(env, |gateway| gateway.settle_after = Duration::from_secs(4)).await?;
    let vouched = Vouched::open(env, 1, 20).await?;
    let service = &vouched.service;
    vouched.give(env, env.subscriber.address, 3).await?;
    let first = vouched.voucher(env, 1, 10);
    for _ in 0..3 {
        assert_eq!(vouched.ask_signing(env, first).await?.status, 200);
        assert_eq!(service.get(env, "/ask").await?.status(), 200);
    }
    // It ends its session with its own key, without the server.
    env.chain.agent.revoke_session(vouched.plan, env.builder.address, first.session).await?;
    settled(env).await?;
    assert_eq!(redeemed_and_unpaid(env).await?, (3, 3));
    assert_eq!((service.balance(env).await?, vouched.balance(env).await?), (0, 20));

    let asked_before = service.upstream.requests();
    let to_sign = asked(&vouched.ask(env).await?)?;
    assert_eq!(to_sign.maximum, 3 + 1, "what is unpaid, and what is asked for");
    assert_ne!(to_sign.session, first.session);
    asked(&vouched.ask_signing(env, first).await?)?;
    let too_little = vouched.ask_signing(env, vouched.voucher(env, 2, 3)).await?;
    assert_eq!(asked(&too_little)?.maximum, 4);
    assert_eq!(service.upstream.requests(), asked_before, "nothing is served before");
    assert_eq!(vouched.ask_signing(env, vouched.voucher(env, 2, 5)).await?.status, 200);
    settled(env).await?;
    assert_eq!(redeemed_and_unpaid(env).await?, (3 + 4, 0));
    assert_eq!((vouched.spent(env, U256::from(2)).await?, vouched.balance(env).await?), (4, 16));
    // Ended before it is asked, it opens nothing.
    env.chain.agent.revoke_session(vouched.plan, env.builder.address, U256::from(2)).await?;
    sleep(Duration::from_secs(2)).await;
    asked(&vouched.ask(env).await?)?;
    assert_eq!(service.upstream.requests(), asked_before + 1);
    Ok(())
}

async fn a_use_is_paid_for_with_the_holders_money(env: &mut ServerEnv) -> Result<()> {
    let dollar = env.chain.devnet.dollar();
    let payee = Address::repeat_byte(0x77);
    let terms = Terms::per_use("Per use", dollar, "0.5")?.paid_to(payee).takes(1..=5);
    let vouched = Vouched::of(env, &terms, 2, 0).await?;
    // A managed account has not said that its money may be taken.
    asked(&read(vouched.service.request(env, Method::POST, "/ask")).await?)?;
    let voucher = vouched.voucher(env, 1, 100);
    refused(&vouched.ask_signing(env, voucher).await?, 402, "BCK.PROTOCOL.0011")?;
    // Two dollars of which it lets be taken pay for four uses, which is two requests.
    env.chain.devnet.mint_dollars(vouched.holder(), dollar.parse("10")?).await?;
    env.chain.agent.approve(dollar.address, dollar.parse("2")?).await?;
    for left in ["2", "0"] {
        let answer = vouched.ask(env).await?;
        assert_eq!(
            (answer.status, &answer.headers["scrip-credits-left"]),
            (200, &left.parse()?),
            "{}",
            answer.body
        );
    }
    let poor = vouched.ask(env).await?;
    assert!(matches!(poor.status, 402 | 503), "{}", poor.body);
    settled(env).await?;
    assert_eq!(vouched.spent(env, U256::ONE).await?, 4);
    let paid = IERC20::new(dollar.address, env.chain.devnet.reader()).balanceOf(payee).call().await?;
    assert_eq!(paid, dollar.parse("2")?);
    sleep(Duration::from_secs(2)).await;
    refused(&vouched.ask(env).await?, 402, "BCK.PROTOCOL.0011")?;
    assert_eq!(vouched.service.upstream.requests(), 2);
    Ok(())
}
