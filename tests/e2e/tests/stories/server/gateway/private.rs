//! Upstreams at addresses that are the server's own, or its neighbours'.

use eyre::{OptionExt, Result};
use reqwest::Method;
use scrip_e2e::{
    server::{Replica, ServerEnv},
    upstream::Upstream,
};
use scrip_server::Gateway;
use serde_json::json;

use super::{Service, read};
use crate::server::{on_each_database, refused};

on_each_database!(no_service_is_at_a_private_address);

async fn no_service_is_at_a_private_address(env: &mut ServerEnv) -> Result<()> {
    let upstream = Upstream::start().await?;
    let port = upstream.url().rsplit_once(':').ok_or_eyre("no port")?.1.to_owned();
    // A server as it is unless it is told otherwise.
    env.take_replica().ok_or_eyre("it runs")?.shut_down().await?;
    let config = env.config(None)?;
    assert!(!Gateway::default().private_upstreams);
    let gateway = Gateway { private_upstreams: false, ..config.gateway.clone() };
    let replica = Replica::start(scrip_server::Config { gateway, ..config }).await?;
    env.turn_to(replica);

    for place in [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.1",
        "0.0.0.0",
        "169.254.169.254",
        "10.0.0.1",
        "192.168.0.1",
        "[fd00:ec2::254]",
    ] {
        let api = json!({ "upstream": format!("http://{place}:{port}"), "token": "secret" });
        let service = Service::of(env, Upstream::start().await?, (1, 1), api, 1).await?;
        let answer = read(service.request(env, Method::GET, "/ask")).await?;
        refused(&answer, 502, "SCRIP.GATEWAY.UPSTREAM").map_err(|error| error.wrap_err(place))?;
        let told = answer.body.to_string();
        assert!(!told.contains("secret") && !told.contains("refused"), "what is there is not told: {told}");
        service.settles_to(env, 1).await?;
    }
    assert_eq!(upstream.requests(), 0);
    for (upstream, code) in
        [("ftp://a.example", 400), ("https://user:password@a.example", 400), ("file:///etc/passwd", 400)]
    {
        let agent = json!({ "metadataAttributes": { "name": "A" }, "agentApiAttributes": { "upstream": upstream }, "plans": [] });
        refused(&env.builder.post("/api/v1/protocol/agents", &agent).await?, code, "BCK.HTTP.400")?;
    }
    Ok(())
}
