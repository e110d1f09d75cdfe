//! The builder's whole story, from the first page to the subscriber who pays in the builder's own app.

use std::{fs, time::Duration};

use eyre::{OptionExt, Result, ensure};
use scrip_e2e::{
    browser::{Browser, Page},
    server::{chat_model, streamlit::Streamlit},
};
use serde_json::json;

use super::{CHAT, NEWEST, ask, look, open, wallet, widget_in};

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

/// Nothing that a page's policy refused, and no error of a script.
async fn nothing_wrong(browser: &Browser) -> Result<()> {
    let said = browser.said().await?;
    ensure!(said.is_empty(), "{said:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_builder_sells_a_service_step_by_step() -> Result<()> {
    let Some((env, browser)) = open("builder").await? else { return Ok(()) };
    let Some(visitor) = Browser::start("builders-subscriber").await? else { return Ok(()) };
    let model = chat_model::Model::start().await?;
    // Step 1: log in, by a code that comes by e-mail. The root leads there.
    let page = browser.open(env.url()).await?;
    page.see_role("heading", "Log in").await?;
    look(&page, "log in").await?;
    let picture = page.shot("a picture for a cover").await?;
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

    // Step 4: the service.
    page.click_css("main a[href^='/new/service']").await?;
    page.fill("Title", "A model that answers").await?;
    page.fill("Description", "It says what you asked.").await?;
    page.attach("Cover image", &picture.to_string_lossy()).await?;
    look(&page, "service").await?;
    page.click("button", "Next").await?;
    page.fill("URL", &format!("{}/v1/chat/completions", model.url())).await?;
    page.click_css("input[name=auth][value=bearer]").await?;
    page.fill("Bearer token, such as an API key", chat_model::SECRET).await?;
    look(&page, "its api").await?;
    page.click("button", "Next").await?;
    page.see("Hundred requests").await?;
    page.fill("Credits for one request", "2").await?;
    look(&page, "its plan").await?;
    page.click("button", "Next").await?;
    page.see_role("heading", "Review your AI service").await?;
    let is_drawn: bool = page.run("document.querySelector('img.cover').naturalWidth > 0").await?;
    ensure!(is_drawn, "the cover is not shown");
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

    // The builder's own app may show it, and is given nothing but what the page says.
    let did = snippet.split("did=").nth(1).and_then(|rest| rest.split('"').next()).ok_or_eyre("no did")?;
    let port = Streamlit::free_port()?;
    page.fill("Where your app is", &format!("http://localhost:{port}")).await?;
    page.click("button", "Allow these origins").await?;
    page.see_role("heading", "A model that answers").await?;
    let settings = [("SCRIP_SERVER", env.url().to_owned()), ("SCRIP_DID", did.to_owned())];
    let Some(streamlit) = Streamlit::start(NEWEST, CHAT, port, &settings).await? else { return Ok(()) };

    // Somebody else, in another browser, comes by it, buys and asks.
    wallet(&env, &visitor, 20).await?;
    let app = visitor.open(streamlit.url()).await?;
    let widget = widget_in(&app, true);
    widget.see_role("heading", "A model that answers").await?;
    let window = widget.click_opening("button", "Log in").await?;
    window.click("button", "Log in with a wallet").await?;
    window.click("button", "Buy with your wallet: Hundred requests").await?;
    window.see("Paid: Hundred requests. You have 100 credits.").await?;
    window.click("button", "Continue to the app").await?;
    widget.see("Hundred requests: 100 credits left").await?;
    ask(&app, "Who made this?").await?;
    widget.see("Hundred requests: 98 credits left").await?;
    app.shot("asked").await?;
    assert_eq!(model.answered(), 1);

    // What is sold is seen, and what is served.
    page.click("link", "My plans").await?;
    page.click("link", "Hundred requests").await?;
    until(&page, "5 tUSD a day").await?;
    until(&page, "Requests served\n1\nCredits served\n2").await?;
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
    let signer = wallet(&env, &browser, 0).await?;
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

    // A service whose endpoints a file names is signed for as well.
    let files = tempfile::tempdir()?;
    let file = files.path().join("api.yaml");
    fs::write(
        &file,
        "openapi: 3.1.0\nservers: [{url: 'https://a.example/v1'}]\npaths:\n  /ask: {post: {}}\n",
    )?;
    page.go(&format!("{}/new/service", env.url())).await?;
    page.fill("Title", "By a file").await?;
    page.click("button", "Next").await?;
    page.attach("Or an OpenAPI file", &file.to_string_lossy()).await?;
    look(&page, "a file").await?;
    page.click("button", "Next").await?;
    page.see("A month").await?;
    page.click("button", "Next").await?;
    page.see_role("heading", "Review your AI service").await?;
    page.see("https://a.example/v1/ask").await?;
    page.click("button", "Create").await?;
    page.see_role("heading", "Sign with your wallet").await?;
    page.click("button", "Sign and send").await?;
    page.see_role("heading", "My Agents").await?;
    until(&page, "By a file").await?;
    look(&page, "the wallet's agent").await?;
    Ok(())
}

/// The plan of the first link of a list.
async fn plan_of(page: &Page) -> Result<String> {
    let path: String = page.run("document.querySelector('main td a').getAttribute('href')").await?;
    Ok(path.trim_start_matches("/my/plans/").to_owned())
}
