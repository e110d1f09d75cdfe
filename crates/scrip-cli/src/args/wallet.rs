//! Of accounts.

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum WalletCommand {
    /// Make a new account
    New {
        /// Its name
        name: String,
    },
    /// Import an account: its private key is asked for, or read from stdin
    Import {
        /// Its name
        name: String,
    },
    /// List the accounts
    List,
    /// Print the address of the account that would sign
    Address,
}
