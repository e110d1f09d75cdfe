//! What the SDK for TypeScript was recorded to send, sent again by an HTTP client, and what it reads of the answers.
//!
//! The registry holds a version of 2024 alone, so that the requests stand here: strings for all numbers, names of headers in
//! small letters, a DELETE without a length, and a content type where there is no body.

use alloy::primitives::{Address, U256};
use eyre::{OptionExt, Result, ensure};
use scrip_e2e::server::{Answer, Caller, ServerEnv};
use serde_json::{Value, json};

use super::on_each_database;

on_each_database!(each_recorded_request_is_answered_as_the_sdk_reads_it);

/// What the SDK reads of an answer.
enum Reads {
    /// A string that is not empty, at this pointer.
    Text(&'static str),
    /// A string of decimal digits, for `BigInt`.
    Digits(&'static str),
    /// Exactly this.
    Is(&'static str, Value),
    /// Any member.
    Has(&'static str),
}
use Reads::{Digits, Has, Is, Text};

/// Sends a request as Node does.
async fn send(caller: &Caller, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
    let request = caller
        .request(method.parse()?, path)
        .header("accept", "application/json")
        .header("content-type", "application/json")
        .header("nevermined-version", "1.1")
        .header("accept-language", "*")
        .header("sec-fetch-mode", "cors")
        .header("user-agent", "node");
    let request = match (method, body) {
        (_, Some(body)) => request.body(body.to_string()),
        ("POST", None) => request.header("content-length", 0),
        _ => request,
    };
    Answer::of(request).await?.ok()
}

async fn recorded(
    caller: &Caller,
    method: &str,
    path: &str,
    body: Option<Value>,
    reads: &[Reads],
) -> Result<Value> {
    let answer = send(caller, method, path, body.as_ref()).await?;
    let at = |pointer: &str| {
        answer.pointer(pointer).ok_or_eyre(format!("{method} {path}: no {pointer}: {answer}"))
    };
    for read in reads {
        match read {
            Text(pointer) => {
                ensure!(at(pointer)?.as_str().is_some_and(|text| !text.is_empty()), "{pointer}: {answer}")
            }
            Digits(pointer) => {
                let digits = at(pointer)?.as_str().unwrap_or_default();
                ensure!(digits.parse::<U256>().is_ok(), "{pointer}: {answer}");
            }
            Is(pointer, value) => assert_eq!(at(pointer)?, value, "{method} {path}, {pointer}: {answer}"),
            Has(pointer) => drop(at(pointer)?),
        }
    }
    Ok(answer)
}

fn id(answer: &Value, pointer: &str) -> Result<String> {
    Ok(answer.pointer(pointer).and_then(Value::as_str).ok_or_eyre(format!("no {pointer}"))?.to_owned())
}

/// The price and credits of a plan, with the keys in the SDK's order; a nonce is 128 bits.
fn terms(env: &ServerEnv) -> Value {
    let zero = Address::ZERO;
    json!({
        "metadataAttributes": { "name": "Premium Plan", "description": "of TypeScript", "tags": ["a", "b"],
            "dateCreated": "2026-09-01T10:00:00.000Z" },
        "priceConfig": {
            "isCrypto": true, "tokenAddress": env.chain.devnet.dollar().address.to_string(), "amounts": ["19", "1"],
            "receivers": [env.builder.address.to_string(), env.stranger.address.to_string()], "contractAddress": zero,
            "feeController": zero, "externalPriceAddress": zero, "templateAddress": zero,
        },
        "creditsConfig": {
            "isRedemptionAmountFixed": true, "redemptionType": 4, "onchainMirror": false, "durationSecs": "0",
            "amount": "100", "minAmount": "1", "maxAmount": "1",
        },
        "accessLimit": "credits",
    })
}

async fn each_recorded_request_is_answered_as_the_sdk_reads_it(env: &mut ServerEnv) -> Result<()> {
    const PLANS: &str = "/api/v1/protocol/plans";
    const AGENTS: &str = "/api/v1/protocol/agents";
    let (builder, subscriber, anyone) = (&env.builder, &env.subscriber, &env.anyone);
    let holder = subscriber.address.to_string();
    let done = || {
        [Is("/success", json!(true)), Text("/txHash"), Text("/transaction"), Is("/httpStatus", json!(200))]
    };

    recorded(anyone, "GET", "/", None, &[Text("/deployment/contracts/PayAsYouGoTemplate")]).await?;

    let mut register = terms(env);
    register["nonce"] = json!("57904075276699504321099125330494103260");
    register["isTrialPlan"] = json!(false);
    let reads = [Digits("/planId"), Text("/txHash")];
    let made = recorded(builder, "POST", PLANS, Some(register), &reads).await?;
    let plan = id(&made, "/planId")?;
    let reads = [
        Is("/id", json!(plan)),
        Is("/registry/price/isCrypto", json!(true)),
        Is("/registry/price/amounts", json!(["19", "1"])),
        Is("/registry/credits/amount", json!("100")),
        Is("/registry/credits/durationSecs", json!("0")),
        Is("/registry/owner", json!(format!("{:#x}", builder.address))),
        Is("/metadata/main/name", json!("Premium Plan")),
        Is("/metadata/main/tags", json!(["a", "b"])),
        Is("/metadata/curation/isListed", json!(true)),
        Has("/orgId"),
    ];
    recorded(anyone, "GET", &format!("{PLANS}/{plan}"), None, &reads).await?;

    let balance = format!("{PLANS}/{plan}/balance/{holder}");
    let has = |credits: &str, is_subscriber: bool| {
        [
            Is("/balance", json!(credits)),
            Is("/isSubscriber", json!(is_subscriber)),
            Is("/planId", json!(plan)),
            Text("/planName"),
            Is("/planType", json!("credits")),
            Text("/holderAddress"),
            Text("/creditsContract"),
            Is("/pricePerCredit", json!(0.2)),
            Is("/isOwner", json!(false)),
        ]
    };
    recorded(anyone, "GET", &balance, None, &has("0", false)).await?;
    recorded(subscriber, "POST", &format!("{PLANS}/{plan}/order"), None, &done()).await?;
    recorded(anyone, "GET", &balance, None, &has("100", true)).await?;
    let mint = json!({ "planId": plan, "amount": "50", "creditsReceiver": holder });
    recorded(builder, "POST", &format!("{PLANS}/mint"), Some(mint), &done()).await?;
    let mint = json!({ "planId": plan, "creditsAmount": "7", "creditsReceiver": holder, "creditsDuration": "86400" });
    recorded(builder, "POST", &format!("{PLANS}/mintExpirable"), Some(mint), &done()).await?;
    recorded(anyone, "GET", &balance, None, &has("157", true)).await?;

    let mut fiat = terms(env);
    fiat["priceConfig"]["isCrypto"] = json!(false);
    fiat["priceConfig"]["tokenAddress"] = json!(Address::ZERO.to_string());
    fiat["priceConfig"]["amounts"] = json!(["9990000"]);
    fiat["priceConfig"]["receivers"] = json!([builder.address.to_string()]);
    fiat["priceConfig"]["currency"] = json!("USD");
    (fiat["nonce"], fiat["currency"]) = (json!("57904075276699504321099125330494103261"), json!("USD"));
    let by_card = recorded(builder, "POST", PLANS, Some(fiat), &[Digits("/planId")]).await?;
    let by_card = json!({ "planId": id(&by_card, "/planId")?, "sessionType": "embedded" });
    let reads = [
        Text("/checkoutUrl"),
        Text("/result/stripeCheckoutSessionId"),
        Text("/result/checkoutLink"),
        Text("/result/clientReferenceId"),
        Is("/result/paymentStatus", json!("unpaid")),
        Has("/result/linkCreatedAt"),
        Has("/result/linkExpiresAt"),
    ];
    recorded(subscriber, "POST", "/api/v1/fiat/stripe/payment", Some(by_card), &reads).await?;

    let attributes = json!({ "name": "Agent", "tags": ["t"], "dateCreated": "2026-09-01T10:00:00.000Z" });
    let api = json!({ "endpoints": [{ "POST": "https://agent.example/ask" }], "openEndpoints": [],
        "agentDefinitionUrl": "https://agent.example/openapi.json", "authType": "bearer", "token": "the seller's" });
    let agent = json!({ "metadataAttributes": attributes, "agentApiAttributes": api, "plans": [plan] });
    let made =
        recorded(builder, "POST", AGENTS, Some(agent), &[Digits("/data/agentId"), Text("/txHash")]).await?;
    let agent = id(&made, "/data/agentId")?;
    let shown = format!("{AGENTS}/{agent}");
    let reads = [
        Is("/id", json!(agent)),
        Is("/registry/plans", json!([plan])),
        Is("/metadata/main/name", json!("Agent")),
        Is("/endpoints", json!([{ "POST": "https://agent.example/ask" }])),
    ];
    let record = recorded(anyone, "GET", &shown, None, &reads).await?;
    ensure!(!record.to_string().contains("the seller's"), "a secret is shown: {record}");

    let both = json!({ "plan": terms(env), "agent": { "metadataAttributes": attributes, "agentApiAttributes": {} } });
    let reads = [Digits("/data/agentId"), Digits("/data/planId"), Has("/txHash")];
    let made = recorded(builder, "POST", &format!("{AGENTS}/plans"), Some(both), &reads).await?;
    let second = id(&made, "/data/planId")?;
    ensure!(second != plan, "without a nonce each is a plan of its own");

    let link = format!("{shown}/plan/{second}");
    recorded(builder, "POST", &link, None, &done()).await?;
    recorded(anyone, "GET", &shown, None, &[Is("/registry/plans/1", json!(second))]).await?;
    recorded(builder, "DELETE", &link, None, &done()).await?;
    recorded(anyone, "GET", &shown, None, &[Is("/registry/plans", json!([plan]))]).await?;

    // Lists, in this SDK's dialect.
    let page = "page=1&offset=100&sortBy=created&sortOrder=desc";
    let reads = [
        Is("/total", json!(3)),
        Is("/page", json!(1)),
        Is("/offset", json!(100)),
        Is("/plans/0/id", json!(second)),
        Is("/plans/2/planId", json!(plan)),
        Is("/plans/2/metadata/main/name", json!("Premium Plan")),
        Is("/plans/2/registry/price/amounts", json!(["19", "1"])),
    ];
    recorded(builder, "GET", &format!("{PLANS}?{page}"), None, &reads).await?;
    recorded(subscriber, "GET", &format!("{PLANS}?{page}"), None, &[Is("/plans", json!([]))]).await?;
    let reads = [Is("/total", json!(2)), Is("/agents/1/id", json!(agent)), Has("/agents/1/registry/plans/0")];
    recorded(builder, "GET", &format!("{AGENTS}?{page}"), None, &reads).await?;
    let page = "sortOrder=desc&page=1&pageSize=10";
    let reads = [Is("/total", json!(1)), Is("/offset", json!(10)), Is("/agents/0/id", json!(agent))];
    recorded(anyone, "GET", &format!("{PLANS}/{plan}/agents?{page}"), None, &reads).await?;
    let reads = [
        Is("/total", json!(1)),
        Is("/plans/0/planId", json!(plan)),
        Is("/plans/0/name", json!("Premium Plan")),
    ];
    recorded(anyone, "GET", &format!("{shown}/plans?{page}"), None, &reads).await?;

    let renamed = json!({ "metadataAttributes": { "name": "Renamed" }, "agentApiAttributes": {} });
    recorded(builder, "PUT", &shown, Some(renamed), &[Is("/success", json!(true))]).await?;
    recorded(anyone, "GET", &shown, None, &[Is("/metadata/main/name", json!("Renamed"))]).await?;
    Ok(())
}
