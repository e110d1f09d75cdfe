//! Books of vouchers, and the calls of an order for a wallet elsewhere.

use std::fs;

use crate::common::Machine;

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
