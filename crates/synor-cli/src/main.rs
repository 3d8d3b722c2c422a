//! `synor`: the whole platform in one binary.

mod args;
mod backup;
mod chain_config;
mod client;
mod cloud_bill;
mod commands;
mod config;
mod config_check;
mod data_folder;
mod demo;
mod error;
mod explain;
mod format;
mod node;
mod notify_config;
mod oracle_config;
mod output;
mod platform;
mod progress;
mod show;
mod storage;
mod stream;

use std::process::ExitCode;

use clap::Parser;
use mimalloc::MiMalloc;

use crate::args::{Cli, LogFormat};
use crate::error::{Failed, print, print_usage};

/// Taking in usage is largely making and dropping small texts, often on another thread than the one
/// that made them.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            print_usage(&error);
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let is_server = cli.command.as_ref().is_some_and(args::Command::is_server);
    start_logging(is_server, cli.global.log_format);
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            print(&error.into());
            return ExitCode::from(2);
        }
    };
    match runtime.block_on(commands::run(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => match error.downcast_ref::<Failed>() {
            Some(_) => ExitCode::FAILURE, // what failed has been printed as the answer
            None => {
                print(&error);
                ExitCode::from(2)
            }
        },
    }
}

/// Logs go to stderr: what happens for a server, only what is wrong for a command. `RUST_LOG`
/// decides otherwise.
fn start_logging(server: bool, format: LogFormat) {
    let default = if server { "info" } else { "error" };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(default));
    let terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Json => log.json().flatten_event(true).init(),
        LogFormat::Text => log
            .with_ansi(terminal && std::env::var_os("NO_COLOR").is_none())
            .with_target(false)
            .init(),
    }
}
