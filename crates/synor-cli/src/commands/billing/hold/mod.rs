//! `synor billing hold`: a part of a balance set aside, then captured or let go.

mod capture;
mod create;
mod list;
mod release;
mod show;

use clap::Subcommand;
use synor_economics::billing::Hold;
use synor_economics::money::MicroSynor;

use crate::client::Session;
use crate::format;
use crate::output::Answer;

/// What to do about holds.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Set a part of the balance aside (an admin's to do).
    Create(create::Arguments),
    /// Take what was used of a hold (an admin's to do).
    Capture(capture::Arguments),
    /// Give back what is left of a hold (an admin's to do).
    Release(release::Arguments),
    /// The holds, those that expire last first.
    List(list::Arguments),
    /// One hold.
    Show(show::Arguments),
}

impl Command {
    /// The same, if its arguments can be read.
    pub fn checked(self) -> anyhow::Result<Self> {
        Ok(match self {
            Self::Create(arguments) => Self::Create(arguments.checked()?),
            Self::Capture(arguments) => Self::Capture(arguments.checked()?),
            other => other,
        })
    }
}

pub async fn run(command: Command, session: &Session) -> anyhow::Result<Answer> {
    match command {
        Command::Create(arguments) => create::run(arguments, session).await,
        Command::Capture(arguments) => capture::run(arguments, session).await,
        Command::Release(arguments) => release::run(arguments, session).await,
        Command::List(arguments) => list::run(arguments, session).await,
        Command::Show(arguments) => show::run(arguments, session).await,
    }
}

/// Where a hold stands, and what can be spent besides.
fn stands(answer: Answer, hold: &Hold, balance: MicroSynor) -> anyhow::Result<Answer> {
    let left = format::money(hold.left()?);
    Ok(answer
        .line(format!("hold      {} ({})", hold.hold_id, hold.status))
        .line(format!("on hold   {left}"))
        .line(format!("balance   {}", format::money(balance))))
}
