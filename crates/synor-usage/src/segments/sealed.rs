//! Everything that is sealed: events in archives, and what they add up to.

use std::path::Path;
use std::sync::Arc;

use synor_economics::metering::UsageEvent;

use super::active::LevelSample;
use super::archive::{Archive, ArchiveError};
use super::fault::Fault;
use super::manifest::{Manifest, SegmentFiles};
use super::meters::{AccountNo, MeterNo};
use super::row::RowRef;
use super::totals::Totals;
use super::view::Wanted;
use crate::error::UsageLogError;
use crate::log::LogPosition;

/// A sealed segment.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) files: SegmentFiles,
    /// Its events, unless there are none or they have expired.
    pub(super) archive: Option<Archive>,
}

/// Everything that is sealed, as it is at one moment.
#[derive(Debug, Default, Clone)]
pub(super) struct Sealed {
    /// Oldest first.
    pub(super) segments: Vec<Arc<Segment>>,
    /// Oldest first; together they speak for all segments.
    pub(super) totals: Vec<Arc<Totals>>,
    /// For messages.
    pub(super) log: String,
}

impl Sealed {
    /// Opens what a manifest names.
    pub(super) fn open(folder: &Path, manifest: &Manifest) -> Result<Self, Fault> {
        let segments = manifest.segments.iter().map(|files| {
            let files = files.clone();
            Segment::open(folder, files).map(Arc::new)
        });
        let totals = manifest.totals.iter();
        let totals = totals.map(|range| Totals::open(folder, *range).map(Arc::new));
        Ok(Self {
            segments: segments.collect::<Result<_, _>>()?,
            totals: totals.collect::<Result<_, _>>()?,
            log: folder.display().to_string(),
        })
    }

    /// The segments that hold anything at the wanted positions.
    fn segments(&self, after: LogPosition, through: LogPosition) -> impl Iterator<Item = &Segment> {
        let from = self.segments.partition_point(|s| s.files.last <= after);
        let segments = self.segments.iter().skip(from).map(Arc::as_ref);
        segments.take_while(move |segment| segment.files.first <= through)
    }

    /// The segments with positions behind this one, oldest first.
    pub(super) fn segments_after(&self, position: LogPosition) -> impl Iterator<Item = &Segment> {
        self.segments(position, LogPosition::MAX)
    }

    /// The event at a position of which it is known that it holds one.
    pub(super) fn event_at(&self, position: LogPosition) -> Result<UsageEvent, Fault> {
        let before = position.saturating_sub(1);
        let segment = self.segments(before, position).next();
        let found = match segment {
            Some(segment) => segment.archive(&self.log)?.map(|a| a.event_at(position)),
            None => None,
        };
        let found = found.transpose().map_err(from_archive)?.flatten();
        let found = found.ok_or_else(|| {
            Fault::Complete(UsageLogError::Damaged {
                log: self.log.clone(),
                position,
                reason: "the event is not in its segment".to_owned(),
            })
        })?;
        Ok(found.event)
    }

    /// Gives every wanted event of an account to `take`.
    pub(super) fn rows(
        &self,
        account: &str,
        wanted: &Wanted,
        take: &mut dyn FnMut(&RowRef<'_>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        if wanted.is_empty() {
            return Ok(());
        }
        for segment in self.segments(wanted.after, wanted.through) {
            segment.rows(&self.log, account, wanted, take)?;
        }
        Ok(())
    }

    /// What was used of a meter before each of the buckets, in the totals that begin no later than
    /// `through`.
    pub(super) fn before(
        &self,
        (account, meter): (AccountNo, MeterNo),
        buckets: &[i64],
        through: LogPosition,
    ) -> Result<Vec<i128>, Fault> {
        let mut sums = vec![0; buckets.len()];
        let included = self.totals.iter().filter(|t| t.range.first <= through);
        for totals in included {
            totals.before(account, meter, buckets, &mut sums)?;
        }
        Ok(sums)
    }

    /// The samples of a meter from the one that holds at `from` until before `to`, those that count;
    /// and some before them.
    pub(super) fn samples(
        &self,
        meter: (AccountNo, MeterNo),
        times: (i64, i64),
        counts: &dyn Fn(LogPosition) -> bool,
    ) -> Result<Vec<LevelSample>, Fault> {
        let mut samples = Vec::new();
        for totals in &self.totals {
            totals.samples(meter, times, counts, &mut samples)?;
        }
        Ok(samples)
    }

    /// The positions that the totals speak for.
    pub(super) fn totals_ranges(&self) -> impl Iterator<Item = (LogPosition, LogPosition)> {
        self.totals.iter().map(|t| (t.range.first, t.range.last))
    }

    /// Whether an event of the account behind `position` happened before `before`.
    pub(super) fn changed_since(
        &self,
        account: &str,
        position: LogPosition,
        before: i64,
    ) -> Result<bool, Fault> {
        for segment in self.segments_after(position) {
            if segment.has_change(&self.log, account, position, before)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Segment {
    /// Opens the files of a segment.
    pub(super) fn open(folder: &Path, files: SegmentFiles) -> Result<Self, Fault> {
        let archive = match &files.archive {
            Some(_) if !files.expired => {
                let path = files.archive_path(folder);
                Some(Archive::open(&path).map_err(from_archive)?)
            }
            _ => None,
        };
        Ok(Self { files, archive })
    }

    /// Its events; none if it has only withdrawals.
    fn archive(&self, log: &str) -> Result<Option<&Archive>, Fault> {
        if self.files.expired && self.files.archive.is_some() {
            return Err(Fault::Complete(UsageLogError::Expired {
                log: log.to_owned(),
                position: self.files.last,
            }));
        }
        Ok(self.archive.as_ref())
    }

    /// Whether it has events in the range of time.
    fn reaches(&self, from: i64, to: i64) -> bool {
        let archive = self.files.archive.as_ref();
        archive.is_some_and(|a| a.time_min < to && a.time_max >= from)
    }

    fn rows(
        &self,
        log: &str,
        account: &str,
        wanted: &Wanted,
        take: &mut dyn FnMut(&RowRef<'_>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        for &(from, to) in &wanted.times {
            if !self.reaches(from, to) {
                continue;
            }
            let Some(archive) = self.archive(log)? else {
                continue;
            };
            let range = archive.account_range(account).map_err(from_archive)?;
            if range.is_none_or(|r| r.position_max <= wanted.after) {
                continue;
            }
            let mut rows = archive.rows(account, from, to).map_err(from_archive)?;
            while let Some(batch) = rows.next_batch().map_err(from_archive)? {
                for row in batch.rows() {
                    if row.position > wanted.after && row.position <= wanted.through {
                        take(&row)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The wanted events of an account, in no order.
    pub(super) fn events(
        &self,
        log: &str,
        account: &str,
        wanted: &Wanted,
    ) -> Result<Vec<(LogPosition, UsageEvent)>, Fault> {
        let mut events = Vec::new();
        self.rows(log, account, wanted, &mut |row| {
            events.push((row.position, row.event()?));
            Ok(())
        })?;
        Ok(events)
    }

    fn has_change(
        &self,
        log: &str,
        account: &str,
        position: LogPosition,
        before: i64,
    ) -> Result<bool, Fault> {
        if !self.reaches(i64::MIN, before) {
            return Ok(false);
        }
        let Some(archive) = self.archive(log)? else {
            return Ok(false);
        };
        // Bounds answer most questions: only where the position divides an account's events of this
        // segment do they have to be read.
        match archive.account_range(account).map_err(from_archive)? {
            Some(range) if range.position_max > position && range.time_min < before => {
                if range.position_min > position {
                    return Ok(true);
                }
            }
            _ => return Ok(false),
        }
        let mut rows = archive
            .rows(account, i64::MIN, before)
            .map_err(from_archive)?;
        while let Some(batch) = rows.next_batch().map_err(from_archive)? {
            if batch.rows().any(|row| row.position > position) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// An archive that failed.
pub(super) fn from_archive(error: ArchiveError) -> Fault {
    Fault::Failed(Arc::new(error))
}
