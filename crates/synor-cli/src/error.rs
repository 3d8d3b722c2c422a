//! Errors as people see them: one line that says what is wrong, and one that says what to do.

use thiserror::Error;

/// What is wrong, and the way out.
#[derive(Debug, Error)]
#[error("{message}")]
pub struct CliError {
    message: String,
    help: Option<String>,
}

/// The command did what it should, and its answer is that something does not hold: exit code 1.
#[derive(Debug, Error)]
#[error("something does not hold")]
pub struct Failed;

/// An error.
pub fn error(message: impl Into<String>) -> anyhow::Error {
    CliError {
        message: message.into(),
        help: None,
    }
    .into()
}

/// An error with the way out.
pub fn error_with_help(message: impl Into<String>, help: impl Into<String>) -> anyhow::Error {
    CliError {
        message: message.into(),
        help: Some(help.into()),
    }
    .into()
}

/// What is wrong with the arguments, in the same two lines; help that was asked for as it is.
pub fn print_usage(error: &clap::Error) {
    use clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    if !error.use_stderr() || error.kind() == DisplayHelpOnMissingArgumentOrSubcommand {
        // Nobody reads any more where this fails.
        let _ = error.print();
        return;
    }
    let text = error.to_string();
    let one_line = |part: &str| part.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut parts = text.split("\n\n").map(one_line);
    eprintln!("{}", parts.next().unwrap_or_default());
    // The last part only says that there is --help.
    if let Some(tip) = parts.next().filter(|_| parts.next().is_some()) {
        eprintln!("help: {}", tip.trim_start_matches("tip: "));
    } else {
        eprintln!("help: --help says more");
    }
}

/// Prints an error to stderr.
pub fn print(error: &anyhow::Error) {
    let text: Vec<String> = error.chain().map(ToString::to_string).collect();
    eprintln!("error: {}", text.join(": ").replace('\n', " "));
    if let Some(CliError {
        help: Some(help), ..
    }) = error.downcast_ref()
    {
        eprintln!("help: {help}");
    }
}
