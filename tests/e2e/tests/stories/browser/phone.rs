//! On a phone, and by keyboard alone.

use eyre::{Result, ensure};
use serde_json::Value;

use super::{Shop, foreign::Site, widget_in};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_widget_works_on_a_phone_and_by_keyboard() -> Result<()> {
    let Some(shop) = Shop::open("phone").await? else { return Ok(()) };
    let site = Site::with_widget(&shop).await?;
    shop.allow(&[&site.url]).await?;
    shop.wallet(20).await?;
    let page = shop.browser.open(&site.url).await?;
    page.resize(360, 640).await?;
    let widget = widget_in(&page, false);
    widget.see("Log in to use this service.").await?;
    page.shot("a phone").await?;

    // No pointer from here on.
    widget.focus("button", "Log in").await?;
    let window = page.press_opening("Enter").await?;
    window.resize(360, 640).await?;
    window.focus("button", "Log in with a wallet").await?;
    window.press("Enter").await?;
    window.see("You are logged in as").await?;
    // A moment in which nothing can be pressed: whoever opens a window over another page would lead a key astray.
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    let wide: bool = page.run("document.documentElement.scrollWidth > innerWidth").await?;
    ensure!(!wide, "the page is wider than a phone");
    let wide: bool = widget.run("document.documentElement.scrollWidth > innerWidth").await?;
    ensure!(!wide, "the widget is wider than a phone");
    let wide: bool = window.run("document.documentElement.scrollWidth > innerWidth").await?;
    ensure!(!wide, "the window is wider than a phone");
    // By Tab from the beginning one comes to what is to be done first.
    let mut passed = Vec::new();
    for _ in 0..8 {
        window.press("Tab").await?;
        passed.push(window.run::<String>("document.activeElement.textContent.trim()").await?);
        if passed.last().is_some_and(|name| name == "Buy with your wallet: Three answers") {
            break;
        }
    }
    ensure!(passed.iter().any(|name| name == "Continue to the app"), "{passed:?}");
    ensure!(passed.last().is_some_and(|name| name.starts_with("Buy with")), "{passed:?}");
    let outline: String = window.run("getComputedStyle(document.activeElement).outlineStyle").await?;
    ensure!(outline == "solid", "the focus is not seen: {outline}");
    window.shot("the focus").await?;
    window.press("Enter").await?;
    window.see("Paid: Three answers").await?;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    window.focus("button", "Continue to the app").await?;
    window.press("Enter").await?;
    window.closes().await?;
    widget.see("Three answers: 3 credits left").await?;
    page.shot("a phone that may ask").await?;
    // What is said is said to those who do not see it, and nothing else was said by the pages themselves.
    let role: Value = widget.run("document.querySelector('#status').getAttribute('role')").await?;
    assert_eq!(role, "status");
    let errors: Vec<_> =
        shop.browser.said().await?.into_iter().filter(|line| line.starts_with("error")).collect();
    ensure!(errors.is_empty(), "{errors:?}");
    Ok(())
}
