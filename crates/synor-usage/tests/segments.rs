//! The segmented log against the reference model, and against files that end early, differ or are
//! left over.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use synor_economics::metering::{EventId, UsageEvent};
use synor_economics::period::{Period, Timestamp, Zone};
use synor_usage::conformance::{ReferenceLog, event, events, period, rows};
use synor_usage::{
    Batch, EventQuery, Forgetting, SegmentOptions, SegmentedUsageLog, SeriesQuery, SplitBy, Step,
    StreamPosition, UsageLog, UsageLogError,
};

const JANUARY: &str = "2026-01-01..2026-02-01";
/// How many operations [`it_answers_as_the_reference_does`] makes.
const OPERATIONS: &str = "SYNOR_USAGE_OPERATIONS";

fn open(folder: &Path, segment_events: usize) -> SegmentedUsageLog {
    SegmentedUsageLog::open(folder, SegmentOptions::with_segment_events(segment_events)).unwrap()
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn one_of<T: Copy>(&mut self, list: &[T]) -> T {
        list[usize::try_from(self.below(list.len() as u64)).unwrap()]
    }
}

const START: i64 = 1_761_256_800;
const ACCOUNTS: [&str; 3] = ["acme", "other", "third"];

fn any_event(random: &mut Random) -> UsageEvent {
    let amount = random.one_of(&[
        "network.egress 5",
        "network.egress 999999999999999999999999999",
        "storage.stored_data 10",
        "storage.stored_data 0",
        "storage.stored_data 7",
        "storage.stored_data 3byte-seconds",
        "database.stored_data 1000000000000000",
        "compute.gpu 4 gpu_model=h100",
    ]);
    let (resource, rest) = amount.split_once(' ').unwrap();
    let (quantity, more) = rest.split_once(' ').unwrap_or((rest, ""));
    let secs = random.below(40) as i64 * 977 + random.below(2) as i64;
    let time = Timestamp::from_secs(START + secs);
    let text = format!(
        "{}/{} {resource} {quantity} @{time} account={} {more} {} {}",
        random.one_of(&["a", "b"]),
        random.below(400),
        random.one_of(&ACCOUNTS),
        random.one_of(&["", "region=eu", "bucket=x", "bucket=y region=eu"]),
        random.one_of(&["", "provider=p", "provider=q"]),
    );
    event(&text)
}

fn any_period(random: &mut Random) -> Period {
    let grain = random.one_of(&[1, 900, 3_600]);
    let start = START + (random.below(50_000) as i64 - 5_000) / grain * grain;
    let secs = (random.below(40_000) as i64 / grain + 1) * grain;
    let start = Timestamp::from_secs(start);
    Period::new(start, start.plus_secs(secs)).unwrap()
}

fn any_batch(random: &mut Random, known: &[EventId]) -> Batch {
    let mut batch = Batch::of((0..random.below(8)).map(|_| any_event(random)).collect());
    if random.below(4) == 0 {
        for _ in 0..random.below(3) {
            match known.len() as u64 {
                0 => {}
                _ if random.below(20) == 0 => {
                    batch.withdrawals.push(any_event(random).identity);
                }
                some => {
                    let at = usize::try_from(random.below(some)).unwrap();
                    batch.withdrawals.push(known[at].clone());
                }
            }
        }
    }
    if random.below(8) == 0 {
        batch.read.push(StreamPosition {
            stream: random.one_of(&["s", "t"]).to_owned(),
            partition: u32::try_from(random.below(3)).unwrap(),
            next_offset: random.next(),
        });
    }
    batch
}

async fn compare(random: &mut Random, log: &dyn UsageLog, model: &ReferenceLog) {
    let account = random.one_of(&ACCOUNTS).parse().unwrap();
    let period = any_period(random);
    let head = model.position().await.unwrap();
    assert_eq!(log.position().await.unwrap(), head);
    let through = match random.below(2) {
        0 => None,
        _ => Some(random.below(head + 2)),
    };
    assert_eq!(
        log.summary(&account, period, through).await.unwrap(),
        model.summary(&account, period, through).await.unwrap(),
        "{account} {period:?} {through:?}"
    );
    let position = random.below(head + 2);
    assert_eq!(
        log.changed_since(&account, position, period.start())
            .await
            .unwrap(),
        model
            .changed_since(&account, position, period.start())
            .await
            .unwrap(),
        "{account} {position} {}",
        period.start()
    );
    let query = EventQuery {
        account: account.clone(),
        period: (random.below(2) == 0).then_some(period),
        resource: random.one_of(&[None, Some("network.egress".parse().unwrap())]),
        after: position,
        limit: usize::try_from(random.below(20)).unwrap(),
    };
    assert_eq!(
        log.events(query.clone()).await.unwrap(),
        model.events(query.clone()).await.unwrap(),
        "{query:?}"
    );
    let query = SeriesQuery {
        account,
        period,
        step: Step::Hour,
        zone: "Asia/Kathmandu".parse::<Zone>().unwrap(),
        resource: None,
        split: random.one_of(&[None, Some(())]).map(|()| SplitBy::Provider),
    };
    assert_eq!(
        log.series(query.clone()).await.unwrap(),
        model.series(query).await.unwrap()
    );
}

/// Batches with duplicates, conflicts, withdrawals and late events; reads of now and of the past;
/// restarts. Segments of a few events, so that all of it crosses sealing and merging.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_answers_as_the_reference_does() {
    let operations = std::env::var(OPERATIONS).map_or(400, |text| text.parse().unwrap());
    let mut random = Random(20_260_101);
    let mut done = 0_u64;
    while done < operations {
        let folder = tempfile::tempdir().unwrap();
        let segment_events = random.one_of(&[1, 3, 7, 20, 1_000]);
        let model = ReferenceLog::default();
        let mut log = open(folder.path(), segment_events);
        let mut known = Vec::new();
        for _ in 0..400 {
            done += 1;
            let batch = any_batch(&mut random, &known);
            known.extend(batch.events.iter().map(|event| event.identity.clone()));
            let (ours, theirs) = (log.commit(batch.clone()).await, model.commit(batch).await);
            match (ours, theirs) {
                (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs),
                (Err(ours), Err(theirs)) => assert_eq!(ours.to_string(), theirs.to_string()),
                (ours, theirs) => panic!("{ours:?} and {theirs:?}"),
            }
            compare(&mut random, &log, &model).await;
            if random.below(60) == 0 {
                drop(log);
                log = open(folder.path(), segment_events);
            }
            if random.below(100) == 0 {
                let check = log.check().await.unwrap();
                assert_eq!(check.problems, [""; 0]);
                assert_eq!(check.events, model.check().await.unwrap().events);
            }
        }
        for stream in ["s", "t"] {
            assert_eq!(
                log.stream_positions(stream).await.unwrap(),
                model.stream_positions(stream).await.unwrap()
            );
        }
        assert_eq!(
            log.accounts().await.unwrap(),
            model.accounts().await.unwrap()
        );
        assert_eq!(log.check().await.unwrap().problems, [""; 0]);
    }
}

fn numbered(batch: u64) -> Vec<UsageEvent> {
    let texts = (0..4).map(|n| {
        let kind = ["network.egress 1", "storage.stored_data 5"][n % 2];
        format!(
            "n/{} {kind} @2026-01-0{}",
            batch * 4 + n as u64,
            1 + batch % 9
        )
    });
    texts.map(|text| event(&text)).collect()
}

async fn egress(log: &SegmentedUsageLog) -> Vec<String> {
    let account = "acme".parse().unwrap();
    let summary = log.summary(&account, period(JANUARY), None).await;
    let mut lines = rows(&summary.unwrap().rows);
    lines.retain(|line| line.starts_with("network"));
    lines
}

/// Waits until everything full is sealed and merged.
async fn settle(folder: &Path) {
    let count = |extension: &str| {
        let files = fs::read_dir(folder).unwrap();
        let paths = files.map(|file| file.unwrap().path());
        paths
            .filter(|path| path.extension().is_some_and(|e| e == extension))
            .count()
    };
    let start = Instant::now();
    while count("wal") > 1 || count("new") > 0 {
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "it never settles"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Merges follow the last seal.
    tokio::time::sleep(Duration::from_millis(100)).await;
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

#[tokio::test]
async fn a_folder_is_open_once() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), 10);
    let again = SegmentedUsageLog::open(folder.path(), SegmentOptions::default());
    let error = again.err().unwrap();
    assert!(matches!(error, UsageLogError::InUse { .. }), "{error}");
    drop(log);
    open(folder.path(), 10);
}

#[tokio::test]
async fn reopening_keeps_everything() {
    let folder = tempfile::tempdir().unwrap();
    for batch in 0..10 {
        let log = open(folder.path(), 10);
        let before = log.check().await.unwrap();
        assert_eq!((before.events, before.problems), (batch * 4, vec![]));
        log.append(numbered(batch)).await.unwrap();
        let again = log.append(numbered(batch / 2)).await.unwrap();
        assert_eq!((again.accepted, again.conflicting().count()), (0, 0));
        assert_eq!(
            egress(&log).await,
            [format!("network.egress {}", batch * 2 + 2)]
        );
    }
}

/// The power goes while the write-ahead file is being written: wherever it is cut off, the log opens
/// with whole batches, and sound.
#[tokio::test]
async fn a_torn_tail_is_cut_at_a_whole_batch() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), 1_000);
    for batch in 0..3 {
        log.append(numbered(batch)).await.unwrap();
    }
    let crashed = tempfile::tempdir().unwrap();
    copy(folder.path(), crashed.path());
    let mut wal = fs::read(crashed.path().join("0000000001.wal")).unwrap();
    // Behind the frames is room for more, all zeros.
    let end = wal.iter().rposition(|&byte| byte != 0).unwrap() + 1;
    wal.truncate(end);
    let mut kept = Vec::new();
    for length in (64..=wal.len()).step_by(3).chain([wal.len()]) {
        let torn = tempfile::tempdir().unwrap();
        copy(crashed.path(), torn.path());
        let mut tail = wal[..length].to_vec();
        if length % 2 == 0 {
            // As a preallocated file would be.
            tail.resize(wal.len() + 100, 0);
        }
        fs::write(torn.path().join("0000000001.wal"), tail).unwrap();
        let log = open(torn.path(), 1_000);
        let check = log.check().await.unwrap();
        assert_eq!(check.problems, [""; 0], "cut at {length}");
        assert_eq!(check.events % 4, 0, "cut at {length}");
        kept.push(check.events / 4);
    }
    assert!(kept.is_sorted());
    kept.dedup();
    assert_eq!(kept, [0, 1, 2, 3]);
}

/// A copy of the folder at any moment is what a crash at that moment leaves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_at_any_moment_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let log = Arc::new(open(folder.path(), 5));
    for batch in 0..40_u64 {
        log.append(numbered(batch)).await.unwrap();
        if batch % 3 > 0 {
            continue;
        }
        let crashed = tempfile::tempdir().unwrap();
        // Files are deleted meanwhile: a copy that misses one is none, so another is made.
        let is_copied = (0..50).any(|_| copy_all(folder.path(), crashed.path()));
        assert!(is_copied, "no copy could be made");
        let log = open(crashed.path(), 5);
        let check = log.check().await.unwrap();
        assert_eq!(check.problems, [""; 0], "after batch {batch}");
        assert_eq!(check.events, (batch + 1) * 4);
        for again in 0..=batch {
            let appended = log.append(numbered(again)).await.unwrap();
            assert_eq!((appended.accepted, appended.conflicting().count()), (0, 0));
        }
        assert_eq!(
            egress(&log).await,
            [format!("network.egress {}", batch * 2 + 2)]
        );
    }
}

/// Copies the manifest first and last; whether it, and every file, stayed the same.
fn copy_all(from: &Path, to: &Path) -> bool {
    fs::remove_dir_all(to).unwrap();
    fs::create_dir_all(to).unwrap();
    let names = || {
        let mut names: Vec<_> = fs::read_dir(from)
            .unwrap()
            .map(|file| file.unwrap().file_name())
            .collect();
        names.sort();
        names
    };
    let manifest = fs::read(from.join("manifest")).unwrap();
    let before = names();
    let all = before
        .iter()
        .all(|name| fs::copy(from.join(name), to.join(name)).is_ok());
    all && names() == before && fs::read(from.join("manifest")).unwrap() == manifest
}

/// Whatever bit of whatever file is flipped, the log does not open or its check names the file.
#[tokio::test]
async fn every_flipped_bit_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), 10);
    for batch in 0..12 {
        log.append(numbered(batch)).await.unwrap();
    }
    let withdrawals = vec![numbered(0).remove(0).identity];
    let batch = Batch {
        withdrawals,
        ..Batch::of(numbered(12))
    };
    log.commit(batch).await.unwrap();
    settle(folder.path()).await;
    drop(log);
    let mut files = 0;
    for file in fs::read_dir(folder.path()).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        let bytes = fs::read(folder.path().join(&name)).unwrap();
        files += 1;
        let step = (bytes.len() / 7).max(1);
        for at in (0..bytes.len()).step_by(step) {
            let altered = tempfile::tempdir().unwrap();
            copy(folder.path(), altered.path());
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << (at % 8);
            fs::write(altered.path().join(&name), bytes).unwrap();
            let options = SegmentOptions::with_segment_events(1_000);
            let found = match SegmentedUsageLog::open(altered.path(), options) {
                Ok(log) => log.check().await.unwrap().problems.join("\n"),
                Err(error) => chain(&error),
            };
            let stem = name.split('.').next().unwrap();
            assert!(found.contains(stem), "byte {at} of {name}: {found}");
        }
    }
    assert!(files > 8, "{files}");
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[tokio::test]
async fn a_changed_bit_among_frames_is_damage_and_not_a_torn_tail() {
    let folder = tempfile::tempdir().unwrap();
    let log = open(folder.path(), 1_000);
    for batch in 0..3 {
        log.append(numbered(batch)).await.unwrap();
    }
    let crashed = tempfile::tempdir().unwrap();
    copy(folder.path(), crashed.path());
    let wal = crashed.path().join("0000000001.wal");
    let mut bytes = fs::read(&wal).unwrap();
    bytes[200] ^= 1;
    fs::write(&wal, bytes).unwrap();
    let error = SegmentedUsageLog::open(crashed.path(), SegmentOptions::default());
    let error = error.err().unwrap().to_string();
    assert!(
        error.contains("0000000001.wal is damaged at byte 64"),
        "{error}"
    );
}

#[tokio::test]
async fn ids_of_before_the_dedup_window_are_forgotten_and_never_counted_twice() {
    let folder = tempfile::tempdir().unwrap();
    let now = Arc::new(AtomicI64::new(1_767_312_000));
    let clock = Arc::clone(&now);
    let day = 86_400;
    let options = || {
        let clock = Arc::clone(&clock);
        SegmentOptions::with_segment_events(2).that_forgets(Forgetting {
            dedup_window_secs: Some(30 * day),
            retention_secs: None,
            clock: Arc::new(move || Timestamp::from_secs(clock.load(Ordering::Relaxed))),
        })
    };
    let key_files = || {
        let files = std::fs::read_dir(folder.path()).unwrap();
        let name = |file: std::io::Result<std::fs::DirEntry>| file.unwrap().file_name();
        let names = files.map(name).map(|name| name.into_string().unwrap());
        names.filter(|name| name.ends_with(".ids")).count()
    };
    let log = SegmentedUsageLog::open(folder.path(), options()).unwrap();
    let first = [
        "n/1 network.egress 1 @2026-01-01",
        "n/2 network.egress 2 @2026-01-01",
    ];
    log.append(events(first)).await.unwrap();
    // Its segment is full, so this begins the next and has it sealed.
    log.append(vec![event("n/3 network.egress 4 @2026-01-02")])
        .await
        .unwrap();
    settle(folder.path()).await;
    assert_eq!(key_files(), 1);
    let again = log.append(events(first)).await.unwrap();
    assert_eq!((again.accepted, again.duplicates.len()), (0, 2));
    now.fetch_add(60 * day, Ordering::Relaxed);
    for id in 4..9 {
        let line = format!("n/{id} network.egress 8 @2026-03-01");
        log.append(vec![event(&line)]).await.unwrap();
        settle(folder.path()).await;
    }
    let remembered = key_files();
    // The clock goes back, and then the log is opened again: what was forgotten stays refused.
    now.fetch_sub(60 * day, Ordering::Relaxed);
    let refused = log.append(events(first)).await.unwrap_err();
    assert!(matches!(refused, UsageLogError::TooOld { .. }), "{refused}");
    assert_eq!(log.check().await.unwrap().problems, [""; 0]);
    drop(log);
    let log = SegmentedUsageLog::open(folder.path(), options()).unwrap();
    let refused = log.append(events(first)).await.unwrap_err();
    assert!(matches!(refused, UsageLogError::TooOld { .. }), "{refused}");
    assert_eq!(egress(&log).await, ["network.egress 7"], "January's");
    let names = std::fs::read_dir(folder.path()).unwrap();
    let oldest = names
        .filter_map(|file| file.unwrap().file_name().into_string().ok())
        .filter(|name| name.ends_with(".ids"))
        .min();
    assert!(remembered > 0);
    assert!(
        oldest.as_deref() > Some("000000000002"),
        "the oldest ids are gone"
    );
}

#[tokio::test]
async fn what_is_too_old_is_refused_and_what_expired_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let now = Arc::new(AtomicI64::new(1_767_268_800));
    let clock = Arc::clone(&now);
    let day = 86_400;
    let options = || {
        let clock = Arc::clone(&clock);
        SegmentOptions::with_segment_events(2).that_forgets(Forgetting {
            dedup_window_secs: Some(30 * day),
            retention_secs: Some(60 * day),
            clock: Arc::new(move || Timestamp::from_secs(clock.load(Ordering::Relaxed))),
        })
    };
    let log = SegmentedUsageLog::open(folder.path(), options()).unwrap();
    let old = log
        .append(vec![event("n/old network.egress 1 @2025-11-01")])
        .await;
    let error = old.unwrap_err();
    assert!(matches!(error, UsageLogError::TooOld { .. }));
    assert!(error.to_string().contains("event `old` of `n`"), "{error}");
    log.append(events([
        "n/1 network.egress 1 @2026-01-01T00:07:00Z",
        "n/2 network.egress 2 @2026-01-01",
        "n/3 storage.stored_data 2 @2026-01-01",
    ]))
    .await
    .unwrap();
    log.append(vec![event("n/4 network.egress 4 @2026-01-02")])
        .await
        .unwrap();
    settle(folder.path()).await;
    now.fetch_add(100 * day, Ordering::Relaxed);
    log.append(vec![event("n/5 network.egress 8 @2026-04-10")])
        .await
        .unwrap();
    log.append(vec![event("n/6 network.egress 8 @2026-04-10")])
        .await
        .unwrap();
    log.append(vec![event("n/7 network.egress 8 @2026-04-10")])
        .await
        .unwrap();
    settle(folder.path()).await;
    drop(log);
    let log = SegmentedUsageLog::open(folder.path(), options()).unwrap();
    settle(folder.path()).await;
    assert_eq!(egress(&log).await, ["network.egress 7"], "sums stay");
    let listed = log.events(EventQuery::all("acme".parse().unwrap())).await;
    assert!(matches!(listed.unwrap_err(), UsageLogError::Expired { .. }));
    let cut = period("2026-01-01T00:03:00Z..2026-02-01");
    let summary = log.summary(&"acme".parse().unwrap(), cut, None).await;
    assert!(matches!(
        summary.unwrap_err(),
        UsageLogError::Expired { .. }
    ));
    assert_eq!(log.check().await.unwrap().problems, [""; 0]);
}
