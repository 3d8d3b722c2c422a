//! Archives are written, read in every way, and damaged.

use std::path::{Path, PathBuf};

use synor_economics::metering::{EventId, ResourceType, UsageEvent};
use synor_economics::period::Timestamp;
use synor_economics::quantity::Quantity;
use tempfile::TempDir;

use super::*;
use crate::log::LoggedEvent;
use crate::segments::row::RowRef;

mod damage;
mod foreign;
mod measure;
mod reading;
mod refusal;

/// 2026-01-01T00:00:00Z.
const START: i64 = 1_767_225_600;

/// Events as fleets report them, a little of everything, in sealed order with positions from 11.
fn sealed(count: u64, accounts: u64) -> Vec<LoggedEvent> {
    let resources: Vec<_> = ResourceType::all().map(|spec| spec.resource).collect();
    let mut events: Vec<_> = (0..count)
        .map(|n| {
            let hash = blake3::hash(&n.to_le_bytes());
            let byte = |at: usize| u64::from(hash.as_bytes()[at]);
            let pick = usize::try_from(byte(0)).unwrap();
            let two = byte(1) << 8 | byte(2);
            let mut event = UsageEvent {
                identity: EventId {
                    account: format!("account-{}", two % accounts).parse().unwrap(),
                    source: format!("node-{}", byte(3) % 8),
                    id: hash.to_hex()[..36].to_owned(),
                },
                resource: resources[pick % resources.len()],
                quantity: Quantity::new(i128::from(two) - 100),
                is_sample: byte(4) > 200,
                time: Timestamp::from_secs(START + i64::try_from(n / 3).unwrap()),
                provider: (byte(5) > 100).then(|| "op-1".parse().unwrap()),
                dimensions: Default::default(),
                correction: byte(6) > 250,
            };
            for at in 0..usize::try_from(byte(7) % 3).unwrap() {
                let value = format!("ü{}", byte(8 + at) % 4);
                event.dimensions.insert(format!("d{at}"), value);
            }
            LoggedEvent {
                position: 11 + n,
                withdrawn: None,
                event,
            }
        })
        .collect();
    sort(&mut events);
    events
}

fn sort(events: &mut [LoggedEvent]) {
    events.sort_by(|a, b| order(a).cmp(&order(b)));
}

fn order(logged: &LoggedEvent) -> (&str, i64, u64) {
    let account = logged.event.identity.account.as_str();
    (account, logged.event.time.secs(), logged.position)
}

/// Writes the events as they come.
fn write_events(path: &Path, events: &[LoggedEvent]) -> Result<Written, ArchiveError> {
    let mut scratches = vec![Vec::new(); events.len()];
    let rows: Vec<_> = events
        .iter()
        .zip(&mut scratches)
        .map(|(logged, scratch)| RowRef::of(logged.position, &logged.event, scratch))
        .collect();
    write(path, rows.into_iter())
}

/// An archive of its own.
struct Fixture {
    events: Vec<LoggedEvent>,
    archive: Archive,
    written: Written,
    path: PathBuf,
    _folder: TempDir,
}

fn fixture(count: u64, accounts: u64) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("000001.parquet");
    let events = sealed(count, accounts);
    let written = write_events(&path, &events).unwrap();
    Fixture {
        archive: Archive::open(&path).unwrap(),
        events,
        written,
        path,
        _folder: folder,
    }
}

/// All events that are left to read.
fn collect(mut rows: Rows) -> Result<Vec<LoggedEvent>, ArchiveError> {
    let mut events = Vec::new();
    while let Some(batch) = rows.next_batch()? {
        events.extend(batch.rows().map(|row| row.logged().unwrap()));
    }
    Ok(events)
}
