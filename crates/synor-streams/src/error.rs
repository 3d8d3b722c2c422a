//! Why a stream could not be opened, read or written.

use std::error::Error;
use std::fmt::Write;

use thiserror::Error;

use crate::sink::SinkError;

/// Why a stream could not be opened, read or written. `stream` is its address without a password.
#[derive(Debug, Error)]
pub enum StreamError {
    /// A broker of a kind that this program was built without.
    #[error("{stream} needs a program built with the feature `{feature}`")]
    NotBuilt {
        /// The address.
        stream: String,
        /// The cargo feature.
        feature: &'static str,
    },
    /// A setting that the broker's client does not take.
    #[error("the settings of {stream} do not hold")]
    Settings {
        /// The address.
        stream: String,
        /// What is wrong.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The broker is away, or refused.
    #[error("{stream} failed while {doing}")]
    Broker {
        /// The address.
        stream: String,
        /// What was being done.
        doing: &'static str,
        /// What failed.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The positions to read on from could not be had.
    #[error("where to read on in {stream} is not known")]
    Positions {
        /// The address.
        stream: String,
        /// Why not.
        source: SinkError,
    },
}

/// An error and its causes in one line.
pub(crate) fn chain_of(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a string cannot fail.
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}
