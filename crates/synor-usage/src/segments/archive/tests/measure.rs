//! How fast archives are, measured and not asserted, in time on the processor, which other work on the
//! machine disturbs least (Linux tells it, others are measured by the clock):
//! `cargo test --release -p synor-usage --lib measure -- --ignored --nocapture`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use super::*;
use crate::segments::row::{decode, encode};

const ROWS: u64 = 1_000_000;

/// One resource, no dimensions, a random UUID for an id.
fn typical(accounts: u64) -> Vec<LoggedEvent> {
    let mut events: Vec<_> = (0..ROWS)
        .map(|n| {
            let hash = blake3::hash(&n.to_le_bytes());
            let hex = hash.to_hex();
            let random = u64::from_le_bytes(hash.as_bytes()[16..24].try_into().unwrap());
            let id = [
                &hex[..8],
                &hex[8..12],
                &hex[12..16],
                &hex[16..20],
                &hex[20..32],
            ];
            LoggedEvent {
                position: n + 1,
                withdrawn: None,
                event: UsageEvent {
                    identity: EventId {
                        account: format!("acct-{:05}", random % accounts).parse().unwrap(),
                        source: format!("node-{:05}", (random >> 32) % 64),
                        id: id.join("-"),
                    },
                    resource: ResourceType::NetworkEgress,
                    quantity: Quantity::new(i128::from(1_000 + (random >> 20) % 1_000_000)),
                    is_sample: false,
                    time: Timestamp::from_secs(START + i64::try_from(n / 300).unwrap()),
                    provider: None,
                    dimensions: Default::default(),
                    correction: false,
                },
            }
        })
        .collect();
    sort(&mut events);
    events
}

fn rate(rows: u64, took: Duration) -> String {
    let micros = took.as_micros().max(1);
    let hundredths = u128::from(rows) * 100 / micros;
    format!(
        "{}.{:02} million rows/s",
        hundredths / 100,
        hundredths % 100
    )
}

fn best<T>(times: usize, mut run: impl FnMut() -> T) -> Duration {
    let timed = (0..times).map(|_| {
        let (started, busy) = (Instant::now(), on_processor());
        black_box(run());
        match (busy, on_processor()) {
            (Some(before), Some(after)) => after - before,
            _ => started.elapsed(),
        }
    });
    timed.min().unwrap()
}

/// How long this thread has run so far.
fn on_processor() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanos = text.split(' ').next()?.parse().ok()?;
    Some(Duration::from_nanos(nanos))
}

#[test]
#[ignore = "a measurement"]
fn measure_packing() {
    let events = typical(1_000);
    let mut bytes = Vec::new();
    let took = best(3, || {
        bytes.clear();
        events.iter().for_each(|it| encode(&it.event, &mut bytes));
    });
    eprintln!(
        "encode: {}, {} bytes/row",
        rate(ROWS, took),
        bytes.len() / events.len()
    );
    let mut frames = Vec::new();
    for it in &events {
        let mut frame = Vec::new();
        encode(&it.event, &mut frame);
        frames.push(frame);
    }
    let took = best(3, || {
        let rows = (1..)
            .zip(&frames)
            .map(|(n, frame)| decode(n, frame).unwrap());
        rows.fold(0, |sum, row| sum + row.quantity)
    });
    eprintln!("decode: {}", rate(ROWS, took));
}

#[test]
#[ignore = "a measurement"]
fn measure_archives() {
    for accounts in [100, 10_000, 100_000] {
        let folder = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let path = folder.path().join("000001.parquet");
        let events = typical(accounts);
        let mut packed = Vec::new();
        let ends: Vec<_> = events
            .iter()
            .map(|it| {
                let start = packed.len();
                encode(&it.event, &mut packed);
                (it.position, start, packed.len())
            })
            .collect();
        let mut written = None;
        let took = best(3, || {
            let rows = ends.iter();
            let rows = rows.map(|&(at, start, end)| decode(at, &packed[start..end]).unwrap());
            written = Some(write(&path, rows).unwrap());
        });
        let written = written.unwrap();
        eprintln!(
            "{accounts} accounts: written {} (decoding included), parquet {} + index {} bytes for 1000 rows",
            rate(ROWS, took),
            written.parquet_bytes / 1_000,
            written.index_bytes / 1_000
        );
        measure_reads(&path, &events);
        if let Ok(keep) = std::env::var("KEEP_ARCHIVE") {
            std::fs::copy(&path, keep).unwrap();
        }
    }
}

fn measure_reads(path: &Path, events: &[LoggedEvent]) {
    eprintln!("  open {:?}", best(20, || Archive::open(path).unwrap()));
    let archive = Archive::open(path).unwrap();
    let name = events[events.len() / 2].event.identity.account.as_str();
    eprintln!(
        "  account_range {:?}",
        best(20, || archive.account_range(name).unwrap())
    );
    let count = archive.account_range(name).unwrap().unwrap().rows;
    let read = |from, to| {
        let mut rows = archive.rows(name, from, to).unwrap();
        let mut sum = 0;
        while let Some(batch) = rows.next_batch().unwrap() {
            sum += batch.rows().map(|row| row.quantity).sum::<i128>();
        }
        sum
    };
    eprintln!(
        "  rows of an account with {count}: {:?}",
        best(20, || read(i64::MIN, i64::MAX))
    );
    let (from, to) = (START + 1_000, START + 1_300);
    eprintln!("  a tenth of its time: {:?}", best(20, || read(from, to)));
    eprintln!(
        "  event_at {:?}",
        best(20, || archive.event_at(777_777).unwrap())
    );
    let took = best(2, || {
        let mut rows = archive.scan().unwrap();
        let mut sum = 0;
        while let Some(batch) = rows.next_batch().unwrap() {
            sum += batch.rows().map(|row| row.quantity).sum::<i128>();
        }
        sum
    });
    eprintln!("  scan {}", rate(ROWS, took));
}
