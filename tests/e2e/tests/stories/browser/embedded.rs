//! A builder takes the widget from the agent's page, and names where it is shown.

use eyre::{Result, ensure};

use super::{Shop, foreign::Site, widget_in};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_agents_page_shows_is_a_widget_where_its_builder_lets_it_be() -> Result<()> {
    let Some(shop) = Shop::open("embedded").await? else { return Ok(()) };
    let page = shop.browser.open(&format!("{}/login", shop.env.url())).await?;
    page.click("button", "Log in as builder").await?;
    page.see_role("heading", "My Agents").await?;
    page.click("link", "See Agent").await?;
    let snippet = page.text("#widget ~ div pre").await?;
    ensure!(snippet.starts_with("<iframe src=") && snippet.contains(&shop.did), "{snippet}");
    let site = Site::start(snippet).await?;
    page.fill("Where your app is", "http://example.com").await?;
    page.click("button", "Allow these origins").await?;
    page.see("is no origin that can show the widget").await?;
    assert_eq!(page.value("Where your app is").await?, "http://example.com");
    page.fill("Where your app is", &site.url).await?;
    page.click("button", "Allow these origins").await?;
    page.see_role("heading", "A model that answers").await?;
    assert_eq!(page.value("Where your app is").await?, site.url);
    page.shot("the agent").await?;
    let app = shop.browser.open(&site.url).await?;
    let widget = widget_in(&app, false);
    widget.see_role("heading", "A model that answers").await?;
    widget.see("Three answers").await?;
    app.shot("embedded").await?;
    Ok(())
}
