//! `synor man`: a manual page for every command.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, CommandFactory};

use crate::args::Cli;

/// Where to.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  synor man /usr/local/share/man/man1
  synor man pages && man pages/synor-billing-pay.1")]
pub struct Arguments {
    /// The folder to write the pages into; it is made if it is not there.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let folder = &arguments.folder;
    let written = std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), folder));
    written.with_context(|| format!("cannot write manual pages into {}", folder.display()))
}
