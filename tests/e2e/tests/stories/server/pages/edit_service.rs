//! Changing what a service says of itself, and what its server is shown.

use std::time::Duration;

use eyre::{OptionExt, Result, ensure};
use reqwest::Method;
use scrip::{Did, Services};
use scrip_e2e::{
    server::{Answer, Browser, ServerEnv, Shown},
    upstream::Upstream,
};
use serde_json::{Value, json};

use super::{browser_of, make_service::upload};
use crate::server::{on_each_database, register, widget::ancestors, x402};

on_each_database!(
    a_service_is_changed_and_keeps_what_is_not_given,
    nobody_changes_the_service_of_another,
    what_is_written_wrong_stays_written,
    who_takes_a_service_over_names_its_own_pages,
);

/// A service of the builder's: the path of its page.
async fn service(env: &ServerEnv, plan: &str, api: Value) -> Result<String> {
    let body = json!({
        "metadataAttributes": { "name": "Parrot", "description": "Speaks", "tags": ["bird"] },
        "agentApiAttributes": api, "plans": [plan],
    });
    let made = env.builder.post("/api/v1/protocol/agents", &body).await?.ok()?;
    Ok(format!("/my/agents/{}", made["agentId"].as_str().ok_or_eyre("no agent")?))
}

/// Fills in the form as a browser does that changes some of it.
async fn edit(browser: &mut Browser, agent: &str, changes: &[(&str, &str)]) -> Result<Shown> {
    let shown = browser.get(&format!("{agent}/edit")).await?;
    let checked =
        shown.text.split("<input ").find(|tag| tag.contains("name=\"auth\"") && tag.contains(" checked"));
    let auth = checked.and_then(|tag| tag.split("value=\"").nth(1)).and_then(|rest| rest.split('"').next());
    let description = shown
        .text
        .split("<textarea name=\"description\"")
        .nth(1)
        .and_then(|rest| rest.split(['>', '<']).nth(1));
    let mut filled = vec![
        ("title", shown.input("title")?),
        ("description", description.ok_or_eyre("no description")?.to_owned()),
        ("verb", "POST".to_owned()),
        ("url", shown.input("url")?),
        ("auth", auth.ok_or_eyre("no kind is chosen")?.to_owned()),
        ("credits", shown.input("credits")?),
    ];
    for (name, value) in changes {
        filled.retain(|(other, _)| other != name);
        filled.push((name, (*value).to_owned()));
    }
    let filled: Vec<_> = filled.iter().map(|(name, value)| (*name, &**value)).collect();
    upload(browser, &format!("{agent}/edit"), &filled, None).await
}

async fn a_service_is_changed_and_keeps_what_is_not_given(env: &mut ServerEnv) -> Result<()> {
    let (upstream, other) = (Upstream::start().await?, Upstream::start().await?);
    let plan = register(env, "P").await?;
    x402::give(env, &plan, 50, 0).await?;
    let api = json!({
        "endpoints": [{ "POST": format!("{}/ask", upstream.url()) }], "authType": "bearer", "token": "sk-before",
        "headers": [{ "x-tenant": "kept" }], "pricing": { "unit": "request", "credits": 1 },
    });
    let agent = service(env, &plan, api).await?;
    let token = env.subscriber.post("/api/v1/x402/permissions", &x402::asked(&plan)).await?.ok()?;
    let token = token["accessToken"].as_str().ok_or_eyre("no token")?;
    let ask = async |path: &str| -> Result<reqwest::Response> {
        let proxy = agent.replace("/my/agents", "/proxy");
        let request = env.anyone.request(Method::POST, &format!("{proxy}{path}")).bearer_auth(token);
        Ok(request.timeout(Duration::from_secs(30)).send().await?)
    };
    let told = |upstream: &Upstream, name: &str| -> Option<String> {
        let last = upstream.last();
        let pairs = last["headers"].as_array().cloned().unwrap_or_default();
        pairs.iter().find(|pair| pair[0] == name).and_then(|pair| pair[1].as_str().map(str::to_owned))
    };
    let bearer = |secret: &str| Some(format!("Bearer {secret}"));
    assert_eq!(ask("/ask").await?.status(), 200);
    assert_eq!(
        (told(&upstream, "authorization"), told(&upstream, "x-tenant")),
        (bearer("sk-before"), Some("kept".to_owned()))
    );

    // Nothing that is sealed is shown; what is left empty stays, as does what the form has no field for.
    let mut builder = browser_of(env, env.builder.address).await?;
    ensure!(builder.get(&agent).await?.ok()?.contains("Edit the service</a>"));
    let form = builder.get(&format!("{agent}/edit")).await?.ok()?;
    ensure!(!form.contains("sk-before") && form.contains("What was given is kept."), "{form}");
    let saved = edit(&mut builder, &agent, &[("title", "Parrot <2>"), ("credits", "3")]).await?;
    let shown = builder.get(saved.elsewhere()?).await?.ok()?;
    for said in ["The service is changed.", "Parrot &lt;2&gt;", "Speaks", "<dd>3</dd>"] {
        ensure!(shown.contains(said), "{said}: {shown}");
    }
    let answer = ask("/ask").await?;
    assert_eq!((answer.status().as_u16(), &answer.headers()["scrip-credits-used"]), (200, &"3".parse()?));
    assert_eq!(
        (told(&upstream, "authorization"), told(&upstream, "x-tenant")),
        (bearer("sk-before"), Some("kept".to_owned()))
    );
    let number = agent.trim_start_matches("/my/agents/");
    let record = env.anyone.get(&format!("/api/v1/protocol/agents/{number}")).await?.ok()?;
    assert_eq!(
        record["metadata"]["main"],
        json!({ "name": "Parrot <2>", "description": "Speaks", "tags": ["bird"] })
    );
    assert_eq!(record["endpoints"], json!([{ "POST": format!("{}/ask", upstream.url()) }]));

    // What is given takes its place, and another kind sends nothing of the one before.
    let url = format!("{}/ask", other.url());
    edit(&mut builder, &agent, &[("token", "new"), ("url", &url)]).await?.elsewhere()?;
    assert_eq!(ask("/ask").await?.status(), 200);
    assert_eq!((told(&other, "authorization"), upstream.requests()), (bearer("new"), 2));
    edit(&mut builder, &agent, &[("auth", "basic"), ("username", "ada"), ("password", "pw")])
        .await?
        .elsewhere()?;
    assert_eq!(ask("/ask").await?.status(), 200);
    assert_eq!(told(&other, "authorization"), Some("Basic YWRhOnB3".to_owned()));
    edit(&mut builder, &agent, &[("auth", "none")]).await?.elsewhere()?;
    assert_eq!(ask("/ask").await?.status(), 200);
    assert_eq!((told(&other, "authorization"), told(&other, "x-tenant")), (None, Some("kept".to_owned())));
    Ok(())
}

async fn nobody_changes_the_service_of_another(env: &mut ServerEnv) -> Result<()> {
    let plan = register(env, "P").await?;
    let agent = service(env, &plan, json!({ "upstream": "https://a.example" })).await?;
    let mut stranger = browser_of(env, env.stranger.address).await?;
    assert_eq!(stranger.get(&format!("{agent}/edit")).await?.status, 403);
    let filled = [("title", "Mine"), ("url", "https://evil.example/ask"), ("auth", "none")];
    assert_eq!(upload(&mut stranger, &format!("{agent}/edit"), &filled, None).await?.status, 403);
    let mut nobody = Browser::new(env.url())?;
    assert!(
        upload(&mut nobody, &format!("{agent}/edit"), &filled, None)
            .await?
            .elsewhere()?
            .starts_with("/login")
    );
    let mut builder = browser_of(env, env.builder.address).await?;
    builder.origin = Some("https://evil.example".to_owned());
    assert_eq!(upload(&mut builder, &format!("{agent}/edit"), &filled, None).await?.status, 403);
    ensure!(builder.get(&agent).await?.ok()?.contains("Parrot"));
    Ok(())
}

async fn what_is_written_wrong_stays_written(env: &mut ServerEnv) -> Result<()> {
    let plan = register(env, "P").await?;
    let agent = service(env, &plan, json!({ "upstream": "https://a.example" })).await?;
    let mut builder = browser_of(env, env.builder.address).await?;
    for (field, value, said) in [
        ("title", " ", "has no title"),
        ("url", "ftp://a.example", "is no URL"),
        ("credits", "101", "write a number from 1 to 100"),
        ("credits", "many", "write a number from 1 to 100"),
        ("auth", "bearer", "no bearer token"),
    ] {
        let shown = edit(&mut builder, &agent, &[("description", "Typed"), (field, value)]).await?;
        ensure!(
            shown.status == 400 && shown.text.contains(said) && shown.text.contains("role=\"alert\""),
            "{}",
            shown.text
        );
        ensure!(shown.text.contains("Typed"), "{}", shown.text);
    }
    let broken = [("auth", "bearer"), ("token", "sk-1\nX-Evil: 1")];
    let shown = edit(&mut builder, &agent, &broken).await?;
    ensure!(shown.status == 400 && shown.text.contains("copy the token once more"), "{}", shown.text);
    let page = builder.get(&agent).await?.ok()?;
    ensure!(page.contains("Speaks") && !page.contains("Typed"), "{page}");

    // The origins of the widget, too.
    let shown = builder
        .post(&format!("{agent}/origins"), &[("origins", "https://a.example\nhttp://b.example")])
        .await?;
    ensure!(shown.status == 400 && shown.text.contains("http://b.example</textarea>"), "{}", shown.text);
    ensure!(shown.text.contains("is no origin that can show the widget"), "{}", shown.text);
    // A plan that was added, and taken off by the API, is added again.
    let other = register(env, "Q").await?;
    for _ in 0..2 {
        let once = builder.get(&agent).await?.input("once")?;
        builder.post(&format!("{agent}/plan"), &[("plan", &other), ("once", &once)]).await?.elsewhere()?;
        let path = format!("{}/plan/{other}", agent.replace("/my/agents", "/api/v1/protocol/agents"));
        let record = env.anyone.get(path.split("/plan/").next().unwrap_or_default()).await?.ok()?;
        ensure!(record["registry"]["plans"].to_string().contains(&other), "{record}");
        Answer::of(env.builder.request(Method::DELETE, &path)).await?.ok()?;
    }
    Ok(())
}

async fn who_takes_a_service_over_names_its_own_pages(env: &mut ServerEnv) -> Result<()> {
    let plan = register(env, "P").await?;
    let agent =
        service(env, &plan, json!({ "upstream": "https://a.example", "token": "of the builder" })).await?;
    let mut builder = browser_of(env, env.builder.address).await?;
    builder.post(&format!("{agent}/origins"), &[("origins", "https://app.example")]).await?.elsewhere()?;
    let number = agent.trim_start_matches("/my/agents/");
    let widget = format!("/streamlit?did={number}");
    let mut anyone = Browser::new(env.url())?;
    assert_eq!(ancestors(&anyone.get(&widget).await?.headers)?, "https://app.example");

    let did = Did(number.parse::<alloy::primitives::U256>()?.into());
    Services::connect(&env.chain.builder).await?.transfer_ownership(did, env.stranger.address).await?;
    Services::connect(&env.chain.stranger).await?.accept_ownership(did).await?;
    assert_eq!(ancestors(&anyone.get(&widget).await?.headers)?, "'none'");
    assert_eq!(builder.get(&format!("{agent}/edit")).await?.status, 403);
    // What the former owner has sealed is not the new one's: a kind that needs a secret needs another.
    let mut owner = browser_of(env, env.stranger.address).await?;
    let form = owner.get(&format!("{agent}/edit")).await?.ok()?;
    ensure!(!form.contains("of the builder") && !form.contains("What was given is kept."), "{form}");
    let refused = edit(&mut owner, &agent, &[("auth", "bearer")]).await?;
    ensure!(refused.status == 400 && refused.text.contains("no bearer token"), "{}", refused.text);
    edit(&mut owner, &agent, &[("auth", "bearer"), ("token", "mine")]).await?.elsewhere()?;
    Ok(())
}
