//! Books of vouchers, and the calls of an order for a wallet elsewhere.

use std::{fs, thread, time::Duration};

use alloy::providers::Provider;

use crate::{
    common::Machine,
    once::{node, pending},
};

/// A plan whose redemptions need vouchers, ordered by two.
fn plan(machine: &mut Machine) -> String {
    let terms = ["plan", "create", "Requests", "--credits", "100", "--voucher-required", "-a", "builder"];
    let plan = machine.type_(&[&terms[..], &["--json"]].concat()).json();
    let plan = plan["plan"].as_str().unwrap().to_owned();
    machine.call(&plan, "<plan>");
    for holder in ["subscriber", "stranger"] {
        assert_eq!(machine.type_(&["order", &plan, "-a", holder, "--yes"]).code, 0);
    }
    plan
}

/// Signs a voucher for the builder into a file.
fn sign(machine: &mut Machine, plan: &str, holder: &str, file: &str, more: &[&str]) -> String {
    let sign = ["voucher", "sign", plan, "--redeemer", "builder", "-a", holder];
    let voucher = machine.type_(&[&sign, more].concat()).stdout;
    machine.write(file, &voucher)
}

#[test]
fn vouchers_are_collected_in_a_book_and_redeemed_together() {
    let mut machine = Machine::with_devnet();
    let plan = plan(&mut machine);
    let session = |maximum| ["--session", "1", "--maximum", maximum];
    let first = sign(&mut machine, &plan, "subscriber", "first.json", &session("5"));
    let second = sign(&mut machine, &plan, "subscriber", "second.json", &session("9"));
    let single = sign(&mut machine, &plan, "stranger", "single.json", &["--nonce", "4", "--maximum", "60"]);
    let dear = sign(&mut machine, &plan, "stranger", "dear.json", &["--nonce", "5", "--maximum", "70"]);
    let late = sign(
        &mut machine,
        &plan,
        "stranger",
        "late.json",
        &["--nonce", "6", "--maximum", "1", "--deadline", "2020-01-01T00:00:00Z"],
    );
    machine.forget();

    machine.type_(&["voucher", "collect", "book.json", &first, &single]);
    let collected = machine.type_(&["voucher", "collect", "book.json", &second, &dear, "--json"]).json();
    assert_eq!((&collected["kept"][0]["more"], &collected["owed"]), (&4.into(), &139.into()));
    // One that is older, and one that is too late: they are said, and the book is as it was.
    let before = fs::read_to_string(machine.file("book.json")).unwrap();
    assert_eq!(machine.type_(&["voucher", "collect", "book.json", &first]).code, 3);
    machine.scene("voucher_book");
    let refused = machine.type_(&["voucher", "collect", "book.json", &late, "--json"]);
    assert_eq!(refused.code, 3);
    assert!(refused.stdout.contains("the voucher was valid until 1577836800"), "{}", refused.stdout);
    assert_eq!(fs::read_to_string(machine.file("book.json")).unwrap(), before);
    machine.forget();

    // The stranger has credits for one of its two vouchers.
    assert_eq!(machine.type_(&["voucher", "redeem-all", "book.json", "-a", "agent"]).code, 2);
    let redeemed = machine.type_(&["voucher", "redeem-all", "book.json", "-a", "builder"]);
    assert_eq!(redeemed.code, 3);
    machine.type_(&["mint", &plan, "stranger", "40", "-a", "builder", "--quiet"]);
    let redeemed = machine.type_(&["voucher", "redeem-all", "book.json", "-a", "builder", "--json"]).json();
    assert_eq!((&redeemed["redeemed"][0]["amount"], &redeemed["owed"]), (&70.into(), &0.into()));
    machine.type_(&["voucher", "redeem-all", "book.json", "-a", "builder"]);
    machine.type_(&["voucher", "redeem-all", "nowhere.json", "-a", "builder"]);
    machine.scene("voucher_book_redeemed");
    for (holder, left) in [("subscriber", 91), ("stranger", 10)] {
        assert_eq!(machine.type_(&["balance", &plan, holder, "--json"]).json()["balance"], left, "{holder}");
    }
}

#[test]
fn a_book_that_many_fill_at_once_loses_nothing() {
    let mut machine = Machine::with_devnet();
    let plan = plan(&mut machine);
    let files: Vec<_> = (0..8)
        .map(|nonce| {
            let (nonce, file) = (nonce.to_string(), format!("voucher{nonce}.json"));
            sign(&mut machine, &plan, "stranger", &file, &["--nonce", &nonce, "--maximum", "1"])
        })
        .collect();
    let collecting: Vec<_> =
        files.iter().map(|file| machine.spawn(&["voucher", "collect", "book.json", file])).collect();
    for collecting in collecting {
        let ended = collecting.wait_with_output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    }
    let redeemed = machine.type_(&["voucher", "redeem-all", "book.json", "-a", "builder", "--json"]).json();
    assert_eq!(redeemed["redeemed"].as_array().unwrap().len(), 8);
}

#[tokio::test]
async fn a_book_is_redeemed_once_and_told_of_whenever_the_process_ends() {
    let mut machine = Machine::with_devnet();
    let plan = plan(&mut machine);
    let builder = machine.address("builder");
    let first = sign(&mut machine, &plan, "subscriber", "first.json", &["--session", "1", "--maximum", "5"]);
    let second = sign(&mut machine, &plan, "stranger", "second.json", &["--nonce", "2", "--maximum", "60"]);
    let third = sign(&mut machine, &plan, "stranger", "third.json", &["--nonce", "3", "--maximum", "7"]);
    machine.forget();
    let node = node(&machine);
    let sent = async || node.get_transaction_count(builder.parse().unwrap()).await.unwrap();
    let before = sent().await;
    assert_eq!(machine.type_(&["voucher", "collect", "book.json", &first, &second]).code, 0);

    // It is killed while it waits; who wants the book meanwhile waits for that.
    node.raw_request::<_, bool>("evm_setAutomine".into(), [false]).await.unwrap_or_default();
    let redeem = ["voucher", "redeem-all", "book.json", "-a", "builder", "--timeout", "2s"];
    let mut redeeming = machine.spawn(&redeem[..5]);
    pending(&node, &builder).await;
    let mut collecting = machine.spawn(&["voucher", "collect", "book.json", &third]);
    thread::sleep(Duration::from_secs(1));
    assert!(collecting.try_wait().unwrap().is_none(), "the book is another's");
    redeeming.kill().unwrap();
    redeeming.wait().unwrap();
    let collected = collecting.wait_with_output().unwrap();
    machine.say("$ scrip voucher collect book.json third.json # while the book is being redeemed\n");
    machine.say(&String::from_utf8(collected.stdout).unwrap());
    for line in String::from_utf8(collected.stderr).unwrap().lines() {
        machine.say(&format!("| {line}\n"));
    }
    machine.say("\n");

    // What it did is told by the next, before that finds out that its own is not mined.
    node.raw_request::<_, String>("evm_mine".into(), ()).await.unwrap();
    let told = machine.type_(&redeem);
    assert_eq!(told.code, 4, "{}", told.stderr);
    assert!(told.stdout.contains("redeemed 60 of "), "{}", told.stdout);
    let error = machine.type_(&[&redeem[..], &["--json"]].concat());
    assert!(error.code == 4 && error.json()["error"]["transaction"].is_string(), "{}", error.stderr);
    node.raw_request::<_, String>("evm_mine".into(), ()).await.unwrap();
    node.raw_request::<_, bool>("evm_setAutomine".into(), [true]).await.unwrap_or_default();
    assert_eq!(machine.type_(&redeem).code, 0);
    assert_eq!(machine.type_(&redeem).code, 0);
    machine.scene("voucher_book_killed");
    assert_eq!(sent().await - before, 2, "one transaction for each round");
    for (holder, left) in [("subscriber", 95), ("stranger", 33)] {
        assert_eq!(machine.type_(&["balance", &plan, holder, "--json"]).json()["balance"], left, "{holder}");
    }
}

#[test]
fn the_calls_of_an_order_are_handed_out_without_a_key() {
    let mut machine = Machine::with_devnet();
    let create = ["plan", "create", "P", "--credits", "5", "--price", "2 tUSD", "-a", "builder", "--json"];
    let plan = machine.type_(&create).json()["plan"].as_str().unwrap().to_owned();
    let payer = machine.address("subscriber");
    machine.forget();
    // Nobody signs: no account is named.
    let order = ["order", &plan, "--calls", &payer];
    let calls = machine.type_(&order).json();
    assert_eq!((&calls["version"], &calls["chainId"]), (&"2.0.0".into(), &"0x7a69".into()));
    assert_eq!((&calls["from"], &calls["atomicRequired"]), (&payer.as_str().into(), &false.into()));
    let to: Vec<_> = calls["calls"].as_array().unwrap().iter().map(|call| &call["to"]).collect();
    assert_eq!(to, [&machine.devnet()["token"]["address"], &machine.devnet()["scrip"]]);
    assert_eq!(machine.type_(&[&order[..], &["--json"]].concat()).json(), calls, "the same for programs");

    let poor = "0x0000000000000000000000000000000000000007";
    assert_eq!(machine.type_(&["order", &plan, "--calls", poor]).code, 7);
    assert_eq!(machine.type_(&["plan", "close", &plan, "-a", "builder"]).code, 0);
    assert_eq!(machine.type_(&order).code, 3);
}
