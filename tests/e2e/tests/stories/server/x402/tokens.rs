//! Access tokens: what they say, who makes them, and whose are none.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use eyre::Result;
use reqwest::Method;
use scrip_e2e::server::{Answer, Caller, ServerEnv};
use serde_json::{Value, json};

use super::{asked, balance, give, payment, request, sell, settle, text, token, verify};
use crate::server::{on_each_database, refused};

on_each_database!(
    a_token_is_listed_and_revoked,
    what_was_not_signed_for_this_is_refused,
    nobody_but_redeemers_reserves,
    a_token_for_one_use_is_used_once,
);

fn read(token: &str) -> Result<Value> {
    Ok(serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(token)?)?)
}

fn written(token: &Value) -> Result<String> {
    Ok(BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(token)?))
}

async fn delete(caller: &Caller, path: &str) -> Result<Answer> {
    Answer::of(caller.request(Method::DELETE, path)).await
}

async fn a_token_is_listed_and_revoked(env: &mut ServerEnv) -> Result<()> {
    let plan = sell(env, "Listed").await?;
    give(env, &plan, 10, 0).await?;
    let made = env.subscriber.post("/api/v1/x402/permissions", &asked(&plan)).await?.ok()?;
    let (token, hash) = (text(&made, "accessToken")?, text(&made, "hash")?);
    let says = read(&token)?;
    let authorization = &says["payload"]["authorization"];
    assert_eq!(authorization["from"], format!("{:#x}", env.subscriber.address));
    assert_eq!(
        (&says["accepted"]["planId"], &says["accepted"]["scheme"]),
        (&json!(plan), &json!("nvm:erc4337"))
    );
    assert_eq!(authorization.get("nonce"), None, "version 2");

    let path = format!("/api/v1/x402/permissions/{hash}");
    let listed = env.subscriber.get("/api/v1/x402/permissions").await?.ok()?;
    assert_eq!((listed.as_array().map(Vec::len), &listed[0]["hash"]), (Some(1), &json!(hash)));
    assert_eq!((&listed[0]["planId"], &listed[0]["revokedAt"]), (&json!(plan), &Value::Null));
    assert!(!listed.to_string().contains(&token), "the token itself is not listed");
    // Another tenant neither sees it nor ends it.
    assert_eq!(env.stranger.get("/api/v1/x402/permissions").await?.ok()?, json!([]));
    refused(&env.stranger.get(&path).await?, 404, "SCRIP.X402.PERMISSION")?;
    refused(&delete(&env.stranger, &path).await?, 404, "SCRIP.X402.PERMISSION")?;

    let id = request(verify(&env.builder, &plan, &token, 1).await?)?;
    delete(&env.subscriber, &path).await?.ok()?;
    refused(&delete(&env.subscriber, &path).await?, 404, "SCRIP.X402.PERMISSION")?;
    refused(&verify(&env.builder, &plan, &token, 1).await?, 402, "BCK.X402.0022")?;
    refused(&settle(&env.builder, &plan, &token, 1, Some("new")).await?, 402, "BCK.X402.0022")?;
    assert!(env.subscriber.get(&path).await?.ok()?["revokedAt"].is_string());
    // Who was verified before is paid.
    settle(&env.builder, &plan, &token, 1, Some(&id)).await?.ok()?;
    assert_eq!(balance(env, &plan).await?, 9);
    Ok(())
}

async fn what_was_not_signed_for_this_is_refused(env: &mut ServerEnv) -> Result<()> {
    let (plan, other) = (sell(env, "One").await?, sell(env, "Other").await?);
    give(env, &plan, 10, 0).await?;
    give(env, &other, 10, 0).await?;
    let token = token(env, &plan).await?;
    let invalid = |answer: Answer| refused(&answer, 402, "BCK.X402.0005");
    // Of another plan: as it is, and changed to it.
    invalid(verify(&env.builder, &other, &token, 1).await?)?;
    let changed = |pointer: &str, value: Value| -> Result<String> {
        let mut token = read(&token)?;
        *token.pointer_mut(pointer).ok_or_else(|| eyre::eyre!("no {pointer}"))? = value;
        written(&token)
    };
    invalid(verify(&env.builder, &other, &changed("/accepted/planId", json!(other))?, 1).await?)?;
    for (pointer, value) in [
        ("/payload/authorization/from", json!(env.stranger.address)),
        ("/payload/authorization/expiresAt", json!(u32::MAX)),
        ("/payload/signature", json!("")),
        ("/payload/signature", json!("AAAA")),
    ] {
        invalid(verify(&env.builder, &plan, &changed(pointer, value)?, 1).await?)?;
    }
    for nonsense in ["", "e30", "not base64!", "eyJ4NDAyVmVyc2lvbiI6Mn0"] {
        invalid(verify(&env.builder, &plan, nonsense, 1).await?)?;
        invalid(settle(&env.builder, &plan, nonsense, 1, None).await?)?;
    }
    let mut missing = payment(&plan, &token, 1);
    missing.as_object_mut().map(|missing| missing.remove("paymentRequired"));
    refused(&env.builder.post("/api/v1/x402/verify", &missing).await?, 402, "BCK.X402.0030")?;

    // Nothing of this has reserved anything, and it is a token until it ends.
    request(verify(&env.builder, &plan, &token, 10).await?)?;
    env.advance(30 * 86_400);
    refused(&verify(&env.builder, &plan, &token, 1).await?, 402, "BCK.X402.0023")?;
    refused(&settle(&env.builder, &plan, &token, 1, Some("new")).await?, 402, "BCK.X402.0023")?;
    assert_eq!((balance(env, &plan).await?, balance(env, &other).await?), (10, 10));
    Ok(())
}

async fn nobody_but_redeemers_reserves(env: &mut ServerEnv) -> Result<()> {
    let plan = sell(env, "Guarded").await?;
    give(env, &plan, 10, 0).await?;
    let token = token(env, &plan).await?;
    let id = request(verify(&env.builder, &plan, &token, 4).await?)?;
    for asked in [
        verify(&env.anyone, &plan, &token, 1).await?,
        settle(&env.anyone, &plan, &token, 4, Some(&id)).await?,
    ] {
        refused(&asked, 401, "BCK.AUTH.0012")?;
    }
    // Another builder neither reserves, nor settles what is reserved, nor sees what was settled.
    refused(&verify(&env.stranger, &plan, &token, 1).await?, 403, "BCK.PROTOCOL.0017")?;
    for id in [Some(id.as_str()), None] {
        refused(&settle(&env.stranger, &plan, &token, 4, id).await?, 403, "BCK.PROTOCOL.0017")?;
    }
    let narrow = json!({ "name": "narrow", "scopes": ["read", "access", "order"] });
    let narrow = env.builder.post("/api/v1/api-keys", &narrow).await?.ok()?;
    let narrow = env.builder.with_key(&text(&narrow, "key")?);
    refused(&verify(&narrow, &plan, &token, 1).await?, 403, "SCRIP.KEY.SCOPE")?;
    refused(&settle(&narrow, &plan, &token, 4, Some(&id)).await?, 403, "SCRIP.KEY.SCOPE")?;
    let narrow = json!({ "name": "narrow", "scopes": ["redeem"] });
    let narrow = env.subscriber.post("/api/v1/api-keys", &narrow).await?.ok()?;
    let narrow = env.subscriber.with_key(&text(&narrow, "key")?);
    refused(&narrow.post("/api/v1/x402/permissions", &asked(&plan)).await?, 403, "SCRIP.KEY.SCOPE")?;

    settle(&env.builder, &plan, &token, 4, Some(&id)).await?.ok()?;
    refused(&settle(&env.stranger, &plan, &token, 4, Some(&id)).await?, 403, "BCK.PROTOCOL.0017")?;
    assert_eq!(balance(env, &plan).await?, 6);
    Ok(())
}

async fn a_token_for_one_use_is_used_once(env: &mut ServerEnv) -> Result<()> {
    let plan = sell(env, "Single").await?;
    give(env, &plan, 10, 0).await?;
    let mut asked = asked(&plan);
    asked["tokenVersion"] = json!(3);
    asked["resource"] = json!({ "url": "/ask" });
    asked["accepted"]["extra"]["httpVerb"] = json!("POST");
    let token = text(&env.subscriber.post("/api/v1/x402/permissions", &asked).await?.ok()?, "accessToken")?;
    assert!(read(&token)?["payload"]["authorization"]["nonce"].is_string());

    // Bound to its resource and verb.
    let mut other = payment(&plan, &token, 1);
    other["paymentRequired"]["resource"]["url"] = json!("/tell");
    refused(&env.builder.post("/api/v1/x402/verify", &other).await?, 402, "BCK.X402.0005")?;
    let mut other = payment(&plan, &token, 1);
    other["paymentRequired"]["accepts"][0]["extra"]["httpVerb"] = json!("GET");
    refused(&env.builder.post("/api/v1/x402/verify", &other).await?, 402, "BCK.X402.0005")?;

    // Ten sellers at once: one is to be paid.
    let sellers = (0..10).map(|_| verify(&env.builder, &plan, &token, 1));
    let answers = futures_util::future::try_join_all(sellers).await?;
    let (valid, used): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!((valid.len(), used.len()), (1, 9));
    for used in &used {
        refused(used, 402, "BCK.X402.0059")?;
    }
    let id = text(&valid[0].body, "agentRequestId")?;
    settle(&env.builder, &plan, &token, 1, Some(&id)).await?.ok()?;
    settle(&env.builder, &plan, &token, 1, Some(&id)).await?.ok()?;
    refused(&settle(&env.builder, &plan, &token, 1, None).await?, 402, "BCK.X402.0059")?;
    refused(&verify(&env.builder, &plan, &token, 1).await?, 402, "BCK.X402.0059")?;
    assert_eq!(balance(env, &plan).await?, 9);
    Ok(())
}
