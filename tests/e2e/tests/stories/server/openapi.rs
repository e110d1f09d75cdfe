//! The served document: it is the whole API, and the API is what it says.

use std::{env, fs};

use eyre::{OptionExt, Result, ensure};
use reqwest::Method;
use scrip_e2e::server::{
    Answer, ServerEnv,
    python::{Python, printed},
};
use serde_json::{Value, json};

use super::{on_each_database, register};

on_each_database!(no_method_is_undocumented, what_is_referred_to_is_there, schemathesis_finds_nothing);

async fn no_method_is_undocumented(env: &mut ServerEnv) -> Result<()> {
    const METHODS: [&str; 5] = ["get", "post", "put", "delete", "patch"];
    let document = env.anyone.get("/openapi.json").await?.ok()?;
    for (path, item) in document["paths"].as_object().ok_or_eyre("no paths")? {
        let filled = path.split('/').map(|part| if part.starts_with('{') { "1" } else { part });
        let filled = filled.collect::<Vec<_>>().join("/");
        for method in METHODS {
            let request = env.anyone.request(method.to_uppercase().parse()?, &filled);
            let answer = Answer::of(request).await?;
            assert_eq!(answer.status == 405, item[method].is_null(), "{method} {path}: {}", answer.body);
            if answer.status == 405 {
                assert_eq!(answer.problem()?, "BCK.HTTP.405");
            }
        }
    }
    // What is no JSON of ours is not at the other places either.
    for path in ["/openapi", "/api", "/api/v1", "/api/v1/protocol", "/metrics/none", "/index.html"] {
        let answer = Answer::of(env.anyone.request(Method::GET, path)).await?;
        assert_eq!((answer.status, answer.problem()?), (404, "BCK.HTTP.404"), "{path}");
    }
    Ok(())
}

async fn what_is_referred_to_is_there(env: &mut ServerEnv) -> Result<()> {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let document = env.anyone.get("/openapi.json").await?.ok()?;
    let mut found = Vec::new();
    references(&document, &mut found);
    ensure!(found.len() > 100, "only {} references", found.len());
    for reference in found {
        let place = reference.strip_prefix('#').ok_or_eyre("elsewhere")?;
        ensure!(document.pointer(place).is_some(), "there is no {reference}");
    }
    Ok(())
}

/// Requests made from the document by Schemathesis, for so many seconds on each database.
async fn schemathesis_finds_nothing(env: &mut ServerEnv) -> Result<()> {
    let Some(python) = Python::find("schemathesis")? else { return Ok(()) };
    let set = |name: &str, default: &str| env::var(name).unwrap_or_else(|_| default.to_owned());
    let (seconds, seed) = (set("SCRIP_API_SECONDS", "25").parse::<u64>()?, set("SCRIP_API_SEED", "1"));
    // Something that is there, beside what it makes up and makes.
    let plan = register(env, "P").await?;
    let page = json!({ "metadataAttributes": { "name": "A" }, "agentApiAttributes": {}, "plans": [plan] });
    let agent = env.builder.post("/api/v1/protocol/agents", &page).await?.ok()?["data"]["agentId"].clone();
    let folder = tempfile::tempdir()?;
    let config = include_str!("../../../sdk/schemathesis.toml")
        .replace("${PLAN}", &plan)
        .replace("${AGENT}", agent.as_str().unwrap_or_default())
        .replace("${HOLDER}", &env.subscriber.address.to_string());
    fs::write(folder.path().join("schemathesis.toml"), config)?;
    let ask = async |key: &str, seconds: u64, filter: &str| -> Result<()> {
        let mut fuzz = python.program("st");
        fuzz.current_dir(&folder)
            .args(["run", &format!("{}/openapi.json", env.url()), "--no-color"])
            .args(["--header", &format!("Authorization: Bearer {key}"), filter, "api-keys"])
            .args(["--max-time", &seconds.to_string(), "--seed", &seed, "--suppress-health-check", "all"]);
        let told = printed(fuzz).await?;
        let cases = told.lines().find_map(|line| line.trim().split_once(" generated")?.0.parse::<u64>().ok());
        // How many depends on the machine, and on what else it does.
        ensure!(cases.is_some_and(|cases| cases >= 20), "only {cases:?} cases:\n{told}");
        Ok(())
    };
    // It revokes what keys it is listed, its own, too: apart from all else.
    ask(env.builder.key()?, seconds, "--exclude-path-regex").await?;
    let key = json!({ "name": "schemathesis", "scopes": ["keys", "read", "order"] });
    let key = env.stranger.post("/api/v1/api-keys", &key).await?.ok()?["key"].clone();
    ask(key.as_str().ok_or_eyre("no key")?, seconds.div_ceil(5), "--include-path-regex").await?;
    // The server is what it was.
    let ready = env.anyone.get("/readyz").await?.ok()?;
    ensure!(matches!(ready["block"], Value::Number(_)), "{ready}");
    register(env, "Q").await?;
    Ok(())
}
