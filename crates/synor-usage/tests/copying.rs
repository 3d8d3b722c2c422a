//! A copy of a segmented log that is made while it is written to: whole, sound, and not behind.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use synor_usage::conformance::event;
use synor_usage::{SegmentOptions, SegmentedUsageLog, UsageLog};

/// Copies made while events are appended.
const COPIES: usize = 8;
/// Small enough that segments are sealed and merged all the time.
const SEGMENT_EVENTS: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_holds_all_that_was_acknowledged_before_it_began() {
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("log");
    let options = || SegmentOptions::with_segment_events(SEGMENT_EVENTS);
    let log = Arc::new(SegmentedUsageLog::open(&from, options()).unwrap());
    let (acknowledged, is_over) = (
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let writing = tokio::spawn({
        let (log, acknowledged, is_over) = (log.clone(), acknowledged.clone(), is_over.clone());
        async move {
            for number in 0_u64.. {
                if is_over.load(Ordering::SeqCst) {
                    break;
                }
                let text =
                    format!("node/{number} network.egress 5 @2026-01-02T03:04:05Z account=acme");
                log.append(vec![event(&text)]).await.unwrap();
                acknowledged.store(number + 1, Ordering::SeqCst);
            }
        }
    });
    let mut grew = 0;
    for number in 0..COPIES {
        let before = acknowledged.load(Ordering::SeqCst);
        let to = folder.path().join(format!("copy-{number}"));
        let (source, target) = (from.clone(), to.clone());
        let copied = tokio::task::spawn_blocking(move || SegmentedUsageLog::copy(&source, &target));
        copied.await.unwrap().unwrap();
        let after = acknowledged.load(Ordering::SeqCst);
        grew += usize::from(after > before);

        let copy = SegmentedUsageLog::open(&to, options()).unwrap();
        let check = copy.check().await.unwrap();
        assert_eq!(check.problems, Vec::<String>::new());
        // One more may have been appended than was noted.
        let held = before..=after + 1;
        assert!(held.contains(&check.events), "{} of {held:?}", check.events);
        // The copy goes on by itself.
        let text = "other/1 network.egress 5 @2026-01-02T03:04:05Z account=acme";
        let appended = copy.append(vec![event(text)]).await.unwrap();
        assert_eq!(
            copy.position().await.unwrap(),
            check.events + 1,
            "{appended:?}"
        );
        tokio::time::sleep(std::time::Duration::from_millis(30)).await;
    }
    is_over.store(true, Ordering::SeqCst);
    writing.await.unwrap();
    assert!(grew > COPIES / 2, "only {grew} copies were made under load");
    assert!(acknowledged.load(Ordering::SeqCst) > 2 * SEGMENT_EVENTS as u64);
    assert!(log.check().await.unwrap().is_sound());
}

#[test]
fn there_is_nothing_to_copy_where_there_is_no_log() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("log"), folder.path().join("copy"));
    let error = SegmentedUsageLog::copy(&from, &to).unwrap_err().to_string();
    assert!(error.contains("log"), "{error}");
}
