//! `synor demo`

use clap::Args;

use crate::args::Global;

/// How to end.
#[derive(Debug, Args)]
pub struct Arguments {
    /// End when everything has been shown, instead of serving on.
    #[arg(long)]
    exit: bool,
}

pub async fn run(_arguments: Arguments, _global: &Global) -> anyhow::Result<()> {
    Ok(())
}
