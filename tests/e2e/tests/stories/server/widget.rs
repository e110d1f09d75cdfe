//! The widget by HTTP: who is made access tokens, of what, and for which pages.

use alloy::{
    dyn_abi::TypedData,
    primitives::{Address, U256},
    providers::ext::AnvilApi,
    signers::{SignerSync, local::PrivateKeySigner},
};
use eyre::{OptionExt, Result, ensure};
use reqwest::{Method, header::HeaderMap};
use scrip::{SessionVoucher, Terms};
use scrip_e2e::server::{Answer, Browser, Caller, ServerEnv};
use serde_json::{Value, json};

use super::{changed, on_each_database, pages::Wallet, plan, refused, register};
use crate::common::deploy;

on_each_database!(
    only_the_owner_names_the_pages_that_show_the_widget,
    a_widget_is_made_tokens_of_its_own_service,
    a_grant_is_good_once_for_its_widget_and_not_for_long,
    a_token_is_renewed_before_it_ends_and_ends_with_the_session,
    what_another_sells_is_not_sold_here,
    what_has_no_price_of_its_own_is_not_bought_by_a_click,
    what_is_not_mined_yet_is_not_bought_twice,
    what_is_signed_for_a_service_is_the_visitors_own,
);

/// A service of a caller's, opened by plans; its number.
async fn service(owner: &Caller, plans: &[&str]) -> Result<String> {
    let body =
        json!({ "metadataAttributes": { "name": "A service" }, "agentApiAttributes": {}, "plans": plans });
    let made = owner.post("/api/v1/protocol/agents", &body).await?.ok()?;
    Ok(made["data"]["agentId"].as_str().ok_or_eyre("no agent")?.to_owned())
}

fn did(agent: &str) -> Result<String> {
    Ok(format!("did:nv:{:064x}", agent.parse::<U256>()?))
}

async fn allow(caller: &Caller, agent: &str, origins: Value) -> Result<Answer> {
    let path = format!("/api/v1/protocol/agents/{agent}/origins");
    Answer::of(caller.request(Method::PUT, &path).json(&json!({ "origins": origins }))).await
}

/// A widget in somebody's page: what its script does.
struct Widget<'a> {
    env: &'a ServerEnv,
    agent: String,
    session: Option<String>,
}

impl Widget<'_> {
    async fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        let request = self.env.anyone.request(Method::POST, &format!("/widget/{}/{path}", self.agent));
        let request = request.header("origin", self.env.url()).json(body);
        Answer::of(match &self.session {
            Some(session) => request.header("scrip-widget-session", session),
            None => request,
        })
        .await
    }

    async fn look(&self, token: &Value) -> Result<Value> {
        self.post("look", &json!({ "token": token })).await?.ok()
    }

    async fn begin(&mut self, grant: &str) -> Result<Answer> {
        let answer = self.post("session", &json!({ "grant": grant })).await?;
        self.session = answer.body["session"].as_str().map(str::to_owned);
        Ok(answer)
    }
}

fn widget<'a>(env: &'a ServerEnv, agent: &str) -> Widget<'a> {
    Widget { env, agent: agent.to_owned(), session: None }
}

/// A browser in which somebody has logged in.
async fn logged_in(env: &ServerEnv, who: &Caller) -> Result<Browser> {
    let mut browser = Browser::new(env.url())?;
    browser.post("/login/dev", &[("account", &who.address.to_string())]).await?.elsewhere()?;
    Ok(browser)
}

/// What the window of somebody who has logged in hands to the widget.
async fn grant(visitor: &mut Browser, agent: &str) -> Result<String> {
    let shown = visitor.post(&format!("/widget/{agent}/grant"), &[]).await?;
    ensure!(shown.status == 200, "{}: {}", shown.status, shown.text);
    let handed: Value = serde_json::from_str(&shown.text)?;
    Ok(handed["grant"].as_str().ok_or_eyre("no grant")?.to_owned())
}

/// Who the page of a widget says may have it in a frame.
pub(super) fn ancestors(headers: &HeaderMap) -> Result<String> {
    let policy = headers.get("content-security-policy").ok_or_eyre("no policy")?.to_str()?;
    ensure!(!policy.contains("unsafe"), "{policy}");
    let (_, ancestors) = policy.split_once("frame-ancestors ").ok_or_eyre(policy.to_owned())?;
    Ok(ancestors.split(';').next().unwrap_or_default().to_owned())
}

async fn only_the_owner_names_the_pages_that_show_the_widget(env: &mut ServerEnv) -> Result<()> {
    let plan_id = register(env, "P").await?;
    let agent = service(&env.builder, &[&plan_id]).await?;
    let path = format!("/streamlit?did={}", did(&agent)?);
    let mut anyone = Browser::new(env.url())?;
    assert_eq!(ancestors(&anyone.get(&path).await?.headers)?, "'none'");

    let kept =
        allow(&env.builder, &agent, json!(["https://B.example:443/", "https://a.example"])).await?.ok()?;
    assert_eq!(kept["origins"], json!(["https://a.example", "https://b.example"]));
    let shown = anyone.get(&path).await?;
    assert_eq!(ancestors(&shown.headers)?, "https://a.example https://b.example");
    ensure!(!shown.headers.contains_key("x-frame-options"), "it would forbid all");
    for name in ["/widget", "/streamlit"] {
        assert_eq!(anyone.get(&format!("{name}?did={agent}")).await?.status, 200);
    }
    for origins in [
        json!(["http://a.example"]),
        json!(["*"]),
        json!(["https://a.example/path"]),
        json!(["https://a.example; script-src *"]),
    ] {
        assert_eq!(allow(&env.builder, &agent, origins.clone()).await?.status, 400, "{origins}");
    }
    let many: Vec<_> = (0..17).map(|number| format!("https://{number}.example")).collect();
    assert_eq!(allow(&env.builder, &agent, json!(many)).await?.status, 400);
    refused(&allow(&env.stranger, &agent, json!(["https://evil.example"])).await?, 403, "BCK.PROTOCOL.0016")?;
    assert_eq!(ancestors(&anyone.get(&path).await?.headers)?, "https://a.example https://b.example");
    for wrong in ["", "did:nv:5", "did:nv:xyz", "11111", "did:web:a.example"] {
        let status = anyone.get(&format!("/streamlit?did={wrong}")).await?.status;
        ensure!((400..500).contains(&status), "{wrong}: {status}");
    }
    Ok(())
}

async fn a_widget_is_made_tokens_of_its_own_service(env: &mut ServerEnv) -> Result<()> {
    let plan_id = register(env, "P").await?;
    let (agent, other) =
        (service(&env.builder, &[&plan_id]).await?, service(&env.builder, &[&plan_id]).await?);
    let mut widget = widget(env, &agent);
    let seen = widget.look(&Value::Null).await?;
    assert_eq!((&seen["account"], &seen["token"]), (&Value::Null, &Value::Null));
    assert_eq!(seen["plans"][0]["title"], "P");

    let mut visitor = logged_in(env, &env.subscriber).await?;
    let handed = grant(&mut visitor, &agent).await?;
    let begun = widget.begin(&handed).await?;
    let cookie = begun.headers.get("set-cookie").ok_or_eyre("no cookie")?.to_str()?.to_owned();
    for part in ["__Host-scrip-widget-", "Secure", "HttpOnly", "SameSite=None", "Partitioned", "Path=/"] {
        ensure!(cookie.contains(part), "{cookie}");
    }
    // Nothing to spend, and no token.
    let seen = widget.look(&Value::Null).await?;
    assert_eq!(
        (&seen["account"], &seen["token"]),
        (&json!(format!("{:#x}", env.subscriber.address)), &Value::Null)
    );
    env.subscriber.post_nothing(&format!("/api/v1/protocol/plans/{plan_id}/order")).await?.ok()?;
    let seen = widget.look(&Value::Null).await?;
    assert_eq!((&seen["plan"], &seen["plans"][0]["left"]), (&json!(plan_id), &json!(100)));
    ensure!(seen["proxyUrl"].as_str().is_some_and(|url| url.contains("/proxy/")), "{seen}");
    let token = &seen["token"];
    // It is the holder's, for this service, and listed among its tokens.
    let path = format!("/api/v1/x402/permissions/{}", token["hash"].as_str().ok_or_eyre("no hash")?);
    let listed = env.subscriber.get(&path).await?.ok()?;
    ensure!(listed.to_string().contains(&agent), "{listed}");
    // One that has a good token is made no other.
    assert_eq!(widget.look(&token["hash"]).await?["token"], Value::Null);
    // The cookie alone does as well, and the session is nothing at another service.
    let (pair, _) = cookie.split_once(';').ok_or_eyre("no attributes")?;
    let asked = async |agent: &str, cookie: &str| -> Result<Value> {
        let request = env.anyone.request(Method::POST, &format!("/widget/{agent}/look"));
        Answer::of(
            request.header("origin", env.url()).header("cookie", cookie).json(&json!({ "token": null })),
        )
        .await?
        .ok()
    };
    ensure!(asked(&agent, pair).await?["token"].is_object(), "the cookie is not enough");
    let renamed =
        pair.replace(&did(&agent)?["did:nv:".len()..][..16], &did(&other)?["did:nv:".len()..][..16]);
    assert_eq!(asked(&other, &renamed).await?["account"], Value::Null);
    let elsewhere = Widget { env, agent: other, session: widget.session.clone() };
    assert_eq!(elsewhere.look(&Value::Null).await?["account"], Value::Null);
    // What another page posts is refused, whatever cookies it carries.
    let request = env.anyone.request(Method::POST, &format!("/widget/{agent}/look"));
    let request = request.header("origin", "https://evil.example").header("cookie", pair).json(&json!({}));
    assert_eq!(request.send().await?.status(), 403);
    Ok(())
}

async fn a_grant_is_good_once_for_its_widget_and_not_for_long(env: &mut ServerEnv) -> Result<()> {
    let plan_id = register(env, "P").await?;
    let (agent, other) =
        (service(&env.builder, &[&plan_id]).await?, service(&env.builder, &[&plan_id]).await?);
    let mut visitor = logged_in(env, &env.subscriber).await?;
    let (mut here, mut there) = (widget(env, &agent), widget(env, &other));
    let handed = grant(&mut visitor, &agent).await?;
    assert_eq!(there.begin(&handed).await?.status, 401);
    here.begin(&handed).await?.ok()?;
    assert_eq!(here.begin(&handed).await?.status, 401);
    let late = grant(&mut visitor, &agent).await?;
    env.advance(61);
    assert_eq!(here.begin(&late).await?.status, 401);
    for forged in ["", "x", &"0".repeat(64)] {
        assert_eq!(here.begin(forged).await?.status, 401);
    }
    // Whoever has not logged in is granted nothing.
    let mut nobody = Browser::new(env.url())?;
    let shown = nobody.post(&format!("/widget/{agent}/grant"), &[]).await?;
    assert_eq!(shown.status, 303);
    // Neither is a page of another origin, though its visitor has.
    visitor.origin = Some("https://evil.example".to_owned());
    assert_eq!(visitor.post(&format!("/widget/{agent}/grant"), &[]).await?.status, 403);
    Ok(())
}

async fn a_token_is_renewed_before_it_ends_and_ends_with_the_session(env: &mut ServerEnv) -> Result<()> {
    let plan_id = register(env, "P").await?;
    let agent = service(&env.builder, &[&plan_id]).await?;
    env.subscriber.post_nothing(&format!("/api/v1/protocol/plans/{plan_id}/order")).await?.ok()?;
    let mut visitor = logged_in(env, &env.subscriber).await?;
    let mut widget = widget(env, &agent);
    widget.begin(&grant(&mut visitor, &agent).await?).await?.ok()?;
    let first = widget.look(&Value::Null).await?["token"].clone();
    env.advance(17 * 3_600);
    assert_eq!(widget.look(&first["hash"]).await?["token"], Value::Null);
    env.advance(3_600 + 60);
    let second = widget.look(&first["hash"]).await?["token"].clone();
    ensure!(second.is_object() && second["hash"] != first["hash"], "{second}");
    let verify = async |token: &Value| -> Result<Value> {
        let accepted =
            json!({ "scheme": "nvm:erc4337", "network": "eip155:31337", "planId": plan_id, "extra": {} });
        let required = json!({ "x402Version": 2, "resource": { "url": "/ask" }, "accepts": [accepted], "extensions": {} });
        let body =
            json!({ "paymentRequired": required, "x402AccessToken": token["accessToken"], "maxAmount": "1" });
        let answer = env.builder.post("/api/v1/x402/verify", &body).await?;
        Ok(answer.body["isValid"].clone())
    };
    // Both are good until the older ends.
    assert_eq!((verify(&first).await?, verify(&second).await?), (json!(true), json!(true)));
    env.advance(6 * 3_600);
    assert_ne!(verify(&first).await?, json!(true));
    widget.post("end", &json!({ "token": second["hash"] })).await?.ok()?;
    assert_ne!(verify(&second).await?, json!(true));
    assert_eq!(widget.look(&Value::Null).await?["account"], Value::Null);
    // Whoever logs out everywhere is logged out in widgets as well.
    widget.begin(&grant(&mut visitor, &agent).await?).await?.ok()?;
    visitor.post("/my/sessions/end", &[]).await?;
    assert_eq!(widget.look(&Value::Null).await?["account"], Value::Null);
    // A session ends by itself, too.
    let mut visitor = logged_in(env, &env.subscriber).await?;
    widget.begin(&grant(&mut visitor, &agent).await?).await?.ok()?;
    env.advance(7 * 86_400);
    assert_eq!(widget.look(&Value::Null).await?["account"], Value::Null);
    Ok(())
}

async fn what_another_sells_is_not_sold_here(env: &mut ServerEnv) -> Result<()> {
    let plan_id = register(env, "Of the builder").await?;
    env.subscriber.post_nothing(&format!("/api/v1/protocol/plans/{plan_id}/order")).await?.ok()?;
    // A stranger says that the builder's plan opens its own service, to be made tokens that spend the builder's credits.
    let own =
        changed(plan(env, "Of the stranger"), &[("/priceConfig/receivers", json!([env.stranger.address]))]);
    let own = env.stranger.post("/api/v1/protocol/plans", &own).await?.ok()?;
    let own = own["planId"].as_str().ok_or_eyre("no plan")?;
    let agent = service(&env.stranger, &[&plan_id, own]).await?;
    let mut visitor = logged_in(env, &env.subscriber).await?;
    let mut widget = widget(env, &agent);
    widget.begin(&grant(&mut visitor, &agent).await?).await?.ok()?;
    let seen = widget.look(&Value::Null).await?;
    let titles: Vec<_> = seen["plans"].as_array().into_iter().flatten().map(|plan| &plan["title"]).collect();
    assert_eq!((titles, &seen["token"]), (vec![&json!("Of the stranger")], &Value::Null));
    let once = [("plan", plan_id.as_str()), ("once", "1")];
    let shown = visitor.post(&format!("/widget/{agent}/order"), &once).await?;
    assert_eq!(shown.status, 403, "{}", shown.text);
    // Two clicks on one button buy once.
    env.chain.devnet.mint_dollars(env.subscriber.address, U256::from(1_000)).await?;
    let once = [("plan", own), ("once", "2")];
    for _ in 0..2 {
        assert_eq!(visitor.post(&format!("/widget/{agent}/order"), &once).await?.status, 303);
    }
    let holder: Address = env.subscriber.address;
    assert_eq!(env.chain.stranger.balance(own.parse()?, holder).await?.balance, 100);
    Ok(())
}

async fn what_has_no_price_of_its_own_is_not_bought_by_a_click(env: &mut ServerEnv) -> Result<()> {
    // The contract could ask for all that the buyer has; nobody has seen it when the button is pressed.
    let (source, builder) = (deploy(&env.chain, "Clerk").await?, env.builder.address);
    let terms = Terms::credits("Quoted", 5).quoted_by(source, env.chain.devnet.dollar()).paid_to(builder);
    let quoted = env.chain.builder.create_plan(&terms).await?.plan;
    let agent = service(&env.builder, &[&quoted.0.to_string()]).await?;
    let mut visitor = logged_in(env, &env.subscriber).await?;
    let window = visitor.get(&format!("/widget/{agent}/window")).await?.ok()?;
    ensure!(window.contains("A wallet of one's own buys it"), "{window}");
    ensure!(!window.contains("data-buy") && !window.contains("data-wallet"), "{window}");
    let once = [("plan", &*quoted.0.to_string()), ("once", "1")];
    let shown = visitor.post(&format!("/widget/{agent}/order"), &once).await?;
    ensure!(shown.status == 409 && shown.text.contains("is asked of a contract"), "{}", shown.text);
    assert_eq!(env.chain.stranger.balance(quoted, env.subscriber.address).await?.balance, 0);
    Ok(())
}

async fn what_is_not_mined_yet_is_not_bought_twice(env: &mut ServerEnv) -> Result<()> {
    let plan_id = register(env, "P").await?;
    let agent = service(&env.builder, &[&plan_id]).await?;
    env.chain.devnet.mint_dollars(env.subscriber.address, U256::from(1_000)).await?;
    let mut visitor = logged_in(env, &env.subscriber).await?;
    let path = format!("/widget/{agent}/window");
    let window = visitor.get(&path).await?;
    // Nothing in it can be pressed until its script lets go of it, and nothing is focused.
    ensure!(window.text.contains("<main inert ") && !window.text.contains("autofocus"), "{}", window.text);
    let once = window.input("once")?;
    let node = env.chain.devnet.reader();
    node.anvil_set_auto_mine(false).await?;
    let form = [("plan", &*plan_id), ("once", &once), ("had", "0")];
    let order = format!("/widget/{agent}/order");
    let waits = visitor.post(&order, &form).await?.elsewhere()?.to_owned();
    let window = visitor.get(&waits).await?.ok()?;
    ensure!(
        window.contains("We wait for the payment of P") && window.contains("do not pay it again"),
        "{window}"
    );
    node.anvil_set_auto_mine(true).await?;
    node.anvil_mine(Some(1), None).await?;
    for _ in 0..100 {
        if visitor.get(&waits).await?.ok()?.contains("Paid: P.") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    ensure!(visitor.get(&waits).await?.ok()?.contains("Paid: P. You have 100 credits."));
    visitor.post(&order, &form).await?.elsewhere()?;
    assert_eq!(env.chain.stranger.balance(plan_id.parse()?, env.subscriber.address).await?.balance, 100);

    // What comes to nothing is said, and is not waited for.
    let dear = changed(plan(env, "Dear"), &[("/priceConfig/amounts", json!(["1000000000000000"]))]);
    let dear = env.builder.post("/api/v1/protocol/plans", &dear).await?.ok()?;
    let dear = dear["planId"].as_str().ok_or_eyre("no plan")?.to_owned();
    let agent = service(&env.builder, &[&dear]).await?;
    let form = [("plan", &*dear), ("once", "poor"), ("had", "0")];
    assert_eq!(visitor.post(&format!("/widget/{agent}/order"), &form).await?.status, 402);
    let path = format!("/widget/{agent}/window?bought={dear}&had=0&order=poor");
    let window = visitor.get(&path).await?.ok()?;
    ensure!(
        window.contains("Nothing was bought: ") && !window.contains("http-equiv=\"refresh\""),
        "{window}"
    );
    // Who logs out there logs in there again, and is told which app is let know.
    ensure!(window.contains(&format!("name=\"next\" value=\"/widget/{agent}/window\"")), "{window}");
    allow(&env.builder, &agent, json!(["https://a.example"])).await?.ok()?;
    ensure!(visitor.get(&path).await?.ok()?.contains("is at https://a.example."));
    let mut leaving = visitor.clone();
    let next = format!("/widget/{agent}/window");
    let left = leaving.post("/logout", &[("next", &next)]).await?;
    assert_eq!(left.elsewhere()?, format!("/login?next={next}"));
    // Nobody else is told.
    let mut other = logged_in(env, &env.stranger).await?;
    ensure!(!other.get(&path).await?.ok()?.contains("Nothing was bought"));
    Ok(())
}

/// Sends what a script of a page sends.
async fn sent(browser: &mut Browser, path: &str, body: Value) -> Result<(u16, Value)> {
    let request = browser.request(Method::POST, path).json(&body);
    let shown = browser.send(request).await?;
    Ok((shown.status, serde_json::from_str(&shown.text).unwrap_or_default()))
}

async fn what_is_signed_for_a_service_is_the_visitors_own(env: &mut ServerEnv) -> Result<()> {
    let vouched = env.chain.create(&Terms::credits("Vouched", 100).takes(1..=5).with_vouchers()).await?;
    let (plan, other) = (vouched.0.to_string(), register(env, "Needs none").await?);
    let agent = service(&env.builder, &[&plan, &other]).await?;
    let wallet = Wallet::new(env).await?;
    let (holder, mut browser) = (wallet.signer.address(), wallet.browser.clone());
    for plan in [&plan, &other] {
        let mint = json!({ "planId": plan, "amount": "10", "creditsReceiver": holder });
        env.builder.post("/api/v1/protocol/plans/mint", &mint).await?.ok()?;
    }
    let (ask, take) = (format!("/widget/{agent}/voucher"), format!("/widget/{agent}/signed"));
    let (status, asked) = sent(&mut browser, &ask, json!({ "plan": plan })).await?;
    assert_eq!((status, &asked["from"]), (200, &json!(holder)), "{asked}");
    let text = asked["voucher"].as_str().ok_or_eyre("no voucher")?;
    let voucher: SessionVoucher = serde_json::from_str(text)?;
    assert_eq!((voucher.plan, voucher.maximum, voucher.redeemer), (vouched, 10, env.builder.address));
    let typed: TypedData = serde_json::from_str(asked["typedData"].as_str().ok_or_eyre("no data")?)?;
    let signed = |by: &PrivateKeySigner| -> Result<String> {
        Ok(by.sign_hash_sync(&typed.eip712_signing_hash()?)?.to_string())
    };

    // Who has not logged in is asked to, and another's signature is nobody's.
    let mut anyone = Browser::new(env.url())?;
    for (path, body) in
        [(&ask, json!({ "plan": plan })), (&take, json!({ "voucher": text, "signature": "0x" }))]
    {
        assert_eq!(sent(&mut anyone, path, body).await?.0, 303, "{path}");
    }
    let forged = json!({ "voucher": text, "signature": signed(&PrivateKeySigner::random())? });
    let (status, told) = sent(&mut browser, &take, forged).await?;
    assert_eq!((status, &told["code"]), (402, &json!("SCRIP.GATEWAY.VOUCHER_REFUSED")), "{told}");
    let good = json!({ "voucher": text, "signature": signed(&wallet.signer)? });
    // Nor does anybody else hand it over, nor is it for any other.
    let mut stranger = logged_in(env, &env.stranger).await?;
    assert_ne!(sent(&mut stranger, &take, good.clone()).await?.0, 200);
    for changed in [
        SessionVoucher { redeemer: env.stranger.address, ..voucher },
        SessionVoucher { maximum: 11, ..voucher },
        SessionVoucher { plan: other.parse()?, ..voucher },
    ] {
        let body =
            json!({ "voucher": serde_json::to_string(&changed)?, "signature": signed(&wallet.signer)? });
        let (status, told) = sent(&mut browser, &take, body).await?;
        assert!(status >= 400, "{changed:?}: {told}");
    }
    for path in [&ask, &take] {
        assert_eq!(sent(&mut browser, path, json!({ "plan": 1, "voucher": "{}" })).await?.0, 400);
    }
    // Until it is signed the page around the widget is told no token.
    let mut widget = widget(env, &agent);
    widget.begin(&grant(&mut browser, &agent).await?).await?.ok()?;
    let look = widget.look(&Value::Null).await?;
    let of = |look: &Value, id: &str| {
        look["plans"].as_array().and_then(|plans| plans.iter().find(|plan| plan["id"] == id).cloned())
    };
    assert_eq!(of(&look, &plan).ok_or_eyre("no plan")?["toSign"], true);
    assert_eq!(look["plan"], other.as_str(), "which needs no signature");

    let (status, told) = sent(&mut browser, &take, good).await?;
    assert_eq!(status, 200, "{told}");
    let look = widget.look(&Value::Null).await?;
    assert_eq!(of(&look, &plan).ok_or_eyre("no plan")?["toSign"], false);
    let (status, told) = sent(&mut browser, &ask, json!({ "plan": plan })).await?;
    assert_eq!((status, &told["code"]), (409, &json!("SCRIP.CHAIN.REFUSED")), "it is signed: {told}");
    Ok(())
}
