//! `synor spot`: the market for spare capacity.

mod ask;
mod bid;
mod clear;
mod interruptions;
mod market;
mod orders;
mod prices;
mod withdraw;

use clap::Subcommand;

use crate::args::Global;
use crate::client::Session;

/// What to do about spare capacity.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Offer a provider's spare capacity (an admin's to enter).
    Ask(ask::Arguments),
    /// Bid for spare capacity, for an account.
    Bid(bid::Arguments),
    /// Take an ask or a bid out of the book; the running interval is kept to its end.
    Withdraw(withdraw::Arguments),
    /// An account's bids and what they hold now, or the asks.
    Orders(orders::Arguments),
    /// The markets, or what one of them has cost.
    Prices(prices::Arguments),
    /// Decide intervals now that have started, or set a market's reserve price (an admin's to do).
    Clear(clear::Arguments),
    /// When an account's work was stopped because others paid more.
    Interruptions,
}

pub async fn run(command: Command, global: &Global) -> anyhow::Result<()> {
    // What is wrong with the arguments is said before anything is opened.
    let command = match command {
        Command::Withdraw(arguments) => Command::Withdraw(arguments.checked()?),
        other => other,
    };
    let session = Session::connect(global).await?;
    let answer = match command {
        Command::Ask(arguments) => ask::run(arguments, &session).await,
        Command::Bid(arguments) => bid::run(arguments, &session).await,
        Command::Withdraw(arguments) => withdraw::run(arguments, &session).await,
        Command::Orders(arguments) => orders::run(arguments, &session).await,
        Command::Prices(arguments) => prices::run(arguments, &session).await,
        Command::Clear(arguments) => clear::run(arguments, &session).await,
        Command::Interruptions => interruptions::run(&session).await,
    };
    session.close().await;
    answer?.print(global.format)
}
