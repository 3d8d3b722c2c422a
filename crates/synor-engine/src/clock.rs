//! The only clock of the system.

use std::time::{SystemTime, UNIX_EPOCH};

use synor_economics::period::Timestamp;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// The present, in Unix seconds.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_secs(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
    }
}
