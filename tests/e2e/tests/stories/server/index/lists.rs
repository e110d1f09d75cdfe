//! Lists and histories: whose they are, a page at a time, with what was just made.

use alloy::providers::ext::AnvilApi;
use eyre::{OptionExt, Result};
use futures_util::future::try_join_all;
use reqwest::Method;
use scrip::{Batch, Permissions, Terms, Use};
use scrip_e2e::server::{Answer, Replica, ServerEnv, python::printed};
use serde_json::{Value, json};
use sqlx::Row;

use super::{history, indexed, list, plans};
use crate::{
    history::reorganise,
    server::{on_each_database, register, sdk::script},
};

on_each_database!(
    lists_are_told_a_page_at_a_time,
    histories_are_told_a_page_at_a_time_with_batches_in_their_order,
    what_was_just_made_is_listed_at_once,
    what_is_made_while_the_index_comes_to_it_is_not_lost,
    each_sees_what_is_its_own,
    the_python_sdk_reads_the_lists,
    other_lists_are_bounded_too,
);

/// Registers an agent of the builder's.
async fn agent(env: &ServerEnv, name: &str, plans: &[&str]) -> Result<String> {
    let page = json!({ "metadataAttributes": { "name": name }, "agentApiAttributes": {}, "plans": plans });
    let made = env.builder.post("/api/v1/protocol/agents", &page).await?.ok()?;
    Ok(made["data"]["agentId"].as_str().ok_or_eyre("no agent")?.to_owned())
}

fn named(total: u64, names: &[&str]) -> (u64, Vec<String>) {
    (total, names.iter().map(|&name| name.to_owned()).collect())
}

async fn lists_are_told_a_page_at_a_time(env: &mut ServerEnv) -> Result<()> {
    let first = register(env, "First").await?;
    for name in ["Second", "Third"] {
        register(env, name).await?;
    }
    for name in ["One", "Two", "Three"] {
        agent(env, name, &[&first]).await?;
    }
    // While they are listed by the server's word, and when the index has come to them.
    for round in ["at once", "later"] {
        let plans = async |query: &str| plans(&env.builder, query).await;
        assert_eq!(plans("").await?, named(3, &["Third", "Second", "First"]), "{round}");
        assert_eq!(plans("page=1&offset=2&sortOrder=desc").await?, named(3, &["Third", "Second"]));
        assert_eq!(plans("page=2&offset=2&sortOrder=desc").await?, named(3, &["First"]));
        assert_eq!(plans("page=3&offset=2&sortOrder=desc").await?, named(3, &[]));
        assert_eq!(plans("sortOrder=asc&page=1&pageSize=1&sortBy=created").await?, named(3, &["First"]));
        assert_eq!(plans("page=1000000&pageSize=100").await?, named(3, &[]));
        let agents = async |query: &str| list(&env.builder, query, "agents", "/name").await;
        let path = "/api/v1/protocol/agents";
        assert_eq!(agents(&format!("{path}?offset=2")).await?, named(3, &["Three", "Two"]), "{round}");
        let path = format!("/api/v1/protocol/plans/{first}/agents");
        assert_eq!(agents(&format!("{path}?page=2&pageSize=2&sortOrder=asc")).await?, named(3, &["Three"]));
        indexed(env).await?;
    }
    let answer = env.builder.get("/api/v1/protocol/plans?page=2&offset=2").await?.ok()?;
    assert_eq!((&answer["page"], &answer["offset"]), (&json!(2), &json!(2)));
    let record = env.anyone.get(&format!("/api/v1/protocol/plans/{first}")).await?.ok()?;
    assert_eq!(answer["plans"][0], record, "it is listed as it is shown");

    for query in ["page=0", "offset=101", "pageSize=0", "page=x", "sortBy=price", "sortOrder=up"] {
        for path in ["plans", "plans/bought", "agents", "history", &format!("plans/{first}/history")] {
            let answer = env.builder.get(&format!("/api/v1/protocol/{path}?{query}")).await?;
            assert_eq!((answer.status, answer.problem()?), (400, "BCK.HTTP.400"), "{path}?{query}");
        }
    }
    for (path, code) in [
        ("plans/11111/agents", "BCK.PROTOCOL.0003"),
        ("plans/11111/history", "BCK.PROTOCOL.0003"),
        ("agents/11111/plans", "BCK.PROTOCOL.0004"),
    ] {
        let answer = env.builder.get(&format!("/api/v1/protocol/{path}")).await?;
        assert_eq!((answer.status, answer.problem()?), (404, code), "{path}");
    }

    // Those of an organisation alone.
    let of_org = crate::server::plan(env, "Ours");
    let asked = env.builder.request(Method::POST, "/api/v1/protocol/plans").header("x-current-org-id", "o");
    Answer::of(asked.json(&of_org)).await?.ok()?;
    assert_eq!(plans(&env.builder, "orgId=o").await?, named(1, &["Ours"]));
    assert_eq!(plans(&env.builder, "orgId=other").await?, named(0, &[]));
    assert_eq!(plans(&env.builder, "").await?.0, 4);
    Ok(())
}

async fn histories_are_told_a_page_at_a_time_with_batches_in_their_order(env: &mut ServerEnv) -> Result<()> {
    let builder = env.chain.devnet.scrip("builder").await?;
    let (one, another) = (env.subscriber.address, env.stranger.address);
    let plan = builder.create_plan(&Terms::credits("Batches", 1)).await?.plan;
    let other = builder.create_plan(&Terms::credits("Other", 1)).await?.plan;
    // The credits tell the lines apart.
    let batch = |plan, uses: &[(_, u64)]| {
        let uses = uses.iter().map(|&(holder, amount)| Use { holder, amount, request: amount.into() });
        Batch { plan, uses: uses.collect() }
    };
    builder.mint(plan, one, 100).await?;
    builder.mint(plan, another, 101).await?;
    builder.mint(other, one, 102).await?;
    builder.redeem_many(&[batch(plan, &[(another, 1), (one, 2), (one, 3), (another, 4), (one, 5)])]).await?;
    builder.redeem(plan, one, 6, "alone").await?;
    let several = [
        batch(plan, &[(one, 7), (another, 8)]),
        batch(other, &[(one, 9), (one, 10)]),
        batch(plan, &[(one, 11)]),
    ];
    builder.redeem_many(&several).await?;
    builder.redeem(plan, another, 12, "alone, too").await?;
    env.chain.devnet.scrip("subscriber").await?.burn(plan, 13).await?;
    indexed(env).await?;

    let kind = |credits| match credits {
        100.. => "minted",
        13 => "burned",
        _ => "redeemed",
    };
    let of_plan = format!("plans/{plan}/history");
    for (caller, path, lines) in [
        (&env.builder, &*of_plan, &[100, 101, 1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13][..]),
        (&env.subscriber, &of_plan, &[100, 2, 3, 5, 6, 7, 11, 13]),
        (&env.subscriber, "history", &[100, 102, 2, 3, 5, 6, 7, 9, 10, 11, 13]),
        (&env.stranger, "history", &[101, 1, 4, 8, 12]),
    ] {
        let expected: Vec<_> =
            lines.iter().map(|&credits| (kind(credits).to_owned(), credits.to_string())).collect();
        assert_eq!(history(caller, path).await?, expected, "{path}");
        let mut lines: Vec<_> = lines.iter().map(ToString::to_string).collect();
        for order in ["asc", "desc"] {
            for size in 1..=lines.len() {
                // The last is beyond the end.
                for (page, expected) in (1..).zip(lines.chunks(size).chain([&[][..]])) {
                    let asked =
                        format!("/api/v1/protocol/{path}?sortOrder={order}&pageSize={size}&page={page}");
                    let told = list(caller, &asked, "history", "/credits").await?;
                    assert_eq!(told, (lines.len() as u64, expected.to_vec()), "{asked}");
                }
            }
            lines.reverse();
        }
    }
    Ok(())
}

/// The server's process gives way to one that is a thousand blocks behind the chain.
async fn fall_behind(env: &mut ServerEnv) -> Result<()> {
    indexed(env).await?;
    env.kill();
    let mut config = env.config(None)?;
    config.indexing.confirmations = 1_000;
    env.turn_to(Replica::start(config).await?);
    Ok(())
}

/// The chain grows until the index has come to all that there was.
async fn catch_up(env: &ServerEnv) -> Result<()> {
    env.chain.devnet.reader().anvil_mine(Some(1_000), None).await?;
    let database = env.database().connect().await?;
    let began = tokio::time::Instant::now();
    loop {
        let query = "SELECT (SELECT COUNT(*) FROM index_plans WHERE fresh = 1) + (SELECT COUNT(*) FROM index_orders) \
                     + (SELECT COUNT(*) FROM index_services WHERE hash = '')";
        let left: i64 = sqlx::query(query).fetch_one(&database).await?.try_get(0)?;
        if left == 0 {
            break;
        }
        eyre::ensure!(began.elapsed() < super::PATIENCE, "{left} are still by the server's word");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    database.close().await;
    Ok(())
}

async fn what_was_just_made_is_listed_at_once(env: &mut ServerEnv) -> Result<()> {
    fall_behind(env).await?;
    let plan = register(env, "Plan").await?;
    let other = register(env, "Other").await?;
    let made = agent(env, "Agent", &[&plan]).await?;
    let link = format!("/api/v1/protocol/agents/{made}/plan/{other}");
    env.builder.post_nothing(&link).await?.ok()?;
    let unlink = format!("/api/v1/protocol/agents/{made}/plan/{plan}");
    Answer::of(env.builder.request(Method::DELETE, &unlink)).await?.ok()?;
    env.subscriber.post_nothing(&format!("/api/v1/protocol/plans/{plan}/order")).await?.ok()?;
    for round in ["at once", "when the index has come to it"] {
        assert_eq!(plans(&env.builder, "").await?, named(2, &["Other", "Plan"]), "{round}");
        let agents = list(&env.builder, "/api/v1/protocol/agents", "agents", "/id").await?;
        assert_eq!(agents, (1, vec![made.clone()]), "{round}");
        let opened_by = |plan: &str| format!("/api/v1/protocol/plans/{plan}/agents");
        assert_eq!(list(&env.anyone, &opened_by(&other), "agents", "/name").await?, named(1, &["Agent"]));
        assert_eq!(list(&env.anyone, &opened_by(&plan), "agents", "/name").await?, named(0, &[]), "{round}");
        let opens = format!("/api/v1/protocol/agents/{made}/plans");
        assert_eq!(list(&env.anyone, &opens, "plans", "/name").await?, named(1, &["Other"]), "{round}");
        let bought = "/api/v1/protocol/plans/bought";
        assert_eq!(list(&env.subscriber, bought, "plans", "/name").await?, named(1, &["Plan"]), "{round}");
        assert_eq!(list(&env.subscriber, bought, "plans", "/balance").await?, named(1, &["100"]), "{round}");
        // History is of what is confirmed.
        let told = history(&env.subscriber, "history").await?;
        assert_eq!(told.len(), usize::from(round != "at once"), "{round}: {told:?}");
        if round == "at once" {
            catch_up(env).await?;
        }
    }

    // What the chain takes back before the index has come to it is listed no longer than until then.
    register(env, "Lost").await?;
    reorganise(&env.chain.devnet, 1, vec![]).await?;
    assert_eq!(plans(&env.builder, "").await?.0, 3);
    catch_up(env).await?;
    assert_eq!(plans(&env.builder, "").await?, named(2, &["Other", "Plan"]));
    Ok(())
}

async fn what_is_made_while_the_index_comes_to_it_is_not_lost(env: &mut ServerEnv) -> Result<()> {
    for round in 1..=3 {
        let making: Vec<_> = (0..10).map(|_| register(env, "Plan")).collect();
        try_join_all(making).await?;
        for _ in 0..2 {
            assert_eq!(plans(&env.builder, "").await?.0, round * 10);
            indexed(env).await?;
        }
    }
    Ok(())
}

async fn each_sees_what_is_its_own(env: &mut ServerEnv) -> Result<()> {
    let plan = register(env, "Plan").await?;
    let id: scrip::PlanId = plan.parse()?;
    for buyer in [&env.subscriber, &env.stranger] {
        buyer.post_nothing(&format!("/api/v1/protocol/plans/{plan}/order")).await?.ok()?;
    }
    let redeemed = json!({
        "agentRequestId": "r", "planId": plan, "redeemFrom": env.subscriber.address, "amount": "5",
    });
    env.builder.post("/api/v1/protocol/plans/redeem", &redeemed).await?.ok()?;
    env.stranger
        .post("/api/v1/protocol/plans/burn", &json!({ "planId": plan, "creditsAmount": "1" }))
        .await?
        .ok()?;
    indexed(env).await?;

    let all = [("ordered", "100"), ("ordered", "100"), ("redeemed", "5"), ("burned", "1")];
    let own = |kinds: &[(&str, &str)]| -> Vec<(String, String)> {
        kinds.iter().map(|&(kind, credits)| (kind.to_owned(), credits.to_owned())).collect()
    };
    let of_plan = format!("plans/{plan}/history");
    assert_eq!(history(&env.builder, &of_plan).await?, own(&all), "the owner sees all");
    assert_eq!(history(&env.builder, "history").await?, own(&[]), "and holds nothing");
    let (subscriber, stranger) = (own(&[all[0], all[2]]), own(&[all[1], all[3]]));
    for path in [of_plan.as_str(), "history"] {
        assert_eq!(history(&env.subscriber, path).await?, subscriber, "{path}");
        assert_eq!(history(&env.stranger, path).await?, stranger, "{path}");
    }
    let told = env.subscriber.get("/api/v1/protocol/history?offset=1&page=2").await?.ok()?;
    let ordered = &told["history"][0];
    assert_eq!((&told["total"], &ordered["kind"]), (&json!(2), &json!("ordered")));
    assert_eq!((&ordered["planId"], &ordered["paid"]), (&json!(plan), &json!("20")));
    let transaction = ordered["transaction"].as_str().ok_or_eyre("no transaction")?.parse()?;
    let event = &env.chain.stranger.events(transaction).await?;
    assert!(event.iter().any(|event| matches!(event, scrip::Event::Ordered(_))), "{event:?}");
    let text = told.to_string();
    assert!(!text.contains(&format!("{:#x}", env.stranger.address)), "another's is seen: {text}");

    // Who redeems for the owner sees all of the plan, and of nothing else.
    let permissions = Permissions { redeem: true, ..Permissions::NONE };
    let builder = env.chain.devnet.scrip("builder").await?;
    builder.set_operator(id, env.stranger.address, permissions).await?;
    assert_eq!(history(&env.stranger, &of_plan).await?, own(&all));
    assert_eq!(history(&env.stranger, "history").await?, stranger);

    // Lists are the caller's, and what all may see is nobody's secret.
    assert_eq!(plans(&env.stranger, "").await?, named(0, &[]));
    let bought = "/api/v1/protocol/plans/bought";
    assert_eq!(list(&env.stranger, bought, "plans", "/balance").await?, named(1, &["99"]));
    assert_eq!(list(&env.builder, bought, "plans", "/balance").await?, named(0, &[]));

    // An agent that somebody else lets the plan open is none of the plan's, unless the owner has named that operator.
    let page =
        json!({ "metadataAttributes": { "name": "Not yours" }, "agentApiAttributes": {}, "plans": [plan] });
    env.subscriber.post("/api/v1/protocol/agents", &page).await?.ok()?;
    let opened = format!("/api/v1/protocol/plans/{plan}/agents");
    assert_eq!(list(&env.anyone, &opened, "agents", "/name").await?, named(0, &[]));
    builder.set_operator(id, env.subscriber.address, permissions).await?;
    indexed(env).await?;
    assert_eq!(list(&env.anyone, &opened, "agents", "/name").await?, named(1, &["Not yours"]));

    // What was created without the server is listed as well.
    let direct = env.chain.stranger.create_plan(&Terms::credits("Direct", 1)).await?.plan;
    indexed(env).await?;
    let listed = list(&env.stranger, "/api/v1/protocol/plans", "plans", "/id").await?;
    assert_eq!(listed, (1, vec![direct.0.to_string()]));
    Ok(())
}

async fn the_python_sdk_reads_the_lists(env: &mut ServerEnv) -> Result<()> {
    let Some(script) = script(env, "1.18.0", "lists.py")? else { return Ok(()) };
    let expected = "2 1 10 ['Second', 'First']\n2 2 1 ['First']\n0 []\n1 ['Agent']\n1 ['Agent']\n1 ['First']\n\
                    Plan not found: True\n";
    assert_eq!(printed(script).await?, expected);
    Ok(())
}

async fn other_lists_are_bounded_too(env: &mut ServerEnv) -> Result<()> {
    let delegation =
        json!({ "provider": "erc4337", "spendingLimitCents": 1, "durationSecs": 60, "currency": "usd" });
    for _ in 0..3 {
        env.builder.post("/api/v1/delegation/create", &delegation).await?.ok()?;
    }
    let listed = env.builder.get("/api/v1/delegation?page=2&pageSize=2").await?.ok()?;
    assert_eq!(listed["delegations"].as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&listed["totalResults"], &listed["page"], &listed["offset"]),
        (&json!(3), &json!(2), &json!(2))
    );
    let plan = register(env, "P").await?;
    let token = json!({ "accepted": { "scheme": "nvm:erc4337", "planId": plan } });
    let key = json!({ "name": "k", "scopes": ["read"] });
    for _ in 0..3 {
        env.builder.post("/api/v1/x402/permissions", &token).await?.ok()?;
        env.builder.post("/api/v1/api-keys", &key).await?.ok()?;
    }
    for (path, all) in [("x402/permissions", 3), ("api-keys", 4)] {
        let count = async |query: &str| -> Result<usize> {
            let listed: Value = env.builder.get(&format!("/api/v1/{path}{query}")).await?.ok()?;
            Ok(listed.as_array().ok_or_eyre("no array")?.len())
        };
        let found = (count("").await?, count("?pageSize=2").await?, count("?pageSize=2&page=2").await?);
        assert_eq!(found, (all, 2, all - 2), "{path}");
        let answer = env.builder.get(&format!("/api/v1/{path}?pageSize=101")).await?;
        assert_eq!((answer.status, answer.problem()?), (400, "BCK.HTTP.400"));
    }
    Ok(())
}
