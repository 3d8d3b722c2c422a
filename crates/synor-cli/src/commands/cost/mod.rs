//! `synor cost`: what usage would cost, by the engine that makes the invoices.

mod answer;
mod estimate;
mod focus;
mod forecast;
mod rerate;

use clap::Subcommand;

use crate::args::Global;

/// What to work out.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// What usage costs: typed in, from a file or a cloud bill, or an account's own.
    Estimate(Box<estimate::Arguments>),
    /// What the running month will come to.
    Forecast,
}

pub async fn run(command: Command, global: &Global) -> anyhow::Result<()> {
    match command {
        Command::Estimate(arguments) => estimate::run(*arguments, global).await,
        Command::Forecast => forecast::run(global).await,
    }
}
