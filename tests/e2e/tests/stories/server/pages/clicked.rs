//! The builder's whole story, clicked through in a real browser.

use std::{fs, time::Duration};

use alloy::{primitives::U256, providers::ext::AnvilApi, signers::local::PrivateKeySigner};
use eyre::{OptionExt, Result, ensure};
use scrip_e2e::{
    browser::{Browser, Page},
    server::{DatabaseKind, Replica, ServerEnv},
};
use serde_json::json;

/// A server that browsers reach, and a browser; nothing where there is no browser, which was said.
async fn open(story: &str) -> Result<Option<(ServerEnv, Browser)>> {
    let Some(browser) = Browser::start(story).await? else { return Ok(None) };
    let mut env = ServerEnv::start(DatabaseKind::Sqlite).await?.ok_or_eyre("there is always SQLite")?;
    let replica = Replica::in_the_open(env.config(None)?).await?;
    env.turn_to(replica);
    Ok(Some((env, browser)))
}

/// Loads a page until it says something.
async fn until(page: &Page, said: &str) -> Result<()> {
    for _ in 0..100 {
        if page.text("main").await?.contains(said) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        page.reload().await?;
    }
    eyre::bail!("{} does not say {said}", page.url().await?)
}

/// Takes a picture of a page, and makes sure that it has nothing that axe finds to keep people out: contrast, labels, roles.
async fn look(page: &Page, name: &str) -> Result<()> {
    page.shot(name).await?;
    let axe = concat!(env!("CARGO_MANIFEST_DIR"), "/../../node_modules/axe-core/axe.min.js");
    let check =
        "axe.run().then(it => it.violations.map(one => `${one.id}: ${one.nodes.map(node => node.html)}`))";
    let found: Vec<String> = page.run(&format!("{};\n{check}", fs::read_to_string(axe)?)).await?;
    ensure!(found.is_empty(), "{name}: {found:#?}");
    Ok(())
}

/// Nothing that a page's policy refused, and no error of a script.
async fn nothing_wrong(browser: &Browser) -> Result<()> {
    let said = browser.said().await?;
    ensure!(said.is_empty(), "{said:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_builder_sells_a_service_step_by_step() -> Result<()> {
    let Some((env, browser)) = open("builder").await? else { return Ok(()) };
    // Step 1: log in, by a code that comes by e-mail. The root leads there.
    let page = browser.open(env.url()).await?;
    page.see_role("heading", "Log in").await?;
    look(&page, "log in").await?;
    page.fill("E-mail address", "builder@example.com").await?;
    page.click("button", "Send me a code").await?;
    page.see_role("heading", "Enter the code").await?;
    page.fill("Code", &env.mailbox.code("builder@example.com")?).await?;
    page.click("button", "Log in").await?;
    page.see_role("heading", "My Agents").await?;

    // Step 2: Stripe, by the profile. Its own pages are its own.
    page.click("link", "Profile").await?;
    page.fill("E-mail address", "builder@example.com").await?;
    page.fill("Country, in two letters", "US").await?;
    look(&page, "profile").await?;
    page.click("button", "Create Stripe account").await?;
    page.see_role("link", "Go to Stripe").await?;
    look(&page, "stripe").await?;

    // Step 3: a plan, "New" and "Create a plan".
    page.click_css("summary").await?;
    look(&page, "new").await?;
    page.click("link", "Create a plan").await?;
    page.see("Time based").await?;
    look(&page, "kinds of plans").await?;
    page.click_css("a[href='/new/plan/details?sells=requests&template=custom']").await?;
    page.fill("Title", "Hundred requests").await?;
    page.choose("Currency", "tUSD, on the chain").await?;
    page.fill("Price", "5").await?;
    page.fill("No. of Credits", "100").await?;
    look(&page, "plan").await?;
    page.click("button", "Next").await?;
    page.see_role("heading", "Review your plan").await?;
    page.see("5 tUSD").await?;
    look(&page, "review of the plan").await?;
    page.click("button", "Next").await?;
    page.see("The plan is created.").await?;
    look(&page, "plan created").await?;
    let plan = page.url().await?;
    let plan =
        plan.rsplit('/').next().and_then(|rest| rest.split('?').next()).ok_or_eyre("no plan")?.to_owned();

    // Step 4: the service.
    page.click_css("main a[href^='/new/service']").await?;
    page.fill("Title", "A model that answers").await?;
    page.fill("Description", "It says what you asked.").await?;
    look(&page, "service").await?;
    page.click("button", "Next").await?;
    page.fill("URL", "https://api.openai.com/v1/chat/completions").await?;
    page.click_css("input[name=auth][value=bearer]").await?;
    page.fill("Bearer token, such as an API key", "sk-secret").await?;
    look(&page, "its api").await?;
    page.click("button", "Next").await?;
    page.see("Hundred requests").await?;
    page.fill("Credits for one request", "2").await?;
    look(&page, "its plan").await?;
    page.click("button", "Next").await?;
    page.see_role("heading", "Review your AI service").await?;
    look(&page, "review of the service").await?;
    page.click("button", "Create").await?;
    page.see("The service is created.").await?;
    page.click("link", "See the Agent").await?;
    ensure!(page.url().await?.ends_with("#widget"));
    look(&page, "service created").await?;

    // Step 5: the widget, by "My Agents".
    page.go(&format!("{}/my/agents", env.url())).await?;
    look(&page, "my agents").await?;
    page.click_css("main td a").await?;
    page.see_role("heading", "Widget").await?;
    let snippet = page.text("main pre").await?;
    let source = format!("<iframe src=\"{}/streamlit?did=did:nv:", env.url());
    ensure!(snippet.starts_with(&source), "{snippet}");
    page.click_css("#widget ~ div button").await?;
    page.resize(375, 700).await?;
    let wide: bool = page.run("document.documentElement.scrollWidth > innerWidth").await?;
    ensure!(!wide, "it is wider than a phone");
    look(&page, "agent on a phone").await?;
    page.resize(1280, 800).await?;

    // What is sold is seen.
    env.subscriber.post_nothing(&format!("/api/v1/protocol/plans/{plan}/order")).await?.ok()?;
    page.click("link", "My plans").await?;
    page.click("link", "Hundred requests").await?;
    until(&page, "Revenue").await?;
    until(&page, "5 tUSD a day").await?;
    look(&page, "sales").await?;
    page.click("link", "Transactions").await?;
    page.see("Create a service").await?;
    look(&page, "transactions").await?;
    nothing_wrong(&browser).await?;
    page.click("button", "Log out").await?;
    page.go(&format!("{}/my/plans", env.url())).await?;
    page.see_role("heading", "Log in").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wallet_logs_in_and_signs() -> Result<()> {
    let Some((env, browser)) = open("builder-wallet").await? else { return Ok(()) };
    let signer = PrivateKeySigner::random();
    let devnet = &env.chain.devnet;
    devnet.reader().anvil_set_balance(signer.address(), U256::from(10).pow(U256::from(18))).await?;
    browser.install_wallet(&signer, devnet.url(), 31_337).await?;
    let page = browser.open(&format!("{}/new/plan", env.url())).await?;

    // Who refuses is told so, and may try again.
    browser.wallet_refuses(true).await?;
    page.click("button", "Log in with a wallet").await?;
    page.see("rejected").await?;
    look(&page, "refused").await?;
    browser.wallet_refuses(false).await?;
    page.click("button", "Log in with a wallet").await?;
    page.see_role("heading", "Create a plan").await?;

    page.click_css("a[href='/new/plan/details?sells=time&template=month']").await?;
    page.fill("Title", "A month").await?;
    page.choose("Currency", "The chain's coin").await?;
    page.fill("Price", "0.01").await?;
    page.click("button", "Next").await?;
    page.click("button", "Next").await?;
    page.see_role("heading", "Sign with your wallet").await?;
    look(&page, "sign").await?;
    browser.wallet_asked().await?;
    page.click("button", "Sign and send").await?;
    page.see_role("heading", "My plans").await?;
    let asked = browser.wallet_asked().await?;
    ensure!(asked.iter().any(|method| method == "eth_sendTransaction"), "{asked:?}");
    until(&page, "A month").await?;
    until(&page, "0.01 ETH").await?;
    look(&page, "listed").await?;
    // It is the wallet's, by the chain.
    let told = env.anyone.get(&format!("/api/v1/protocol/plans/{}", plan_of(&page).await?)).await?.ok()?;
    assert_eq!(told["registry"]["owner"], json!(format!("{:#x}", signer.address())));
    Ok(())
}

/// The plan of the first link of a list.
async fn plan_of(page: &Page) -> Result<String> {
    let path: String = page.run("document.querySelector('main td a').getAttribute('href')").await?;
    Ok(path.trim_start_matches("/my/plans/").to_owned())
}
