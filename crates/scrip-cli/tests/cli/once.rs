//! Commands that are repeated, and what they do then: nothing more than once.

use std::{thread, time::Duration};

use alloy::providers::{Provider, ProviderBuilder, RootProvider};

use crate::common::Machine;

const PREMIUM: [&str; 9] =
    ["plan", "create", "Premium Plan", "--credits", "100", "--price", "20 tUSD", "-a", "builder"];

fn begin() -> (Machine, String) {
    let mut machine = Machine::with_devnet_in("chain.json");
    let plan =
        machine.type_(&[&PREMIUM[..], &["--json"]].concat()).json()["plan"].as_str().unwrap().to_owned();
    machine.call(&plan, "<premium>");
    machine.forget();
    (machine, plan)
}

fn balance(machine: &Machine, plan: &str) -> String {
    let output = machine.command(&["balance", plan, "subscriber"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn node(machine: &Machine) -> RootProvider {
    ProviderBuilder::default().connect_http(machine.devnet()["rpc_url"].as_str().unwrap().parse().unwrap())
}

#[test]
fn an_order_under_a_key_is_paid_once() {
    let (mut machine, plan) = begin();
    let journals = machine.file(".local/state/scrip");
    assert!(!journals.exists(), "nothing is made before the first key");

    let order = ["order", &plan, "-a", "subscriber", "--once", "k1"];
    let first = machine.type_(&[&order[..], &["--yes", "--quiet"]].concat());
    assert_eq!(
        journals
            .read_dir()
            .unwrap()
            .flatten()
            .filter(|file| file.path().extension().is_some_and(|end| end == "sqlite"))
            .count(),
        1
    );
    // It asks nothing: what it asked was answered.
    let again = machine.type_(&order);
    assert_eq!((again.code, &again.stdout), (0, &first.stdout));
    let json = machine.type_(&[&order[..], &["--json"]].concat()).json();
    assert_eq!((json["credits"].as_u64(), json["paid"].as_str()), (Some(100), Some("20000000")));
    assert_eq!(balance(&machine, &plan), "100 credits of Premium Plan\n");

    // A key stands for what was asked, of one account.
    let other = machine.both(&["order", &plan, "-n", "2", "-a", "subscriber", "--once", "k1", "--yes"]);
    assert_eq!(other["error"]["code"], 2);
    machine.type_(&["order", &plan, "-a", "subscriber", "--once", "k2", "--yes", "--quiet"]);
    machine.type_(&["order", &plan, "-a", "stranger", "--once", "k1", "--yes", "--quiet"]);
    machine.type_(&["order", &plan, "-a", "subscriber", "--once", "", "--yes"]);
    assert_eq!(balance(&machine, &plan), "200 credits of Premium Plan\n");
    machine.scene("once_orders");

    // So with all that is written; and what has no key takes its nonce in the same journal.
    let written: [&[&str]; 4] = [
        &["redeem", &plan, "subscriber", "5", "--request", "r1", "-a", "builder"],
        &["mint", &plan, "subscriber", "7", "--expires", "1d", "-a", "builder"],
        &["burn", &plan, "1", "-a", "subscriber", "--yes", "--quiet"],
        &["plan", "create", "Another", "--credits", "1", "-a", "builder"],
    ];
    for (number, arguments) in written.iter().enumerate() {
        let key = format!("w{number}");
        let keyed = [arguments, &["--once", &key][..]].concat();
        let first = machine.type_(&keyed);
        let again = machine.type_(&keyed);
        assert_eq!((first.code, again.code, first.stdout), (0, 0, again.stdout), "{arguments:?}");
    }
    machine.type_(&["mint", &plan, "subscriber", "1000", "-a", "builder"]);
    assert_eq!(balance(&machine, &plan), "1201 credits of Premium Plan\n");
    machine.scene("once_writes");

    // In a file that is named, where none of these keys is.
    machine.set("SCRIP_JOURNAL", "elsewhere.sqlite");
    machine.type_(&["mint", &plan, "subscriber", "1", "-a", "builder", "--once", "w1", "--quiet"]);
    assert!(machine.file("elsewhere.sqlite").exists());
    machine.write(
        "no-journal",
        "nonsense, and long enough to be read as the head of a file that it is not ………………………………………",
    );
    machine.both(&[
        "mint",
        &plan,
        "subscriber",
        "1",
        "-a",
        "builder",
        "--once",
        "w2",
        "--journal",
        "no-journal",
    ]);
    machine.scene("once_journals");
}

/// Waits until the journal of the chain has a signed transaction of an account, and the node has it.
pub(crate) async fn pending(node: &RootProvider, account: &str) {
    for _ in 0..600 {
        let account = account.parse().unwrap();
        let count = node.get_transaction_count(account).pending().await.unwrap();
        if count > node.get_transaction_count(account).await.unwrap() {
            return;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("nothing was sent");
}

#[tokio::test]
async fn a_node_that_dies_with_an_order_is_asked_again() {
    let (mut machine, plan) = begin();
    let subscriber = machine.address("subscriber");
    let nodes = node(&machine);
    nodes.raw_request::<_, bool>("evm_setAutomine".into(), [false]).await.unwrap_or_default();

    // Sent, and then the node is gone, and with it all that was in no block.
    let order = ["order", &plan, "-a", "subscriber", "--once", "k1", "--yes", "--quiet", "--timeout", "4s"];
    let waiting = machine.spawn(&order);
    pending(&nodes, &subscriber).await;
    machine.stop_devnet();
    let ended = waiting.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(4), "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(machine.type_(&order).code, 5, "there is no node");

    machine.start_devnet("chain.json");
    assert_eq!(balance(&machine, &plan), "0 credits of Premium Plan\n");
    assert_eq!(machine.type_(&order).code, 0);
    assert_eq!(machine.type_(&order).code, 0);
    assert_eq!(balance(&machine, &plan), "100 credits of Premium Plan\n");

    // Mined, and the node gone before that was heard.
    let nodes = node(&machine);
    nodes.raw_request::<_, bool>("evm_setAutomine".into(), [false]).await.unwrap_or_default();
    let order = ["order", &plan, "-a", "subscriber", "--once", "k2", "--yes", "--quiet", "--timeout", "2s"];
    assert_eq!(machine.both(&order)["error"]["key"], "k2");
    nodes.raw_request::<_, String>("evm_mine".into(), ()).await.unwrap();
    machine.stop_devnet();
    machine.start_devnet("chain.json");
    assert_eq!(balance(&machine, &plan), "200 credits of Premium Plan\n");
    assert_eq!(machine.type_(&order).code, 0);
    assert_eq!(balance(&machine, &plan), "200 credits of Premium Plan\n");
    machine.scene("once_node_dies");

    // A devnet that plays another chain: what is signed on it is no business of that chain's journal.
    let nodes = node(&machine);
    nodes.raw_request::<_, ()>("evm_setAutomine".into(), [true]).await.unwrap_or_default();
    nodes.raw_request::<_, ()>("anvil_setChainId".into(), [10]).await.unwrap();
    let url = machine.devnet()["rpc_url"].as_str().unwrap().to_owned();
    let key = machine.devnet()["accounts"][1]["private_key"].as_str().unwrap().to_owned();
    machine.set("SCRIP_PRIVATE_KEY", &key);
    let mint = ["mint", &plan, &subscriber, "1", "--rpc-url", &url];
    assert_eq!(machine.type_(&mint).code, 0);
    assert_eq!(machine.type_(&[&mint[..], &["--once", "k1"]].concat()).code, 2);
    assert_eq!(machine.type_(&[&mint[..], &["--once", "k1", "--journal", "fork.sqlite"]].concat()).code, 0);
    machine.scene("once_on_a_fork");
}
