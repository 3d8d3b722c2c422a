//! `synor webhooks`: who is told of an account's events, and what was delivered of them.

mod add;
mod deliveries;
mod list;
mod remove;
mod replay;
mod rotate;
mod switch;

use clap::Subcommand;
use synor_economics::id::EndpointId;

use crate::args::Global;
use crate::client::Session;

/// What to do about webhooks.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Have events posted to an address; the secret is printed once.
    Add(add::Arguments),
    /// Where events are posted to.
    List,
    /// Post no more events to an endpoint.
    Remove {
        /// Its id (whe_…).
        endpoint: EndpointId,
    },
    /// Give an endpoint a new secret; the old one is signed with, too, for a day.
    Rotate {
        /// Its id (whe_…).
        endpoint: EndpointId,
    },
    /// Switch an endpoint on; what waits for it is delivered.
    Enable {
        /// Its id (whe_…).
        endpoint: EndpointId,
    },
    /// Switch an endpoint off.
    Disable {
        /// Its id (whe_…).
        endpoint: EndpointId,
    },
    /// What was delivered, by webhook and e-mail, and what waits; newest first.
    Deliveries(deliveries::Arguments),
    /// Deliver a message to an endpoint once more.
    Replay(replay::Arguments),
}

pub async fn run(command: Command, global: &Global) -> anyhow::Result<()> {
    let session = Session::connect(global).await?;
    let answer = match command {
        Command::Add(arguments) => add::run(arguments, &session).await,
        Command::List => list::run(&session).await,
        Command::Remove { endpoint } => remove::run(endpoint, &session).await,
        Command::Rotate { endpoint } => rotate::run(endpoint, &session).await,
        Command::Enable { endpoint } => switch::run(endpoint, true, &session).await,
        Command::Disable { endpoint } => switch::run(endpoint, false, &session).await,
        Command::Deliveries(arguments) => deliveries::run(arguments, &session).await,
        Command::Replay(arguments) => replay::run(arguments, &session).await,
    };
    session.close().await;
    answer?.print(global.format)
}
