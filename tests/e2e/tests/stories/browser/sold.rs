//! A Streamlit app that is sold: a subscriber without credits logs in, buys, asks, runs out, and buys again.

use std::time::Duration;

use eyre::{Result, ensure};

use super::{CHAT, NEWEST, Shop, ask, look, widget_in};

const MONTH: u64 = 30 * 86_400;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_buys_with_a_wallet_and_asks_until_it_runs_out() -> Result<()> {
    let Some(shop) = Shop::open("wallet").await? else { return Ok(()) };
    let Some(streamlit) = shop.streamlit(NEWEST, CHAT).await? else { return Ok(()) };
    let signer = shop.wallet(20).await?;
    let holder = signer.address();

    let app = shop.browser.open(streamlit.url()).await?;
    let widget = widget_in(&app, true);
    widget.see("Log in to use this service.").await?;
    app.see("Log in and choose a plan in the sidebar").await?;
    look(&widget, "before the log-in").await?;

    let window = widget.click_opening("button", "Log in").await?;
    window.see_role("heading", "Log in").await?;
    look(&window, "the log-in").await?;
    window.click("button", "Log in with a wallet").await?;
    window.see("You are logged in as").await?;
    look(&window, "the plans").await?;
    // The wallet's owner thinks better of it, and again.
    shop.browser.wallet_refuses(true).await?;
    window.click("button", "Buy with your wallet: Three answers").await?;
    window.see("rejected").await?;
    shop.browser.wallet_refuses(false).await?;
    window.click("button", "Buy with your wallet: Three answers").await?;
    window.see("Paid: Three answers. You have 3 credits.").await?;
    look(&window, "bought").await?;
    assert_eq!(shop.balance(shop.answers, holder).await?, 3);
    window.click("button", "Continue to the app").await?;
    window.closes().await?;

    widget.see("Three answers: 3 credits left").await?;
    look(&widget, "what is left").await?;
    for (question, left) in [
        ("What is one?", "Three answers: 2 credits left"),
        ("And two?", "Three answers: 1 credit left. Few credits are left."),
        ("And three?", "Nothing is left. Choose a plan."),
    ] {
        ask(&app, question).await?;
        widget.see(left).await?;
        app.shot(left.split(": ").last().unwrap_or_default()).await?;
    }
    assert_eq!(shop.model.answered(), 3);
    app.see("Log in and choose a plan in the sidebar").await?;

    // Again, and from the widget: it is the same wallet, which has logged in.
    let window = widget.click_opening("button", "Buy: Three answers").await?;
    window.click("button", "Buy with your wallet: Three answers").await?;
    window.see("Paid: Three answers").await?;
    window.click("button", "Continue to the app").await?;
    window.closes().await?;
    widget.see("Three answers: 3 credits left").await?;
    ask(&app, "And once more?").await?;
    widget.see("Three answers: 2 credits left").await?;
    app.shot("bought again").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_month_ends_when_it_is_over() -> Result<()> {
    let Some(shop) = Shop::open("month").await? else { return Ok(()) };
    let Some(streamlit) = shop.streamlit(NEWEST, CHAT).await? else { return Ok(()) };
    shop.wallet(20).await?;
    let app = shop.browser.open(streamlit.url()).await?;
    let widget = widget_in(&app, true);
    let window = widget.click_opening("button", "Log in").await?;
    window.click("button", "Log in with a wallet").await?;
    window.click("button", "Buy with your wallet: A month").await?;
    window.see("Paid: A month. You have access.").await?;
    window.click("button", "Continue to the app").await?;
    widget.see("A month: access until").await?;
    for question in ["One?", "Two?", "Three?", "Four?"] {
        ask(&app, question).await?;
    }
    app.shot("a month").await?;
    shop.env.chain.devnet.warp(Duration::from_secs(MONTH - 86_400)).await?;
    shop.env.advance(MONTH - 86_400);
    // Nobody is logged in for so long; what was bought is there still.
    widget.see("Log in to use this service.").await?;
    app.see("Log in and choose a plan in the sidebar").await?;
    let window = widget.click_opening("button", "Log in").await?;
    window.click("button", "Log in with a wallet").await?;
    window.click("button", "Continue to the app").await?;
    widget.see("Your access ends soon.").await?;
    ask(&app, "Still there?").await?;
    app.shot("ends soon").await?;
    shop.env.chain.devnet.warp(Duration::from_secs(86_401)).await?;
    shop.env.advance(86_401);
    widget.see("Nothing is left. Choose a plan.").await?;
    app.see("Log in and choose a plan in the sidebar").await?;
    app.shot("over").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_buys_by_card() -> Result<()> {
    let Some(shop) = Shop::open("card").await? else { return Ok(()) };
    let Some(streamlit) = shop.streamlit(NEWEST, CHAT).await? else { return Ok(()) };
    let app = shop.browser.open(streamlit.url()).await?;
    let widget = widget_in(&app, true);
    let window = widget.click_opening("button", "Log in").await?;
    // By a code that comes by e-mail; an account is made.
    window.fill("E-mail address", "ada@example.com").await?;
    window.click("button", "Send me a code").await?;
    window.see_role("heading", "Enter the code").await?;
    let code = shop.env.mailbox.code("ada@example.com")?;
    window.fill("Code", &code).await?;
    window.click("button", "Log in").await?;
    window.see("You are logged in as ada@example.com").await?;
    window.click("button", "Buy by card: Two by card").await?;
    window.see("9.99 USD").await?;
    window.shot("at Stripe").await?;
    window.click("button", "Pay").await?;
    window.see("We wait for the payment of Two by card").await?;
    look(&window, "waiting").await?;
    // The app was let know before anything was paid.
    widget.see("Nothing is left. Choose a plan.").await?;
    shop.env.stripe.deliver_paid(&shop.env.anyone).await?;
    window.see("Paid: Two by card. You have 2 credits.").await?;
    look(&window, "paid").await?;
    widget.see("Two by card: 2 credits left").await?;
    window.close().await?;

    ask(&app, "Who paid?").await?;
    widget.see("Two by card: 1 credit left").await?;
    ask(&app, "And now?").await?;
    widget.see("Nothing is left. Choose a plan.").await?;
    app.shot("used up").await?;

    // Whoever loads the page again is logged in still: the cookie is of this app's site alone.
    app.reload().await?;
    widget.see("Nothing is left. Choose a plan.").await?;
    let window = widget.click_opening("button", "Buy: Two by card").await?;
    window.click("button", "Buy by card: Two by card").await?;
    window.click("button", "Pay").await?;
    window.see("We wait for the payment").await?;
    shop.env.stripe.deliver_paid(&shop.env.anyone).await?;
    widget.see("Two by card: 2 credits left").await?;
    ask(&app, "And again?").await?;
    widget.see("Two by card: 1 credit left").await?;

    widget.click("button", "Log out").await?;
    widget.see("Log in to use this service.").await?;
    app.see("Log in and choose a plan in the sidebar").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_references_own_app_works_as_it_stands() -> Result<()> {
    let Some(shop) = Shop::open("reference").await? else { return Ok(()) };
    let Some(streamlit) = shop.streamlit("streamlit-1.37.1", "tests/e2e/sdk/reference_app.py").await? else {
        return Ok(());
    };
    shop.wallet(20).await?;
    let app = shop.browser.open(streamlit.url()).await?;
    let widget = widget_in(&app, false);
    widget.see("Log in to use this service.").await?;
    app.shot("before the log-in").await?;
    let window = widget.click_opening("button", "Log in").await?;
    window.click("button", "Log in with a wallet").await?;
    window.click("button", "Buy with your wallet: Three answers").await?;
    window.see("Paid: Three answers").await?;
    window.click("button", "Continue to the app").await?;
    app.click("button", "Ask the service").await?;
    app.see("200: You asked: payload to post to the service").await?;
    app.shot("asked").await?;
    widget.see("Three answers: 2 credits left").await?;
    let token: serde_json::Value = app.run("window.token").await?;
    ensure!(token["type"] == "streamlit:token", "{token}");
    ensure!(token["data"]["proxyUrl"].as_str().is_some_and(|url| url.starts_with(shop.env.url())), "{token}");
    assert_eq!(shop.model.answered(), 1);
    Ok(())
}
