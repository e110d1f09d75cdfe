//! The devnet itself: what it says, and what it keeps.

use std::io::{BufRead, BufReader};

use crate::common::{Machine, Running};

#[test]
fn a_devnet_keeps_its_state() {
    let mut machine = Machine::new();
    let start = ["dev", "--port", "0", "--state", "chain.json", "--json"];
    let devnet = Running::start(machine.command(&start));
    let create = ["plan", "create", "P", "--credits", "5", "-a", "builder", "--json"];
    let plan = machine.type_(&create).json()["plan"].as_str().unwrap().to_owned();
    assert_eq!(machine.type_(&["mint", &plan, "subscriber", "5", "-a", "builder"]).code, 0);
    let first = devnet.json.clone();
    assert_eq!(devnet.interrupt(), 0, "Ctrl-C is how it ends");
    assert_eq!(machine.type_(&["balance", &plan, "subscriber"]).code, 5, "it still answers");

    let devnet = Running::start(machine.command(&start));
    for field in ["scrip", "router", "lens", "services", "token", "accounts", "chain_id"] {
        assert_eq!(devnet.json[field], first[field], "{field}");
    }
    let balance = machine.type_(&["balance", &plan, "subscriber", "--json"]).json();
    assert_eq!(balance["balance"], 5, "what was minted before is gone");
    assert_eq!(machine.type_(&["plan", "list", "builder", "--json"]).json()["plans"][0]["plan"], plan);
    // Nobody is given another million.
    let doctor = machine.type_(&["doctor", "-a", "agent", "--json"]).json();
    let checks = doctor["checks"].as_array().unwrap();
    let token = checks.iter().find(|check| check["check"] == "token").unwrap();
    assert_eq!(token["found"], "1000000 tUSD");
    assert_eq!(devnet.interrupt(), 0);
}

#[test]
fn a_devnet_says_how_it_is_used() {
    let mut machine = Machine::new();
    machine.write("config.toml", "# mine\naccount = \"me\" # me\n");
    machine.set("SCRIP_ANVIL", "/nowhere/anvil");
    machine.set("PATH", "/usr/bin:/bin");
    machine.type_(&["dev"]);
    machine.scene("dev_without_anvil");

    let kept = Machine::new();
    kept.write("config.toml", "# mine\naccount = \"me\" # me\n");
    let devnet = Running::start(kept.command(&["dev", "--port", "0", "--json"]));
    let config = std::fs::read_to_string(kept.file("config.toml")).unwrap();
    let url = devnet.json["rpc_url"].as_str().unwrap();
    assert_eq!(config, format!("# mine\naccount = \"me\" # me\n\n[networks.dev]\nrpc_url = \"{url}\"\n"));
}

#[test]
fn what_a_devnet_prints_for_people() {
    let mut machine = Machine::new();
    let printed = machine.file("printed");
    let mut command = machine.command(&["dev", "--port", "0"]);
    command.stdout(std::fs::File::create(&printed).unwrap()).stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let notes = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let notes: Vec<_> = notes.take_while(|line| line != "Ctrl-C ends it").collect();
    std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "being told to end is how it ends");

    let printed = std::fs::read_to_string(&printed).unwrap();
    let url = printed.lines().find_map(|line| line.strip_prefix("node      ")).unwrap().to_owned();
    machine.call(&url, "<node>");
    machine.say(&printed);
    machine.say(&(notes.join("\n") + "\n"));
    machine.scene("dev");
}
