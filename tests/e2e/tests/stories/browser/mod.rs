//! What people see: stories clicked through in a real browser, with a real Streamlit app, on a real chain.

mod builder;
mod embedded;
mod foreign;
mod phone;
mod signed;
mod sold;

use std::fs;

use alloy::{
    primitives::{Address, U256},
    providers::ext::AnvilApi,
    signers::local::PrivateKeySigner,
};
use eyre::{OptionExt, Result, ensure};
use scrip::PlanId;
use scrip_e2e::{
    browser::{Browser, Page},
    server::{DatabaseKind, Replica, ServerEnv, chat_model, streamlit::Streamlit},
};
use serde_json::{Value, json};

use crate::server::changed;

/// The version of Streamlit that PyPI has now, by its name in `scripts/sdk`.
const NEWEST: &str = "streamlit";
/// The example app.
const CHAT: &str = "python/scrip-streamlit/examples/chat.py";

/// A builder's service: a model that is sold by the answer, by the month and by card.
pub(crate) struct Shop {
    pub(crate) env: ServerEnv,
    pub(crate) browser: Browser,
    pub(crate) model: chat_model::Model,
    /// The service, as its page shows it.
    pub(crate) did: String,
    agent: String,
    pub(crate) answers: PlanId,
}

impl Shop {
    /// Opens it, with a browser before it; nothing where there is no browser, which was said.
    pub(crate) async fn open(story: &str) -> Result<Option<Self>> {
        let Some((env, browser)) = open(story).await? else { return Ok(None) };
        let model = chat_model::Model::start().await?;
        let plan = |name: &str, credits: &str, seconds: &str| {
            let dollar = env.chain.devnet.dollar().address;
            let asked = scrip_e2e::server::asked_plan(dollar, env.builder.address, name);
            let changes =
                [("/creditsConfig/amount", json!(credits)), ("/creditsConfig/durationSecs", json!(seconds))];
            changed(asked, &changes)
        };
        let two_dollars = ("/priceConfig/amounts", json!(["2000000"]));
        let answers = register(&env, &changed(plan("Three answers", "3", "0"), &[two_dollars])).await?;
        let month = [("/priceConfig/amounts", json!(["5000000"])), ("/accessLimit", json!("time"))];
        let month = register(&env, &changed(plan("A month", "1", "2592000"), &month)).await?;
        let card = [
            ("/priceConfig/isCrypto", json!(false)),
            ("/priceConfig/tokenAddress", json!(Address::ZERO)),
            ("/priceConfig/amounts", json!(["9990000"])),
            ("/priceConfig/currency", json!("USD")),
            ("/currency", json!("USD")),
        ];
        let by_card = register(&env, &changed(plan("Two by card", "2", "0"), &card)).await?;
        let endpoints = json!([{ "POST": format!("{}/v1/chat/completions", model.url()) }, { "POST": format!("{}/ask", model.url()) }]);
        let plans = [answers, month, by_card].map(|plan| plan.0.to_string());
        // A request costs one credit.
        let api = json!({
            "endpoints": endpoints, "authType": "bearer", "token": chat_model::SECRET,
            "pricing": { "unit": "request", "credits": 1 },
        });
        let service = json!({
            "metadataAttributes": { "name": "A model that answers", "description": "It says what you asked." },
        "agentApiAttributes": api,
            "plans": plans,
        });
        let made = env.builder.post("/api/v1/protocol/agents", &service).await?.ok()?;
        let agent = made["data"]["agentId"].as_str().ok_or_eyre("no agent")?.to_owned();
        let did = format!("did:nv:{:064x}", agent.parse::<U256>()?);
        browser.route("https://checkout.stripe.com", env.stripe.url()).await?;
        Ok(Some(Self { env, browser, model, did, agent, answers }))
    }

    /// The builder lets these pages show the widget.
    pub(crate) async fn allow(&self, origins: &[&str]) -> Result<()> {
        let path = format!("/api/v1/protocol/agents/{}/origins", self.agent);
        let request = self.env.builder.request(reqwest::Method::PUT, &path);
        scrip_e2e::server::Answer::of(request.json(&json!({ "origins": origins }))).await?.ok()?;
        Ok(())
    }

    /// The widget's URL, as one embeds it.
    pub(crate) fn widget(&self) -> String {
        format!("{}/streamlit?did={}", self.env.url(), self.did)
    }

    /// The window that the widget opens.
    pub(crate) fn window(&self) -> String {
        format!("{}/widget/{}/window", self.env.url(), self.agent)
    }

    /// Runs a Streamlit app that may show the widget.
    pub(crate) async fn streamlit(&self, version: &str, app: &str) -> Result<Option<Streamlit>> {
        let port = Streamlit::free_port()?;
        self.allow(&[&format!("http://localhost:{port}")]).await?;
        let settings = [
            ("SCRIP_SERVER", self.env.url().to_owned()),
            ("SCRIP_DID", self.did.clone()),
            ("WIDGET_URL", self.widget()),
        ];
        Streamlit::start(version, app, port, &settings).await
    }

    /// A visitor with a wallet, which has coins for gas and so many test dollars.
    pub(crate) async fn wallet(&self, dollars: u64) -> Result<PrivateKeySigner> {
        wallet(&self.env, &self.browser, dollars).await
    }

    /// What somebody has of a plan by the chain.
    pub(crate) async fn balance(&self, plan: PlanId, holder: Address) -> Result<u128> {
        Ok(self.env.chain.stranger.balance(plan, holder).await?.balance)
    }
}

/// A server that browsers reach, and a browser; nothing where there is no browser, which was said.
async fn open(story: &str) -> Result<Option<(ServerEnv, Browser)>> {
    let Some(browser) = Browser::start(story).await? else { return Ok(None) };
    let mut env = ServerEnv::start(DatabaseKind::Sqlite).await?.ok_or_eyre("there is always SQLite")?;
    let replica = Replica::in_the_open(env.config(None)?).await?;
    env.turn_to(replica);
    Ok(Some((env, browser)))
}

/// Gives a browser a wallet, which has coins for gas and so many test dollars.
async fn wallet(env: &ServerEnv, browser: &Browser, dollars: u64) -> Result<PrivateKeySigner> {
    let signer = PrivateKeySigner::random();
    let devnet = &env.chain.devnet;
    devnet.reader().anvil_set_balance(signer.address(), U256::from(10).pow(U256::from(18))).await?;
    devnet.mint_dollars(signer.address(), U256::from(dollars) * U256::from(1_000_000)).await?;
    browser.install_wallet(&signer, devnet.url(), 31_337).await?;
    Ok(signer)
}

/// Asks in the chat of the example app, and is answered.
async fn ask(app: &Page, question: &str) -> Result<()> {
    app.click_css("[data-testid=stChatInputTextArea]").await?;
    app.type_text(question).await?;
    app.press("Enter").await?;
    app.see(&format!("You asked: {question}")).await
}

/// Takes pictures of a page, dark and light, and makes sure that neither has anything that axe finds to keep people out: contrast,
/// labels, roles.
async fn look(page: &Page, name: &str) -> Result<()> {
    let axe = concat!(env!("CARGO_MANIFEST_DIR"), "/../../node_modules/axe-core/axe.min.js");
    // Until what cannot be pressed at first can be.
    let check = "(async () => {
        while (document.querySelector('main')?.inert) await new Promise((resolve) => setTimeout(resolve, 50));
        return (await axe.run()).violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html)}`);
    })()";
    let script = format!("{};\n{check}", fs::read_to_string(axe)?);
    for (scheme, name) in [("dark", format!("{name}, dark")), ("light", name.to_owned())] {
        page.prefer(scheme).await?;
        page.shot(&name).await?;
        let found: Vec<String> = page.run(&script).await?;
        ensure!(found.is_empty(), "{name}: {found:#?}");
    }
    Ok(())
}

/// The builder registers a plan.
async fn register(env: &ServerEnv, body: &Value) -> Result<PlanId> {
    let made = env.builder.post("/api/v1/protocol/plans", body).await?.ok()?;
    Ok(made["planId"].as_str().ok_or_eyre("no id")?.parse()?)
}

/// The widget in an app with the component, or in a page that shows it by itself.
pub(crate) fn widget_in(page: &Page, is_component: bool) -> Page {
    let around = if is_component { page.frame("/component/") } else { page.clone() };
    around.frame("/streamlit?did=")
}
