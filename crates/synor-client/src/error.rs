//! Why usage could not be recorded or handed over.

use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

/// Why usage could not be recorded or handed over.
#[derive(Debug, Clone, Error)]
pub enum ClientError {
    /// The spool file cannot be used.
    #[error("the spool {} failed while {doing}", path.display())]
    Spool {
        /// The file.
        path: PathBuf,
        /// What was being done.
        doing: &'static str,
        /// What failed.
        source: Arc<std::io::Error>,
    },
    /// Another client has the spool file.
    #[error("the spool {} is in use by another client", .0.display())]
    SpoolInUse(PathBuf),
    /// The server does not take usage from this client; trying again goes on.
    #[error("the server refuses usage with status {status}: {detail}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What it says.
        detail: String,
    },
    /// The client cannot be built.
    #[error("the HTTP client cannot be made")]
    Http(#[source] Arc<reqwest::Error>),
    /// An event cannot be written as JSON.
    #[error("the event cannot be written")]
    Event(#[source] Arc<serde_json::Error>),
    /// The queue is full, and the caller did not want to wait.
    #[error("the queue of usage is full")]
    Full,
    /// The client is closed.
    #[error("the client is closed")]
    Closed,
    /// The client was closed without a spool while events were waiting; they are lost.
    #[error("{0} events were not handed over")]
    NotSent(u64),
}
