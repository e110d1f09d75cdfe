//! The commands: each asks the client, and says in a report what came of it.

mod balance;
mod burn;
mod completions;
mod create;
mod deploy;
mod dev;
mod doctor;
mod event;
mod fiat;
mod history;
mod lots;
mod mint;
mod operator;
mod order;
mod plan;
mod redeem;
mod serve;
mod service;
mod terms;
mod voucher;
mod voucher_book;
mod voucher_file;
mod wallet;
mod watch;

use eyre::Result;

use crate::{args::Command, context::Context, report::Report};

/// Does what was said.
pub(crate) async fn run(command: Command, context: &Context) -> Result<Report> {
    match command {
        Command::Dev(args) => dev::run(args, context).await,
        Command::Serve(args) => serve::run(args, context).await,
        Command::Deploy(args) => deploy::deploy(args, context).await,
        Command::Verify(args) => deploy::verify(args, context).await,
        Command::Plan(command) => plan::run(command, context).await,
        Command::Order(args) => order::run(args, context).await,
        Command::Balance(args) => balance::run(args, context).await,
        Command::Lots(args) => lots::run(args, context).await,
        Command::Mint(args) => mint::run(args, context).await,
        Command::Burn(args) => burn::run(args, context).await,
        Command::Redeem(args) => redeem::run(args, context).await,
        Command::Voucher(command) => voucher::run(command, context).await,
        Command::SettleFiat(args) => fiat::settle(args, context).await,
        Command::TakeBack(args) => fiat::take_back(args, context).await,
        Command::Payment(args) => fiat::payment(args, context).await,
        Command::Operator(command) => operator::run(command, context).await,
        Command::Service(command) => service::run(command, context).await,
        Command::History(args) => history::run(args, context).await,
        Command::Watch(args) => watch::run(args, context).await,
        Command::Wallet(command) => wallet::run(command, context).await,
        Command::Doctor => doctor::run(context).await,
        Command::Completions { shell } => completions::completions(shell),
        Command::Man { folder } => completions::man(&folder),
    }
}
