//! The gateway under the same blows: what was delivered is redeemed once, and what was not is free; so it is of a plan that requires
//! vouchers.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use alloy::{
    primitives::{Address, U256},
    providers::Provider,
    rpc::types::Filter,
    signers::{SignerSync, local::PrivateKeySigner},
    sol_types::{Eip712Domain, SolEvent},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use eyre::{OptionExt, Result, WrapErr, bail, ensure};
use futures_util::future::{select_all, try_join_all};
use reqwest::Client as Http;
use scrip::{
    Permissions, PlanId, SessionVoucher, Signable, Signed, Terms,
    abi::IScrip::{CreditsRedeemed, CreditsRedeemedInBatch},
};
use scrip_e2e::{
    server::{Caller, DatabaseKind},
    upstream::Upstream,
};
use serde_json::{Value, json};
use sqlx::{AnyPool, Row};
use tokio::time::{Instant, sleep, timeout};

use super::{CLIENTS, Draw, KILLS, SETTLED_WITHIN, Tally, number, place::Place};
use crate::server::{wallets::Wallet, x402::asked};

/// How many credits each holder has at first.
const CREDITS: u64 = 1_000_000;
/// How long a client asks for one thing.
const PATIENCE: Duration = Duration::from_secs(150);
/// How long it waits before it asks again.
const PAUSE: Duration = Duration::from_millis(50);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_delivered_is_redeemed_once_on_sqlite() -> Result<()> {
    tell(DatabaseKind::Sqlite, false).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_delivered_is_redeemed_once_on_postgres() -> Result<()> {
    tell(DatabaseKind::Postgres, false).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_vouched_for_is_redeemed_once_on_sqlite() -> Result<()> {
    tell(DatabaseKind::Sqlite, true).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_vouched_for_is_redeemed_once_on_postgres() -> Result<()> {
    tell(DatabaseKind::Postgres, true).await
}

async fn tell(kind: DatabaseKind, is_vouched: bool) -> Result<()> {
    let (kills, seed) = (number("SCRIP_KILLS", KILLS / 2)?, number("SCRIP_KILLS_SEED", 7)?);
    // What there is no database for has been said.
    let Some(mut place) = Place::start(kind).await? else { return Ok(()) };
    let told = tell_at(&mut place, is_vouched, kills, seed).await;
    told.wrap_err_with(|| format!("{kind:?}, {kills} kills, seed {seed}; the servers say\n{}", place.says()))
}

/// A client with a holder of its own. It asks for one thing after the other: under a key until it is answered, or once without.
struct Client {
    number: usize,
    holder: Caller,
    token: String,
    agent: String,
    urls: Vec<String>,
    http: Http,
    has_keys: bool,
    draw: Draw,
    tally: Arc<Tally>,
    book: Book,
    /// Who signs vouchers itself.
    pocket: Option<Pocket>,
}

/// A wallet's key, and what it has signed last.
struct Pocket {
    signer: PrivateKeySigner,
    domain: Eip712Domain,
    voucher: SessionVoucher,
}

impl Pocket {
    /// What is sent along with a request.
    fn signed(&self) -> Result<String> {
        let signature = self.signer.sign_hash_sync(&self.voucher.signing_hash(&self.domain)?)?;
        let signed = Signed { voucher: self.voucher, signature: signature.as_bytes().into() };
        Ok(BASE64_STANDARD.encode(serde_json::to_vec(&signed)?))
    }

    /// It signs what it is told to, and some more.
    fn sign_more(&mut self, problem: &str) -> Result<()> {
        let problem: Value = serde_json::from_str(problem)?;
        let asked: SessionVoucher = serde_json::from_value(problem["voucher"].clone())?;
        let SessionVoucher { session, deadline, .. } = self.voucher;
        ensure!(
            asked
                == SessionVoucher {
                    maximum: asked.maximum,
                    session,
                    deadline: asked.deadline,
                    ..self.voucher
                }
        );
        ensure!(asked.maximum > self.voucher.maximum && asked.deadline <= deadline, "{asked:?}");
        self.voucher.maximum = asked.maximum + 20;
        Ok(())
    }
}

/// What a client knows.
#[derive(Debug, Default)]
struct Book {
    holder: Address,
    has_keys: bool,
    has_signed: bool,
    /// Requests that were answered whole, and what they cost.
    delivered: u64,
    credits: u64,
    /// Requests without a key whose answers were lost, or broke off.
    lost: u64,
}

impl Client {
    async fn work(mut self) -> Result<Book> {
        let mut asked = 0_u64;
        while !self.tally.is_over() {
            asked += 1;
            self.ask(asked).await?;
        }
        Ok(self.book)
    }

    /// Asks for something that costs 1 to 3 credits.
    async fn ask(&mut self, asked: u64) -> Result<()> {
        let (claim, name) = (1 + self.draw.below(3), format!("{}-{asked}", self.number));
        let (after, began) = (self.draw.below(60), Instant::now());
        loop {
            ensure!(began.elapsed() < PATIENCE, "request {name} is not answered");
            let url = &self.urls[self.draw.below(self.urls.len() as u64) as usize];
            let url = format!("{url}/proxy/{}/ask?claim={claim}&after={after}", self.agent);
            let mut request = self.http.post(url).bearer_auth(&self.token).body(name.clone());
            if let Some(pocket) = &self.pocket {
                request = request.header("scrip-voucher", pocket.signed()?);
            }
            if self.has_keys {
                request = request.header("idempotency-key", &name);
            }
            let heard = async {
                let answer = request.send().await?;
                let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
                Ok::<_, reqwest::Error>((status, headers, answer.text().await?))
            };
            match heard.await {
                Ok((200, headers, body)) => {
                    ensure!(body.contains(&name), "{name} is answered with {body}");
                    let used: u64 =
                        headers.get("scrip-credits-used").ok_or_eyre("no credits")?.to_str()?.parse()?;
                    ensure!(used == claim, "{used} credits for {claim}");
                    self.book.delivered += 1;
                    self.book.credits += used;
                    self.tally.answered();
                    self.tally.count(if headers.contains_key("idempotent-replayed") {
                        "answered again"
                    } else {
                        "answered"
                    });
                    return Ok(());
                }
                Ok((402, _, body)) if body.contains("SCRIP.GATEWAY.VOUCHER") && self.pocket.is_some() => {
                    self.tally.count("signed more");
                    self.pocket.as_mut().ok_or_eyre("no key")?.sign_more(&body)?;
                    continue;
                }
                // Not begun, under way, or not known yet.
                Ok((409 | 502..=504, ..)) => self.tally.count("told to wait"),
                Ok((status, _, body)) => bail!("{name}: {status} {body}"),
                Err(_) if self.has_keys => self.tally.count("lost"),
                Err(_) => {
                    self.book.lost += 1;
                    self.tally.count("lost without a key");
                    sleep(PAUSE).await;
                    return Ok(());
                }
            }
            sleep(PAUSE).await;
        }
    }
}

#[expect(clippy::print_stderr, reason = "who runs it is told what was tried")]
async fn tell_at(place: &mut Place, is_vouched: bool, kills: u64, seed: u64) -> Result<()> {
    let (tally, upstream) = (Arc::<Tally>::default(), Upstream::start().await?);
    let mut plan =
        scrip_e2e::server::asked_plan(place.chain.devnet.dollar().address, place.builder.address, "Gateway");
    plan["creditsConfig"]["isRedemptionAmountFixed"] = json!(false);
    plan["creditsConfig"]["maxAmount"] = json!("3");
    let plan = match is_vouched {
        false => {
            let made = place.builder.post("/api/v1/protocol/plans", &plan).await?.ok()?;
            made["planId"].as_str().ok_or_eyre("no plan")?.to_owned()
        }
        true => vouched_plan(place).await?,
    };
    let id: PlanId = plan.parse()?;
    // What nobody is told, whatever dies when.
    let mut secrets = vec!["the-builders-secret".to_owned()];
    let api = json!({ "upstream": upstream.url(), "authType": "bearer", "token": secrets[0] });
    let agent = json!({ "metadataAttributes": { "name": "A" }, "agentApiAttributes": api, "plans": [plan] });
    let made = place.builder.post("/api/v1/protocol/agents", &agent).await?.ok()?;
    let agent = made["agentId"].as_str().ok_or_eyre("no agent")?.to_owned();
    let mut clients = Vec::new();
    for number in 0..CLIENTS {
        // Every second one signs itself, of those whose plan requires it.
        let mut pocket = None;
        let holder = if is_vouched && number % 2 == 0 {
            let wallet =
                Wallet::of(&Caller::of(place.servers[0].url(), None)?, PrivateKeySigner::random()).await?;
            let Wallet { caller, signer } = wallet;
            let voucher = SessionVoucher {
                plan: id,
                holder: signer.address(),
                redeemer: place.builder.address,
                maximum: 20,
                session: U256::from(number),
                deadline: place.chain.devnet.now().await? + 86_400,
            };
            pocket = Some(Pocket { signer, domain: place.chain.stranger.domain(), voucher });
            caller
        } else {
            place.holder(&format!("client {number}")).await?
        };
        let mint = json!({ "planId": plan, "amount": CREDITS, "creditsReceiver": holder.address });
        place.builder.post("/api/v1/protocol/plans/mint", &mint).await?.ok()?;
        let made = holder.post("/api/v1/x402/permissions", &asked(&plan)).await?.ok()?;
        let token = made["accessToken"].as_str().ok_or_eyre("no token")?.to_owned();
        secrets.push(token.clone());
        // A third of them without keys.
        let has_keys = number % 3 != 2;
        clients.push(Client {
            number,
            token,
            agent: agent.clone(),
            urls: place.servers.iter().map(|server| server.url().to_owned()).collect(),
            http: Http::builder().timeout(Duration::from_secs(20)).build()?,
            has_keys,
            draw: Draw::new(seed, &format!("gateway client {number}")),
            tally: Arc::clone(&tally),
            book: Book { holder: holder.address, has_keys, has_signed: pocket.is_some(), ..Book::default() },
            pocket,
            holder,
        });
    }
    let holders: Vec<_> = clients.iter().map(|client| client.holder.clone()).collect();
    let mut working: Vec<_> = clients.into_iter().map(|client| tokio::spawn(client.work())).collect();
    let mut draw = Draw::new(seed, "blows");
    let blows = tokio::select! {
        blows = place.strike(kills, &mut draw, &tally) => blows?,
        // They work until they are told to end.
        (ended, ..) = select_all(&mut working) => bail!("a client gave up: {:?}", ended?.err()),
    };
    tally.end();
    let ended = timeout(SETTLED_WITHIN, try_join_all(working)).await.wrap_err("clients still wait")??;
    let books = ended.into_iter().collect::<Result<Vec<_>>>()?;
    let found = check(place, &plan, &books, kills).await?;
    for server in &place.servers {
        let log = server.log()?;
        ensure!(
            !log.is_empty() && !secrets.iter().any(|secret| log.contains(secret)),
            "a secret is in a log"
        );
    }
    eprintln!("{:?}, seed {seed}: {blows}; {found}; {tally}", place.kind());
    drop(holders);
    Ok(())
}

/// A plan that requires vouchers, of the devnet's builder, whose operator the server's is.
async fn vouched_plan(place: &Place) -> Result<String> {
    let plan = place.chain.create(&Terms::credits("Vouched", 100).takes(1..=3).with_vouchers()).await?;
    let may = Permissions { mint: true, redeem: true, settle: false };
    place.chain.builder.set_operator(plan, place.builder.address, may).await?;
    Ok(plan.0.to_string())
}

/// Compares the clients' books with the chain and the database.
async fn check(place: &Place, plan: &str, books: &[Book], kills: u64) -> Result<String> {
    sqlx::any::install_default_drivers();
    let db = AnyPool::connect(&place.database).await?;
    let number = async |query: String| -> Result<u64> {
        Ok(sqlx::query(sqlx::AssertSqlSafe(query)).fetch_one(&db).await?.try_get::<i64, _>(0)?.try_into()?)
    };
    let kept = "SELECT CAST(COALESCE(SUM(gateway_held + gateway_owed), 0) AS BIGINT) FROM holdings";
    let began = Instant::now();
    loop {
        let open = number(kept.to_owned()).await?;
        let batches = number("SELECT COUNT(*) FROM gateway_batches WHERE status = 'open'".to_owned()).await?;
        if open + batches == 0 {
            break;
        }
        ensure!(
            began.elapsed() < SETTLED_WITHIN,
            "{open} credits are kept, and {batches} batches are not redeemed"
        );
        sleep(Duration::from_millis(200)).await;
    }
    for (none, query) in [
        ("what is in no batch is taken for what is", "SELECT COUNT(*) FROM holdings WHERE gateway_cut <> 0"),
        ("something is unpaid", "SELECT COUNT(*) FROM gateway_unpaid"),
        ("a request is under way for ever", "SELECT COUNT(*) FROM gateway_keys WHERE ended_at IS NULL"),
    ] {
        ensure!(number(query.to_owned()).await? == 0, none);
    }
    let mut by_database = BTreeMap::<Address, u64>::new();
    for row in sqlx::query("SELECT items FROM gateway_batches").fetch_all(&db).await? {
        for item in serde_json::from_str::<Vec<Value>>(&row.try_get::<String, _>(0)?)? {
            // All are done: what is said of none is redeemed.
            if matches!(item["became"].as_str(), None | Some("redeemed")) {
                *by_database.entry(serde_json::from_value(item["holder"].clone())?).or_default() += 1;
            }
        }
    }

    // What the chain says: each use once, by its id.
    let kinds = vec![CreditsRedeemedInBatch::SIGNATURE_HASH, CreditsRedeemed::SIGNATURE_HASH];
    let filter = Filter::new().address(place.scrip()).event_signature(kinds).from_block(0);
    let (mut uses, mut ids) = (BTreeMap::<Address, (u64, u64)>::new(), BTreeMap::<U256, u64>::new());
    for log in place.chain.devnet.reader().get_logs(&filter).await? {
        let redeemed = match CreditsRedeemed::decode_log(&log.inner) {
            Ok(one) => vec![(one.holder, one.amount, one.requestId)],
            Err(_) => {
                let uses = CreditsRedeemedInBatch::decode_log(&log.inner)?.data.uses;
                uses.into_iter().map(|one| (one.holder, one.amount, one.requestId)).collect()
            }
        };
        for (holder, amount, request) in redeemed {
            *ids.entry(request).or_default() += 1;
            let (count, credits) = uses.entry(holder).or_default();
            (*count, *credits) = (*count + 1, *credits + amount);
        }
    }
    ensure!(ids.values().all(|&times| times == 1), "a request is redeemed twice");
    let (mut delivered, mut free, mut lost) = (0, 0, 0);
    for book in books {
        let holder = book.holder;
        let (count, credits) = uses.get(&holder).copied().unwrap_or_default();
        let balance = place.chain.stranger.balance(plan.parse()?, holder).await?.balance;
        ensure!(balance == u128::from(CREDITS - credits), "a balance of {balance}: {book:?}");
        let by_database = by_database.get(&holder).copied().unwrap_or_default();
        ensure!(by_database == count, "{by_database} redemptions, and {count} on the chain: {book:?}");
        if book.has_signed {
            let counted = number(format!(
                "SELECT CAST(COALESCE(SUM(counted), 0) AS BIGINT) FROM gateway_sessions WHERE holder = '{holder}'"
            ));
            ensure!(counted.await? == credits, "{credits} credits redeemed, and others counted: {book:?}");
        }
        if book.has_keys {
            ensure!(
                (count, credits) == (book.delivered, book.credits),
                "{count} redemptions, {credits} credits: {book:?}"
            );
        } else {
            // Of what was asked without a key, one request is under way when its server dies: answered, and not taken down, it is
            // free; taken down, and lost on the wire, it is paid for.
            ensure!(
                count <= book.delivered + book.lost && count + kills >= book.delivered,
                "{count} redemptions: {book:?}"
            );
            free += (book.delivered + book.lost).saturating_sub(count);
            lost += book.lost;
        }
        delivered += book.delivered;
    }
    Ok(format!(
        "the books agree on {delivered} requests that were delivered, in {} batches; of {lost} whose answers were lost without a key, and \
         those under way, {free} were free",
        number("SELECT COUNT(*) FROM gateway_batches".to_owned()).await?
    ))
}
