//! Opens a log: takes the lock, reads what is sealed, replays what is not.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::active::{Active, NewRow};
use super::background::{Background, Books, MergeWork};
use super::closed;
use super::decide::Decider;
use super::fault::Fault;
use super::files;
use super::frame::{Frame, PREFIX_BYTES, Record};
use super::identities::{Identities, IdentityKey, KeyEntry, KeyFile};
use super::ids::Ids;
use super::ledger::Ledger;
use super::manifest::Manifest;
use super::meters::Meters;
use super::meters_file;
use super::options::SegmentOptions;
use super::prepared::content;
use super::publish::{remember_withdrawal, withdraw};
use super::rotate::Sealing;
use super::seal::FullSegment;
use super::sealed::Sealed;
use super::state::{Shared, Visible};
use super::wal::{Wal, WalEnd};
use super::withdrawn::Withdrawn;
use super::writer::{Queue, Writer};
use crate::error::UsageLogError;
use crate::log::StreamPosition;

/// An open log.
pub(super) struct Opened {
    pub(super) shared: Arc<Shared>,
    pub(super) writer: Writer,
    pub(super) background: Background,
    pub(super) lock: File,
}

/// Opens the log in a folder, or creates it.
pub(super) fn open(folder: &Path, options: SegmentOptions) -> Result<Opened, Fault> {
    fs::create_dir_all(folder).map_err(Fault::io(folder))?;
    let lock = lock(folder)?;
    let (manifest, wals) = files::find(folder, &*options.storage)?;
    let key = IdentityKey::from_bytes(manifest.key);
    let (mut meters, meters_writer) =
        meters_file::open(&*options.storage, folder, manifest.meters)?;
    let withdrawn = sealed_withdrawals(folder, &manifest, &mut meters)?;
    let keys = manifest.keys.iter();
    let keys = keys.map(|name| KeyFile::open(&folder.join(name)).map(Arc::new));
    let streams = manifest.streams.iter();
    let first = Arc::new(Wal::open(&*options.storage, &wals.first)?);
    let mut replay = Replay {
        key,
        decider: Decider {
            identities: Identities::open(keys.collect::<Result<_, _>>()?),
            ids: Ids::with_room(0),
            frozen: VecDeque::new(),
        },
        visible: Visible {
            meters,
            streams: streams
                .map(|s| ((s.stream.clone(), s.partition), s.next_offset))
                .collect(),
            withdrawn,
            sealed: Arc::new(Sealed::open(folder, &manifest)?),
            frozen: Vec::new(),
            active: Active::new(Arc::clone(&first)),
        },
        full: Vec::new(),
    };
    let before = WalEnd {
        position: manifest.last(),
        chain: manifest.chain(),
        ..WalEnd::default()
    };
    let (wal, end) = replay.all(&options, first, &wals.later, before)?;
    closed::take(folder, &wal, end)?;
    wal.cut(end)?;
    let Replay {
        decider,
        visible,
        full,
        ..
    } = replay;
    let queue = Queue::new();
    let shared = Arc::new(Shared::new(
        folder.to_owned(),
        options,
        key,
        visible,
        manifest.remembers_from_secs,
    ));
    let books = Books {
        manifest,
        meters: meters_writer,
    };
    let failed = || Fault::io(folder);
    let (background, reports) = Background::start(&shared, books, queue.wake()).map_err(failed())?;
    let queues = background
        .queues()
        .ok_or_else(|| failed()(std::io::Error::other("closed")))?;
    for segment in full {
        // The queue is open: its thread has just been started.
        let _ = queues.full.send(segment);
    }
    // Also where nothing is sealed any more, archives grow old.
    let _ = queues.merges.send(MergeWork::Totals);
    let sealing = Sealing::new(wal, end, queues, reports);
    let writer = Writer::start(queue, Arc::clone(&shared), decider, sealing).map_err(failed())?;
    Ok(Opened {
        shared,
        writer,
        background,
        lock,
    })
}

/// The withdrawals that were made in sealed segments.
fn sealed_withdrawals(
    folder: &Path,
    manifest: &Manifest,
    meters: &mut Meters,
) -> Result<Withdrawn, Fault> {
    let mut withdrawn = Withdrawn::default();
    for segment in manifest.segments.iter().filter(|s| s.withdrawals > 0) {
        let ledger = Ledger::read(&segment.ledger_path(folder))?;
        for withdrawal in &ledger.withdrawals {
            let positions = (withdrawal.position, withdrawal.event);
            remember_withdrawal(meters, &mut withdrawn, positions, &withdrawal.taken_back);
        }
    }
    Ok(withdrawn)
}

/// Does again what write-ahead files say was done.
struct Replay {
    key: IdentityKey,
    decider: Decider,
    visible: Visible,
    full: Vec<FullSegment>,
}

impl Replay {
    /// Replays the files in order; all but the newest are full segments. Gives the newest, and where
    /// the next frame goes.
    fn all(
        &mut self,
        options: &SegmentOptions,
        first: Arc<Wal>,
        later: &[PathBuf],
        before: WalEnd,
    ) -> Result<(Arc<Wal>, WalEnd), Fault> {
        let mut wal = first;
        let mut end = self.one(&wal, later.is_empty(), before)?;
        for (place, path) in (1..).zip(later) {
            let next = Arc::new(Wal::open(&*options.storage, path)?);
            self.freeze(Active::new(Arc::clone(&next)));
            end = self.one(&next, place == later.len(), end)?;
            wal = next;
        }
        Ok((wal, end))
    }

    fn one(&mut self, wal: &Arc<Wal>, is_newest: bool, before: WalEnd) -> Result<WalEnd, Fault> {
        let start = wal.start();
        if start.first != before.position.saturating_add(1) || start.chain != before.chain {
            let reason = "it does not follow from the segment before";
            return Err(Fault::damaged(wal.path(), 0, reason));
        }
        let Self {
            key,
            decider,
            visible,
            ..
        } = self;
        wal.replay(is_newest, |frame, payload_at| {
            replay(visible, decider, key, frame, payload_at, wal)
        })
    }

    /// The active segment is full, and another begins.
    fn freeze(&mut self, next: Active) {
        let active = Arc::new(std::mem::replace(&mut self.visible.active, next));
        let ids = std::mem::replace(&mut self.decider.ids, Ids::with_room(0));
        let ids = Arc::new(ids);
        self.decider.frozen.push_back(Arc::clone(&ids));
        self.decider.identities.begin_segment();
        self.visible.frozen.push(Arc::clone(&active));
        let streams = self.visible.streams.iter();
        let streams = streams.map(|((stream, partition), next_offset)| StreamPosition {
            stream: stream.clone(),
            partition: *partition,
            next_offset: *next_offset,
        });
        self.full.push(FullSegment {
            active,
            ids,
            streams: streams.collect(),
            meters: self.visible.meters.len(),
        });
    }
}

/// Does again what a frame says was done.
fn replay(
    visible: &mut Visible,
    decider: &mut Decider,
    key: &IdentityKey,
    frame: &Frame<'_>,
    payload_at: u64,
    wal: &Wal,
) -> Result<(), Fault> {
    let wide = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
    let damaged = |error| Fault::damaged(wal.path(), payload_at, error);
    for placed in frame.records() {
        let placed = placed.map_err(damaged)?;
        match placed.record {
            Record::Event(row) => {
                let event = row.event().map_err(damaged)?;
                let meter = visible.meters.intern(&event);
                let account = visible.meters.account_of(meter);
                visible.active.push(
                    account,
                    NewRow {
                        offset: payload_at.saturating_add(wide(placed.at)),
                        position: placed.position,
                        meter,
                        time_secs: row.time_secs,
                        quantity: row.quantity,
                        is_sample: row.is_sample,
                    },
                );
                decider.insert(KeyEntry {
                    hash: key.hash(row.account, row.source, row.id),
                    position: placed.position,
                    content: content(key, placed.bytes),
                });
            }
            Record::Withdrawal(row) => {
                let event = row.event().map_err(damaged)?;
                let record_at = placed.at.saturating_sub(PREFIX_BYTES + 8);
                let offset = payload_at.saturating_add(wide(record_at));
                withdraw(visible, (placed.position, row.position, offset), &event);
            }
        }
    }
    for read in frame.streams().map_err(damaged)? {
        let stream = (read.stream, read.partition);
        // A position only moves forward.
        let held = visible.streams.entry(stream).or_default();
        *held = read.next_offset.max(*held);
    }
    let end = payload_at.saturating_add(wide(frame.payload.len()));
    let header = &frame.header;
    visible
        .active
        .end_frame(header.records(), end, header.chain);
    Ok(())
}

/// Takes the folder for this process.
fn lock(folder: &Path) -> Result<File, Fault> {
    let path = folder.join("lock");
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(false);
    let file = file.open(&path).map_err(Fault::io(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Fault::Complete(UsageLogError::InUse {
            log: folder.display().to_string(),
        })),
        Err(TryLockError::Error(error)) => Err(Fault::io(&path)(error)),
    }
}
