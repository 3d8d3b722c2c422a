//! Leases: the right of one node to run a job until a moment, by the book's own clock.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A lease that is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Of which job.
    pub job: String,
    /// By which node.
    pub holder: String,
    /// For how much longer, by the clock of the book.
    pub left: Duration,
}

/// Milliseconds of Unix time by this machine's clock, for a book that only this machine has open.
pub(crate) fn machine_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, millis)
}

/// A duration in milliseconds.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
