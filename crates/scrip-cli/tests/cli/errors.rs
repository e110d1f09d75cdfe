//! Everything that is refused, and what is said then.

use std::{
    net::{Ipv4Addr, TcpListener},
    time::{Duration, Instant},
};

use alloy::{
    providers::{Provider, ProviderBuilder},
    signers::local::PrivateKeySigner,
};
use scrip::{Deployment, Scrip, Terms, Token};

use serde_json::json;

use crate::common::Machine;

/// The key 1: an account that has nothing.
const POOR: &str = "0x0000000000000000000000000000000000000000000000000000000000000001";
const POOR_ADDRESS: &str = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf";

#[tokio::test]
async fn everything_that_is_refused() {
    let mut machine = Machine::with_devnet();
    let terms = ["plan", "create", "Premium Plan", "--credits", "100", "--price", "20 tUSD", "-a", "builder"];
    let plan = machine.type_(&[&terms[..], &["--json"]].concat()).json()["plan"].as_str().unwrap().to_owned();
    machine.call(&plan, "<premium>");
    machine.call(POOR_ADDRESS, "<poor>");
    machine.scene("errors_begin");

    places(&mut machine, &plan);
    orders(&mut machine, &plan);
    rights(&mut machine, &plan);
    values(&mut machine, &plan);
    accounts(&mut machine, &plan);
    nameless_token(&mut machine).await;
    not_known_yet(&mut machine, &plan).await;
}

/// A plan whose token has no name, which the tool itself does not create.
async fn nameless_token(machine: &mut Machine) {
    let devnet = machine.devnet();
    let key = devnet["accounts"][1]["private_key"].as_str().unwrap().parse::<PrivateKeySigner>().unwrap();
    let token = devnet["lens"].as_str().unwrap().parse().unwrap();
    let provider =
        ProviderBuilder::new().wallet(key).connect_http(devnet["rpc_url"].as_str().unwrap().parse().unwrap());
    let builder = Scrip::connect(provider, Deployment::canonical()).await.unwrap();
    let token = Token { address: token, symbol: String::new(), decimals: 0 };
    let terms = Terms::credits("Odd", 1).price(&token, "7").unwrap().paid_to(builder.signer());
    let plan = builder.create_plan(&terms).await.unwrap().plan.to_string();
    machine.call(&plan, "<odd>");
    machine.both(&["plan", "show", &plan]);
    machine.type_(&["plan", "list", "builder"]);
    machine.scene("errors_nameless_token");
}

/// No node, wrong chain, no Scrip there.
fn places(machine: &mut Machine, plan: &str) {
    let balance = ["balance", plan, "subscriber"];
    let mut at = |more: &[&str]| machine.both(&[&balance, more].concat())["error"]["code"].as_i64();
    assert_eq!(at(&["--rpc-url", "http://127.0.0.1:1/v2/SECRET"]), Some(5));
    assert_eq!(at(&["--rpc-url", "http://127.0.0.1:1/v2/SECRET", "--verbose"]), Some(5));
    assert_eq!(at(&["--rpc-url", "node/v2/SECRET"]), Some(2));
    assert_eq!(at(&["--rpc-url", "localhost:8545"]), Some(2));
    assert_eq!(at(&["--rpc-url", "ws://127.0.0.1:8545/v2/SECRET"]), Some(2));
    assert_eq!(at(&["--chain", "1"]), Some(2), "no node is known of that chain");
    let node = machine.devnet()["rpc_url"].as_str().unwrap().to_owned();
    let mut at = |more: &[&str]| machine.both(&[&balance, more].concat())["error"]["code"].as_i64();
    assert_eq!(at(&["--chain", "1", "--rpc-url", &node]), Some(6));
    assert_eq!(at(&["--chain", "mainnet"]), Some(2));
    assert_eq!(at(&["--scrip", "0x00000000000000000000000000000000000000ff"]), Some(6));
    let token = machine.devnet()["token"]["address"].as_str().unwrap().to_owned();
    machine.type_(&[&balance[..], &["--scrip", &token]].concat());
    machine.type_(&["doctor", "--scrip", &token]);
    machine.type_(&["doctor", "--rpc-url", "http://127.0.0.1:1/v2/SECRET", "--json"]);
    // It takes connections, and never answers.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}/v2/SECRET", silent.local_addr().unwrap());
    machine.call(&url[..url.len() - "/v2/SECRET".len()], "<silent>");
    let began = Instant::now();
    let timeout = ["--rpc-url", &url, "--request-timeout", "1s"];
    assert_eq!(machine.both(&[&balance[..], &timeout].concat())["error"]["code"], 5);
    assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
    machine.type_(&[&balance[..], &["--rpc-url", &url, "--request-timeout", "0s"]].concat());
    machine.type_(&["history", "--from-block", "1000"]);
    assert_eq!(machine.type_(&["history", "--from-block", "1000", "--json"]).json()["events"], json!([]));
    machine.type_(&["history", "--from-block", "1000", "--check"]);
    machine.type_(&["history", "--last", "0"]);
    machine.type_(&["dev", "--port", "0", "--state", "nowhere/chain.json"]);
    machine.scene("errors_places");
    let (_, port) = node.trim_end_matches('/').rsplit_once(':').unwrap();
    let ended = machine.type_(&["dev", "--port", port]);
    let expected = format!("error: another process listens on port {port}\n");
    assert!(ended.code == 1 && ended.stderr.starts_with(&expected), "{}", ended.stderr);
    machine.forget();
}

/// Poor buyer, closed plan, unknown plan, too little allowed.
fn orders(machine: &mut Machine, plan: &str) {
    machine.set("SCRIP_PRIVATE_KEY", POOR);
    assert_eq!(machine.both(&["order", plan, "--yes"])["error"]["code"], 7);
    assert_eq!(machine.both(&["plan", "create", "--template", "free"])["error"]["code"], 7, "without gas");
    assert_eq!(machine.type_(&["doctor"]).code, 7);
    machine.set("SCRIP_PRIVATE_KEY", "");
    machine.both(&["order", "0x2a", "-a", "subscriber", "--yes"]);
    let dear = machine.both(&["order", plan, "--at-most", "19.99 tUSD", "-a", "subscriber", "--yes"]);
    assert_eq!(dear["error"]["refusal"], "PriceAboveMaximum");
    machine.type_(&["order", plan, "-n", "0", "-a", "subscriber", "--yes"]);
    machine.type_(&["plan", "close", plan, "-a", "builder", "--quiet"]);
    assert_eq!(machine.both(&["order", plan, "-a", "subscriber", "--yes"])["error"]["code"], 3);
    machine.type_(&["plan", "open", plan, "-a", "builder", "--quiet"]);
    machine.type_(&["order", plan, "-a", "subscriber", "--json"]);
    machine.scene("errors_orders");
}

/// Not an operator, not the owner, an expired voucher, too few credits.
fn rights(machine: &mut Machine, plan: &str) {
    assert_eq!(
        machine.both(&["mint", plan, "stranger", "5", "-a", "stranger"])["error"]["refusal"],
        "NotMinter"
    );
    machine.type_(&["redeem", plan, "subscriber", "1", "-a", "stranger"]);
    machine.type_(&["plan", "close", plan, "-a", "stranger"]);
    machine.type_(&["plan", "accept", plan, "-a", "stranger"]);
    machine.type_(&["operator", "set", plan, "stranger", "--mint", "-a", "stranger"]);
    machine.type_(&["redeem", plan, "subscriber", "1", "--request", "r", "-a", "builder"]);
    machine.type_(&["burn", plan, "1", "--from", "agent", "-a", "builder", "--yes", "--quiet"]);
    machine.type_(&["settle-fiat", plan, "subscriber", "--payment", "pi_1", "-a", "builder"]);
    let sign = [
        "voucher",
        "sign",
        plan,
        "--redeemer",
        "builder",
        "--maximum",
        "1",
        "--nonce",
        "1",
        "-a",
        "subscriber",
    ];
    let voucher = machine.type_(&[&sign[..], &["--deadline", "2020-01-01T00:00:00Z"]].concat()).stdout;
    machine.write("expired.json", &voucher);
    machine.both(&["voucher", "check", "expired.json"]);
    machine.type_(&["voucher", "redeem", "expired.json", "1", "-a", "builder"]);
    let service = ["service", "show", "0x00000000000000000000000000000000000000000000000000000000000000ff"];
    machine.type_(&service);
    machine.scene("errors_rights");
}

/// Bad amounts, durations, ids, tokens, shares.
fn values(machine: &mut Machine, plan: &str) {
    let create = ["plan", "create", "P", "--credits", "1", "-a", "builder"];
    for more in [
        ["--price", "20"],
        ["--price", "20 USDC"],
        ["--price", "0.0000001 tUSD"],
        ["--price", "1e6 tUSD"],
        ["--price", "-1 tUSD"],
        ["--fiat", "20 dollars"],
        ["--lasting", "soon"],
        ["--takes", "5-6"],
        ["--per-holder", "0"],
        ["--redeemers", "everyone"],
        ["--price", "1 0x00000000000000000000000000000000000000ff"],
    ] {
        machine.type_(&[&create[..], &more].concat());
    }
    machine
        .type_(&[&create[..], &["--price", "1 tUSD", "--pay", "agent=60%", "--pay", "builder=50%"]].concat());
    machine.type_(&[&create[..], &["--price", "1 tUSD", "--fiat", "1 USD"]].concat());
    machine.type_(&["plan", "create", "P", "-a", "builder"]);
    machine.type_(&["plan", "create", "", "--credits", "1", "-a", "builder"]);
    machine.type_(&["order", plan, "--at-most", "20 ETH", "-a", "subscriber"]);
    machine.both(&["order", "premium", "-a", "subscriber"]);
    machine.type_(&["balance", plan, "nobody"]);
    machine.type_(&["mint", plan, "0x12", "5", "-a", "builder"]);
    machine.write("batch.json", "[{}]");
    machine.type_(&["redeem", "--batch", "batch.json", "-a", "builder"]);
    machine.type_(&["redeem", plan, "-a", "builder"]);
    machine.type_(&["voucher", "check", "batch.json"]);
    machine.type_(&["verify", "batch.json"]);
    // What anyone may write on the chain does nothing to a terminal.
    let evil = "\u{1b}[2J\u{202e}\nsold";
    let created = machine.type_(&["plan", "create", evil, "--credits", "1", "-a", "builder"]);
    assert!(created.code == 0 && !created.stdout.contains(['\u{1b}', '\u{202e}']), "{}", created.stdout);
    assert!(created.stdout.starts_with("created \u{fffd}[2J\u{fffd}\u{fffd}sold: "), "{}", created.stdout);
    machine.scene("errors_values");
}

/// No account, unknown accounts, a configuration that is wrong.
fn accounts(machine: &mut Machine, plan: &str) {
    machine.type_(&["order", plan, "--yes"]);
    machine.type_(&["order", plan, "--yes", "-a", "me"]);
    machine.type_(&["order", plan, "--yes", "--keystore", "nowhere.json"]);
    machine.set("SCRIP_PRIVATE_KEY", "0xSECRET");
    machine.type_(&["order", plan, "--yes"]);
    machine.set("SCRIP_PRIVATE_KEY", "");

    let config = std::fs::read_to_string(machine.file("config.toml")).unwrap();
    machine.write("config.toml", &format!("netwerk = 'dev'\n{config}"));
    machine.both(&["balance", plan, "subscriber"]);
    let token = machine.devnet()["token"]["address"].as_str().unwrap().to_owned();
    let wrong = format!("{config}\n[networks.dev.tokens]\nUSDC = '{token}'\n");
    machine.write("config.toml", &wrong);
    machine.type_(&["plan", "create", "P", "--credits", "1", "--price", "1 USDC", "-a", "builder"]);
    // A token that bears the symbol of another.
    let other = machine.address("agent");
    machine.write("config.toml", &format!("{config}\n[networks.dev.tokens]\ntUSD = '{other}'\n"));
    machine.type_(&["order", plan, "-a", "subscriber", "--yes", "--quiet", "--at-most", "20 tUSD"]);
    machine.type_(&["order", plan, "-a", "subscriber", "--dry-run"]);
    machine.write("config.toml", &config);
    machine.scene("errors_accounts");
}

/// Sent, and never mined.
async fn not_known_yet(machine: &mut Machine, plan: &str) {
    let node =
        ProviderBuilder::new().connect_http(machine.devnet()["rpc_url"].as_str().unwrap().parse().unwrap());
    node.raw_request::<_, bool>("evm_setAutomine".into(), [false]).await.unwrap_or_default();
    let mint = ["mint", plan, "subscriber", "1", "-a", "builder", "--timeout", "1s"];
    let ended = machine.type_(&mint);
    assert_eq!(ended.code, 4, "{}", ended.stderr);
    let mint = ["mint", plan, "subscriber", "2", "-a", "builder", "--timeout", "1s", "--json"];
    let error = machine.type_(&mint).json()["error"].clone();
    assert!(error["code"] == 4 && error["transaction"].is_string(), "{error}");
    machine.scene("errors_not_known_yet");
}
