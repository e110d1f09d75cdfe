//! What needs no chain: accounts, completions, manual pages, help.

use std::fs;

use crate::common::Machine;

/// The first account of a devnet: its key is known to all.
const KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const ADDRESS: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";

#[test]
fn accounts() {
    let mut machine = Machine::new();
    machine.write("password", "secret\n");
    machine.write("other", "wrong\n");
    machine.both(&["wallet", "list"]);
    machine.type_with(&["wallet", "import", "me", "--password-file", "password"], Some(KEY));
    machine.type_with(&["wallet", "import", "me", "--password-file", "password"], Some(KEY));
    machine.type_with(&["wallet", "import", "other", "--password-file", "password"], Some("0xSECRET"));
    machine.type_with(&["wallet", "import", "../me", "--password-file", "password"], Some(KEY));
    machine.type_(&["wallet", "new", "other"]);
    machine.type_(&["wallet", "new", "other", "--password-file", "nowhere"]);
    let made =
        machine.command(&["wallet", "new", "new", "--password-file", "password", "--json"]).output().unwrap();
    let made: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    machine.both(&["wallet", "list"]);
    machine.both(&["wallet", "address", "--account", "me", "--password-file", "password"]);
    machine.type_(&["wallet", "address", "--account", "me", "--password-file", "other"]);
    machine.type_(&["wallet", "address", "--account", "me"]);
    machine.type_(&["wallet", "address"]);
    let address =
        machine.command(&["wallet", "address", "-a", "new", "--password-file", "password"]).output().unwrap();
    let address = String::from_utf8(address.stdout).unwrap();
    assert_eq!(address.trim().to_lowercase(), made["address"].as_str().unwrap());
    machine.scene("wallet");

    let (shown, code) = machine.on_terminal(&["wallet", "new", "asked"], "secret\n");
    assert!(code == 0 && shown.contains("made the account asked"), "{code}: {shown}");
    let (shown, code) = machine.on_terminal(&["wallet", "address", "-a", "asked"], "secret\n");
    assert!(code == 0 && shown.contains("0x"), "{code}: {shown}");
    let (shown, code) = machine.on_terminal(&["wallet", "address", "-a", "asked"], "guess\n");
    assert!(code == 1 && shown.contains("check the password"), "{code}: {shown}");

    // A keystore as cast makes them, readable by its owner only.
    let file = machine.file(".foundry/keystores/me");
    let keystore: serde_json::Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!((keystore["version"].as_u64(), keystore["crypto"]["kdf"].as_str()), (Some(3), Some("scrypt")));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    machine.set("ETH_KEYSTORE", file.to_str().unwrap());
    machine.set("ETH_PASSWORD", machine.file("password").to_str().unwrap());
    assert_eq!(machine.type_(&["wallet", "address"]).stdout.trim(), ADDRESS);
}

#[test]
fn completions_and_manual_pages() {
    let mut machine = Machine::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = machine.type_(&["completions", shell]).stdout;
        assert!(script.contains("settle-fiat"), "{shell}");
    }
    assert_eq!(machine.type_(&["man", "pages"]).code, 0);
    for page in ["scrip.1", "scrip-plan-create.1", "scrip-voucher-sign.1"] {
        let text = fs::read_to_string(machine.file("pages").join(page)).unwrap();
        assert!(text.contains(".SH NAME"), "{page}");
    }
}

#[test]
fn colour_is_for_terminals() {
    let mut machine = Machine::new();
    let plain = machine.type_(&["wallet", "address"]).stderr;
    assert!(plain.starts_with("error: "), "{plain}");
    machine.set("CLICOLOR_FORCE", "1");
    let coloured = machine.type_(&["wallet", "address"]).stderr;
    assert!(coloured.contains("\u{1b}[") && coloured.contains("error:"), "{coloured}");
    machine.set("CLICOLOR_FORCE", "");
    machine.set("NO_COLOR", "1");
    assert_eq!(machine.type_(&["wallet", "address"]).stderr, plain);
}

#[test]
fn help_and_usage() {
    let mut machine = Machine::new();
    machine.type_(&["--help"]);
    machine.type_(&["order", "-h"]);
    machine.type_(&["ordr"]);
    machine.type_(&["ordr", "--json"]);
    machine.type_(&["balance"]);
    machine.type_(&["mint", "1", "subscriber", "--private-key", "0x1"]);
    machine.scene("help");
}
