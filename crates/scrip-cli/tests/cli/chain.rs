//! A chain that says otherwise than its events.

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

fn plan(machine: &mut Machine) -> String {
    let create = ["plan", "create", "P", "--credits", "5", "-a", "builder", "--json"];
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
    let plan = plan(&mut machine);
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
