//! Where records go: the seam between a stream and what counts usage.

use std::error::Error;

use async_trait::async_trait;
use synor_usage::StreamPosition;
use thiserror::Error;

use crate::record::Record;

/// Takes records and counts their events.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Counts the events of the records, each once, and returns what became of each record, in
    /// order. Whatever cannot be counted is kept as a dead letter, with its reason, before anything
    /// is acknowledged; `read` is committed together with the events, and never moves a position
    /// backwards.
    ///
    /// An error means that another attempt may succeed: the same records may then be given again,
    /// and what was done already is not done twice. A record is never an error.
    async fn accept(
        &self,
        records: &[Record],
        read: &[StreamPosition],
    ) -> Result<Vec<RecordOutcome>, SinkError>;

    /// How far each partition of a stream had been read when its last records were committed.
    async fn positions(&self, stream: &str) -> Result<Vec<StreamPosition>, SinkError>;
}

/// What became of one record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordOutcome {
    /// Events counted now.
    pub accepted: u64,
    /// Events known before, which are not counted again.
    pub duplicates: u64,
    /// Those of the duplicates that say something else than what was counted.
    pub conflicting: u64,
    /// Why the record, or a part of it, was not counted; it is among the dead letters then.
    pub refused: Option<String>,
}

/// Why a sink did not take records that it may take later.
#[derive(Debug, Error)]
#[error("the sink failed while {doing}")]
pub struct SinkError {
    /// What it was doing.
    pub doing: &'static str,
    /// What failed.
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}

impl SinkError {
    /// An error of what lies behind the sink.
    pub fn new(doing: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            doing,
            source: source.into(),
        }
    }
}
