//! Opens a log: takes the lock, reads what is sealed, replays what is not.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::Path;
use std::sync::Arc;

use super::active::{Active, NewRow};
use super::decide::Decider;
use super::fault::Fault;
use super::frame::{Frame, Record};
use super::identities::{Identities, IdentityKey, KeyEntry};
use super::ids::Ids;
use super::meters::Meters;
use super::options::SegmentOptions;
use super::prepared::content;
use super::publish::withdraw;
use super::rotate::Sealing;
use super::sealed::Sealed;
use super::state::{Shared, Visible};
use super::wal::{Wal, WalStart};
use super::withdrawn::Withdrawn;
use super::writer::Writer;
use crate::error::UsageLogError;

/// Opens the log in a folder, or creates it.
pub(super) fn open(
    folder: &Path,
    options: SegmentOptions,
) -> Result<(Arc<Shared>, Writer, File), Fault> {
    fs::create_dir_all(folder).map_err(Fault::io(folder))?;
    let lock = lock(folder)?;
    let key = IdentityKey::from_bytes([0; 16]);
    let start = WalStart { segment: 1, first: 1, chain: [0; 32] };
    let path = Wal::path_of(folder, 1);
    let wal = match path.exists() {
        true => Wal::open(&*options.storage, &path)?,
        false => Wal::create(&*options.storage, folder, start)?,
    };
    let wal = Arc::new(wal);
    let mut visible = Visible {
        meters: Meters::default(),
        streams: BTreeMap::new(),
        withdrawn: Withdrawn::default(),
        sealed: Arc::new(Sealed::default()),
        frozen: Vec::new(),
        active: Active::new(Arc::clone(&wal)),
    };
    let mut decider = Decider {
        identities: Identities::open(Vec::new()),
        ids: Ids::with_room(0),
        frozen: VecDeque::new(),
    };
    let end = wal.replay(true, |frame, payload_at| {
        replay(&mut visible, &mut decider, &key, frame, payload_at, &wal)
    })?;
    wal.cut(end)?;
    let shared = Arc::new(Shared::new(folder.to_owned(), options, key, visible));
    let writer = Writer::start(Arc::clone(&shared), decider, Sealing::new(wal, end))
        .map_err(Fault::io(folder))?;
    Ok((shared, writer, lock))
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
                withdraw(visible, placed.position, row.position, &event);
            }
        }
    }
    for read in frame.streams().map_err(damaged)? {
        let stream = (read.stream, read.partition);
        visible.streams.insert(stream, read.next_offset);
    }
    let end = payload_at.saturating_add(wide(frame.payload.len()));
    let header = &frame.header;
    visible.active.end_frame(header.records(), end, header.chain);
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
