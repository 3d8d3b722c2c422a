//! `synor oracle`: what a SYNOR is worth in USD.

mod history;
mod price;
mod rate;
mod rates;
mod reset;
mod sources;
mod twap;
mod watch;

use clap::Subcommand;
use synor_economics::period::Timestamp;

use crate::args::Global;
use crate::client::Session;
use crate::output::Field;

/// What to do about prices in USD.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The price now, and whether it may be used.
    Price(price::Arguments),
    /// What each source said in the last round.
    Sources,
    /// The good prices of a time.
    History(history::Arguments),
    /// A time-weighted average of the last prices.
    Twap(twap::Arguments),
    /// The price, again and again, until interrupted.
    Watch(watch::Arguments),
    /// The rates that months were billed at.
    Rates,
    /// Set a month's rate by hand, where the oracle has none (an admin's to do).
    Rate(rate::Arguments),
    /// Reset the breaker after a jump that is real (an admin's to do).
    Reset(reset::Arguments),
}

pub async fn run(command: Command, global: &Global) -> anyhow::Result<()> {
    let session = Session::connect(global).await?;
    let answer = match command {
        Command::Price(arguments) => price::run(arguments, &session).await,
        Command::Sources => sources::run(&session).await,
        Command::History(arguments) => history::run(arguments, &session).await,
        Command::Twap(arguments) => twap::run(arguments, &session).await,
        Command::Watch(arguments) => watch::run(arguments, &session, global).await,
        Command::Rates => rates::run(&session).await,
        Command::Rate(arguments) => rate::run(arguments, &session).await,
        Command::Reset(arguments) => reset::run(arguments, &session).await,
    };
    session.close().await;
    answer?.print(global.format)
}

/// A time for people and for programs.
fn time(at: Timestamp) -> Field {
    Field::new(at.to_string(), at.secs())
}
