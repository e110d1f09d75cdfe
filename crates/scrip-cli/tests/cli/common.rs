//! A devnet that the tool itself runs, and a transcript of what is typed.

use std::{
    fmt::Write as _,
    fs,
    io::{BufRead, BufReader, Write as _},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use alloy::primitives::Address;
use insta::Settings;
use serde_json::Value;
use tempfile::TempDir;

/// A machine of its own: a home, a configuration, perhaps a devnet, and a transcript.
pub(crate) struct Machine {
    pub(crate) home: TempDir,
    devnet: Option<Running>,
    transcript: String,
    /// What is different each time, and what it is called in transcripts.
    names: Vec<(String, String)>,
    variables: Vec<(String, String)>,
}

/// A `scrip dev` that runs.
pub(crate) struct Running {
    child: Child,
    pub(crate) json: Value,
}

/// How a call ended.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// What it printed for programs.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        let text = if self.code == 0 { &self.stdout } else { &self.stderr };
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text:?}, {:?}", self.stderr))
    }
}

impl Running {
    /// Starts a devnet and waits until it has said where it is.
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        for line in BufReader::new(child.stdout.as_mut().unwrap()).lines() {
            let line = line.unwrap();
            said += &line;
            if line == "}" {
                break;
            }
        }
        let json = serde_json::from_str(&said).unwrap_or_else(|_| {
            let ended = child.wait().unwrap();
            panic!(
                "no devnet ({ended}): {said}{}",
                std::io::read_to_string(child.stderr.take().unwrap()).unwrap()
            )
        });
        Self { child, json }
    }

    /// Ends it as Ctrl-C does; how it exited.
    pub(crate) fn interrupt(mut self) -> i32 {
        self.signal();
        self.child.wait().unwrap().code().unwrap_or(-1)
    }

    /// Ends it as a service manager does; how it exited.
    pub(crate) fn terminate(mut self) -> i32 {
        self.send("-TERM");
        self.child.wait().unwrap().code().unwrap_or(-1)
    }

    fn signal(&self) {
        self.send("-INT");
    }

    fn send(&self, signal: &str) {
        Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.child.try_wait().unwrap().is_none() {
            self.signal();
            self.child.wait().unwrap();
        }
    }
}

impl Machine {
    /// Without a devnet.
    pub(crate) fn new() -> Self {
        let home = TempDir::new().unwrap();
        let names = vec![(home.path().display().to_string(), "~".to_owned())];
        Self { home, devnet: None, transcript: String::new(), names, variables: Vec::new() }
    }

    /// With a devnet on a port of its own.
    pub(crate) fn with_devnet() -> Self {
        Self::new().and_devnet(&[])
    }

    /// With a devnet that is kept in a file.
    pub(crate) fn with_devnet_in(state: &str) -> Self {
        Self::new().and_devnet(&["--state", state])
    }

    /// Ends the devnet.
    pub(crate) fn stop_devnet(&mut self) {
        assert_eq!(self.devnet.take().unwrap().interrupt(), 0);
    }

    /// Starts a devnet again from the file that it is kept in.
    pub(crate) fn start_devnet(&mut self, state: &str) {
        let start = ["dev", "--port", "0", "--json", "--state", state];
        let devnet = Running::start(self.command(&start));
        self.call(devnet.json["rpc_url"].as_str().unwrap(), "<node>");
        self.devnet = Some(devnet);
    }

    fn and_devnet(self, arguments: &[&str]) -> Self {
        let mut machine = self;
        let start = [&["dev", "--port", "0", "--json"], arguments].concat();
        let devnet = Running::start(machine.command(&start));
        let json = &devnet.json;
        let mut name =
            |value: &Value, name: &str| machine.call(value.as_str().unwrap(), &format!("<{name}>"));
        for account in json["accounts"].as_array().unwrap() {
            name(&account["private_key"], &format!("key of {}", account["name"].as_str().unwrap()));
            name(&account["address"], account["name"].as_str().unwrap());
        }
        for contract in ["scrip", "router", "lens", "services"] {
            name(&json[contract], contract);
        }
        name(&json["token"]["address"], "tUSD");
        name(&json["rpc_url"], "node");
        machine.devnet = Some(devnet);
        machine
    }

    pub(crate) fn devnet(&self) -> &Value {
        &self.devnet.as_ref().unwrap().json
    }

    /// The address of an account of the devnet.
    pub(crate) fn address(&self, name: &str) -> String {
        let accounts = self.devnet()["accounts"].as_array().unwrap();
        let account = accounts.iter().find(|account| account["name"] == name).unwrap();
        account["address"].as_str().unwrap().to_owned()
    }

    /// The same, as people read it.
    pub(crate) fn checksummed(&self, name: &str) -> String {
        self.address(name).parse::<Address>().unwrap().to_string()
    }

    /// Calls something by a name in transcripts.
    pub(crate) fn call(&mut self, value: &str, name: &str) {
        // As JSON has it, and as people read it.
        if let Ok(address) = value.parse::<Address>() {
            self.names.push((address.to_string(), name.to_owned()));
        }
        self.names.push((value.to_owned(), name.to_owned()));
    }

    /// Sets a variable of the environment for all that follows.
    pub(crate) fn set(&mut self, variable: &str, value: &str) {
        self.variables.retain(|(name, _)| name != variable);
        self.variables.push((variable.to_owned(), value.to_owned()));
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// The tool, with nothing of this machine's environment but PATH.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_scrip"));
        let kept =
            ["PATH", "SCRIP_ANVIL"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        command.env_clear().envs(kept.collect::<Vec<_>>());
        command.env("HOME", self.home.path()).env("SCRIP_CONFIG", self.file("config.toml"));
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.home.path()).args(arguments).stdin(Stdio::null());
        command
    }

    /// Types a line, and does not wait for what comes of it.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Types a line, and writes down what is printed.
    pub(crate) fn type_(&mut self, arguments: &[&str]) -> Ended {
        self.type_with(arguments, None)
    }

    /// Types a line, for people and for programs.
    pub(crate) fn both(&mut self, arguments: &[&str]) -> Value {
        self.type_(arguments);
        self.type_(&[arguments, &["--json"]].concat()).json()
    }

    /// Types a line, and gives it something to read.
    pub(crate) fn type_with(&mut self, arguments: &[&str], stdin: Option<&str>) -> Ended {
        let mut command = self.command(arguments);
        command.stdin(if stdin.is_some() { Stdio::piped() } else { Stdio::null() });
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        if let Some(text) = stdin {
            child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        }
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let code = output.status.code().unwrap_or(-1);
        let ended = Ended { code, stdout: text(output.stdout), stderr: text(output.stderr) };

        let quoted = arguments.iter().map(|argument| {
            let argument = &argument.replace(|letter: char| letter.is_control() || letter == '\u{202e}', "?");
            let is_plain = !argument.is_empty() && !argument.contains([' ', '[', '"', '<']);
            if is_plain { argument.clone() } else { format!("'{argument}'") }
        });
        let said = &mut self.transcript;
        writeln!(said, "$ scrip {}", quoted.collect::<Vec<_>>().join(" ")).unwrap();
        said.push_str(&ended.stdout);
        for line in ended.stderr.lines() {
            writeln!(said, "| {line}").unwrap();
        }
        if ended.code != 0 {
            writeln!(said, "[exit {}]", ended.code).unwrap();
        }
        said.push('\n');
        ended
    }

    /// Types a line on a terminal, and the same answer to each question; what the terminal shows, and how it exits.
    pub(crate) fn on_terminal(&self, arguments: &[&str], answer: &str) -> (String, i32) {
        let quoted = arguments.iter().map(|argument| format!("'{argument}'")).collect::<Vec<_>>().join(" ");
        let line = format!("{} {quoted}", env!("CARGO_BIN_EXE_scrip"));
        let mut script = Command::new("script");
        script
            .args(["-qec", &line, "/dev/null"])
            .env_clear()
            .envs(self.command(arguments).get_envs().filter_map(|(name, value)| Some((name, value?))));
        script.current_dir(self.home.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = script.spawn().unwrap();
        let mut keys = child.stdin.take().unwrap();
        // A prompt throws away what was typed before it.
        while child.try_wait().unwrap().is_none() {
            let _ = keys.write_all(answer.as_bytes());
            thread::sleep(Duration::from_millis(200));
        }
        let output = child.wait_with_output().unwrap();
        (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code().unwrap_or(-1))
    }

    /// Compares what was typed and printed since the last time with the snapshot of this name.
    #[track_caller]
    pub(crate) fn scene(&mut self, name: &str) {
        let mut text = std::mem::take(&mut self.transcript);
        for (value, name) in &self.names {
            text = text.replace(value, name).replace(&value.to_lowercase(), name);
        }
        let mut settings = Settings::clone_current();
        settings.set_snapshot_path("../snapshots");
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        for (pattern, name) in [
            (r"0x[0-9a-f]{130}", "<signature>"),
            (r"transaction 0x[0-9a-f]{64}", "transaction <hash>"),
            (r#""transaction": "0x[0-9a-f]{64}""#, r#""transaction": "<hash>""#),
            (r#""(approvals)": \[\s*"0x[0-9a-f]{64}"\s*\]"#, r#""$1": ["<hash>"]"#),
            (r"in block \d+, \d+ gas", "in block <n>, <gas> gas"),
            (r#""(block|gas_used|to_block|log|compared)": ?\d+"#, r#""$1": <n>"#),
            (r#""(transaction|block_hash)": ?"0x[0-9a-f]{64}""#, r#""$1": "<hash>""#),
            (r#""time": ?\d{10}"#, r#""time": <time>"#),
            (r"(?m)^(\d{4}-\S+Z) +\d+ ", "$1  <n> "),
            (r"--from-block \d\d+", "--from-block <n>"),
            (r"log \d+ of block \d+", "log <n> of block <n>"),
            (r"Z block \d+ ", "Z block <n> "),
            (r"\d+ balances at block \d+", "<n> balances at block <n>"),
            (r#""(expiry|access_end|deadline)": \d{10}"#, r#""$1": <time>"#),
            (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "<time>"),
            (r"\d+\.\d{9,} ETH", "<coins> ETH"),
            (r"the native coin, \d+ are needed", "the native coin, <n> are needed"),
            (r"chain 31337, block \d+", "chain 31337, block <n>"),
            (r#""nonce": "\d{20,}""#, r#""nonce": "<random>""#),
            // Ids of plans, which follow from the bytecode, and hashes of requests.
            (r"0x[0-9a-f]{64}", "<hash>"),
            // Addresses of contracts, which do, too.
            (r"(Scrip|router|lens|services|tUSD) ( *)0x[0-9a-fA-F]{40}", "$1 $2<$1>"),
        ] {
            settings.add_filter(pattern, name);
        }
        settings.bind(|| insta::assert_snapshot!(name, text));
    }

    /// Leaves out what was typed since the last scene.
    pub(crate) fn forget(&mut self) {
        self.transcript.clear();
    }

    /// Adds what was printed otherwise.
    pub(crate) fn say(&mut self, text: &str) {
        self.transcript.push_str(text);
    }

    /// Writes a file for the tool to read.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let file = self.file(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
        name.to_owned()
    }
}
