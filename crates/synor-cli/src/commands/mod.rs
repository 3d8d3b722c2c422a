//! The commands, one file each.

pub mod admin;
pub mod billing;
pub mod chain;
pub mod completions;
pub mod config;
pub mod cost;
pub mod demo;
pub mod man;
pub mod oracle;
pub mod price_list;
pub mod serve;
pub mod spot;
mod status;
pub mod usage;
pub mod wallet;
pub mod webhooks;
pub mod worker;

use crate::args::{Cli, Command};

/// Runs what the command line says.
pub async fn run(cli: Cli) -> anyhow::Result<()> {
    let global = cli.global;
    match cli.command {
        None => status::run(&global).await,
        Some(Command::Billing(command)) => billing::run(command, &global).await,
        Some(Command::Usage(command)) => usage::run(command, &global).await,
        Some(Command::Cost(command)) => cost::run(command, &global).await,
        Some(Command::Wallet(command)) => wallet::run(command, &global).await,
        Some(Command::Webhooks(command)) => webhooks::run(command, &global).await,
        Some(Command::Admin(command)) => admin::run(command, &global).await,
        Some(Command::PriceList(command)) => price_list::run(command, &global).await,
        Some(Command::Spot(command)) => spot::run(command, &global).await,
        Some(Command::Oracle(command)) => oracle::run(command, &global).await,
        Some(Command::Chain(command)) => chain::run(command, &global).await,
        Some(Command::Serve(arguments)) => serve::run(arguments, &global).await,
        Some(Command::Worker) => worker::run(&global).await,
        Some(Command::Demo(arguments)) => demo::run(arguments, &global).await,
        Some(Command::Completions(arguments)) => completions::run(&arguments),
        Some(Command::Config(command)) => config::run(command, &global),
        Some(Command::Man(arguments)) => man::run(&arguments),
    }
}
