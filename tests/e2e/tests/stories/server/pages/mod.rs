//! Stories of the builder's pages, as a browser sees them.

mod edit_service;
mod log_in;
mod make_plan;
mod make_service;
mod sales;

use alloy::{
    network::EthereumWallet,
    primitives::{Address, U256},
    providers::{Provider, ProviderBuilder, ext::AnvilApi},
    signers::{SignerSync, local::PrivateKeySigner},
};
use eyre::{OptionExt, Result, ensure};
use reqwest::Method;
use scrip::{PlanId, WalletCalls};
use scrip_e2e::server::{Browser, ServerEnv};
use serde_json::{Value, json};

use super::wallets::message;

/// A browser in which somebody has logged in by its name.
async fn browser_of(env: &ServerEnv, account: Address) -> Result<Browser> {
    let mut browser = Browser::new(env.url())?;
    let shown = browser.post("/login/dev", &[("account", &account.to_string())]).await?;
    ensure!(shown.elsewhere().is_ok() && browser.cookies.len() == 1, "{shown:?}");
    Ok(browser)
}

/// Fills in the form of a plan; the draft that is to be reviewed.
async fn draft(browser: &mut Browser, filled: &[(&str, &str)]) -> Result<String> {
    let shown = browser.post("/new/plan/details", filled).await?;
    let draft = shown.elsewhere()?.split_once("?draft=").ok_or_eyre("no draft")?.1;
    Ok(draft.to_owned())
}

/// Makes a plan by its form.
async fn create_plan(browser: &mut Browser, filled: &[(&str, &str)]) -> Result<PlanId> {
    let draft = draft(browser, filled).await?;
    let made = browser.post("/new/plan/review", &[("draft", &draft)]).await?;
    let id = made.elsewhere()?.trim_start_matches("/my/plans/").trim_end_matches("?made=1");
    Ok(id.parse()?)
}

/// A browser with a wallet of its own, which has logged in.
pub(super) struct Wallet {
    pub(super) browser: Browser,
    pub(super) signer: PrivateKeySigner,
}

impl Wallet {
    pub(super) async fn new(env: &ServerEnv) -> Result<Self> {
        let (signer, mut browser) = (PrivateKeySigner::random(), Browser::new(env.url())?);
        let own = signer.address();
        env.chain.devnet.reader().anvil_set_balance(own, U256::from(10).pow(U256::from(18))).await?;
        let text = message(env, own, &[]).await?;
        let signature = signer.sign_message_sync(text.as_bytes())?.to_string();
        let body = json!({ "message": text, "signature": signature });
        let request = browser.request(Method::POST, "/login/wallet").json(&body);
        browser.send(request).await?.ok()?;
        Ok(Self { browser, signer })
    }

    /// Sends what a page asks for.
    async fn send(&self, env: &ServerEnv, calls: &Value) -> Result<()> {
        let handed: WalletCalls = serde_json::from_value(calls.clone())?;
        let wallet = EthereumWallet::from(self.signer.clone());
        let provider = ProviderBuilder::new().wallet(wallet).connect_http(env.chain.devnet.url().parse()?);
        for call in handed.transactions() {
            let mined = provider.send_transaction(call).await?.get_receipt().await?;
            ensure!(mined.status(), "{mined:?}");
        }
        Ok(())
    }
}
