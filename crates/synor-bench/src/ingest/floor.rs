//! The floor: what any log must do, and nothing else. The same JSON is parsed, written to one file
//! and synced batch by batch, with no index, no sums and no answer.

use std::fs::File;
use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use synor_economics::period::Timestamp;
use synor_usage::import::EventReader;

use super::report::{ROUNDS, Report, Yardstick};
use super::{Options, load};

const EVENTS: u64 = 1_000_000;

/// Batches of 1,000 as over HTTP, and of 20,000.
pub fn measure(options: &Options, report: &mut Report) {
    for size in [1_000, 20_000] {
        let bodies = load::bodies(0..EVENTS, size);
        let rounds = (0..=ROUNDS).map(|_| round(options, &bodies)).skip(1);
        let what = format!("floor: parse, write, sync; batches of {size}");
        report.add_yardstick(Yardstick::Floor, what, EVENTS, rounds.collect());
    }
}

fn round(options: &Options, bodies: &[Vec<u8>]) -> Duration {
    let folder = options.folder();
    let file = Mutex::new(File::create(folder.path().join("floor")).unwrap());
    let next = AtomicUsize::new(0);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
                    parse(body);
                    let mut file = file.lock().unwrap();
                    file.write_all(body).unwrap();
                    file.sync_data().unwrap();
                }
            });
        }
    });
    started.elapsed()
}

/// Reads and checks events as the server does.
fn parse(body: &[u8]) {
    let now = Timestamp::parse("2026-03-01T00:00:00Z").unwrap();
    for event in EventReader::new(now).ndjson(body).events {
        std::hint::black_box(event.unwrap());
    }
}
