//! Disks that fail, and processes that end between two steps.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::storage::{Disk, LogFile, Storage};
use super::{SegmentOptions, SegmentedUsageLog};
use crate::conformance::event;
use crate::log::UsageLog;
use synor_economics::metering::UsageEvent;

/// What goes wrong.
#[derive(Debug, Default)]
struct Trouble {
    /// Writes end after half of the bytes: the disk is full.
    is_full: AtomicBool,
    /// What was written is never known to be durable.
    sync_fails: AtomicBool,
    /// Sealing and merging stop before this step.
    stops_before: Mutex<Option<&'static str>>,
    /// Every step that was come to.
    steps: Mutex<Vec<&'static str>>,
}

#[derive(Debug, Clone, Default)]
struct Faulty(Arc<Trouble>);

#[derive(Debug)]
struct FaultyFile(Box<dyn LogFile>, Arc<Trouble>);

impl Storage for Faulty {
    fn create(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        Ok(Box::new(FaultyFile(
            Disk.create(path)?,
            Arc::clone(&self.0),
        )))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        Ok(Box::new(FaultyFile(Disk.open(path)?, Arc::clone(&self.0))))
    }

    fn before(&self, step: &'static str) -> io::Result<()> {
        self.0.steps.lock().unwrap().push(step);
        match *self.0.stops_before.lock().unwrap() {
            Some(stop) if stop == step => Err(io::Error::other("stopped")),
            _ => Ok(()),
        }
    }
}

impl LogFile for FaultyFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if self.1.is_full.load(Ordering::Relaxed) {
            self.0.write_at(&bytes[..bytes.len() / 2], offset)?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0.write_at(bytes, offset)
    }

    fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        if self.1.sync_fails.load(Ordering::Relaxed) {
            return Err(io::Error::other("the disk is gone"));
        }
        self.0.sync()
    }

    fn length(&self) -> io::Result<u64> {
        self.0.length()
    }

    fn reserve(&self, offset: u64, bytes: u64) {
        self.0.reserve(offset, bytes);
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        self.0.set_length(length)
    }
}

fn open(folder: &Path, segment_events: usize, storage: &Faulty) -> SegmentedUsageLog {
    let options = SegmentOptions {
        storage: Arc::new(storage.clone()),
        ..SegmentOptions::with_segment_events(segment_events)
    };
    SegmentedUsageLog::open(folder, options).unwrap()
}

fn numbered(n: u64) -> Vec<UsageEvent> {
    vec![event(&format!("n/{n} network.egress 1 @2026-01-01"))]
}

async fn count(log: &SegmentedUsageLog) -> u64 {
    let check = log.check().await.unwrap();
    assert_eq!(check.problems, [""; 0]);
    check.events
}

#[tokio::test]
async fn after_a_write_that_failed_nothing_is_written_until_the_log_is_opened_again() {
    for (full, sync_fails) in [(true, false), (false, true)] {
        let folder = tempfile::tempdir().unwrap();
        let storage = Faulty::default();
        let log = open(folder.path(), 100, &storage);
        log.append(numbered(1)).await.unwrap();
        storage.0.is_full.store(full, Ordering::Relaxed);
        storage.0.sync_fails.store(sync_fails, Ordering::Relaxed);
        log.append(numbered(2)).await.unwrap_err();
        storage.0.is_full.store(false, Ordering::Relaxed);
        storage.0.sync_fails.store(false, Ordering::Relaxed);
        // The disk is well again, but nobody knows what is on it.
        log.append(numbered(3)).await.unwrap_err();
        assert_eq!(log.position().await.unwrap(), 1, "reads go on");
        assert_eq!(count(&log).await, 1);
        drop(log);
        let log = open(folder.path(), 100, &storage);
        // A frame that was written and not synced may be there; half of one is not.
        let expected = if full { 1 } else { 2 };
        assert_eq!(count(&log).await, expected);
        let again = log.append(numbered(2)).await.unwrap();
        assert_eq!(again.accepted, 2 - expected);
        assert_eq!(count(&log).await, 2);
    }
}

/// Sealing and merging are stopped before each of their steps in turn, and the process ends there:
/// what was acknowledged is there after the next start, once.
#[tokio::test]
async fn a_process_that_ends_between_any_two_steps_loses_nothing() {
    let steps = [
        "the archive",
        "the ledger",
        "the key file",
        "the totals",
        "the meters",
        "the manifest",
        "deleting the write-ahead file",
        "merging keys",
        "naming merged keys",
        "merging totals",
        "naming merged totals",
    ];
    for step in steps {
        let folder = tempfile::tempdir().unwrap();
        let storage = Faulty::default();
        *storage.0.stops_before.lock().unwrap() = Some(step);
        let mut acknowledged = 0;
        for round in 0..3 {
            let log = open(folder.path(), 2, &storage);
            assert_eq!(
                count(&log).await,
                acknowledged,
                "before {step}, round {round}"
            );
            for n in 0..20 {
                if log.append(numbered(n + round * 4)).await.is_err() {
                    break;
                }
                acknowledged = acknowledged.max(n + round * 4 + 1);
            }
            let came = || storage.0.steps.lock().unwrap().contains(&step);
            for _ in 0..200 {
                if came() {
                    break;
                }
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            assert!(came(), "{step} is no step");
            assert_eq!(count(&log).await, acknowledged, "{step}");
        }
        *storage.0.stops_before.lock().unwrap() = None;
        let log = open(folder.path(), 2, &storage);
        for n in 0..acknowledged {
            assert_eq!(log.append(numbered(n)).await.unwrap().accepted, 0, "{step}");
        }
        assert_eq!(count(&log).await, acknowledged, "{step}");
    }
}
