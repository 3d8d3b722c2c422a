//! `synor usage`: what was used.

mod events;
pub mod import;
mod summary;

use clap::Subcommand;

use crate::args::Global;
use crate::client::Session;

/// What to do about usage.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Import a file: events, an access log, or a cloud bill.
    Import(import::Arguments),
    /// What an account used in a month.
    Summary(summary::Arguments),
    /// The events of an account, one by one.
    Events(events::Arguments),
}

pub async fn run(command: Command, global: &Global) -> anyhow::Result<()> {
    match command {
        Command::Import(arguments) => import::run(arguments, global).await,
        Command::Summary(arguments) => {
            let session = Session::connect(global).await?;
            let answer = summary::run(arguments, &session).await;
            session.close().await;
            answer?.print(global.format)
        }
        Command::Events(arguments) => {
            let session = Session::connect(global).await?;
            let answer = events::run(arguments, &session).await;
            session.close().await;
            answer?.print(global.format)
        }
    }
}
