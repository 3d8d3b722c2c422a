//! What many stored ids cost: speed, memory, reading, and starting again after a crash. Each step is
//! a process of its own, so that its memory is its own and that it can crash.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use synor_economics::period::{Month, Zone};

use super::report::rate;
use super::{Options, library, load, on_runtime};
use crate::machine::{grouped, memory_now_kb};

const BATCH: u64 = 20_000;
/// Events that are made, and then appended while nothing else is done.
const WINDOW: u64 = 1_000_000;
/// Ids beyond this much memory are counted against the log.
const MEMORY_KB: u64 = 512 << 10;
const SUMMARIES: u64 = 101;
/// How fast at the end is the median of so many windows.
const LAST: usize = 5;

/// Fills a log, lets its process crash, and opens it again.
pub fn measure(options: &Options) {
    println!(
        "{} with {} ids, appended in windows of {}",
        library::NAME,
        grouped(options.stored.into()),
        grouped(WINDOW.into())
    );
    let folder = options.folder();
    let path = folder.path().to_str().unwrap();
    step(&["ingest-fill", path, &options.stored.to_string()], false);
    step(&["ingest-reopen", path], true);
}

/// Runs a step, which is to end well or to crash.
fn step(words: &[&str], ends_well: bool) {
    let program = std::env::current_exe().unwrap();
    let status = Command::new(program).args(words).status().unwrap();
    assert_eq!(status.success(), ends_well, "{words:?}: {status}");
}

/// Fills a log, says how fast that was, and crashes.
pub fn fill(folder: &Path, stored: u64) {
    on_runtime(async {
        let log = library::open(folder);
        let mut rates = Vec::new();
        for start in (0..stored).step_by(usize::try_from(WINDOW).unwrap()) {
            let end = (start + WINDOW).min(stored);
            let batches = load::batches(start..end, BATCH);
            let (elapsed, _) = library::append(&log, batches).await;
            rates.push(rate(end - start, elapsed));
        }
        let told = |rates: &[u128]| {
            let mut rates = rates.to_vec();
            rates.sort();
            grouped(rates[rates.len() / 2])
        };
        let first = &rates[..rates.len().min(2)];
        let last = &rates[rates.len().saturating_sub(LAST)..];
        println!(
            "  up to {} ids: {} events/s",
            grouped((2 * WINDOW).into()),
            told(first)
        );
        println!(
            "  at {} ids: {} events/s",
            grouped(stored.into()),
            told(last)
        );
        let kb = memory_now_kb();
        let beyond = u128::from(kb.saturating_sub(MEMORY_KB)) * 1_024 * 100 / u128::from(stored);
        println!(
            "  memory {} MB; beyond 512 MB, {}.{:02} bytes an id",
            kb / 1_024,
            beyond / 100,
            beyond % 100
        );
        // Nothing is closed or written out.
        std::process::abort();
    });
}

/// Opens a log that was not closed, and reads from it.
pub fn reopen(folder: &Path) {
    on_runtime(async {
        let started = Instant::now();
        let log = library::open(folder);
        let position = log.position().await.unwrap();
        let elapsed = started.elapsed();
        println!(
            "  open after the crash: {} ms, {} events",
            elapsed.as_millis(),
            grouped(position.into())
        );
        let month: Month = "2026-01".parse().unwrap();
        let month = month.period(&Zone::utc()).unwrap();
        let mut times: Vec<Duration> = Vec::new();
        for n in 0..SUMMARIES {
            let account = load::account(n * 7 % load::ACCOUNTS).parse().unwrap();
            let started = Instant::now();
            let summary = log.summary(&account, month, None).await.unwrap();
            times.push(started.elapsed());
            assert!(!summary.rows.is_empty());
        }
        times.sort();
        println!(
            "  monthly summary of one of {} accounts: {} µs",
            grouped(load::ACCOUNTS.into()),
            times[times.len() / 2].as_micros()
        );
    });
}
