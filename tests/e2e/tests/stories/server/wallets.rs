//! Accounts with a wallet of their own: who logs in, and what they are handed to sign.

use std::str::FromStr;

use alloy::{
    network::EthereumWallet,
    primitives::{Address, U256},
    providers::{Provider, ProviderBuilder, ext::AnvilApi},
    signers::{SignerSync, local::PrivateKeySigner},
};
use eyre::{OptionExt, Result, ensure};
use scrip::{PlanId, WalletCalls};
use scrip_e2e::server::{Answer, Caller, Replica, ServerEnv};
use scrip_server::Config;
use serde_json::{Value, json};

use super::{changed, on_each_database, plan, refused, register};

on_each_database!(
    what_a_wallet_is_handed_is_what_it_asked_for,
    who_has_not_signed_is_not_let_in,
    a_managed_account_stays_managed,
);

const NOT_SIGNED_IN: (u16, &str) = (400, "SCRIP.AUTH.SIWE");

/// A message of ERC-4361 with what the server asks for, and its changes.
pub(super) async fn message(env: &ServerEnv, who: Address, changes: &[(&str, &str)]) -> Result<String> {
    message_for(&env.anyone, who, changes).await
}

async fn message_for(anyone: &Caller, who: Address, changes: &[(&str, &str)]) -> Result<String> {
    let asked = anyone.post_nothing("/api/v1/auth/siwe/nonce").await?.ok()?;
    let said = |name: &str| match changes.iter().find(|(changed, _)| *changed == name) {
        Some((_, other)) => (*other).to_owned(),
        None => asked[name].as_str().map_or_else(|| asked[name].to_string(), str::to_owned),
    };
    let mut text = format!(
        "{} wants you to sign in with your Ethereum account:\n{who}\n\nScrip\n\nURI: {}\nVersion: {}\nChain ID: {}\n\
         Nonce: {}\nIssued At: {}",
        said("domain"),
        said("uri"),
        said("version"),
        said("chainId"),
        said("nonce"),
        "2026-01-01T00:00:00Z",
    );
    for (name, value) in changes.iter().filter(|(name, _)| name.contains(' ')) {
        text += &format!("\n{name}: {value}");
    }
    Ok(text)
}

async fn log_in(anyone: &Caller, message: &str, signer: &PrivateKeySigner) -> Result<Answer> {
    let signature = signer.sign_message_sync(message.as_bytes())?.to_string();
    anyone.post("/api/v1/auth/siwe", &json!({ "message": message, "signature": signature })).await
}

/// A wallet that has logged in.
pub(super) struct Wallet {
    pub(super) caller: Caller,
    pub(super) signer: PrivateKeySigner,
}

impl Wallet {
    async fn new(env: &ServerEnv, signer: PrivateKeySigner) -> Result<Self> {
        Self::of(&env.anyone, signer).await
    }

    /// Logs in at any server.
    pub(super) async fn of(anyone: &Caller, signer: PrivateKeySigner) -> Result<Self> {
        let text = message_for(anyone, signer.address(), &[]).await?;
        let logged_in = log_in(anyone, &text, &signer).await?.ok()?;
        ensure!(Address::from_str(logged_in["address"].as_str().unwrap_or_default())? == signer.address());
        let key = logged_in["key"].as_str().ok_or_eyre("no key")?;
        Ok(Self { caller: Caller::of(anyone.url(), Some(key))?, signer })
    }

    /// Sends what it was handed; the problem's words.
    async fn send(&self, env: &ServerEnv, answer: &Answer, calls: usize) -> Result<String> {
        refused(answer, 409, "SCRIP.ACCOUNT.OWN_WALLET")?;
        let handed: WalletCalls = serde_json::from_value(answer.body["calls"].clone())?;
        ensure!(handed.from == self.signer.address() && handed.calls.len() == calls, "{handed:?}");
        let wallet = EthereumWallet::from(self.signer.clone());
        let provider = ProviderBuilder::new().wallet(wallet).connect_http(env.chain.devnet.url().parse()?);
        for call in handed.transactions() {
            let mined = provider.send_transaction(call).await?.get_receipt().await?;
            ensure!(mined.status(), "{mined:?}");
        }
        Ok(answer.body["detail"].as_str().unwrap_or_default().to_owned())
    }
}

/// The word behind another.
fn after<'a>(text: &'a str, word: &str) -> Result<&'a str> {
    let rest = text.split_once(word).ok_or_eyre(format!("no `{word}` in {text}"))?.1;
    Ok(rest.split(|end: char| !end.is_ascii_alphanumeric()).next().unwrap_or_default())
}

async fn what_a_wallet_is_handed_is_what_it_asked_for(env: &mut ServerEnv) -> Result<()> {
    let wallet = Wallet::new(env, PrivateKeySigner::random()).await?;
    let own = wallet.signer.address();
    let node = env.chain.devnet.reader();
    node.anvil_set_balance(own, U256::from(10).pow(U256::from(18))).await?;
    env.chain.devnet.mint_dollars(own, U256::from(1_000)).await?;
    let balance = async |plan: &str, holder: Address| -> Result<U256> {
        Ok(U256::from(env.chain.stranger.balance(plan.parse::<PlanId>()?, holder).await?.balance))
    };

    // An order, first with its approval.
    let plan_id = register(env, "P").await?;
    let order = format!("/api/v1/protocol/plans/{plan_id}/order");
    wallet.send(env, &wallet.caller.post_nothing(&order).await?, 2).await?;
    assert_eq!(balance(&plan_id, own).await?, U256::from(100));
    let burn = json!({ "planId": plan_id, "creditsAmount": 30 });
    wallet.send(env, &wallet.caller.post("/api/v1/protocol/plans/burn", &burn).await?, 1).await?;
    assert_eq!(balance(&plan_id, own).await?, U256::from(70));

    // Plans and agents of its own, with what they say of themselves.
    let asked = changed(plan(env, "Of a wallet"), &[("/priceConfig/receivers", json!([own]))]);
    let words = wallet.send(env, &wallet.caller.post("/api/v1/protocol/plans", &asked).await?, 1).await?;
    let created = after(&words, "plan ")?;
    let shown = env.anyone.get(&format!("/api/v1/protocol/plans/{created}")).await?.ok()?;
    assert_eq!(
        (&shown["name"], &shown["registry"]["owner"]),
        (&json!("Of a wallet"), &json!(format!("{own:#x}")))
    );
    let mut with = changed(plan(env, "Another"), &[("/priceConfig/receivers", json!([own]))]);
    if let Some(members) = with.as_object_mut() {
        members.retain(|name, _| !["nonce", "isTrialPlan"].contains(&&**name));
    }
    let page = json!({ "metadataAttributes": { "name": "Agent" }, "agentApiAttributes": {} });
    let both = json!({ "plan": with, "agent": page });
    let words =
        wallet.send(env, &wallet.caller.post("/api/v1/protocol/agents/plans", &both).await?, 2).await?;
    let (second, agent) = (after(&words, "plan ")?, after(&words, "agent ")?);
    let shown = env.anyone.get(&format!("/api/v1/protocol/agents/{agent}")).await?.ok()?;
    let second = second.parse::<PlanId>()?.0.to_string();
    assert_eq!((&shown["name"], &shown["registry"]["plans"]), (&json!("Agent"), &json!([second])));
    let link = format!("/api/v1/protocol/agents/{agent}/plan/{created}");
    wallet.send(env, &wallet.caller.post_nothing(&link).await?, 1).await?;
    let unlink = Answer::of(wallet.caller.request(reqwest::Method::DELETE, &link)).await?;
    wallet.send(env, &unlink, 1).await?;

    // What it mints and redeems.
    let subscriber = env.subscriber.address;
    let minted = json!({ "planId": created, "amount": 9, "creditsReceiver": subscriber });
    wallet.send(env, &wallet.caller.post("/api/v1/protocol/plans/mint", &minted).await?, 1).await?;
    let day = json!({ "planId": created, "creditsAmount": 9, "creditsReceiver": subscriber, "creditsDuration": 86_400 });
    wallet.send(env, &wallet.caller.post("/api/v1/protocol/plans/mintExpirable", &day).await?, 1).await?;
    let redeemed = json!({ "agentRequestId": "r", "planId": created, "redeemFrom": subscriber, "amount": 5 });
    let redeem = async || wallet.caller.post("/api/v1/protocol/plans/redeem", &redeemed).await;
    wallet.send(env, &redeem().await?, 1).await?;
    assert_eq!(balance(created, subscriber).await?, U256::from(13));
    // What would be refused is not handed out.
    refused(&redeem().await?, 409, "SCRIP.CHAIN.REFUSED")?;
    let poor = Wallet::new(env, PrivateKeySigner::random()).await?;
    refused(&poor.caller.post_nothing(&order).await?, 402, "BCK.PROTOCOL.0011")?;
    Ok(())
}

async fn who_has_not_signed_is_not_let_in(env: &mut ServerEnv) -> Result<()> {
    let (signer, other) = (PrivateKeySigner::random(), PrivateKeySigner::random());
    let own = signer.address();
    let fails = async |text: &str, signer: &PrivateKeySigner| -> Result<()> {
        refused(&log_in(&env.anyone, text, signer).await?, NOT_SIGNED_IN.0, NOT_SIGNED_IN.1)
    };
    let wrong: [&[(&str, &str)]; 8] = [
        &[("domain", "evil.example")],
        &[("uri", "https://evil.example/log-in")],
        &[("chainId", "1")],
        &[("nonce", "0123456789abcdef")],
        &[("version", "2")],
        &[("Expiration Time", "2020-01-01T00:00:00Z")],
        &[("Not Before", "2100-01-01T00:00:00Z")],
        &[("Expiration Time", "soon")],
    ];
    for changes in wrong {
        fails(&message(env, own, changes).await?, &signer).await?;
    }
    fails("let me in", &signer).await?;

    let text = message(env, own, &[("Expiration Time", "2100-01-01T00:00:00Z")]).await?;
    fails(&text, &other).await?;
    fails(&text.replace("Scrip", "Script"), &other).await?;
    // That others tried it has not used it up; that it was used has.
    log_in(&env.anyone, &text, &signer).await?.ok()?;
    fails(&text, &signer).await?;
    let late = message(env, own, &[]).await?;
    env.advance(600);
    fails(&late, &signer).await?;
    for signature in ["", "0x", "0x00", "garbage"] {
        let asked = json!({ "message": message(env, own, &[]).await?, "signature": signature });
        assert_eq!(env.anyone.post("/api/v1/auth/siwe", &asked).await?.status, 400);
    }

    let nowhere = Replica::start(Config { public_url: None, ..env.config(None)? }).await?;
    let answer = env.anyone.at(&nowhere).post("/api/v1/auth/siwe/nonce", &Value::Null).await?;
    assert_eq!((answer.status, answer.problem()?), (501, "SCRIP.SERVER.NOT_SET_UP"));
    Ok(())
}

async fn a_managed_account_stays_managed(env: &mut ServerEnv) -> Result<()> {
    let plan = register(env, "P").await?;
    let subscriber = Wallet::new(env, env.chain.devnet.actor("subscriber")?.signer.clone()).await?;
    subscriber.caller.post_nothing(&format!("/api/v1/protocol/plans/{plan}/order")).await?.ok()?;
    Ok(())
}
