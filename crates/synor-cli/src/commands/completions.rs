//! `synor completions`

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::args::Cli;

/// Which shell.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The shell to complete in.
    shell: Shell,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    clap_complete::generate(
        arguments.shell,
        &mut Cli::command(),
        "synor",
        &mut std::io::stdout(),
    );
    Ok(())
}
