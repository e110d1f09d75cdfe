//! Who may do what: every route of the served document, with every kind of key.

use std::collections::BTreeSet;

use alloy::signers::{SignerSync, local::PrivateKeySigner};
use eyre::{OptionExt, Result, WrapErr, ensure};
use reqwest::Method;
use scrip_e2e::server::{Answer, Caller, ServerEnv};
use serde_json::{Value, json};

use super::{card, on_each_database, plan, register, wallets::message};

on_each_database!(every_route_knows_who_may);

/// What a route asks for.
enum Needs {
    /// No key.
    Nothing,
    /// No key, and a signature of Stripe's.
    Signature,
    /// A key of this scope; what another tenant's key is answered with, which has all scopes.
    Key(&'static str, u16),
    /// A key of who runs the server.
    Admin,
}
use Needs::{Admin, Key, Nothing, Signature};

/// Every route, what it needs, and a body that is right.
fn table(
    env: &ServerEnv,
    plan_id: &str,
    token: &str,
    fiat_plan: &str,
    signed_in: Value,
) -> Vec<(&'static str, &'static str, Needs, Value)> {
    let none = Value::Null;
    let page = json!({ "metadataAttributes": { "name": "A" }, "agentApiAttributes": {} });
    let mut with_plan = plan(env, "Q");
    if let Some(members) = with_plan.as_object_mut() {
        members.retain(|name, _| !["nonce", "isTrialPlan"].contains(&&**name));
    }
    let with_plan = json!({ "plan": with_plan, "agent": page });
    let (owner, holder) = (env.builder.address, env.subscriber.address);
    let burned = json!({ "planId": plan_id, "creditsAmount": "1" });
    let minted = json!({ "planId": plan_id, "amount": "1", "creditsReceiver": owner });
    let day = json!({ "planId": plan_id, "creditsAmount": "9", "creditsReceiver": holder, "creditsDuration": "86400" });
    let redeemed = json!({ "agentRequestId": "r", "planId": plan_id, "redeemFrom": holder, "amount": "1" });
    let key = json!({ "name": "one more", "scopes": ["keys"] });
    let accepted =
        json!({ "scheme": "nvm:erc4337", "network": "eip155:84532", "planId": plan_id, "extra": {} });
    let permission = json!({ "accepted": accepted });
    let required =
        json!({ "x402Version": 2, "resource": { "url": "/ask" }, "accepts": [accepted], "extensions": {} });
    let payment = json!({ "paymentRequired": required, "x402AccessToken": token, "maxAmount": "1" });
    let delegation = json!({
        "provider": "erc4337", "spendingLimitCents": 100, "durationSecs": 3_600, "currency": "usdc",
    });
    let by_card = json!({ "planId": fiat_plan, "sessionType": "embedded" });
    let seller =
        json!({ "userEmail": "b@example.com", "userCountryCode": "ES", "returnUrl": "https://example.com" });
    vec![
        ("get", "/", Nothing, none.clone()),
        ("get", "/livez", Nothing, none.clone()),
        ("get", "/readyz", Nothing, none.clone()),
        ("get", "/metrics", Admin, none.clone()),
        ("post", "/api/v1/auth/siwe/nonce", Nothing, none.clone()),
        ("post", "/api/v1/auth/siwe", Nothing, signed_in),
        ("get", "/api/v1/protocol/plans/{planId}", Nothing, none.clone()),
        ("get", "/api/v1/protocol/plans/{planId}/balance/{holder}", Nothing, none.clone()),
        ("get", "/api/v1/protocol/agents/{agentId}", Nothing, none.clone()),
        ("get", "/api/v1/protocol/plans/{planId}/agents", Nothing, none.clone()),
        ("get", "/api/v1/protocol/agents/{agentId}/plans", Nothing, none.clone()),
        ("get", "/api/v1/protocol/plans", Key("read", 200), none.clone()),
        ("get", "/api/v1/protocol/plans/bought", Key("read", 200), none.clone()),
        ("get", "/api/v1/protocol/plans/{planId}/history", Key("read", 200), none.clone()),
        ("get", "/api/v1/protocol/agents", Key("read", 200), none.clone()),
        ("get", "/api/v1/protocol/history", Key("read", 200), none.clone()),
        ("post", "/api/v1/accounts", Admin, json!({ "name": "new" })),
        ("put", "/api/v1/accounts/{address}/limits", Admin, json!({})),
        ("get", "/api/v1/api-keys", Key("keys", 200), none.clone()),
        ("post", "/api/v1/api-keys", Key("keys", 200), key),
        ("delete", "/api/v1/api-keys/{id}", Key("keys", 404), none.clone()),
        ("post", "/api/v1/protocol/plans", Key("publish", 200), plan(env, "P")),
        ("post", "/api/v1/protocol/plans/{planId}/order", Key("order", 200), none.clone()),
        ("post", "/api/v1/protocol/plans/mint", Key("mint", 403), minted),
        ("post", "/api/v1/protocol/plans/mintExpirable", Key("mint", 403), day),
        ("post", "/api/v1/protocol/plans/redeem", Key("redeem", 403), redeemed),
        // What the order has given to whoever asks.
        ("post", "/api/v1/protocol/plans/burn", Key("order", 200), burned),
        ("post", "/api/v1/protocol/agents", Key("publish", 200), page.clone()),
        ("post", "/api/v1/protocol/agents/plans", Key("publish", 200), with_plan),
        ("put", "/api/v1/protocol/agents/{agentId}", Key("publish", 403), page),
        ("get", "/api/v1/protocol/agents/{agentId}/origins", Nothing, none.clone()),
        ("put", "/api/v1/protocol/agents/{agentId}/origins", Key("publish", 403), json!({ "origins": [] })),
        ("delete", "/api/v1/protocol/agents/{agentId}/plan/{planId}", Key("publish", 403), none.clone()),
        ("post", "/api/v1/protocol/agents/{agentId}/plan/{planId}", Key("publish", 403), none.clone()),
        ("post", "/api/v1/x402/permissions", Key("access", 200), permission),
        ("get", "/api/v1/x402/permissions", Key("access", 200), none.clone()),
        ("get", "/api/v1/x402/permissions/{hash}", Key("access", 404), none.clone()),
        ("delete", "/api/v1/x402/permissions/{hash}", Key("access", 404), none.clone()),
        ("get", "/api/v1/protocol/token/{planId}/{agentId}", Key("access", 200), none.clone()),
        ("post", "/api/v1/x402/verify", Key("redeem", 403), payment.clone()),
        ("post", "/api/v1/x402/settle", Key("redeem", 403), payment),
        ("post", "/api/v1/delegation/create", Key("order", 200), delegation),
        ("get", "/api/v1/delegation", Key("read", 200), none.clone()),
        ("get", "/api/v1/delegation/{delegationId}", Key("read", 404), none.clone()),
        ("delete", "/api/v1/delegation/{delegationId}", Key("order", 404), none.clone()),
        ("get", "/api/v1/payment-methods", Key("read", 200), none.clone()),
        ("post", "/api/v1/fiat/stripe/payment", Key("order", 200), by_card.clone()),
        ("post", "/api/v1/stripe/payment", Key("order", 200), by_card.clone()),
        ("post", "/api/v1/stripe/checkout", Key("order", 200), by_card),
        ("post", "/api/v1/fiat/stripe/account", Key("publish", 200), seller),
        ("post", "/api/v1/fiat/stripe/webhook", Signature, json!({ "id": "evt_x" })),
        ("get", "/api/v1/fiat/payments", Key("read", 200), none.clone()),
        ("get", "/api/v1/fiat/payments/{paymentId}", Key("read", 404), none),
    ]
}

/// The routes of the served document.
async fn documented(env: &ServerEnv) -> Result<BTreeSet<(String, String)>> {
    let document = env.anyone.get("/openapi.json").await?.ok()?;
    let paths = document["paths"].as_object().ok_or_eyre("no paths")?;
    let methods = |(path, item): (&String, &Value)| {
        let methods = item.as_object().into_iter().flatten().filter(|(name, _)| *name != "parameters");
        methods.map(|(method, _)| (method.clone(), path.clone())).collect::<Vec<_>>()
    };
    Ok(paths.iter().flat_map(methods).collect())
}

/// Makes a key of an account, for some scopes and so many seconds; the key and its id.
async fn make(caller: &Caller, scopes: &[&str], seconds: u64) -> Result<(Caller, String)> {
    let asked = json!({ "name": scopes.join(" "), "scopes": scopes, "expiresIn": seconds });
    let made = caller.post("/api/v1/api-keys", &asked).await?.ok()?;
    let text = |name: &str| made[name].as_str().map(str::to_owned).ok_or_eyre("it is not shown");
    Ok((caller.with_key(&text("key")?), text("id")?))
}

/// Makes an access token of an account.
async fn permission(caller: &Caller, plan: &str) -> Result<Value> {
    let asked = json!({ "accepted": { "scheme": "nvm:erc4337", "planId": plan } });
    caller.post("/api/v1/x402/permissions", &asked).await?.ok()
}

async fn every_route_knows_who_may(env: &mut ServerEnv) -> Result<()> {
    const ALL: [&str; 7] = ["read", "order", "publish", "mint", "redeem", "access", "keys"];
    let plan = register(env, "P").await?;
    let agent = json!({ "metadataAttributes": { "name": "A" }, "agentApiAttributes": {}, "plans": [plan] });
    let agent = env.builder.post("/api/v1/protocol/agents", &agent).await?.ok()?["data"]["agentId"].clone();
    let agent = agent.as_str().ok_or_eyre("no agent")?.to_owned();
    let given = json!({ "planId": plan, "amount": 50, "creditsReceiver": env.subscriber.address });
    env.builder.post("/api/v1/protocol/plans/mint", &given).await?.ok()?;
    let token = permission(&env.subscriber, &plan).await?["accessToken"].clone();
    let fiat_plan = card::register(env, &card::fiat_plan(env, "F")).await?;
    let fiat_id = fiat_plan.0.to_string();
    let wallet = PrivateKeySigner::random();
    let message = message(env, wallet.address(), &[]).await?;
    let signature = wallet.sign_message_sync(message.as_bytes())?.to_string();
    let signed_in = json!({ "message": message, "signature": signature });
    let table = table(env, &plan, token.as_str().ok_or_eyre("no token")?, &fiat_id, signed_in);
    let rows: BTreeSet<_> =
        table.iter().map(|&(method, path, ..)| (method.to_owned(), path.to_owned())).collect();
    assert_eq!(documented(env).await?, rows, "a route without its row, or a row without its route");

    let (doomed, id) = make(&env.builder, &ALL, 3_600).await?;
    let (brief, _) = make(&env.builder, &ALL, 60).await?;
    let revoke = env.builder.request(Method::DELETE, &format!("/api/v1/api-keys/{id}"));
    Answer::of(revoke).await?.ok()?;
    env.advance(60);
    let other_server = env.builder.with_key(&env.foreign_key().await?);
    let key = env.builder.key()?;
    let (claims, signature) = key.rsplit_once('.').ok_or_eyre("no signature")?;
    let tampered = format!("{claims}.{}{signature}", if signature.starts_with('A') { 'B' } else { 'A' });
    let unknown = [
        ("garbage", env.builder.with_key("garbage")),
        ("garbage that looks like a key", env.builder.with_key("scrip:a.b.c")),
        ("no signature", env.builder.with_key(&format!("{claims}."))),
        ("another signature", env.builder.with_key(&tampered)),
        ("another server's", other_server),
        ("revoked", doomed),
        ("expired", brief),
    ];

    for (method, path, needs, body) in table {
        // What is the builder's own and may be ended by this row.
        let (_, unused) = make(&env.builder, &["read"], 3_600).await?;
        let hash = permission(&env.builder, &plan).await?["hash"].as_str().unwrap_or_default().to_owned();
        let delegation =
            json!({ "provider": "erc4337", "spendingLimitCents": 1, "durationSecs": 60, "currency": "usd" });
        let delegation =
            env.builder.post("/api/v1/delegation/create", &delegation).await?.ok()?["delegationId"].clone();
        let delegation = delegation.as_str().ok_or_eyre("no delegation")?.to_owned();
        let payment = card::check_out(&env.builder, fiat_plan).await?;
        let own = [&unused, &hash, &delegation, &payment];
        let filled = path
            .replace("{hash}", &hash)
            .replace("{delegationId}", &delegation)
            .replace("{paymentId}", &payment)
            .replace("{planId}", &plan)
            .replace("{agentId}", &agent)
            .replace("{holder}", &env.subscriber.address.to_string())
            .replace("{address}", &env.subscriber.address.to_string())
            .replace("{id}", &unused);
        let ask = async |caller: &Caller| -> Result<Answer> {
            let request = caller.request(method.to_uppercase().parse()?, &filled);
            let request = if body.is_null() { request } else { request.json(&body) };
            Answer::of(request).await.wrap_err_with(|| format!("{method} {path}"))
        };
        let refused = async |who: &str, caller: &Caller, status: u16, code: &str| -> Result<()> {
            let answer = ask(caller).await?;
            let found = answer.problem().unwrap_or("no problem");
            ensure!(
                (answer.status, found) == (status, code),
                "{method} {path}, {who}: {status} {code} expected: {} {}",
                answer.status,
                answer.body
            );
            ensure!(
                answer.body["hint"].is_string()
                    && (status != 401 || answer.headers.contains_key("www-authenticate"))
            );
            Ok(())
        };
        let scope = match needs {
            Nothing => {
                ask(&env.anyone).await?.ok().wrap_err_with(|| format!("{method} {path}"))?;
                continue;
            }
            Signature => {
                refused("unsigned", &env.anyone, 400, "SCRIP.CARD.SIGNATURE").await?;
                refused("a tenant", &env.builder, 400, "SCRIP.CARD.SIGNATURE").await?;
                continue;
            }
            Key(scope, _) => scope,
            Admin => "admin",
        };
        refused("no key", &env.anyone, 401, "BCK.AUTH.0012").await?;
        for (who, caller) in &unknown {
            refused(who, caller, 401, "BCK.APIKEY.0004").await?;
        }
        let others: Vec<_> = ALL.into_iter().filter(|&other| other != scope).collect();
        let (narrower, _) = make(&env.builder, &others, 3_600).await?;
        refused("narrower", &narrower, 403, "SCRIP.KEY.SCOPE").await?;
        let right = match needs {
            Key(scope, status) => {
                let answer = ask(&env.stranger).await?;
                ensure!(
                    answer.status == status,
                    "{method} {path}, another tenant: {} {}",
                    answer.status,
                    answer.body
                );
                let told = answer.body.to_string();
                ensure!(
                    status >= 400 || !own.iter().any(|own| told.contains(own.as_str())),
                    "{method} {path}: another tenant sees what is not his: {told}"
                );
                make(&env.builder, &[scope], 3_600).await?.0
            }
            Nothing | Signature | Admin => {
                refused("a tenant", &env.builder, 403, "SCRIP.KEY.SCOPE").await?;
                env.admin.clone()
            }
        };
        // All of these were refused for their keys alone.
        ask(&right).await?.ok().wrap_err_with(|| format!("{method} {path}"))?;
    }
    no_key_makes_one_that_may_more(env).await
}

async fn no_key_makes_one_that_may_more(env: &ServerEnv) -> Result<()> {
    let (maker, _) = make(&env.builder, &["keys", "read"], 3_600).await?;
    for scopes in [json!(["order"]), json!(["keys", "admin"])] {
        let asked = json!({ "name": "more", "scopes": scopes });
        let answer = maker.post("/api/v1/api-keys", &asked).await?;
        assert_eq!((answer.status, answer.problem()?), (403, "SCRIP.KEY.SCOPE"));
    }
    make(&maker, &["read"], 60).await?;
    Ok(())
}
