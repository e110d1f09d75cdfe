//! Making plans by pages, step by step.

use eyre::{Result, ensure};
use reqwest::Method;
use scrip::{Grant, PlanId, Price};
use scrip_e2e::server::{Browser, ServerEnv};
use serde_json::json;

use super::{Wallet, browser_of, create_plan, draft};
use crate::server::on_each_database;

on_each_database!(
    a_plan_is_made_step_by_step,
    every_template_makes_a_plan,
    what_no_plan_can_be_is_said_in_the_form,
    what_is_written_stays_text,
    nobody_sees_the_plans_of_another,
    a_wallet_signs_what_it_makes,
);

async fn a_plan_is_made_step_by_step(env: &mut ServerEnv) -> Result<()> {
    let mut browser = browser_of(env, env.builder.address).await?;
    let home = browser.get("/my/agents").await?.ok()?;
    assert!(
        home.contains("New</summary>") && home.contains("<a href=\"/new/plan\">Create a plan</a>"),
        "{home}"
    );
    let kinds = browser.get("/new/plan").await?.ok()?;
    assert!(kinds.contains("Request based") && kinds.contains("Time based"));
    for label in ["Free", "Trial", "1 hour", "1 day", "1 week", "1 month", "1 year", "Custom"] {
        assert!(kinds.contains(&format!(">{label}</a>")), "{label}: {kinds}");
    }
    let form = browser.get("/new/plan/details?sells=requests&template=custom").await?;
    assert_eq!(form.input("amount")?, "100");

    let dollar = env.chain.devnet.dollar().address.to_string();
    let filled = [
        ("sells", "requests"),
        ("title", "Hundred"),
        ("currency", &*dollar),
        ("price", "20.50"),
        ("amount", "100"),
    ];
    let draft = draft(&mut browser, &filled).await?;
    let review = format!("/new/plan/review?draft={draft}");
    let shown = browser.get(&review).await?.ok()?;
    for said in ["Hundred", "20.5 tUSD", "100 credits", &env.builder.address.to_string()] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    // Nothing is made by looking, and what was filled in can be changed.
    assert!(browser.get("/my/plans").await?.ok()?.contains("You have no plans yet."));
    let back = browser.get(&format!("/new/plan/details?draft={draft}")).await?;
    assert_eq!((back.input("title")?, back.input("price")?), ("Hundred".to_owned(), "20.50".to_owned()));

    // However often it is confirmed, also at once, it is one plan.
    let many = (0..4).map(|_| {
        let (mut browser, draft) = (browser.clone(), draft.clone());
        async move { browser.post("/new/plan/review", &[("draft", &draft)]).await }
    });
    let made = futures_util::future::try_join_all(many).await?;
    let path = made[0].elsewhere()?.to_owned();
    for other in &made {
        assert_eq!(other.elsewhere()?, path);
    }
    let shown = browser.get(&path).await?.ok()?;
    assert!(shown.contains("The plan is created.") && shown.contains("20.5 tUSD"), "{shown}");
    let id = path.trim_start_matches("/my/plans/").trim_end_matches("?made=1").to_owned();
    let plan = env.chain.builder.plan(id.parse::<PlanId>()?).await?;
    assert_eq!((plan.owner, &*plan.terms.name), (env.builder.address, "Hundred"));
    assert_eq!(plan.terms.grant, Grant::Credits { amount: 100, lifetime: None });
    assert!(matches!(plan.terms.price, Price::Fixed { amount: 20_500_000, .. }), "{plan:?}");
    assert_eq!(plan.terms.payees[0].account, env.builder.address);
    // Somebody else is paid, if it is said.
    let elsewhere = env.stranger.address.to_string();
    let other = [filled.as_slice(), &[("payee", &*elsewhere)]].concat();
    let other = env.chain.builder.plan(create_plan(&mut browser, &other).await?).await?;
    assert_eq!(other.terms.payees[0].account, env.stranger.address);

    // It is the same as a plan of the API, and its transaction is listed.
    let told = env.builder.get("/api/v1/protocol/plans").await?.ok()?;
    assert_eq!((&told["total"], &told["plans"][1]["id"]), (&json!(2), &json!(id)));
    let transactions = browser.get("/my/transactions").await?.ok()?;
    assert!(transactions.contains("Create a plan") && transactions.contains(">Done</td>"), "{transactions}");
    assert!(!transactions.contains("http-equiv"), "nothing is under way");
    Ok(())
}

async fn every_template_makes_a_plan(env: &mut ServerEnv) -> Result<()> {
    let mut browser = browser_of(env, env.builder.address).await?;
    let hour = 3_600;
    for (sells, template, price, grant, per_holder) in [
        ("requests", "free", "", Grant::Credits { amount: 10, lifetime: None }, None),
        ("requests", "trial", "", Grant::Credits { amount: 10, lifetime: None }, Some(1)),
        ("requests", "custom", "3", Grant::Credits { amount: 100, lifetime: None }, None),
        ("time", "trial", "", Grant::Time { duration: 24 * hour }, Some(1)),
        ("time", "hour", "1", Grant::Time { duration: hour }, None),
        ("time", "day", "1", Grant::Time { duration: 24 * hour }, None),
        ("time", "week", "1", Grant::Time { duration: 7 * 24 * hour }, None),
        ("time", "month", "9.99", Grant::Time { duration: 30 * 24 * hour }, None),
        ("time", "year", "99", Grant::Time { duration: 365 * 24 * hour }, None),
    ] {
        let form = browser.get(&format!("/new/plan/details?sells={sells}&template={template}")).await?;
        // As a browser sends what it was shown.
        let (amount, unit, currency) = (form.input("amount")?, form.chosen("unit"), form.chosen("currency"));
        let unit = unit.unwrap_or_else(|_| "months".to_owned());
        let currency = if price.is_empty() { currency? } else { "USD".to_owned() };
        assert!(!price.is_empty() || currency == "free", "{sells} {template}: {currency}");
        let mut filled =
            vec![("sells", sells), ("title", template), ("currency", &*currency), ("price", price)];
        filled.extend([("amount", &*amount), ("unit", &unit)]);
        if per_holder.is_some() {
            ensure!(form.text.contains("checked"), "{}", form.text);
            filled.push(("trial", "on"));
        }
        let plan = env.chain.builder.plan(create_plan(&mut browser, &filled).await?).await?;
        assert_eq!(
            (plan.terms.grant, plan.terms.limits.per_holder),
            (grant, per_holder),
            "{sells} {template}"
        );
        assert_eq!(matches!(plan.terms.price, Price::Free), price.is_empty());
    }
    Ok(())
}

async fn what_no_plan_can_be_is_said_in_the_form(env: &mut ServerEnv) -> Result<()> {
    let mut browser = browser_of(env, env.builder.address).await?;
    let dollar = env.chain.devnet.dollar().address.to_string();
    let good = [
        ("sells", "time"),
        ("title", "T"),
        ("currency", &*dollar),
        ("price", "1"),
        ("amount", "1"),
        ("unit", "months"),
    ];
    let nowhere = env.builder.address.to_string();
    for (field, value, said) in [
        ("title", " ", "the plan has no title"),
        ("price", "", "is no amount of tUSD"),
        ("price", "0", "the price is 0"),
        ("price", "-1", "is no amount of tUSD"),
        ("price", "0.0000001", "is no amount of tUSD"),
        ("amount", "0", "is no duration"),
        ("amount", "99999", "are more than 136 years"),
        ("currency", "", "is no address"),
        ("currency", &nowhere, "there is no ERC-20 token"),
    ] {
        let filled = good.map(|(name, kept)| (name, if name == field { value } else { kept }));
        let shown = browser.post("/new/plan/details", &filled).await?;
        assert_eq!(shown.status, 400, "{field}: {}", shown.text);
        assert!(
            shown.text.contains("role=\"alert\"") && shown.text.contains(said),
            "{field} {value}: {}",
            shown.text
        );
        // What was right stays filled in.
        assert_eq!(shown.input("amount")?, filled[4].1);
    }
    assert!(browser.get("/my/plans").await?.ok()?.contains("You have no plans yet."));
    // What never was, and what was begun as something else.
    assert_eq!(browser.get("/new/plan/review?draft=none").await?.status, 404);
    assert_eq!(browser.post("/new/plan/review", &[("draft", "none")]).await?.status, 404);
    Ok(())
}

async fn what_is_written_stays_text(env: &mut ServerEnv) -> Result<()> {
    let mut browser = browser_of(env, env.builder.address).await?;
    let title = "<script>alert('x')</script>\" onload=\"y";
    let filled = [("sells", "requests"), ("title", title), ("currency", "free"), ("amount", "5")];
    let plan = create_plan(&mut browser, &filled).await?;
    let bad = browser
        .post("/new/plan/details", &[("title", title), ("currency", "free"), ("amount", "\"><b>")])
        .await?;
    assert_eq!(bad.status, 400);
    let mut pages = vec![bad.text];
    for path in [
        "/my/plans",
        "/my/sales",
        &format!("/my/plans/{}", plan.0),
        &format!("/my/plans/{}/subscribers", plan.0),
    ] {
        pages.push(browser.get(path).await?.ok()?);
    }
    pages.push(browser.get(&format!("/login?next=/{title}")).await?.ok()?);
    for page in pages {
        assert!(
            !page.contains("<script>") && !page.contains("\" onload=") && !page.contains("<b>"),
            "{page}"
        );
        assert!(page.contains("&lt;script&gt;") || page.contains("/my/agents"), "{page}");
    }
    Ok(())
}

async fn nobody_sees_the_plans_of_another(env: &mut ServerEnv) -> Result<()> {
    let mut builder = browser_of(env, env.builder.address).await?;
    let filled = [("sells", "requests"), ("title", "Secret plan"), ("currency", "free"), ("amount", "5")];
    let draft = draft(&mut builder, &filled).await?;
    let plan = create_plan(&mut builder, &filled).await?;
    let mut stranger = browser_of(env, env.stranger.address).await?;
    for path in ["/my/plans", "/my/sales", "/my/transactions"] {
        assert!(!stranger.get(path).await?.ok()?.contains("Secret plan"), "{path}");
        assert!(!stranger.get(path).await?.ok()?.contains("Create a plan</td>"), "{path}");
    }
    for (path, status) in [
        (format!("/my/plans/{}", plan.0), 403),
        (format!("/my/plans/{}/subscribers", plan.0), 403),
        (format!("/my/plans/{}/subscribers.csv", plan.0), 403),
        (format!("/my/plans/{}/days.csv", plan.0), 403),
        (format!("/my/plans/{}/history.csv", plan.0), 403),
        (format!("/new/plan/review?draft={draft}"), 404),
        (format!("/new/plan/details?draft={draft}"), 404),
        ("/my/plans/1".to_owned(), 404),
        ("/my/plans/x".to_owned(), 404),
    ] {
        let shown = stranger.get(&path).await?;
        assert_eq!(shown.status, status, "{path}: {}", shown.text);
        assert!(!shown.text.contains("Secret plan"), "{path}");
    }
    assert_eq!(stranger.post("/new/plan/review", &[("draft", &draft)]).await?.status, 404);
    // Who has not logged in sees nothing at all.
    let mut nobody = Browser::new(env.url())?;
    for path in [
        "/my/plans",
        "/my/agents",
        "/my/sales",
        "/my/transactions",
        "/my/profile",
        "/new/plan",
        "/new/service",
    ] {
        assert_eq!(nobody.get(path).await?.elsewhere()?, format!("/login?next={path}"));
    }
    assert_eq!(nobody.post("/new/plan/review", &[("draft", &draft)]).await?.elsewhere()?, "/login");
    Ok(())
}

async fn a_wallet_signs_what_it_makes(env: &mut ServerEnv) -> Result<()> {
    let wallet = Wallet::new(env).await?;
    let mut browser = wallet.browser.clone();
    let dollar = env.chain.devnet.dollar().address.to_string();
    let filled = [
        ("sells", "requests"),
        ("title", "Of a wallet"),
        ("currency", &*dollar),
        ("price", "2"),
        ("amount", "7"),
    ];
    let draft = draft(&mut browser, &filled).await?;
    let asked = browser.post("/new/plan/review", &[("draft", &draft)]).await?;
    assert!(
        asked.text.contains("Sign with your wallet") && asked.text.contains("src=\"/assets/wallet.js?v="),
        "{}",
        asked.text
    );
    // Asked again, it is the same plan.
    let again = browser.post("/new/plan/review", &[("draft", &draft)]).await?;
    assert_eq!(asked.calls()?["calls"], again.calls()?["calls"]);
    wallet.send(env, &asked.calls()?).await?;
    for _ in 0..100 {
        if browser.get("/my/plans").await?.ok()?.contains("Of a wallet") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let listed = browser.get("/my/plans").await?.ok()?;
    assert!(listed.contains("Of a wallet") && listed.contains("2 tUSD"), "{listed}");
    let script = browser.request(Method::GET, "/assets/wallet.js");
    assert_eq!(browser.send(script).await?.headers["content-type"], "text/javascript; charset=utf-8");
    Ok(())
}
