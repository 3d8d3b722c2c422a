//! The simulated present. A second node's clock may be ahead of it or behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use synor_economics::period::Timestamp;
use synor_engine::Clock;

/// A clock that moves when the simulation moves it.
#[derive(Debug, Clone)]
pub struct SimClock {
    now: Arc<AtomicI64>,
    skew_secs: i64,
}

impl SimClock {
    /// A clock that shows this.
    pub fn at(now: Timestamp) -> Self {
        Self {
            now: Arc::new(AtomicI64::new(now.secs())),
            skew_secs: 0,
        }
    }

    /// The same clock, as a node sees it whose own is wrong by so many seconds.
    pub fn skewed(&self, skew_secs: i64) -> Self {
        let now = Arc::clone(&self.now);
        Self { now, skew_secs }
    }

    /// Moves it on.
    pub fn advance(&self, secs: i64) {
        self.now.fetch_add(secs, Ordering::SeqCst);
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        let now = Timestamp::from_secs(self.now.load(Ordering::SeqCst));
        now.plus_secs(self.skew_secs)
    }
}
