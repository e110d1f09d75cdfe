//! What a builder sees of what it has sold.

use std::time::Duration;

use eyre::{Result, bail};
use scrip::PlanId;
use scrip_e2e::server::{Browser, ServerEnv};
use serde_json::json;

use super::{browser_of, create_plan};
use crate::server::{card, on_each_database};

on_each_database!(
    sales_are_what_the_chain_has_told,
    what_expires_is_told_beforehand,
    no_cell_of_an_export_is_a_formula,
    a_seller_signs_up_with_stripe,
);

/// Looks at a page until it says something.
async fn until(browser: &mut Browser, path: &str, said: &str) -> Result<String> {
    for _ in 0..100 {
        let shown = browser.get(path).await?.ok()?;
        if shown.contains(said) {
            return Ok(shown);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("{path} does not say {said}: {}", browser.get(path).await?.text)
}

async fn order(env: &ServerEnv, plan: PlanId) -> Result<()> {
    env.subscriber.post_nothing(&format!("/api/v1/protocol/plans/{}/order", plan.0)).await?.ok().map(drop)
}

async fn sales_are_what_the_chain_has_told(env: &mut ServerEnv) -> Result<()> {
    let mut browser = browser_of(env, env.builder.address).await?;
    let dollar = env.chain.devnet.dollar().address.to_string();
    let filled = [
        ("sells", "requests"),
        ("title", "Hundred"),
        ("currency", &*dollar),
        ("price", "0.5"),
        ("amount", "100"),
    ];
    let plan = create_plan(&mut browser, &filled).await?;
    order(env, plan).await?;
    order(env, plan).await?;
    for (request, amount) in [("a", 5), ("b", 1)] {
        let holder = env.subscriber.address;
        let asked = json!({ "agentRequestId": request, "planId": plan.0.to_string(), "redeemFrom": holder, "amount": amount });
        env.builder.post("/api/v1/protocol/plans/redeem", &asked).await?.ok()?;
    }
    let given = json!({ "planId": plan.0.to_string(), "amount": 7, "creditsReceiver": env.stranger.address });
    env.builder.post("/api/v1/protocol/plans/mint", &given).await?.ok()?;

    let path = format!("/my/plans/{}", plan.0);
    let shown = until(&mut browser, &path, "<dd><a href=\"/my/plans/").await?;
    assert!(shown.contains("Sales"));
    let shown = until(&mut browser, &path, &format!("href=\"{path}/subscribers\">2</a>")).await?;
    for said in [
        "<dt>Credits sold</dt><dd>200</dd>",
        "<dt>Requests served</dt><dd>2</dd>",
        "<dt>Credits served</dt><dd>6</dd>",
        "<dt>Revenue</dt><dd>1 tUSD</dd>",
    ] {
        assert!(shown.contains(said), "{said}: {shown}");
    }
    // Three charts of thirty days, one bar of each as high as it, and the same in a table.
    assert_eq!(
        (
            shown.matches("<svg").count(),
            shown.matches("<rect").count(),
            shown.matches("height=\"100.00\"").count()
        ),
        (3, 90, 3)
    );
    assert_eq!(shown.matches("<th scope=\"row\">").count(), 1, "{shown}");
    assert!(!shown.contains("style="), "the policy lets no style stand in a page");
    let subscribers = browser.get(&format!("{path}/subscribers")).await?.ok()?;
    assert!(
        subscribers.contains("<td class=\"number\">194</td>")
            && subscribers.contains("<td class=\"number\">7</td>"),
        "{subscribers}"
    );
    let overview = browser.get("/my/sales").await?.ok()?;
    assert!(overview.contains("200 credits") && overview.contains("1 tUSD"), "{overview}");

    let days = browser.get(&format!("{path}/days.csv")).await?;
    assert_eq!(days.headers["content-type"], "text/csv; charset=utf-8");
    assert_eq!(days.headers["content-disposition"], "attachment; filename=\"days.csv\"");
    let lines: Vec<_> = days.text.split("\r\n").collect();
    assert_eq!((lines.len(), lines[0]), (3, "plan,day,credits sold,requests served,revenue"));
    assert!(lines[1].starts_with("Hundred,20") && lines[1].ends_with(",200,2,1 tUSD"), "{}", lines[1]);
    let history = browser.get(&format!("{path}/history.csv")).await?.ok()?;
    let kinds: Vec<_> = history.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    assert_eq!(kinds, ["minted", "redeemed", "redeemed", "ordered", "ordered"]);

    // Made anew from the chain, it is the same.
    env.kill();
    env.turn_to(scrip_e2e::server::Replica::checked(env.config(None)?, true).await?.0);
    let mut browser = browser_of(env, env.builder.address).await?;
    let again = until(&mut browser, &path, "<dt>Credits served</dt><dd>6</dd>").await?;
    assert!(again.contains("<dt>Credits sold</dt><dd>200</dd>") && again.contains("1 tUSD"), "{again}");
    Ok(())
}

async fn what_expires_is_told_beforehand(env: &mut ServerEnv) -> Result<()> {
    let mut browser = browser_of(env, env.builder.address).await?;
    for (title, duration, said) in
        [("Day", "1", "1 subscribers&#39; access"), ("Long", "60", "0 subscribers&#39; access")]
    {
        let filled = [
            ("sells", "time"),
            ("title", title),
            ("currency", "free"),
            ("amount", duration),
            ("unit", "days"),
        ];
        let plan = create_plan(&mut browser, &filled).await?;
        order(env, plan).await?;
        let path = format!("/my/plans/{}", plan.0);
        let shown = until(&mut browser, &path, "<dt>Periods sold</dt><dd>1</dd>").await?;
        let said = [said.to_owned(), said.replace("&#39;", "'")];
        assert!(said.iter().any(|said| shown.contains(said)), "{shown}");
    }
    // Credits that expire are minted on any plan, and are told with who has them.
    let filled = [("sells", "requests"), ("title", "Ten"), ("currency", "free"), ("amount", "10")];
    let plan = create_plan(&mut browser, &filled).await?;
    let (id, subscriber) = (plan.0.to_string(), env.subscriber.address);
    let day =
        json!({ "planId": id, "creditsAmount": 9, "creditsReceiver": subscriber, "creditsDuration": 86_400 });
    env.builder.post("/api/v1/protocol/plans/mintExpirable", &day).await?.ok()?;
    until(&mut browser, &format!("/my/plans/{id}/subscribers"), "9 credits, <time").await?;
    let csv = browser.get(&format!("/my/plans/{id}/subscribers.csv")).await?.ok()?;
    assert!(
        csv.lines().nth(1).is_some_and(|line| line.starts_with(&format!("Ten,{subscriber},9,9,"))),
        "{csv}"
    );
    Ok(())
}

async fn no_cell_of_an_export_is_a_formula(env: &mut ServerEnv) -> Result<()> {
    let mut browser = browser_of(env, env.builder.address).await?;
    let title = "=HYPERLINK(\"https://evil.example\",\"x\")";
    let filled = [("sells", "requests"), ("title", title), ("currency", "free"), ("amount", "10")];
    let plan = create_plan(&mut browser, &filled).await?;
    order(env, plan).await?;
    let path = format!("/my/plans/{}", plan.0);
    until(&mut browser, &path, "<dt>Credits sold</dt><dd>10</dd>").await?;
    let cell = "\"'=HYPERLINK(\"\"https://evil.example\"\",\"\"x\"\")\",";
    for file in ["days.csv", "subscribers.csv"] {
        let text = browser.get(&format!("{path}/{file}")).await?.ok()?;
        let rows: Vec<_> = text.split("\r\n").skip(1).filter(|row| !row.is_empty()).collect();
        assert!(rows.len() == 1 && rows[0].starts_with(cell), "{file}: {text}");
    }
    Ok(())
}

async fn a_seller_signs_up_with_stripe(env: &mut ServerEnv) -> Result<()> {
    let mut browser = browser_of(env, env.builder.address).await?;
    let prompt = "create your Stripe account</a>";
    assert!(browser.get("/new/plan").await?.ok()?.contains(prompt));
    for (email, country) in [("seller", "ES"), ("seller@example.com", "Spain")] {
        let form = [("email", email), ("country", country)];
        assert_eq!(browser.post("/my/profile/stripe", &form).await?.status, 400, "{email} {country}");
    }
    let form = [("email", "seller@example.com"), ("country", "es")];
    let shown = browser.post("/my/profile/stripe", &form).await?.ok()?;
    // The way to Stripe is a link: the policy leads no form to another site.
    assert!(shown.contains("rel=\"external\">Go to Stripe</a>"), "{shown}");
    let profile = browser.get("/my/profile").await?.ok()?;
    assert!(profile.contains("your Stripe account <code>acct_"), "{profile}");
    assert!(!browser.get("/new/plan").await?.ok()?.contains(prompt));

    // A plan by card: what is paid is revenue.
    let filled = [
        ("sells", "requests"),
        ("title", "By card"),
        ("currency", "USD"),
        ("price", "9.99"),
        ("amount", "100"),
    ];
    let plan = create_plan(&mut browser, &filled).await?;
    let session = card::check_out(&env.subscriber, plan).await?;
    env.stripe.deliver_all(&env.anyone, &env.stripe.pay(&session)?).await?;
    let path = format!("/my/plans/{}", plan.0);
    let shown = until(&mut browser, &path, "<dt>Revenue</dt><dd>9.99 USD</dd>").await?;
    assert!(shown.contains("<dt>Credits sold</dt><dd>100</dd>"), "{shown}");
    Ok(())
}
