//! A plan that requires its holders' vouchers: what was bought is signed for, and then used.

use eyre::Result;
use scrip::Terms;

use super::{CHAT, NEWEST, Shop, ask, look, widget_in};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wallet_signs_for_what_it_has_bought() -> Result<()> {
    let Some(shop) = Shop::open("signed").await? else { return Ok(()) };
    let Some(streamlit) = shop.streamlit(NEWEST, CHAT).await? else { return Ok(()) };
    let chain = &shop.env.chain;
    let terms = Terms::credits("Two signed for", 2).with_vouchers();
    let terms = terms.price(chain.devnet.dollar(), "1")?.paid_to(chain.builder.signer());
    let plan = chain.create(&terms).await?;
    let path = format!("/api/v1/protocol/agents/{}/plan/{}", shop.agent, plan.0);
    shop.env.builder.post_nothing(&path).await?.ok()?;
    let signer = shop.wallet(20).await?;

    let app = shop.browser.open(streamlit.url()).await?;
    let widget = widget_in(&app, true);
    let window = widget.click_opening("button", "Log in").await?;
    window.click("button", "Log in with a wallet").await?;
    window.click("button", "Buy with your wallet: Two signed for").await?;
    window.see("Paid: Two signed for. You have 2 credits.").await?;
    look(&window, "to be signed for").await?;
    // The app has nothing that it could ask with.
    widget.see("Two signed for: 2 credits left. They wait for your signature.").await?;
    app.see("Log in and choose a plan in the sidebar").await?;
    look(&widget, "waits for a signature").await?;

    shop.browser.wallet_refuses(true).await?;
    window.click("button", "Sign with your wallet: Two signed for").await?;
    window.see("rejected").await?;
    shop.browser.wallet_refuses(false).await?;
    window.click("button", "Sign with your wallet: Two signed for").await?;
    window.miss("They are taken by your signature alone.").await?;
    window.click("button", "Continue to the app").await?;
    window.closes().await?;
    widget.see("Two signed for: 2 credits left").await?;
    ask(&app, "Who signed?").await?;
    widget.see("Two signed for: 1 credit left").await?;
    ask(&app, "And for this?").await?;
    widget.see("Nothing is left. Choose a plan.").await?;
    assert_eq!((shop.model.answered(), shop.balance(plan, signer.address()).await?), (2, 0));

    // Bought again, it is signed for again: the same session, with a greater maximum.
    let window = widget.click_opening("button", "Buy: Two signed for").await?;
    window.click("button", "Buy with your wallet: Two signed for").await?;
    window.see("Paid: Two signed for").await?;
    window.click("button", "Sign with your wallet: Two signed for").await?;
    window.miss("They are taken by your signature alone.").await?;
    window.click("button", "Continue to the app").await?;
    widget.see("Two signed for: 2 credits left").await?;
    ask(&app, "And once more?").await?;
    widget.see("Two signed for: 1 credit left").await?;
    Ok(())
}
