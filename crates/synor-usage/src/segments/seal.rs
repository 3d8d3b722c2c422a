//! Turns a full segment into files that are never changed again.

use std::path::Path;
use std::sync::Arc;

use synor_economics::id::AccountId;

use super::active::{Active, ActiveRow};
use super::archive::{self, Written};
use super::fault::Fault;
use super::frame::{PREFIX_BYTES, Record, Records, read_prefix};
use super::identities::{KeyFile, prefetch};
use super::ids::Ids;
use super::ledger::Ledger;
use super::manifest::{ArchiveFiles, SegmentFiles, archive_path, ledger_path};
use super::meters::{AccountNo, Meter, Meters};
use super::row::{RowRef, decode};
use super::sealed::{Segment, from_archive};
use super::sorted::first;
use super::state::Shared;
use super::totals::Totals;
use crate::log::StreamPosition;

/// Rows whose memory is being loaded while the one before them is written.
const AHEAD: usize = 16;

/// A full segment.
#[derive(Debug, Clone)]
pub(super) struct FullSegment {
    pub(super) active: Arc<Active>,
    pub(super) ids: Arc<Ids>,
    /// How far streams had been read at its end.
    pub(super) streams: Vec<StreamPosition>,
    /// How many meters there were at its end.
    pub(super) meters: usize,
}

/// Memory for sealing, used again for the next segment.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// What the write-ahead file holds.
    contents: Vec<u8>,
    /// The events in the order of the archive.
    order: Vec<ActiveRow>,
}

/// What a sealed segment is made of.
pub(super) struct SealedSegment {
    pub(super) segment: Segment,
    pub(super) keys: KeyFile,
    pub(super) totals: Totals,
}

/// The name of a key file.
pub(super) fn key_file_name(first: u64, last: u64) -> String {
    format!("{first:012}-{last:012}.ids")
}

/// The last position whose id a key file of this name may have.
pub(super) fn key_file_last(name: &str) -> Option<u64> {
    let (_, rest) = name.split_once('-')?;
    rest.split_once('.')?.0.parse().ok()
}

/// Writes the files of a full segment, all but the manifest that makes them live.
pub(super) fn seal(
    shared: &Shared,
    full: &FullSegment,
    scratch: &mut Scratch,
) -> Result<SealedSegment, Fault> {
    let active = &full.active;
    let folder = shared.folder.as_path();
    let positions = (active.first(), active.last());
    let before = |step| {
        let storage = &shared.options.storage;
        storage.before(step).map_err(Fault::io(folder))
    };
    before("the archive")?;
    let Scratch { contents, order } = scratch;
    active
        .wal()
        .read_contents_to(active.end_offset(), contents)?;
    let written = write_archive(shared, active, contents, order)?;
    before("the ledger")?;
    let number = active.wal().start().segment;
    let ledger_digest = write_ledger(folder, active, contents)?;
    before("the key file")?;
    let path = folder.join(key_file_name(positions.0, positions.1));
    let keys = KeyFile::write(&path, positions.0..=positions.1, full.ids.entries())?;
    before("the totals")?;
    let (sums, samples) = {
        let visible = shared.visible();
        let account = |meter| visible.meters.account_of(meter);
        let sums: Vec<_> = active.sums().map(|sum| (account(sum.meter), sum)).collect();
        let samples = active.samples().map(|s| (account(s.meter), s));
        (sums, samples.collect())
    };
    let totals = Totals::write(folder, positions, sums, samples)?;
    let files = SegmentFiles {
        number,
        first: positions.0,
        last: positions.1,
        chain: active.chain(),
        withdrawals: u64::try_from(active.withdrawals().len()).unwrap_or(u64::MAX),
        ledger_digest,
        archive: written.as_ref().map(ArchiveFiles::from),
        expired: false,
    };
    Ok(SealedSegment {
        segment: Segment::open(folder, files)?,
        keys,
        totals,
    })
}

/// The meters that a segment was the first to mention, with the names of their accounts.
pub(super) fn new_meters(meters: &Meters, from: usize, to: usize) -> Vec<(AccountId, Meter)> {
    let numbers = (from..to).filter_map(|number| u32::try_from(number).ok());
    let found = numbers.filter_map(|number| {
        let meter = meters.meter(number)?;
        let name = meters.name(meter.account)?;
        Some((name.clone(), Meter::clone(meter)))
    });
    found.collect()
}

/// Writes the events in order of account, time and position.
fn write_archive(
    shared: &Shared,
    active: &Active,
    contents: &[u8],
    order: &mut Vec<ActiveRow>,
) -> Result<Option<Written>, Fault> {
    if active.rows().is_empty() {
        return Ok(None);
    }
    put_in_order(shared, active, order);
    let path = archive_path(&shared.folder, active.wal().start().segment);
    let mut failed = None;
    let rows = order.iter().enumerate().map_while(|(number, row)| {
        if let Some(later) = order.get(number.saturating_add(AHEAD)) {
            fetch(contents, later);
        }
        match row_in(active, contents, row) {
            Ok(row) => Some(row),
            Err(fault) => {
                failed = Some(fault);
                None
            }
        }
    });
    let written = archive::write(&path, rows);
    match failed {
        Some(fault) => Err(fault),
        None => Ok(Some(written.map_err(from_archive)?)),
    }
}

/// Loads where a row is, without waiting: rows that follow one another are anywhere in the file.
fn fetch(contents: &[u8], row: &ActiveRow) {
    let at = usize::try_from(row.offset).unwrap_or(usize::MAX);
    for line in [at.saturating_sub(PREFIX_BYTES), at.saturating_add(60)] {
        if let Some(byte) = contents.get(line) {
            prefetch(byte);
        }
    }
}

/// A row of the write-ahead file's contents.
fn row_in<'c>(active: &Active, contents: &'c [u8], row: &ActiveRow) -> Result<RowRef<'c>, Fault> {
    let path = active.wal().path();
    let damaged = || Fault::damaged(path, row.offset, "no event is here");
    let at = usize::try_from(row.offset).map_err(|_| damaged())?;
    let prefix = contents.get(at.saturating_sub(PREFIX_BYTES)..at);
    let (length, _) = read_prefix(first(prefix.ok_or_else(damaged)?));
    let bytes = contents.get(at..at.saturating_add(length));
    let bytes = bytes.ok_or_else(damaged)?;
    decode(row.position, bytes).map_err(|error| Fault::damaged(path, row.offset, error))
}

/// The events sorted as the archive wants them: dealt out by the rank of their account's name, and
/// then each account's put in order, which they mostly are.
fn put_in_order(shared: &Shared, active: &Active, ordered: &mut Vec<ActiveRow>) {
    let (ranks, accounts) = ranks(shared, active);
    let mut next = vec![0_usize; accounts];
    for &rank in &ranks {
        if let Some(count) = next.get_mut(rank) {
            *count = count.saturating_add(1);
        }
    }
    let mut sum = 0_usize;
    for place in &mut next {
        let count = std::mem::replace(place, sum);
        sum = sum.saturating_add(count);
    }
    ordered.clear();
    ordered.extend_from_slice(active.rows());
    for (row, &rank) in active.rows().iter().zip(&ranks) {
        if let Some(place) = next.get_mut(rank)
            && let Some(free) = ordered.get_mut(*place)
        {
            *free = *row;
            *place = place.saturating_add(1);
        }
    }
    let mut rest = ordered.as_mut_slice();
    let mut start = 0;
    // Now each says where the account's events end.
    for end in next {
        let (rows, after) = rest.split_at_mut(end.saturating_sub(start));
        rows.sort_unstable_by_key(|row| (row.time_secs, row.position));
        (rest, start) = (after, end);
    }
}

/// For each event the rank of its account's name among those of the segment, and how many they are.
fn ranks(shared: &Shared, active: &Active) -> (Vec<usize>, usize) {
    let visible = shared.visible();
    let mut ranks = vec![usize::MAX; visible.meters.account_count()];
    let place = |account: AccountNo| usize::try_from(account).unwrap_or(usize::MAX);
    let accounts = active.rows().iter();
    let accounts = accounts.map(|row| visible.meters.account_of(row.meter));
    let mut named = Vec::new();
    for account in accounts.clone() {
        if let Some(rank) = ranks.get_mut(place(account))
            && *rank == usize::MAX
        {
            *rank = 0;
            named.push((visible.meters.name(account), account));
        }
    }
    named.sort_unstable();
    for (rank, (_, account)) in named.iter().enumerate() {
        if let Some(of_account) = ranks.get_mut(place(*account)) {
            *of_account = rank;
        }
    }
    let of_rows = accounts.map(|account| ranks.get(place(account)).copied().unwrap_or(0));
    (of_rows.collect(), named.len())
}

fn write_ledger(folder: &Path, active: &Active, contents: &[u8]) -> Result<[u8; 32], Fault> {
    let path = ledger_path(folder, active.wal().start().segment);
    Ledger::write(
        &path,
        active.frames(),
        &withdrawal_records(active, contents)?,
    )
}

/// The records of the withdrawals with their positions, as they are in the write-ahead file.
fn withdrawal_records<'c>(
    active: &Active,
    contents: &'c [u8],
) -> Result<Vec<(u64, &'c [u8])>, Fault> {
    let records = active.withdrawals().iter().map(|(withdrawal, offset)| {
        let damaged = || Fault::damaged(active.wal().path(), *offset, "no withdrawal is here");
        let at = usize::try_from(*offset).map_err(|_| damaged())?;
        let rest = contents.get(at..).unwrap_or_default();
        let placed = Records::of(rest, withdrawal.position).next();
        match placed {
            Some(Ok(placed)) if matches!(placed.record, Record::Withdrawal(_)) => {
                Ok((withdrawal.position, placed.bytes))
            }
            _ => Err(damaged()),
        }
    });
    records.collect()
}
