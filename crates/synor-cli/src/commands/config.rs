//! `synor config check`: exit code 1 if anything is wrong with a configuration.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::json;

use crate::args::Global;
use crate::client::FOLDER;
use crate::config_check::mistakes;
use crate::data_folder::DataFolder;
use crate::error::Failed;
use crate::output::Answer;

/// The configuration, `synor.toml`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Look for everything that is wrong with it, before a server starts on it.
    Check(CheckArguments),
}

/// Which file.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  synor config check
  synor config check new.toml && mv new.toml /var/lib/synor/synor.toml")]
pub struct CheckArguments {
    /// The file [default: synor.toml in the data folder].
    file: Option<PathBuf>,
}

pub fn run(command: Command, global: &Global) -> anyhow::Result<()> {
    let Command::Check(arguments) = command;
    let folder = DataFolder::resolve(global.data.as_deref(), FOLDER)?;
    let path = arguments.file.unwrap_or_else(|| folder.file("synor.toml"));
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let found = mistakes(&text, &folder);
    let mut answer = Answer::new(&json!({ "file": path, "mistakes": found }))?;
    for mistake in &found {
        let line = mistake
            .line
            .map_or_else(String::new, |line| format!("{line}:"));
        answer = answer.line(format!("{}:{line} {}", path.display(), mistake.message));
        if !mistake.written.is_empty() {
            answer = answer.line(format!("  {}", mistake.written));
        }
    }
    if found.is_empty() {
        answer = answer.line(format!("✓ {} holds", path.display()));
    }
    answer.print(global.format)?;
    match found.is_empty() {
        true => Ok(()),
        false => Err(Failed.into()),
    }
}
