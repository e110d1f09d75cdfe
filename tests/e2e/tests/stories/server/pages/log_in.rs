//! Logging in with a browser: by a code, with a wallet, by a name; and out.

use alloy::signers::{SignerSync, local::PrivateKeySigner};
use eyre::{OptionExt, Result, ensure};
use reqwest::Method;
use scrip_e2e::server::{Browser, Replica, ServerEnv, Shown};
use scrip_server::{Config, Pages};
use serde_json::json;

use super::browser_of;
use crate::server::{on_each_database, wallets::message};

on_each_database!(
    a_code_logs_in_once,
    codes_are_not_guessed,
    a_wallet_logs_in,
    a_name_logs_in_on_a_development_server_alone,
    a_session_ends,
    only_pages_of_the_server_write,
);

const ADA: &str = "ada@example.com";

/// Asks for a code; the page where it is entered.
async fn ask(browser: &mut Browser, email: &str) -> Result<Shown> {
    browser.post("/login/email", &[("email", email), ("next", "/my/profile")]).await
}

/// Logs in by e-mail; the browser and its profile.
async fn log_in(env: &ServerEnv, email: &str) -> Result<(Browser, String)> {
    let mut browser = Browser::new(env.url())?;
    let id = ask(&mut browser, email).await?.input("id")?;
    let code = env.mailbox.code(&email.to_lowercase())?;
    let entered =
        browser.post("/login/code", &[("id", &id), ("code", &code), ("next", "/my/profile")]).await?;
    ensure!(entered.elsewhere()? == "/my/profile");
    let profile = browser.get("/my/profile").await?.ok()?;
    Ok((browser, profile))
}

/// The account that a profile is of.
fn account(profile: &str) -> Result<&str> {
    let at = profile.find("<code>0x").ok_or_eyre(format!("no account: {profile}"))? + 6;
    Ok(&profile[at..at + 42])
}

async fn a_code_logs_in_once(env: &mut ServerEnv) -> Result<()> {
    let mut browser = Browser::new(env.url())?;
    assert_eq!(browser.get("/my/profile").await?.elsewhere()?, "/login?next=/my/profile");
    let page = browser.get("/login?next=/my/profile").await?;
    assert_eq!(page.input("next")?, "/my/profile");

    let entering = ask(&mut browser, ADA).await?;
    let (id, code) = (entering.input("id")?, env.mailbox.code(ADA)?);
    assert!(!entering.text.contains(&code));
    let letter = &env.mailbox.letters(ADA)[0].text;
    assert!(
        letter.contains("From: Scrip <no-reply@scrip.example>") && letter.contains("log in at scrip.example"),
        "{letter}"
    );
    let form = [("id", &*id), ("code", &code), ("next", "//evil.example")];
    let entered = browser.post("/login/code", &form).await?;
    assert_eq!(entered.elsewhere()?, "/my/agents");
    let cookie = entered.headers["set-cookie"].to_str()?;
    assert!(cookie.starts_with("__Host-scrip="), "{cookie}");
    for attribute in ["; Path=/", "; HttpOnly", "; SameSite=Lax", "; Max-Age=604800", "; Secure"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    let profile = browser.get("/my/profile").await?.ok()?;
    assert!(profile.contains(ADA) && profile.contains("This server signs for you."), "{profile}");

    // Who has seen the code later has nothing.
    let late = Browser::new(env.url())?.post("/login/code", &form).await?;
    assert_eq!(late.status, 400);
    // One address, one account; another address, another.
    let (_, again) = log_in(env, "Ada@Example.com").await?;
    assert_eq!(account(&again)?, account(&profile)?);
    let (_, other) = log_in(env, "eve@example.com").await?;
    assert_ne!(account(&other)?, account(&profile)?);
    // The account is one like all managed accounts, and whoever has none is answered the same.
    let known = ask(&mut Browser::new(env.url())?, ADA).await?;
    let unknown = ask(&mut Browser::new(env.url())?, "new@example.com").await?;
    assert_eq!(known.status, unknown.status);
    assert_eq!(known.text.replace(&known.input("id")?, ""), unknown.text.replace(&unknown.input("id")?, ""));

    for email in ["", "ada", "ada@example.com\r\nBcc: eve@example.com"] {
        assert_eq!(ask(&mut browser, email).await?.status, 400, "{email}");
    }
    env.mailbox.stop();
    assert_eq!(ask(&mut browser, "late@example.com").await?.status, 503);
    Ok(())
}

async fn codes_are_not_guessed(env: &mut ServerEnv) -> Result<()> {
    let mut browser = Browser::new(env.url())?;
    let mut enter =
        async |id: &str, code: &str| browser.post("/login/code", &[("id", id), ("code", code)]).await;
    let mut asker = Browser::new(env.url())?;
    let wrong = |code: &str| if code == "000000" { "000001" } else { "000000" };

    // After five wrong ones the right one is nothing either.
    let id = ask(&mut asker, ADA).await?.input("id")?;
    let code = env.mailbox.code(ADA)?;
    for _ in 0..5 {
        let again = enter(&id, wrong(&code)).await?;
        assert_eq!((again.status, again.input("id")?), (400, id.clone()), "it can be tried again");
    }
    assert_eq!(enter(&id, &code).await?.status, 400);
    // Also of those who come at once: of twenty, five are heard.
    let id = ask(&mut asker, ADA).await?.input("id")?;
    let code = env.mailbox.code(ADA)?;
    let many = (0..20).map(|_| {
        let (mut browser, id, wrong) = (asker.clone(), id.clone(), wrong(&code));
        async move { browser.post("/login/code", &[("id", &id), ("code", wrong)]).await }
    });
    futures_util::future::try_join_all(many).await?;
    assert_eq!(enter(&id, &code).await?.status, 400);

    // A code is nothing under the id of another, nor after ten minutes.
    let (first, second) =
        (ask(&mut asker, ADA).await?.input("id")?, ask(&mut asker, "eve@example.com").await?.input("id")?);
    let code = env.mailbox.code(ADA)?;
    assert_eq!(enter(&second, &code).await?.status, 400);
    env.advance(590);
    assert_eq!(enter(&first, &code).await?.status, 303);
    let id = ask(&mut asker, ADA).await?.input("id")?;
    env.advance(600);
    assert_eq!(enter(&id, &env.mailbox.code(ADA)?).await?.status, 400);

    // Twenty a day.
    for _ in 4..20 {
        ask(&mut asker, ADA).await?.ok()?;
    }
    let full = ask(&mut asker, ADA).await?;
    assert_eq!(full.status, 429);
    assert_eq!(env.mailbox.letters(ADA).len(), 20);
    ask(&mut asker, "grace@example.com").await?.ok()?;
    env.advance(86_400);
    ask(&mut asker, ADA).await?.ok()?;
    Ok(())
}

async fn a_wallet_logs_in(env: &mut ServerEnv) -> Result<()> {
    let signer = PrivateKeySigner::random();
    let text = message(env, signer.address(), &[]).await?;
    let sent = |signature: String| json!({ "message": text, "signature": signature, "next": "/my/profile" });
    let mut browser = Browser::new(env.url())?;
    let other = PrivateKeySigner::random().sign_message_sync(text.as_bytes())?.to_string();
    let request = browser.request(Method::POST, "/login/wallet").json(&sent(other));
    assert_eq!(browser.send(request).await?.status, 400);
    assert!(browser.cookies.is_empty());

    let body = sent(signer.sign_message_sync(text.as_bytes())?.to_string());
    let request = browser.request(Method::POST, "/login/wallet").json(&body);
    let entered = browser.send(request).await?.ok()?;
    assert_eq!(entered, r#"{"next":"/my/profile"}"#);
    let profile = browser.get("/my/profile").await?.ok()?;
    assert!(profile.contains("You sign with a wallet of your own."), "{profile}");
    assert_eq!(account(&profile)?, signer.address().to_string());
    Ok(())
}

async fn a_name_logs_in_on_a_development_server_alone(env: &mut ServerEnv) -> Result<()> {
    let mut browser = browser_of(env, env.builder.address).await?;
    assert_eq!(account(&browser.get("/my/profile").await?.ok()?)?, env.builder.address.to_string());
    // Whom this server does not sign for nobody is by name.
    let nobody = PrivateKeySigner::random().address().to_string();
    assert_eq!(browser.post("/login/dev", &[("account", &nobody)]).await?.status, 404);

    let real = Replica::start(Config { pages: Pages::default(), ..env.config(None)? }).await?;
    let mut browser = Browser::new(real.url())?;
    assert!(!browser.get("/login").await?.ok()?.contains("development"));
    let builder = env.builder.address.to_string();
    assert_eq!(browser.post("/login/dev", &[("account", &builder)]).await?.status, 501);
    assert_eq!(ask(&mut browser, ADA).await?.status, 501);
    assert!(browser.cookies.is_empty());
    Ok(())
}

async fn a_session_ends(env: &mut ServerEnv) -> Result<()> {
    let at_login = async |browser: &mut Browser| -> Result<bool> {
        Ok(browser.get("/my/profile").await?.elsewhere().is_ok_and(|path| path.starts_with("/login")))
    };
    // By logging out: the token is nothing any more, whoever has kept it.
    let mut browser = browser_of(env, env.builder.address).await?;
    let mut kept = browser.clone();
    assert_eq!(browser.post("/logout", &[]).await?.elsewhere()?, "/login");
    assert!(browser.cookies.is_empty());
    assert!(at_login(&mut kept).await?);

    // From elsewhere: one's own, and nobody else's.
    let (mut here, mut there) =
        (browser_of(env, env.builder.address).await?, browser_of(env, env.builder.address).await?);
    let id = here.get("/my/profile").await?.input("id")?;
    let mut stranger = browser_of(env, env.stranger.address).await?;
    stranger.post("/my/sessions/end", &[("id", &id)]).await?;
    assert!(!at_login(&mut there).await?);
    here.post("/my/sessions/end", &[("id", &id)]).await?;
    assert!(at_login(&mut there).await? && !at_login(&mut here).await?);

    // From everywhere at once.
    let (mut here, mut there) =
        (browser_of(env, env.builder.address).await?, browser_of(env, env.builder.address).await?);
    here.post("/my/sessions/end", &[]).await?;
    assert!(at_login(&mut there).await? && at_login(&mut here).await? && !at_login(&mut stranger).await?);

    // By a log-in in the same browser, and after a week.
    let mut here = browser_of(env, env.builder.address).await?;
    let mut before = here.clone();
    here.post("/login/dev", &[("account", &env.stranger.address.to_string())]).await?;
    assert!(at_login(&mut before).await? && !at_login(&mut here).await?);
    let mut forged = Browser::new(env.url())?;
    for token in ["", "0", &"0".repeat(64)] {
        forged.cookies.insert("__Host-scrip".to_owned(), token.to_owned());
        assert!(at_login(&mut forged).await?);
    }
    env.advance(7 * 86_400 - 10);
    assert!(!at_login(&mut here).await?);
    env.advance(10);
    assert!(at_login(&mut here).await?);
    Ok(())
}

async fn only_pages_of_the_server_write(env: &mut ServerEnv) -> Result<()> {
    let mut browser = browser_of(env, env.builder.address).await?;
    let own = browser.origin.clone();
    for origin in [
        Some("https://evil.example"),
        Some("null"),
        Some("https://scrip.example.evil"),
        Some("http://scrip.example"),
        None,
    ] {
        browser.origin = origin.map(str::to_owned);
        let refused = browser.post("/logout", &[]).await?;
        assert_eq!(refused.status, 403, "{origin:?}");
    }
    // By the public URL, which a proxy stands before; and by what browsers say without an origin.
    browser.origin = Some("https://scrip.example".to_owned());
    assert_eq!(browser.post("/my/sessions/end", &[("id", "none")]).await?.status, 303);
    browser.origin = None;
    for (site, status) in [("same-origin", 303), ("same-site", 403), ("cross-site", 403)] {
        let request = browser.request(Method::POST, "/my/sessions/end").header("sec-fetch-site", site);
        assert_eq!(browser.send(request.form(&[("id", "none")])).await?.status, status, "{site}");
    }
    browser.origin = own;

    // Every page, and what stands in the place of one, tells browsers the same.
    for path in ["/login", "/my/profile", "/login?next=1&next=2"] {
        let headers = browser.get(path).await?.headers;
        let policy = headers["content-security-policy"].to_str()?;
        for part in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(headers[name], value, "{path}");
        }
    }
    let style = browser.get("/assets/style.css").await?;
    assert_eq!(style.headers["content-type"], "text/css; charset=utf-8");
    style.ok().map(drop)
}
