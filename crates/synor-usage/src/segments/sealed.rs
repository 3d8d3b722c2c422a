//! Sealed segments.

use synor_economics::metering::UsageEvent;

use super::active::LevelSample;
use super::fault::Fault;
use super::meters::MeterNo;
use super::row::RowRef;
use crate::error::UsageLogError;
use crate::log::LogPosition;

/// Everything that is sealed.
#[derive(Debug, Default)]
pub(super) struct Sealed {}

impl Sealed {
    pub(super) fn event_at(&self, position: LogPosition) -> Result<UsageEvent, Fault> {
        Err(Fault::Complete(UsageLogError::Expired {
            log: String::new(),
            position,
        }))
    }

    pub(super) fn rows(
        &self,
        _account: &str,
        _wanted: &super::view::Wanted,
        _take: &mut dyn FnMut(&RowRef<'_>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        Ok(())
    }

    pub(super) fn before(&self, _meter: MeterNo, buckets: &[i64], _through: LogPosition) -> Result<Vec<i128>, Fault> {
        Ok(vec![0; buckets.len()])
    }

    pub(super) fn samples(&self, _meter: MeterNo, _from: i64, _to: i64, _counts: &dyn Fn(LogPosition) -> bool) -> Result<Vec<LevelSample>, Fault> {
        Ok(Vec::new())
    }

    pub(super) fn totals_ranges(&self) -> impl Iterator<Item = (LogPosition, LogPosition)> {
        std::iter::empty()
    }

    pub(super) fn changed_since(&self, _account: &str, _position: LogPosition, _before: i64) -> Result<bool, Fault> {
        Ok(false)
    }

    pub(super) fn segments_after(&self, _position: LogPosition) -> impl Iterator<Item = &Segment> {
        std::iter::empty()
    }
}

#[derive(Debug)]
pub(super) struct Segment {}
impl Segment {
    pub(super) fn events(&self, _account: &str, _wanted: &super::view::Wanted) -> Result<Vec<(LogPosition, UsageEvent)>, Fault> {
        Ok(Vec::new())
    }
}
