//! Of the server.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Where to listen
    #[arg(long, env = "SCRIP_LISTEN", default_value = "127.0.0.1:3001", value_name = "ADDRESS:PORT")]
    pub(crate) listen: SocketAddr,
    /// Everything in one: a local chain, Scrip, a test dollar, the server, and keys for a builder and a subscriber
    #[arg(long)]
    pub(crate) dev: bool,
    /// Write the URL, the token and the keys of the builder and the subscriber to this file, as JSON
    #[arg(long, requires = "dev", value_name = "FILE")]
    pub(crate) keys: Option<PathBuf>,
    /// Make an API key that may make accounts, and write it to this file, unless the file is there
    #[arg(long, conflicts_with = "dev", value_name = "FILE")]
    pub(crate) admin_key: Option<PathBuf>,
    /// The database: sqlite:///path/to/file?mode=rwc, or postgres://user@host/name; with --dev one that is forgotten, if none
    /// is named
    // The URL may hold a password.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) database: Option<String>,
    /// Copy the database of --database, one of SQLite, to this file, which is not there yet, and end: also while a server uses it.
    /// To restore it, serve with that file and the same master key
    #[arg(long, conflicts_with_all = ["dev", "reindex"], value_name = "FILE")]
    pub(crate) backup: Option<PathBuf>,
    /// Empty the index, from which lists and histories come, make it again from the chain, and compare it with the chain
    #[arg(long)]
    pub(crate) reindex: bool,
    /// The first block that the index reads: best the one in which Scrip was deployed
    #[arg(long, env = "SCRIP_INDEX_FROM", default_value_t = 0, value_name = "BLOCK")]
    pub(crate) index_from: u64,
    /// How many blocks must follow before the index takes an event over; 2 without, and none with --dev
    #[arg(long, env = "SCRIP_INDEX_CONFIRMATIONS", value_name = "BLOCKS")]
    pub(crate) index_confirmations: Option<u64>,
    /// The file with the master key, 64 hex digits, under which secrets are sealed; SCRIP_MASTER_KEY without
    #[arg(long, env = "SCRIP_MASTER_KEY_FILE", value_name = "FILE")]
    pub(crate) master_key_file: Option<PathBuf>,
    /// Pay for the gas of managed accounts with the account of --account or --keystore; without, each needs coin of its own
    #[arg(long, conflicts_with = "dev")]
    pub(crate) fund: bool,
    /// Where all reach the server, such as https://api.example: wallets show it to those who log in with one, and nobody can
    /// without [default: none, and with --dev where it listens]
    #[arg(long, env = "SCRIP_PUBLIC_URL", value_name = "URL")]
    pub(crate) public_url: Option<String>,
    /// How many requests a second each API key may send, and each address without one, ten times as many at once; 0 for any
    /// number [default: 100, and with --dev any]
    #[arg(long, env = "SCRIP_REQUESTS_PER_SECOND", value_name = "NUMBER")]
    pub(crate) requests_per_second: Option<u32>,
    /// Let services be on private, loopback and link-local addresses: not where strangers register services, who would reach what
    /// the server reaches; always with --dev
    #[arg(long, env = "SCRIP_PRIVATE_UPSTREAMS")]
    pub(crate) private_upstreams: bool,
    /// Do not wait until holds are on the disk: a loss of power, or of Postgres, may lose the last of them; the end of this process
    /// does not
    #[arg(long, env = "SCRIP_HOLDS_IN_MEMORY")]
    pub(crate) holds_in_memory: bool,
    /// How many seconds what the gateway has served waits at most until it is redeemed on the chain [default: 10, and with --dev 2]
    #[arg(long, env = "SCRIP_SETTLE_AFTER", value_name = "SECONDS")]
    pub(crate) settle_after: Option<u64>,
    /// How many requests are redeemed in one transaction at most, and are not waited with any longer
    #[arg(long, env = "SCRIP_SETTLE_COUNT", default_value_t = 1_000, value_name = "NUMBER")]
    pub(crate) settle_count: u32,
    /// The most credits of one holder and plan that are used, or held, and not redeemed yet: as many can be lost where a holder
    /// spends them elsewhere meanwhile
    #[arg(long, env = "SCRIP_AT_RISK", default_value_t = 100_000, value_name = "CREDITS")]
    pub(crate) at_risk: u64,
    /// How many seconds a request to a service takes at most, and a stream with it
    #[arg(long, env = "SCRIP_LONGEST_REQUEST", default_value_t = 300, value_name = "SECONDS")]
    pub(crate) longest_request: u64,
}
