//! Everything that the tool does when all is well, told once, in the order of a plan's life.

use std::{
    fs,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use crate::common::Machine;

#[test]
fn everything_that_the_tool_does() {
    let mut machine = Machine::with_devnet();
    let premium = plans(&mut machine);
    orders(&mut machine, &premium);
    credits(&mut machine, &premium);
    vouchers(&mut machine, &premium);
    per_use(&mut machine);
    fiat(&mut machine);
    operators_and_owners(&mut machine, &premium);
    services(&mut machine, &premium);
    history(&mut machine, &premium);
    deployment(&mut machine);
}

fn string(json: &serde_json::Value, field: &str) -> String {
    json[field].as_str().unwrap_or_else(|| panic!("no {field} in {json}")).to_owned()
}

fn create(machine: &mut Machine, name: &str, arguments: &[&str]) -> String {
    let arguments = [&["plan", "create"], arguments, &["-a", "builder", "--json"]].concat();
    let plan = string(&machine.type_(&arguments).json(), "plan");
    machine.call(&plan, &format!("<{name}>"));
    plan
}

fn plans(machine: &mut Machine) -> String {
    let terms = ["Premium Plan", "--credits", "100", "--price", "20 tUSD", "--takes", "1..100"];
    let premium = create(machine, "premium", &terms);
    machine.both(&["plan", "show", &premium]);
    machine.type_(&[
        "plan",
        "create",
        "Shared",
        "--credits",
        "10",
        "--lasting",
        "30d",
        "--price",
        "0.01 ETH",
        "--pay",
        "agent=2.5%",
        "--pay",
        "builder",
        "--in-all",
        "1000",
        "--per-holder",
        "5",
        "--revocable",
        "--voucher-required",
        "--redeemers",
        "holder,operators",
        "--uri",
        "https://example.org/plan.json",
        "-a",
        "builder",
    ]);
    machine.type_(&["plan", "list", "builder"]);
    machine.type_(&["plan", "list", "-a", "stranger"]);
    machine.scene("plans");

    for template in ["free", "trial"] {
        machine.type_(&["plan", "create", "--template", template, "-a", "builder"]);
    }
    for template in ["hour", "day", "week", "month", "year"] {
        machine.type_(&["plan", "create", "--template", template, "--price", "5 tUSD", "-a", "builder"]);
    }
    let requests = ["--template", "requests", "--credits", "50", "--price", "5 tUSD"];
    machine.type_(&[&["plan", "create", "Fifty requests"][..], &requests, &["-a", "builder"]].concat());
    machine.type_(&["plan", "create", "--template", "month", "-a", "builder"]);
    machine.type_(&["plan", "create", "--template", "requests", "--price", "5 tUSD", "-a", "builder"]);
    machine.scene("templates");
    premium
}

fn orders(machine: &mut Machine, premium: &str) {
    machine.type_(&["order", premium, "-a", "subscriber"]);
    machine.both(&["order", premium, "-a", "subscriber", "--dry-run"]);
    machine.type_(&["order", premium, "-a", "subscriber", "--yes"]);
    machine.type_(&[
        "order",
        premium,
        "-n",
        "2",
        "--at-most",
        "40 tUSD",
        "-a",
        "subscriber",
        "--yes",
        "--json",
    ]);
    let ordering = ["order", premium, "-a", "stranger"];
    let (shown, code) = machine.on_terminal(&ordering, "n");
    assert!(code == 8 && shown.contains("20 tUSD") && shown.contains("nothing was sent"), "{code}: {shown}");
    let (shown, code) = machine.on_terminal(&ordering, "y");
    assert!(code == 0 && shown.contains("ordered Premium Plan for 20 tUSD: 100 credits"), "{code}: {shown}");
    let gift =
        ["order", premium, "--for", "agent", "--pay-by", "approval", "-a", "subscriber", "--yes", "--quiet"];
    machine.type_(&gift);
    let balance = machine.both(&["balance", premium, "subscriber"]);
    assert_eq!(balance["balance"], 300);
    machine.scene("orders");

    let access = create(machine, "access", &["--template", "month", "--price", "0.5 ETH"]);
    machine.type_(&["order", &access, "-a", "subscriber", "--yes"]);
    machine.both(&["balance", &access, "subscriber"]);
    machine.both(&["lots", &access, "subscriber"]);
    machine.type_(&["lots", &access, "agent"]);
    let free = create(machine, "free", &["--template", "trial", "--lasting", "2w"]);
    machine.type_(&["order", &free, "-a", "subscriber", "--yes"]);
    machine.type_(&["order", &free, "-a", "subscriber", "--yes"]);
    machine.scene("orders_of_access_and_trials");
}

fn credits(machine: &mut Machine, premium: &str) {
    machine.type_(&["mint", premium, "subscriber", "7", "-a", "builder"]);
    machine.type_(&["mint", premium, "subscriber", "3", "--expires", "1d", "-a", "builder", "--json"]);
    machine.both(&["lots", premium, "-a", "subscriber"]);
    machine.type_(&["redeem", premium, "subscriber", "5", "--request", "request-1", "-a", "builder"]);
    machine.type_(&[
        "redeem",
        premium,
        "subscriber",
        "5",
        "--request",
        "request-1",
        "-a",
        "builder",
        "--json",
    ]);
    machine.type_(&["redeem", premium, "subscriber", "5", "--request", "7", "-a", "builder", "--json"]);
    machine.type_(&["redeem", premium, "subscriber", "1", "-a", "builder"]);
    let (subscriber, agent) = (machine.address("subscriber"), machine.address("agent"));
    let one = |holder: &str, request: &str| {
        format!(r#"{{"plan": "{premium}", "holder": "{holder}", "amount": 2, "request": {request}}}"#)
    };
    let batch = format!("[{}, {}]", one(&subscriber, "8"), one(&agent, r#""request-2""#));
    let other = format!("[{}]", one(&subscriber, "\"request-3\""));
    machine.write("batch.json", &batch);
    machine.type_(&["redeem", "--batch", "batch.json", "-a", "builder"]);
    machine.type_with(&["redeem", "--batch", "-", "-a", "builder", "--json"], Some(&other));
    machine.type_(&["burn", premium, "10", "-a", "subscriber"]);
    machine.type_(&["burn", premium, "10", "-a", "subscriber", "--yes"]);
    machine.type_(&["burn", premium, "1", "-a", "subscriber", "--yes", "--json"]);
    machine.scene("credits");
}

fn vouchers(machine: &mut Machine, premium: &str) {
    let plan = ["voucher", "sign", premium, "--redeemer", "builder", "-a", "subscriber"];
    let sign = |machine: &mut Machine, more: &[&str]| machine.type_(&[&plan, more].concat()).stdout;
    let voucher = sign(machine, &["--maximum", "10", "--nonce", "1"]);
    machine.write("voucher.json", &voucher);
    machine.both(&["voucher", "check", "voucher.json"]);
    machine.type_(&["voucher", "check", "voucher.json", "--amount", "11"]);
    machine.type_(&["voucher", "redeem", "voucher.json", "4", "-a", "builder"]);
    machine.type_(&["voucher", "check", "voucher.json"]);
    let other = sign(machine, &["--maximum", "1", "--json", "--valid", "30d"]);
    machine.type_with(&["voucher", "redeem", "-", "1", "-a", "builder", "--json"], Some(&other));
    machine.scene("vouchers");

    let session = sign(machine, &["--maximum", "10", "--session", "3"]);
    machine.write("session.json", &session);
    machine.type_(&["voucher", "check", "session.json"]);
    machine.type_(&["voucher", "redeem", "session.json", "6", "-a", "builder"]);
    machine.type_(&["voucher", "redeem", "session.json", "6", "--request", "call-1", "-a", "builder"]);
    machine.both(&["voucher", "check", "session.json"]);
    machine.type_(&[
        "voucher",
        "redeem",
        "session.json",
        "4",
        "--request",
        "call-2",
        "-a",
        "builder",
        "--json",
    ]);
    machine.type_(&["voucher", "revoke", "--nonce", "5", "-a", "subscriber"]);
    let end = [
        "voucher",
        "revoke",
        "--session",
        "3",
        "--plan",
        premium,
        "--redeemer",
        "builder",
        "-a",
        "subscriber",
    ];
    machine.both(&end);
    machine.type_(&["voucher", "check", "session.json"]);
    machine.scene("sessions");
}

fn per_use(machine: &mut Machine) {
    let plan = create(machine, "per use", &["Per use", "--per-use", "0.02 tUSD"]);
    machine.type_(&["plan", "show", &plan]);
    machine.type_(&["order", &plan, "-a", "subscriber", "--yes"]);
    let sign = [
        "voucher",
        "sign",
        &plan,
        "--redeemer",
        "builder",
        "--maximum",
        "50",
        "--nonce",
        "77",
        "-a",
        "subscriber",
    ];
    machine.type_(&sign);
    let voucher = machine.type_(&[&sign[..], &["--approve", "--yes"]].concat()).stdout;
    machine.write("uses.json", &voucher);
    machine.type_(&["voucher", "redeem", "uses.json", "5", "-a", "builder"]);
    machine.scene("per_use");
}

fn fiat(machine: &mut Machine) {
    let plan = create(machine, "fiat", &["By card", "--credits", "100", "--fiat", "19.99 USD"]);
    machine.type_(&["order", &plan, "-a", "subscriber", "--yes"]);
    machine.both(&["payment", &plan, "pi_1"]);
    machine.type_(&["settle-fiat", &plan, "subscriber", "--payment", "pi_1", "-a", "builder"]);
    machine.type_(&["settle-fiat", &plan, "subscriber", "--payment", "pi_1", "-a", "builder"]);
    let settle = ["settle-fiat", &plan, "agent", "--payment", "pi_2", "-n", "2", "-a", "builder", "--json"];
    machine.type_(&settle);
    machine.type_(&["redeem", &plan, "subscriber", "30", "-a", "builder", "--quiet"]);
    machine.type_(&["take-back", &plan, "80", "--payment", "pi_1", "-a", "builder"]);
    machine.type_(&["take-back", &plan, "50", "--payment", "pi_2", "-a", "builder", "--json"]);
    machine.both(&["payment", &plan, "pi_1"]);
    machine.type_(&["take-back", &plan, "--reverse", "--payment", "pi_1", "-a", "builder"]);
    machine.type_(&["take-back", &plan, "--reverse", "--payment", "pi_2", "-a", "builder", "--json"]);
    machine.type_(&["payment", &plan, "pi_1"]);
    machine.scene("fiat");
}

fn operators_and_owners(machine: &mut Machine, premium: &str) {
    machine.both(&["operator", "show", premium, "agent"]);
    machine.type_(&["operator", "set", premium, "agent", "--mint", "--redeem", "-a", "builder"]);
    machine.type_(&["operator", "show", premium, "agent"]);
    machine.type_(&["redeem", premium, "subscriber", "1", "--request", "by-agent", "-a", "agent", "--quiet"]);
    machine.type_(&["operator", "remove", premium, "agent", "-a", "builder", "--json"]);
    machine.type_(&["operator", "set", premium, "agent", "-a", "builder"]);
    machine.type_(&["plan", "close", premium, "-a", "builder"]);
    machine.type_(&["plan", "open", premium, "-a", "builder", "--json"]);
    machine.type_(&["plan", "transfer", premium, "stranger", "-a", "builder"]);
    machine.type_(&["plan", "transfer", premium, "--cancel", "-a", "builder", "--json"]);
    machine.type_(&["plan", "transfer", premium, "stranger", "-a", "builder", "--quiet"]);
    machine.type_(&["plan", "show", premium]);
    machine.type_(&["plan", "accept", premium, "-a", "stranger"]);
    machine.both(&["plan", "list", "stranger", "--from-block", "1"]);
    machine.scene("operators_and_owners");
}

fn services(machine: &mut Machine, premium: &str) {
    let create =
        ["service", "create", "my-agent", "--uri", "https://example.org/agent.json", "--plan", premium];
    let service =
        string(&machine.type_(&[&create[..], &["-a", "builder", "--json"]].concat()).json(), "service");
    machine.call(&service, "<service>");
    machine.type_(&["service", "create", "another", "-a", "builder"]);
    machine.both(&["service", "show", &service]);
    machine.type_(&["service", "plans", &service, "--remove", premium, "-a", "builder"]);
    machine.type_(&["service", "plans", &service, "--add", premium, "-a", "builder", "--json"]);
    machine.type_(&["service", "plans", &service, "--set", premium, "-a", "builder"]);
    machine.type_(&["service", "uri", &service, "https://example.org/new.json", "-a", "builder"]);
    machine.type_(&["service", "transfer", &service, "agent", "-a", "builder"]);
    machine.type_(&["service", "transfer", &service, "--cancel", "-a", "builder", "--json"]);
    machine.type_(&["service", "transfer", &service, "agent", "-a", "builder", "--quiet"]);
    machine.type_(&["service", "accept", &service, "-a", "agent"]);
    machine.scene("services");
}

fn history(machine: &mut Machine, premium: &str) {
    let plan = create(machine, "told", &["Told", "--credits", "5", "--price", "1 tUSD"]);
    machine.type_(&["order", &plan, "-a", "subscriber", "--yes", "--quiet"]);
    machine.type_(&["redeem", &plan, "subscriber", "2", "--request", "told-1", "-a", "builder"]);
    machine.type_(&["redeem", &plan, "subscriber", "1", "-a", "builder"]);
    let told = machine.both(&["history", &plan]);
    let last = told["to_block"].to_string();
    machine.type_(&["history", &plan, "--kind", "transferred", "--last", "1", "--json"]);
    machine.type_(&["history", premium, "--holder", "stranger", "--kind", "ordered", "--kind", "burned"]);
    machine.type_(&["history", "0x2a"]);
    machine.type_(&["history", "--kind", "lost"]);

    machine.call(&format!("--until {last}"), "--until <n>");
    machine.type_(&["watch", &plan, "--from-block", "0", "--until", &last]);
    let check = machine.both(&["history", "--check"]);
    assert_eq!(check["compared"], 8);
    assert!(check["differences"].as_array().unwrap().is_empty());
    machine.scene("history");

    // Between two runs nothing is left out and nothing told twice.
    let watch = |machine: &mut Machine, until: &str| {
        let cursor = ["--cursor", "cursor.json", "--json", "--until", until];
        let lines = machine.type_(&[&["watch", &plan][..], &cursor].concat()).stdout;
        let changes = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        changes
            .map(|change| format!("{} {}", change["change"], change["event"]).replace('"', ""))
            .collect::<Vec<_>>()
    };
    let mint = |machine: &mut Machine, amount: &str| {
        let minted = machine.type_(&["mint", &plan, "subscriber", amount, "-a", "builder", "--json"]).json();
        minted["block"].to_string()
    };
    assert_eq!(watch(machine, &last), [""; 0], "without a cursor only what is new is told");
    let second = mint(machine, "2");
    let third = mint(machine, "3");
    assert_eq!(watch(machine, &second), ["happened minted"]);
    assert_eq!(watch(machine, &third), ["happened minted"]);
    assert_eq!(watch(machine, &third), [""; 0]);
    machine.forget();
    watched(machine, &plan);
    machine.type_(&["history", "--check", "--from-block", &second]);
    machine.scene("history_that_begins_too_late");
}

/// What happens is told while it happens, until Ctrl-C.
fn watched(machine: &mut Machine, plan: &str) {
    let mut command = machine.command(&["watch", plan, "--kind", "minted", "--holder", "stranger"]);
    let mut watch = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut notes = BufReader::new(watch.stderr.take().unwrap()).lines();
    assert_eq!(notes.next().unwrap().unwrap(), "Ctrl-C ends it");
    for holder in ["subscriber", "stranger"] {
        assert_eq!(machine.type_(&["mint", plan, holder, "9", "-a", "builder"]).code, 0);
    }
    let mut told = BufReader::new(watch.stdout.take().unwrap()).lines();
    let line = told.next().unwrap().unwrap();
    assert!(line.ends_with(&format!("plan {plan}: 9 for {}", machine.checksummed("stranger"))), "{line}");
    Command::new("kill").args(["-INT", &watch.id().to_string()]).status().unwrap();
    assert_eq!(watch.wait().unwrap().code(), Some(0));
    assert!(told.next().is_none(), "something else was told");
    machine.forget();
}

fn deployment(machine: &mut Machine) {
    machine.both(&["doctor", "-a", "builder"]);
    machine.type_(&[
        "deploy",
        "--fee-controller",
        "builder",
        "--record",
        "new/record.json",
        "-a",
        "stranger",
    ]);
    let deploy =
        ["deploy", "--fee-controller", "builder", "--record", "new/record.json", "-a", "stranger", "--yes"];
    let record = machine.type_(&[&deploy[..], &["--json"]].concat()).json();
    for contract in ["address", "router", "annex"] {
        machine.call(&string(&record, contract), &format!("<other {contract}>"));
    }
    machine.type_(&deploy);
    machine.both(&["verify", "new/record.json"]);
    let scrip = string(&record, "address");
    machine.type_(&["doctor", "-a", "builder", "--scrip", &scrip]);
    let file = machine.file("new/record.json");
    let wrong =
        fs::read_to_string(&file).unwrap().replace(&string(&record, "annex"), &machine.address("agent"));
    fs::write(&file, wrong).unwrap();
    machine.type_(&["verify", "new/record.json"]);
    machine.scene("deployment");
}
