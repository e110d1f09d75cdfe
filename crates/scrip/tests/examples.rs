//! The examples run, each on a devnet of its own, and say what they should.

use std::{env, process::Command};

/// What an example prints. Cargo builds the examples of a crate with its tests.
fn run(example: &str) -> String {
    let tests = env::current_exe().expect("a path");
    let folder = tests.ancestors().nth(2).expect("the folder of the build").join("examples");
    let output = Command::new(folder.join(example))
        .env_remove("ETH_RPC_URL")
        .output()
        .unwrap_or_else(|error| panic!("{example}: {error}; `cargo test -p scrip` builds the examples, too"));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{example}: {said}{}", String::from_utf8_lossy(&output.stderr));
    said
}

#[test]
fn the_builder_publishes_a_plan() {
    let said = run("builder");
    assert!(said.contains(" costs 19.99 tUSD\n") && said.ends_with(" may redeem: true\n"), "{said}");
}

#[test]
fn the_subscriber_orders_it() {
    let said = run("subscriber");
    assert!(said.starts_with("20 tUSD for 100 credits\nits redeemers may take all"), "{said}");
    assert!(said.contains("\npaid 20 tUSD in transaction 0x"), "{said}");
    assert!(said.ends_with("\n100 credits for ever\n"), "{said}");
}

#[test]
fn the_agent_redeems_each_request_once() {
    let expected = "GET /weather/1: sunny\nGET /weather/1: took 1 credit\n\
        GET /weather/2: sunny\nGET /weather/2: took 1 credit\n\
        GET /weather/2: was paid for before\n98 credits are left\n";
    assert_eq!(run("agent"), expected);
}

#[test]
fn the_relayer_sends_what_another_signed() {
    let said = run("relayer");
    assert!(said.contains(" paid 20000000 base units for 100 credits\n"), "{said}");
    assert!(said.contains("once more: ") && !said.contains("twice"), "{said}");
}
