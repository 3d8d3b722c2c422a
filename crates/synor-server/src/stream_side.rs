//! What joins the server to a stream: whoever writes to it, whoever reads it, and what was refused.

use std::sync::Arc;

use synor_streams::{DeadLetters, StreamProducer, StreamUrl, WorkerStatus};
use tokio::sync::watch;

/// The stream beside the server, each part of which may be missing.
#[derive(Clone, Default)]
pub struct StreamSide {
    /// Which stream.
    pub url: Option<StreamUrl>,
    /// Takes the usage that comes in, instead of the usage log.
    pub producer: Option<Arc<dyn StreamProducer>>,
    /// What the worker of this process tells of itself.
    pub worker: Option<watch::Receiver<WorkerStatus>>,
    /// What could not be counted.
    pub dead_letters: Option<Arc<dyn DeadLetters>>,
}
