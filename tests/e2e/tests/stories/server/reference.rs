//! The reference's story, over HTTP as the Python SDK asks: a plan, a balance, an order, a mint.

use eyre::{OptionExt, Result};
use scrip_e2e::server::ServerEnv;
use serde_json::json;

use super::on_each_database;

on_each_database!(a_plan_is_made_ordered_and_given_more_of);

async fn a_plan_is_made_ordered_and_given_more_of(env: &mut ServerEnv) -> Result<()> {
    let plan = env.builder.post("/api/v1/protocol/plans", &super::plan(env, "Premium Plan")).await?.ok()?;
    let plan = plan["planId"].as_str().ok_or_eyre("no id")?.to_owned();
    let balance = async || -> Result<(String, bool)> {
        let path = format!("/api/v1/protocol/plans/{plan}/balance/{}", env.subscriber.address);
        let balance = env.anyone.get(&path).await?.ok()?;
        Ok((balance["balance"].to_string(), balance["isSubscriber"] == true))
    };
    assert_eq!(balance().await?, (r#""0""#.to_owned(), false));
    let ordered = env.subscriber.post_nothing(&format!("/api/v1/protocol/plans/{plan}/order")).await?.ok()?;
    assert_eq!(ordered["success"], true);
    assert_eq!(balance().await?, (r#""100""#.to_owned(), true));
    let mint = json!({ "planId": plan, "amount": 50, "creditsReceiver": env.subscriber.address });
    env.builder.post("/api/v1/protocol/plans/mint", &mint).await?.ok()?;
    assert_eq!(balance().await?, (r#""150""#.to_owned(), true));
    Ok(())
}
