//! The usage log as a library: events that are in memory already, durable when a batch returns.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use synor_economics::metering::UsageEvent;
use synor_usage::{SegmentOptions, SegmentedUsageLog, UsageLog};

use super::report::{ROUNDS, Report};
use super::{Options, load, on_runtime};

/// The log that is measured.
pub const NAME: &str = "usage log in segments";

/// Opens it, or creates it.
pub fn open(folder: &Path) -> Arc<dyn UsageLog> {
    Arc::new(SegmentedUsageLog::open(folder.join("usage"), SegmentOptions::default()).unwrap())
}

/// Batches that are given to the log at the same time.
pub const AT_ONCE: usize = 4;

/// Batches of 1,000 and of 20,000.
pub fn measure(options: &Options, report: &mut Report) {
    for size in [1_000, 20_000] {
        let round = |events| {
            let folder = options.folder();
            let batches = load::batches(0..events, size);
            on_runtime(async {
                let log = open(folder.path());
                let (elapsed, accepted) = append(&log, batches).await;
                assert_eq!(accepted, log.position().await.unwrap());
                elapsed
            })
        };
        round(options.events / 10);
        let rounds = (0..ROUNDS).map(|_| round(options.events)).collect();
        let what = format!("library: {NAME}; batches of {size}");
        report.add(what, options.events, rounds);
    }
}

/// Appends all batches and says how long that took, and how many events were accepted.
pub async fn append(log: &Arc<dyn UsageLog>, batches: Vec<Vec<UsageEvent>>) -> (Duration, u64) {
    let batches = Arc::new(Mutex::new(batches.into_iter()));
    let started = Instant::now();
    let tasks: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let (log, batches) = (Arc::clone(log), Arc::clone(&batches));
            tokio::spawn(async move {
                let mut accepted = 0;
                loop {
                    let next = batches.lock().unwrap().next();
                    let Some(batch) = next else { return accepted };
                    accepted += log.append(batch).await.unwrap().accepted;
                }
            })
        })
        .collect();
    let mut accepted = 0;
    for task in tasks {
        accepted += task.await.unwrap();
    }
    (started.elapsed(), accepted)
}
