//! How a log is kept.

use std::fmt;
use std::sync::Arc;

use synor_economics::period::Timestamp;

use super::storage::{Disk, Storage};

/// Events after which a segment is sealed.
const SEGMENT_EVENTS: usize = 1_000_000;

/// How a segmented log is kept. The default keeps and knows everything for ever.
#[derive(Debug, Clone)]
pub struct SegmentOptions {
    /// Events and withdrawals after which a segment is full and gets sealed, at least one. More make
    /// a crash cost more at the next start, and take more memory.
    pub segment_events: usize,
    /// What may be forgotten; nothing if absent.
    pub forgetting: Option<Forgetting>,
    pub(super) storage: Arc<dyn Storage>,
}

impl Default for SegmentOptions {
    fn default() -> Self {
        Self {
            segment_events: SEGMENT_EVENTS,
            forgetting: None,
            storage: Arc::new(Disk),
        }
    }
}

impl SegmentOptions {
    /// The default, but for the size of segments.
    pub fn with_segment_events(segment_events: usize) -> Self {
        Self {
            segment_events,
            ..Self::default()
        }
    }

    /// The same, but for what may be forgotten.
    #[must_use]
    pub fn that_forgets(self, forgetting: Forgetting) -> Self {
        Self {
            forgetting: Some(forgetting),
            ..self
        }
    }

    /// The earliest time that an event may have.
    pub(super) fn not_before(&self) -> Option<Timestamp> {
        let forgetting = self.forgetting.as_ref()?;
        let window = forgetting.dedup_window_secs?;
        Some((forgetting.clock)().plus_secs(window.saturating_neg()))
    }

    /// How much room a write-ahead file makes for itself at a time, in bytes.
    pub(super) fn reserve_bytes(&self) -> u64 {
        let segment = u64::try_from(self.segment_events).unwrap_or(u64::MAX);
        segment.saturating_mul(64).clamp(1 << 12, 1 << 25)
    }

    /// The time before which archives are not kept.
    pub(super) fn keeps_from(&self) -> Option<Timestamp> {
        let forgetting = self.forgetting.as_ref()?;
        let retention = forgetting.retention_secs?;
        Some((forgetting.clock)().plus_secs(retention.saturating_neg()))
    }
}

/// The caller's clock.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What a log may forget, and by which clock.
#[derive(Clone)]
pub struct Forgetting {
    /// Events that happened longer ago than this are refused as too old, because whether they were
    /// counted may have been forgotten. None: ids are known for ever.
    pub dedup_window_secs: Option<i64>,
    /// Segments whose newest event happened longer ago than this lose their events; what they add up
    /// to stays. None: events are kept for ever.
    pub retention_secs: Option<i64>,
    /// What time it is.
    pub clock: Clock,
}

impl fmt::Debug for Forgetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forgetting")
            .field("dedup_window_secs", &self.dedup_window_secs)
            .field("retention_secs", &self.retention_secs)
            .finish_non_exhaustive()
    }
}
