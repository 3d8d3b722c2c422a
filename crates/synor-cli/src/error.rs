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
