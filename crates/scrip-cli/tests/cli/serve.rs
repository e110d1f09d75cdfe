//! The server, as the tool runs it.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    process::Stdio,
};

use serde_json::Value;

use crate::common::{Machine, Running};

/// What a server answers, its head and its body.
fn get(url: &str, path: &str) -> String {
    get_as(url, path, "none")
}

/// The same, to who has a key.
fn get_as(url: &str, path: &str, key: &str) -> String {
    let place = url.strip_prefix("http://").unwrap();
    let mut connection = TcpStream::connect(place).unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nHost: {place}\r\nAuthorization: Bearer {key}");
    write!(connection, "{head}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}

fn mode(file: &std::path::Path) -> u32 {
    fs::metadata(file).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_server_for_development_writes_its_keys_for_its_owner_alone() {
    let machine = Machine::new();
    let file = machine.file("keys.json");
    // Where others could read, they cannot any more.
    fs::write(&file, "old").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let start = ["serve", "--dev", "--listen", "127.0.0.1:0", "--keys", "keys.json", "--json"];
    let server = Running::start(machine.command(&start));
    let keys: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(keys, server.json, "what is written is what is printed");
    assert_eq!(mode(&file), 0o600);
    for party in ["builder", "subscriber"] {
        assert!(keys[party]["key"].as_str().unwrap().starts_with("scrip:"), "{keys}");
        assert_eq!(keys[party]["address"].as_str().unwrap().len(), 42);
    }
    let url = keys["url"].as_str().unwrap().to_owned();
    assert!(get(&url, "/readyz").starts_with("HTTP/1.1 200 "));
    assert_eq!(server.terminate(), 0, "being told to end is how it ends");
    let place = url.strip_prefix("http://").unwrap();
    assert!(TcpStream::connect(place).is_err(), "it still listens");
}

#[test]
fn what_a_server_prints_for_people() {
    let mut machine = Machine::new();
    let printed = machine.file("printed");
    let mut command = machine.command(&["serve", "--dev", "--listen", "127.0.0.1:0", "--keys", "keys.json"]);
    command.stdout(fs::File::create(&printed).unwrap()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let notes = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let end = "Ctrl-C ends it, and forgets it all";
    let notes: Vec<_> = notes.take_while(|line| line != end).collect();
    std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0), "Ctrl-C is how it ends");

    let keys: Value = serde_json::from_str(&fs::read_to_string(machine.file("keys.json")).unwrap()).unwrap();
    let mut name = |value: &Value, name: &str| machine.call(value.as_str().unwrap(), name);
    for party in ["builder", "subscriber"] {
        name(&keys[party]["key"], &format!("<key of {party}>"));
        name(&keys[party]["address"], &format!("<{party}>"));
    }
    name(&keys["url"], "<server>");
    name(&keys["rpc_url"], "<node>");
    name(&keys["token"], "<tUSD>");
    machine.say(&fs::read_to_string(&printed).unwrap());
    machine.say(&(notes.join("\n") + "\n"));
    machine.scene("serve_dev");
}

#[test]
fn a_server_wants_a_master_key_and_a_database() {
    let mut machine = Machine::with_devnet();
    machine.type_(&["serve", "-h"]);
    machine.type_(&["serve", "--keys", "keys.json"]);
    machine.type_(&["serve"]);
    machine.set("SCRIP_MASTER_KEY", "secret");
    machine.type_(&["serve"]);
    machine.set("SCRIP_MASTER_KEY", &"5a".repeat(32));
    machine.type_(&["serve"]);
    machine.type_(&["serve", "--master-key-file", "nowhere"]);
    machine.type_(&["serve", "--database", "mysql://here/it"]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = taken.local_addr().unwrap().to_string();
    machine.call(&place, "<taken>");
    machine.type_(&["serve", "--database", "sqlite://scrip.db?mode=rwc", "--listen", &place]);
    machine.set("STRIPE_SECRET_KEY", "sk_test_secret");
    machine.type_(&["serve", "--database", "sqlite://scrip.db?mode=rwc", "--listen", "127.0.0.1:0"]);
    machine.set("STRIPE_SECRET_KEY", "");
    machine.set("STRIPE_WEBHOOK_SECRET", "whsec_secret");
    machine.type_(&["serve", "--database", "sqlite://scrip.db?mode=rwc", "--listen", "127.0.0.1:0"]);
    machine.set("STRIPE_WEBHOOK_SECRET", "");
    machine.type_(&["serve", "--backup", "saved.db"]);
    machine.type_(&["serve", "--backup", "saved.db", "--database", "postgres://here/it"]);
    machine.type_(&["serve", "--backup", "saved.db", "--database", "sqlite://nowhere.db?mode=rwc"]);
    machine.scene("serve_refused");

    // It comes back with what it knew, and makes no second admin.
    let start = [
        "serve",
        "--database",
        "sqlite://scrip.db?mode=rwc",
        "--listen",
        "127.0.0.1:0",
        "--admin-key",
        "admin",
        "--json",
    ];
    let server = Running::start(machine.command(&start));
    let key = fs::read_to_string(machine.file("admin")).unwrap();
    assert!(key.starts_with("scrip:") && mode(&machine.file("admin")) == 0o600);
    assert!(get(server.json["url"].as_str().unwrap(), "/").contains("PayAsYouGoTemplate"));
    // What it knows is saved while it serves, for its owner alone, and never over anything else.
    let save = ["serve", "--backup", "saved.db", "--database", "sqlite://scrip.db?mode=rwc", "--json"];
    let saved = machine.command(&save).output().unwrap();
    let said: Value = serde_json::from_slice(&saved.stdout).unwrap();
    assert!(saved.status.success() && said == serde_json::json!({ "backup": "saved.db" }), "{saved:?}");
    assert_eq!(mode(&machine.file("saved.db")), 0o600);
    assert_eq!(machine.command(&save).output().unwrap().status.code(), Some(1), "it was written over");
    assert_eq!(server.interrupt(), 0);
    // With the copy in its place it is the same server.
    fs::rename(machine.file("saved.db"), machine.file("scrip.db")).unwrap();
    for beside in ["scrip.db-wal", "scrip.db-shm"] {
        drop(fs::remove_file(machine.file(beside)));
    }
    let server = Running::start(machine.command(&start));
    let url = server.json["url"].as_str().unwrap().to_owned();
    assert!(
        get_as(&url, "/metrics", key.trim()).starts_with("HTTP/1.1 200 "),
        "the admin's key is not known"
    );
    assert_eq!(fs::read_to_string(machine.file("admin")).unwrap(), key);
    assert_eq!(server.terminate(), 0);

    // Its index is made again from the chain, and agrees with it.
    let start = ["serve", "--database", "sqlite://scrip.db?mode=rwc", "--listen", "127.0.0.1:0", "--reindex"];
    let mut command = machine.command(&start);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut notes = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let made = notes.find(|line| line.starts_with("The index is made: "));
    std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let made = made.unwrap();
    assert!(
        made.ends_with(" holdings, and the chain says the same") && !made.contains(" 0 events"),
        "{made}"
    );
}
