//! A chain that says otherwise than its events.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use alloy::{
    network::Ethereum,
    primitives::{Address, U256, keccak256},
    providers::{Provider, RootProvider},
};
use serde_json::{Value, json};

use crate::common::Machine;

/// Asks the devnet's node something that the tool does not.
fn ask(machine: &Machine, method: &'static str, parameters: Value) -> Value {
    let url = machine.devnet()["rpc_url"].as_str().unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = RootProvider::<Ethereum>::new_http(url);
    runtime.block_on(async { client.client().request(method, parameters).await }).unwrap()
}

fn plan(machine: &mut Machine, name: &str) -> String {
    let create = ["plan", "create", name, "--credits", "5", "-a", "builder", "--json"];
    let plan = machine.type_(&create).json()["plan"].as_str().unwrap().to_owned();
    machine.call(&plan, "<plan>");
    plan
}

/// Where the core keeps what a holder has of a plan: the word that holds this many credits.
fn place(machine: &Machine, plan: &str, holder: &str, credits: u64) -> String {
    let scrip = machine.devnet()["scrip"].as_str().unwrap();
    let (plan, holder): (U256, Address) = (plan.parse().unwrap(), holder.parse().unwrap());
    let places = (0..30_u64).map(|slot| {
        let plans = keccak256([plan.to_be_bytes::<32>(), U256::from(slot).to_be_bytes()].concat());
        keccak256([holder.into_word(), plans].concat()).to_string()
    });
    let holds = |place: &String| {
        let word = ask(machine, "eth_getStorageAt", json!([scrip, place, "latest"]));
        word.as_str().unwrap().parse::<U256>().unwrap() == U256::from(credits)
    };
    places.into_iter().find(holds).unwrap()
}

#[test]
fn history_finds_where_the_chain_is_not_as_the_events_say() {
    let mut machine = Machine::with_devnet();
    let plan = plan(&mut machine, "P");
    for (holder, amount) in [("subscriber", "7"), ("agent", "3")] {
        assert_eq!(machine.type_(&["mint", &plan, holder, amount, "-a", "builder"]).code, 0);
    }
    machine.forget();
    machine.type_(&["history", "--check", &plan]);
    // A chain that was tampered with: two credits more than any event says.
    let place = place(&machine, &plan, &machine.address("subscriber"), 7);
    let word = format!("{:#066x}", 9);
    ask(&machine, "anvil_setStorageAt", json!([machine.devnet()["scrip"], place, word]));
    ask(&machine, "anvil_mine", json!(["0x1"]));

    assert_eq!(machine.type_(&["history", "--check", &plan]).code, 1);
    let found = machine.type_(&["history", "--check", &plan, "--json"]);
    assert_eq!(found.code, 1);
    let told: Value = serde_json::from_str(&found.stdout).unwrap();
    let holder = machine.address("subscriber");
    let expected = json!([{ "plan": plan, "holder": holder, "rebuilt": 7, "chain": 9 }]);
    assert_eq!(told["differences"], expected);
    machine.scene("history_that_differs");
}

#[test]
fn watch_tells_what_a_reorg_has_removed() {
    let mut machine = Machine::with_devnet();
    for (json, name) in [(true, "One"), (false, "Two")] {
        let plan = plan(&mut machine, name);
        let flags: &[&str] = if json { &["--json"] } else { &[] };
        let mut command =
            machine.command(&[&["watch", &plan, "--kind", "minted", "--from-block", "1"], flags].concat());
        let mut watch = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut told = BufReader::new(watch.stdout.take().unwrap()).lines();
        let mut next = || told.next().unwrap().unwrap();

        let mint = |machine: &mut Machine, amount: &str| {
            machine.type_(&["mint", &plan, "stranger", amount, "-a", "builder", "--json"]).json()
        };
        let minted = mint(&mut machine, "9");
        let happened = next();
        ask(&machine, "anvil_reorg", json!([1, []]));
        // A block more, for it is with new blocks that the chain is looked at.
        ask(&machine, "anvil_mine", json!(["0x1"]));
        let removed = next();
        if json {
            let [happened, removed] =
                [happened, removed].map(|line| serde_json::from_str::<Value>(&line).unwrap());
            assert_eq!(
                (&happened["change"], &happened["transaction"]),
                (&json!("happened"), &minted["transaction"])
            );
            let expected = json!({
                "change": "removed", "block": happened["block"], "block_hash": happened["block_hash"],
                "log": happened["log"],
            });
            assert_eq!(removed, expected);
        } else {
            assert!(happened.contains(": 9 for "), "{happened}");
            let of = format!("log 1 of block {} (0x", minted["block"]);
            let end = "was removed by a reorg, and what it said did not happen";
            assert!(removed.starts_with(&of) && removed.ends_with(end), "{removed}");
        }
        // It goes on, in what the chain says now.
        mint(&mut machine, "4");
        let goes_on = next();
        assert!(goes_on.contains(if json { "\"amount\":4" } else { ": 4 for " }), "{goes_on}");
        Command::new("kill").args(["-INT", &watch.id().to_string()]).status().unwrap();
        assert_eq!(watch.wait().unwrap().code(), Some(0));
    }
}
