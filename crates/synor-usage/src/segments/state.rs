//! What the log holds, as reads see it: changed by the writer after a sync, and by sealing when a
//! segment's files are in place. Reads take what they need under the lock, which is short, and read
//! files after it: those are never changed, so an answer is of one moment.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use synor_economics::metering::UsageEvent;
use synor_economics::period::Timestamp;

use super::active::{Active, ActiveRow};
use super::fault::Fault;
use super::frame::Chain;
use super::identities::IdentityKey;
use super::meters::{MeterHasher, Meters};
use super::options::SegmentOptions;
use super::row::{RowRef, decode};
use super::sealed::Sealed;
use super::spare::Spare;
use super::wal::Wal;
use super::withdrawn::Withdrawn;
use crate::log::LogPosition;

/// What the threads of a log share.
pub(super) struct Shared {
    pub(super) folder: PathBuf,
    /// The folder, for messages.
    pub(super) log: String,
    pub(super) options: SegmentOptions,
    pub(super) key: IdentityKey,
    pub(super) hasher: MeterHasher,
    pub(super) spare: Spare,
    /// Ids of events that happened before this may have been forgotten.
    remembers_from_secs: AtomicI64,
    visible: RwLock<Visible>,
}

/// What was acknowledged.
#[derive(Debug)]
pub(super) struct Visible {
    pub(super) meters: Meters,
    pub(super) streams: BTreeMap<(String, u32), u64>,
    pub(super) withdrawn: Withdrawn,
    pub(super) sealed: Arc<Sealed>,
    /// Full segments that are being sealed, oldest first.
    pub(super) frozen: Vec<Arc<Active>>,
    pub(super) active: Active,
}

impl Visible {
    /// The last acknowledged position.
    pub(super) fn head(&self) -> LogPosition {
        self.active.last()
    }

    /// The chain over everything acknowledged.
    pub(super) fn chain(&self) -> Chain {
        self.active.chain()
    }

    /// The segments that are not sealed, oldest first.
    pub(super) fn live(&self) -> impl Iterator<Item = &Active> {
        let frozen = self.frozen.iter().map(Arc::as_ref);
        frozen.chain([&self.active])
    }

    /// Where the event at a position is in a write-ahead file, if it is not sealed.
    pub(super) fn live_row(&self, position: LogPosition) -> Option<(Arc<Wal>, ActiveRow)> {
        let segment = self
            .live()
            .find(|live| live.first() <= position && position <= live.last())?;
        let row = segment.row_at(position)?;
        Some((Arc::clone(segment.wal()), *row))
    }
}

impl Shared {
    pub(super) fn new(
        folder: PathBuf,
        options: SegmentOptions,
        key: IdentityKey,
        visible: Visible,
        remembers_from_secs: Option<i64>,
    ) -> Self {
        Self {
            log: folder.display().to_string(),
            folder,
            options,
            key,
            hasher: visible.meters.hasher().clone(),
            spare: Spare::default(),
            remembers_from_secs: AtomicI64::new(remembers_from_secs.unwrap_or(i64::MIN)),
            visible: RwLock::new(visible),
        }
    }

    /// The earliest time that an event may have: what the options say, but never before what ids
    /// are remembered of, though the clock go back or the window be widened.
    pub(super) fn takes_from(&self) -> Option<Timestamp> {
        let forgotten = self.remembers_from_secs.load(Ordering::Acquire);
        let forgotten = (forgotten != i64::MIN).then(|| Timestamp::from_secs(forgotten));
        self.options.not_before().max(forgotten)
    }

    /// Refuses events of before from now on, because their ids are being forgotten.
    pub(super) fn remember_from(&self, secs: i64) {
        self.remembers_from_secs.fetch_max(secs, Ordering::AcqRel);
    }

    /// Looks at what is acknowledged. To be held shortly: the writer waits.
    pub(super) fn visible(&self) -> RwLockReadGuard<'_, Visible> {
        self.visible.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is visible.
    pub(super) fn change(&self) -> RwLockWriteGuard<'_, Visible> {
        self.visible.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The event at a position of which it is known that it holds one.
    pub(super) fn event_at(&self, position: LogPosition) -> Result<UsageEvent, Fault> {
        let (live, sealed) = {
            let visible = self.visible();
            (visible.live_row(position), Arc::clone(&visible.sealed))
        };
        match live {
            Some((wal, row)) => with_row(&wal, &row, |row| Ok(row.event()?)),
            None => sealed.event_at(position),
        }
    }
}

/// Reads an event from a write-ahead file.
pub(super) fn with_row<T>(
    wal: &Wal,
    row: &ActiveRow,
    take: impl FnOnce(&RowRef<'_>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let bytes = wal.row(row.offset)?;
    let decoded = decode(row.position, &bytes)
        .map_err(|error| Fault::damaged(wal.path(), row.offset, error))?;
    take(&decoded)
}
