//! Stories of the builder's pages, as a browser sees them.

mod log_in;

use alloy::primitives::Address;
use eyre::{Result, ensure};
use scrip_e2e::server::{Browser, ServerEnv};

/// A browser in which somebody has logged in by its name.
async fn browser_of(env: &ServerEnv, account: Address) -> Result<Browser> {
    let mut browser = Browser::new(env.url())?;
    let shown = browser.post("/login/dev", &[("account", &account.to_string())]).await?;
    ensure!(shown.elsewhere().is_ok() && browser.cookies.len() == 1, "{shown:?}");
    Ok(browser)
}
