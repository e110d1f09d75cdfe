//! The published SDK for Python, unmodified, in versions of a year.

use std::time::Duration;

use eyre::{OptionExt, Result, ensure};
use scrip_e2e::server::{
    ServerEnv,
    python::{Python, printed},
};
use serde_json::json;
use tokio::{
    process::Command,
    time::{Instant, sleep},
};

use super::on_each_database;

const VERSIONS: [&str; 4] = ["0.8.1", "1.5.1", "1.15.1", "1.18.0"];

on_each_database!(
    the_complete_example_runs_as_it_stands,
    each_snippet_of_the_page_runs_as_it_stands,
    the_readme_runs_as_it_stands,
    an_agent_is_sold_by_the_sdks_own_middleware,
);

pub(super) fn script(env: &ServerEnv, version: &str, name: &str) -> Result<Option<Command>> {
    let Some(python) = Python::find(&format!("payments-py-{version}"))? else { return Ok(None) };
    let mut script = python.script(name);
    script
        .env("NVM_BACKEND_URL", env.url())
        .env("BUILDER_KEY", env.builder.key()?)
        .env("SUBSCRIBER_KEY", env.subscriber.key()?)
        .env("SUBSCRIBER_ADDRESS", env.subscriber.address.to_string())
        .env("OTHER_ADDRESS", env.stranger.address.to_string())
        .env("ERC20_TOKEN", env.chain.devnet.dollar().address.to_string());
    Ok(Some(script))
}

async fn the_complete_example_runs_as_it_stands(env: &mut ServerEnv) -> Result<()> {
    for version in VERSIONS {
        let Some(script) = script(env, version, "complete_example.py")? else { return Ok(()) };
        let printed = printed(script).await?;
        let (first, rest) = printed.split_once('\n').ok_or_eyre("it prints nothing")?;
        let plan = first.strip_prefix("Created plan: ").ok_or_eyre(first.to_owned())?;
        ensure!(plan.parse::<alloy::primitives::U256>().is_ok(), "{version}: {plan}");
        let expected = "Initial balance: 0\nIs subscriber: False\nOrder success: True\nFinal balance: 100\n\
                        Is subscriber: True\nMinted 50 additional credits\nUpdated balance: 150\n";
        assert_eq!(rest, expected, "{version}");
        // What the SDK was told is what the chain says.
        let balance = env.chain.stranger.balance(plan.parse()?, env.subscriber.address).await?;
        assert_eq!((balance.balance, balance.is_subscriber), (150, true), "{version}");
    }
    Ok(())
}

async fn the_readme_runs_as_it_stands(env: &mut ServerEnv) -> Result<()> {
    let Some(python) = Python::find("payments-py-1.18.0")? else { return Ok(()) };
    let readme = include_str!("../../../../../README.md");
    let (_, program) = readme.split_once("```python\n").ok_or_eyre("the README has no Python")?;
    let (program, _) = program.split_once("```").ok_or_eyre("its Python has no end")?;
    let folder = tempfile::tempdir()?;
    let (builder, subscriber) = (env.builder.key()?, env.subscriber.key()?);
    let token = env.chain.devnet.dollar().address;
    let keys = json!({ "token": token, "builder": { "key": builder }, "subscriber": { "key": subscriber } });
    std::fs::write(folder.path().join("keys.json"), keys.to_string())?;
    let mut command = python.program("python");
    command
        .args(["-W", "ignore", "-c", program])
        .current_dir(folder.path())
        .env("NVM_BACKEND_URL", env.url());
    assert_eq!(printed(command).await?, "100\n");
    Ok(())
}

async fn each_snippet_of_the_page_runs_as_it_stands(env: &mut ServerEnv) -> Result<()> {
    for version in VERSIONS {
        let Some(script) = script(env, version, "snippets.py")? else { return Ok(()) };
        let printed = printed(script).await?;
        let said = |name: &str| -> Result<&str> {
            let line = printed.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            line.ok_or_eyre(format!("{version} does not say `{name}`:\n{printed}"))
        };
        let plan = said("Plan ID")?.parse()?;
        let (subscriber, stranger) =
            [&env.subscriber, &env.stranger].map(|party| format!("{:#x}", party.address)).into();
        for (name, expected) in [
            ("Plan Name", "Premium Plan"),
            ("Plan Type", "credits"),
            ("Balance", "0"),
            ("Is Subscriber", "False"),
            ("Price per Credit", "0.2"),
            ("Holder Address", &subscriber),
            ("Other's", &format!("{stranger} 0")),
            ("Success", "True"),
            ("After the mint", "150"),
            ("Minted for a day", "True"),
            ("After the expirable mint", "250"),
            ("The owner's after the burn", "0"),
            ("Redeemed", "True"),
            ("After the redemption", "245"),
        ] {
            assert_eq!(said(name)?, expected, "{version}: {name}");
        }
        for name in ["Order details", "Minted", "Burned"] {
            ensure!(said(name)?.starts_with("{'success': True, "), "{version}: {}", said(name)?);
        }
        ensure!(said("Checkout URL")?.starts_with("https://checkout.stripe.com/"), "{version}");
        let (session, fiat_plan) = (said("Session ID")?, said("Fiat plan")?);
        pay(env, version, session, fiat_plan).await?;
        let chain = &env.chain;
        assert_eq!(chain.stranger.balance(plan, env.subscriber.address).await?.balance, 245, "{version}");
        // The hundred of the day are the ones that end first, so that they were redeemed.
        chain.devnet.warp(std::time::Duration::from_secs(86_401)).await?;
        assert_eq!(chain.stranger.balance(plan, env.subscriber.address).await?.balance, 150, "{version}");
    }
    Ok(())
}

/// The buyer pays on Stripe's page, and the SDK sees the credits.
async fn pay(env: &ServerEnv, version: &str, session: &str, plan: &str) -> Result<()> {
    env.stripe.deliver_all(&env.anyone, &env.stripe.pay(session)?).await?;
    let began = Instant::now();
    while env.chain.stranger.balance(plan.parse()?, env.subscriber.address).await?.balance == 0 {
        ensure!(began.elapsed() < Duration::from_secs(60), "{version}: nothing comes");
        sleep(Duration::from_millis(50)).await;
    }
    let mut balance = script(env, version, "balance.py")?.ok_or_eyre("it was there before")?;
    balance.env("PLAN", plan);
    assert_eq!(printed(balance).await?, "Card Plan: 100 True\n", "{version}");
    Ok(())
}

async fn an_agent_is_sold_by_the_sdks_own_middleware(env: &mut ServerEnv) -> Result<()> {
    let plan = super::register(env, "Premium Plan").await?;
    let endpoints = json!([{ "POST": "/ask" }, { "POST": "/fail" }, { "POST": "/dear" }]);
    let page = json!({
        "metadataAttributes": { "name": "Agent" },
        "agentApiAttributes": { "endpoints": endpoints },
        "plans": [plan],
    });
    let agent = env.builder.post("/api/v1/protocol/agents", &page).await?.ok()?;
    let Some(mut script) = script(env, VERSIONS[3], "paid_agent.py")? else { return Ok(()) };
    script.env("PLAN", &plan).env("AGENT", agent["data"]["agentId"].as_str().ok_or_eyre("no agent")?);
    let expected = [
        "Without a token: 402, nvm:erc4337 of the plan: True",
        "With garbage: 402",
        "Token before the order: 402, balance 0",
        "Balance: 100",
        "Paid: 200, You asked: Hello!",
        "Receipt: True, 2 credits",
        "Balance after a call: 98",
        "Again: 200, balance 96",
        "A failure: 500, balance 96",
        "Too dear: 402, balance 96",
    ];
    assert_eq!(printed(script).await?.lines().collect::<Vec<_>>(), expected);
    let balance = env.chain.stranger.balance(plan.parse()?, env.subscriber.address).await?;
    assert_eq!(balance.balance, 96);
    Ok(())
}
