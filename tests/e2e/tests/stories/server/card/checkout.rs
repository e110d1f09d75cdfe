//! Who may buy what by card, and who sees it.

use eyre::{OptionExt, Result, ensure};
use scrip_e2e::server::{Answer, Caller, ServerEnv};
use serde_json::{Value, json};

use super::{
    super::{changed, on_each_database},
    PAY, Sale, check_out, fiat_plan, register,
};

on_each_database!(
    a_page_is_opened_by_every_dialect,
    what_cannot_be_settled_is_not_sold,
    a_price_is_what_stripe_can_charge,
    a_payment_is_seen_by_its_buyer_and_its_seller,
    a_sale_goes_to_the_sellers_account,
    without_a_card_processor_it_is_said,
);

async fn refused(caller: &Caller, path: &str, body: &Value, status: u16, code: &str) -> Result<Answer> {
    let answer = caller.post(path, body).await?;
    ensure!((answer.status, answer.problem()?) == (status, code), "{status} {code}: {}", answer.body);
    Ok(answer)
}

async fn a_page_is_opened_by_every_dialect(env: &mut ServerEnv) -> Result<()> {
    let plan = register(env, &fiat_plan(env, "Card")).await?;
    let asked = json!({ "planId": plan.0.to_string(), "sessionType": "embedded" });
    for path in [PAY, "/api/v1/stripe/payment", "/api/v1/stripe/checkout"] {
        let opened = env.subscriber.post(path, &asked).await?.ok()?;
        let session = opened["sessionId"].as_str().ok_or_eyre("no session")?;
        let at_stripe = env.stripe.session(session)?;
        assert_eq!(opened["checkoutUrl"], at_stripe["url"], "{path}");
        let result = &opened["result"];
        assert_eq!(result["stripeCheckoutSessionId"], session);
        assert_eq!(result["checkoutLink"], at_stripe["url"]);
        assert_eq!(result["clientReferenceId"], at_stripe["client_reference_id"]);
        assert_eq!(result["linkExpiresAt"], at_stripe["expires_at"]);
        assert_eq!((&at_stripe["amount_total"], &at_stripe["currency"]), (&json!(999), &json!("usd")));
        // No page was named to which the buyer comes back: the balance says what was bought, where all reach the server.
        let back = at_stripe["success_url"].as_str().ok_or_eyre("no page")?;
        let path = back.strip_prefix("https://scrip.example").ok_or_eyre(back.to_owned())?;
        assert_eq!(env.anyone.get(path).await?.ok()?["balance"], "0");
    }
    let with_page = changed(asked, &[("/successUrl", json!("https://example.com/thanks"))]);
    let opened = env.subscriber.post(PAY, &with_page).await?.ok()?;
    let session = opened["sessionId"].as_str().ok_or_eyre("no session")?;
    assert_eq!(env.stripe.session(session)?["success_url"], "https://example.com/thanks");
    let bad = changed(with_page, &[("/successUrl", json!("javascript:alert(1)"))]);
    refused(&env.subscriber, PAY, &bad, 400, "BCK.HTTP.400").await?;
    Ok(())
}

async fn what_cannot_be_settled_is_not_sold(env: &mut ServerEnv) -> Result<()> {
    let asked = |plan: scrip::PlanId| json!({ "planId": plan.0.to_string() });
    refused(&env.subscriber, PAY, &json!({ "planId": "11111" }), 404, "BCK.PROTOCOL.0003").await?;
    let crypto = super::super::register(env, "Crypto").await?;
    refused(&env.subscriber, PAY, &json!({ "planId": crypto }), 400, "SCRIP.CARD.NOT_FIAT").await?;
    let fiat = register(env, &fiat_plan(env, "Card")).await?;
    let by_crypto = env.subscriber.post_nothing(&format!("/api/v1/protocol/plans/{}/order", fiat.0)).await?;
    assert_eq!((by_crypto.status, by_crypto.problem()?), (400, "BCK.PROTOCOL.0050"));
    env.chain.builder.set_open(fiat, false).await?;
    refused(&env.subscriber, PAY, &asked(fiat), 409, "SCRIP.CHAIN.REFUSED").await?;
    // A trial is bought once.
    let trial = changed(fiat_plan(env, "Trial"), &[("/isTrialPlan", json!(true))]);
    let sale = Sale::of(env, &trial).await?;
    env.stripe.deliver_all(&env.anyone, &env.stripe.pay(&sale.session)?).await?;
    sale.until("settled").await?;
    refused(&env.subscriber, PAY, &asked(sale.plan), 409, "BCK.PROTOCOL.0056").await?;
    check_out(&env.stranger, sale.plan).await?;
    // Whose owner signs for itself.
    let own = env.chain.agent.create_plan(&own_terms()?).await?.plan;
    let answer = refused(&env.subscriber, PAY, &asked(own), 409, "SCRIP.ACCOUNT.OWN_WALLET").await?;
    ensure!(
        answer.body["detail"].as_str().is_some_and(|detail| detail.contains("does not sign")),
        "{}",
        answer.body
    );
    // Nothing of all this has reached Stripe.
    assert_eq!(env.stripe.count("POST", "/v1/checkout/sessions"), 2);
    Ok(())
}

fn own_terms() -> Result<scrip::Terms> {
    let mut terms = scrip::Terms::credits("Own", 100);
    terms.price = scrip::Price::Fiat { currency: "USD".parse()?, amount: 9_990_000 };
    Ok(terms)
}

async fn a_price_is_what_stripe_can_charge(env: &mut ServerEnv) -> Result<()> {
    const PLANS: &str = "/api/v1/protocol/plans";
    let priced = |amount: &str, currency: &str| {
        let changes = [
            ("/priceConfig/amounts", json!([amount])),
            ("/priceConfig/currency", json!(currency)),
            ("/currency", json!(currency)),
        ];
        changed(fiat_plan(env, "Priced"), &changes)
    };
    for (amount, currency, code) in [
        ("999999", "USD", "BCK.PROTOCOL.0047"),
        ("999999990001", "USD", "BCK.PROTOCOL.0046"),
        ("9990001", "USD", "SCRIP.PLAN.TERMS"),
        ("1500000", "JPY", "SCRIP.PLAN.TERMS"),
        ("9990000", "DOLLARS", "SCRIP.PLAN.TERMS"),
    ] {
        refused(&env.builder, PLANS, &priced(amount, currency), 400, code).await?;
    }
    for (amount, currency, charged) in
        [("1000000", "USD", 100), ("999999990000", "EUR", 99_999_999), ("500000000", "JPY", 500)]
    {
        let plan = register(env, &priced(amount, currency)).await?;
        let session = check_out(&env.subscriber, plan).await?;
        let session = env.stripe.session(&session)?;
        assert_eq!(session["amount_total"], charged, "{amount} {currency}");
        assert_eq!(session["currency"], currency.to_lowercase());
    }
    // What Stripe does not charge, a yen for example, it says itself.
    let plan = register(env, &priced("1000000", "JPY")).await?;
    let asked = json!({ "planId": plan.0.to_string() });
    let answer = refused(&env.subscriber, PAY, &asked, 409, "SCRIP.CARD.REFUSED").await?;
    ensure!(
        answer.body["detail"].as_str().is_some_and(|detail| detail.contains("at least 50")),
        "{}",
        answer.body
    );
    Ok(())
}

async fn a_payment_is_seen_by_its_buyer_and_its_seller(env: &mut ServerEnv) -> Result<()> {
    let sale = Sale::open(env).await?;
    let path = format!("/api/v1/fiat/payments/{}", sale.session);
    let shown = env.subscriber.get(&path).await?.ok()?;
    assert_eq!(shown, env.builder.get(&path).await?.ok()?);
    for (member, expected) in [
        ("id", json!(sale.session)),
        ("planId", json!(sale.plan.0.to_string())),
        ("status", json!("open")),
        ("currency", json!("USD")),
        ("amount", json!("999")),
        ("credits", json!("0")),
        ("problem", Value::Null),
        ("paidAt", Value::Null),
    ] {
        assert_eq!(shown[member], expected, "{member}");
    }
    for path in
        [&path, "/api/v1/fiat/payments/cs_none", "/api/v1/fiat/payments/%00", "/api/v1/fiat/payments/%20"]
    {
        let answer = env.stranger.get(path).await?;
        assert_eq!((answer.status, answer.problem()?), (404, "SCRIP.CARD.PAYMENT"), "{path}");
    }
    let listed = async |caller: &Caller| -> Result<Vec<Value>> {
        let listed = caller.get("/api/v1/fiat/payments").await?.ok()?;
        listed["payments"].as_array().cloned().ok_or_eyre("no list")
    };
    for party in [&env.subscriber, &env.builder] {
        assert_eq!(listed(party).await?, std::slice::from_ref(&shown));
    }
    assert_eq!(listed(&env.stranger).await?, [] as [Value; 0]);
    env.stripe.deliver_all(&env.anyone, &env.stripe.promise(&sale.session)?).await?;
    sale.until("processing").await?;
    env.stripe.deliver_all(&env.anyone, &env.stripe.arrive(&sale.session)?).await?;
    sale.until("settled").await?;
    assert_eq!(listed(&env.subscriber).await?[0]["credits"], "100");

    // A page at a time, as all lists.
    for _ in 0..2 {
        env.advance(1);
        super::check_out(&env.subscriber, sale.plan).await?;
    }
    let page = env.builder.get("/api/v1/fiat/payments?page=2&pageSize=2").await?.ok()?;
    assert_eq!((&page["total"], &page["page"], &page["offset"]), (&json!(3), &json!(2), &json!(2)));
    assert_eq!(page["payments"].as_array().map(|payments| payments.len()), Some(1));
    assert_eq!(page["payments"][0]["id"], sale.session);
    let oldest = env.subscriber.get("/api/v1/fiat/payments?sortOrder=asc").await?.ok()?;
    assert_eq!(oldest["payments"][0]["id"], sale.session);
    Ok(())
}

async fn a_sale_goes_to_the_sellers_account(env: &mut ServerEnv) -> Result<()> {
    const ACCOUNT: &str = "/api/v1/fiat/stripe/account";
    let plan = register(env, &fiat_plan(env, "Card")).await?;
    let before = check_out(&env.subscriber, plan).await?;
    assert_eq!(env.stripe.destination(&before)?, None, "the server's own");
    let asked =
        json!({ "userEmail": "b@example.com", "userCountryCode": "ES", "returnUrl": "https://example.com" });
    let signed_up = env.builder.post(ACCOUNT, &asked).await?.ok()?;
    let account = signed_up["stripeAccountId"].as_str().ok_or_eyre("no account")?.to_owned();
    let again = env.builder.post(ACCOUNT, &asked).await?.ok()?;
    assert_eq!(again["stripeAccountId"], account);
    assert_ne!(again["stripeAccountLink"], signed_up["stripeAccountLink"], "a link is used once");
    assert_eq!(env.stripe.count("POST", "/v1/accounts"), 1);
    assert_ne!(env.stranger.post(ACCOUNT, &asked).await?.ok()?["stripeAccountId"], account);
    for (member, bad) in [("/userEmail", "nobody"), ("/userCountryCode", "Spain"), ("/returnUrl", "ftp://a")]
    {
        refused(&env.builder, ACCOUNT, &changed(asked.clone(), &[(member, json!(bad))]), 400, "BCK.HTTP.400")
            .await?;
    }
    let sale = Sale { env, plan, session: check_out(&env.subscriber, plan).await? };
    assert_eq!(env.stripe.destination(&sale.session)?, Some(account));
    // What goes back comes from there as well: Stripe refuses a refund that leaves it where it is.
    env.chain.builder.transfer_ownership(plan, env.chain.agent.signer()).await?;
    env.chain.agent.accept_ownership(plan).await?;
    env.stripe.deliver_all(&env.anyone, &env.stripe.pay(&sale.session)?).await?;
    sale.until_shown(|shown| shown["problem"].is_string()).await?;
    env.advance(86_400);
    sale.until("refunded").await?;
    Ok(())
}

async fn without_a_card_processor_it_is_said(env: &mut ServerEnv) -> Result<()> {
    let plan = register(env, &fiat_plan(env, "Card")).await?;
    let mut config = env.config(None)?;
    config.stripe = None;
    env.kill();
    let replica = scrip_e2e::server::Replica::start(config).await?;
    let asked = json!({ "planId": plan.0.to_string() });
    let answer = refused(&env.subscriber.at(&replica), PAY, &asked, 409, "SCRIP.CARD.NONE").await?;
    ensure!(
        answer.body["hint"].as_str().is_some_and(|hint| hint.contains("STRIPE_SECRET_KEY")),
        "{}",
        answer.body
    );
    let seller =
        json!({ "userEmail": "b@example.com", "userCountryCode": "ES", "returnUrl": "https://example.com" });
    refused(&env.builder.at(&replica), "/api/v1/fiat/stripe/account", &seller, 409, "SCRIP.CARD.NONE")
        .await?;
    refused(&env.anyone.at(&replica), "/api/v1/fiat/stripe/webhook", &json!({}), 409, "SCRIP.CARD.NONE")
        .await?;
    // All else is as it is.
    env.anyone.at(&replica).get(&format!("/api/v1/protocol/plans/{}", plan.0)).await?.ok()?;
    Ok(())
}
