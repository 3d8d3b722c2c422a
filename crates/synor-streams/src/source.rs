//! Where records come from: the seam between a broker and the worker.

use async_trait::async_trait;
use serde::Serialize;
use synor_usage::StreamPosition;

use crate::error::StreamError;
use crate::record::Record;

/// Reads records from a broker as one member of a group that shares them out.
#[async_trait]
pub trait Source: Send {
    /// Waits a moment for records and returns what there is, at most one batch; nothing if none
    /// came. After an error it may be called again, and connects again where it has to.
    async fn read(&mut self) -> Result<Delivery, StreamError>;

    /// Tells the broker that these records are done with. If that fails, or never happens, they may
    /// be delivered again.
    async fn acknowledge(&mut self, delivery: &Delivery) -> Result<(), StreamError>;

    /// How far the group is behind, as far as it is known.
    async fn lag(&mut self) -> Result<Lag, StreamError>;

    /// Leaves the group, so that others need not wait for it to be missed.
    async fn close(self: Box<Self>);
}

/// Records that were read together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivery {
    /// The records, those of a partition in its order.
    pub records: Vec<Record>,
    /// The positions after them, to be committed with their events; none if the broker keeps them.
    pub read: Vec<StreamPosition>,
}

/// How far a group is behind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Lag {
    /// The partitions that this worker reads.
    pub partitions: Vec<PartitionLag>,
    /// Records that the broker had dropped before this worker read them.
    pub missing: u64,
}

/// How far the reading of one partition is behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartitionLag {
    /// The stream's name.
    pub stream: String,
    /// Which of its partitions; 0 in Redis.
    pub partition: u32,
    /// Records that wait to be read. Redis does not always know: not after entries that no group had
    /// read were removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<u64>,
    /// Records that were given to a worker of the group and are not acknowledged. Only Redis knows.
    pub pending: u64,
}
