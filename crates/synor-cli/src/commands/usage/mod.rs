//! `synor usage`: what was used.

mod correct;
mod event_stream;
mod events;
mod export;
pub mod import;
mod lines;
mod quotas;
mod send;
mod series;
mod summary;
mod tail;

use clap::Subcommand;

use crate::args::Global;
use crate::client::Session;
use crate::output::Answer;

/// What to do about usage.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Import a file: events, an access log, or a cloud bill.
    Import(import::Arguments),
    /// What an account used in a month.
    Summary(summary::Arguments),
    /// Usage over time, by hour, day or month.
    Series(series::Arguments),
    /// The events of an account, one by one.
    Events(events::Arguments),
    /// Write events for an import or for data tools.
    Export(export::Arguments),
    /// Follow an account's events as they come.
    Tail(tail::Arguments),
    /// Send events from standard input, one a line.
    Send(send::Arguments),
    /// Take events back; they count no more.
    Withdraw(correct::Withdrawn),
    /// Take events back and count others instead, both or neither.
    Amend(correct::AmendArguments),
    /// What limits an account, and how much of it is used.
    Quotas,
}

pub async fn run(command: Command, global: &Global) -> anyhow::Result<()> {
    match command {
        Command::Import(arguments) => import::run(arguments, global).await,
        Command::Export(arguments) => export::run(arguments, global).await,
        Command::Tail(arguments) => tail::run(arguments, global).await,
        Command::Send(arguments) => send::run(arguments, global).await,
        Command::Summary(arguments) => {
            answer(global, async |session| {
                summary::run(arguments, session).await
            })
            .await
        }
        Command::Events(arguments) => {
            answer(global, async |session| {
                events::run(arguments, session).await
            })
            .await
        }
        Command::Series(arguments) => {
            answer(global, async |session| {
                series::run(arguments, session).await
            })
            .await
        }
        Command::Quotas => answer(global, quotas::run).await,
        Command::Withdraw(arguments) => {
            let work =
                async |session: &Session| correct::withdraw(arguments, global, session).await;
            answer(global, work).await
        }
        Command::Amend(arguments) => {
            let work = async |session: &Session| correct::amend(arguments, global, session).await;
            answer(global, work).await
        }
    }
}

/// Prints what is answered in a session that lives as long as the command.
async fn answer(
    global: &Global,
    work: impl AsyncFnOnce(&Session) -> anyhow::Result<Answer>,
) -> anyhow::Result<()> {
    let session = Session::connect(global).await?;
    let answer = work(&session).await;
    session.close().await;
    answer?.print(global.format)
}
