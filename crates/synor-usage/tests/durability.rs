//! What was acknowledged outlives the process that acknowledged it, at any moment that it ends.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use rusqlite::Connection;
use synor_economics::metering::UsageEvent;
use synor_usage::conformance::{event, events, period, rows};
use synor_usage::{Batch, SqliteUsageLog, UsageLog, UsageLogError};

const JANUARY: &str = "2026-01-01..2026-02-01";
/// Tells the child of [`a_killed_process_loses_nothing_acknowledged`] which file to append to.
const CHILD_LOG: &str = "SYNOR_USAGE_TEST_CHILD_LOG";
const BATCH: u64 = 7;

/// The batch of this number; numbers do not share events.
fn batch(number: u64) -> Vec<UsageEvent> {
    let ids = number * BATCH..(number + 1) * BATCH;
    ids.map(|id| event(&format!("n/{id} network.egress 1 @2026-01-01")))
        .collect()
}

async fn egress(log: &SqliteUsageLog) -> Vec<String> {
    let summary = log
        .summary(&"acme".parse().unwrap(), period(JANUARY), None)
        .await;
    rows(&summary.unwrap().rows)
}

#[tokio::test]
async fn reopening_keeps_everything() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("usage.db");
    let all = [
        "n/1 storage.stored_data 5 @2026-01-01",
        "n/2 network.egress 9 @2026-01-31",
    ];
    let log = SqliteUsageLog::open(&path).unwrap();
    log.append(events(all)).await.unwrap();
    let (before, check) = (egress(&log).await, log.check().await.unwrap());
    drop(log);
    assert!(
        !folder.path().join("usage.db-wal").exists(),
        "closing leaves one file"
    );
    let log = SqliteUsageLog::open(&path).unwrap();
    assert_eq!(egress(&log).await, before);
    assert_eq!(log.check().await.unwrap(), check);
    let again = log.append(events(all)).await.unwrap();
    assert_eq!(
        (again.accepted, again.duplicates.len(), again.position),
        (0, 2, 2)
    );
    assert_eq!(again.conflicting().count(), 0);
}

/// Digests are stored, so what they are computed from must never change: a log written by an earlier
/// version would no longer check out. A new field of an event must be left out where it is absent.
#[tokio::test]
async fn the_chain_of_earlier_versions_still_holds() {
    let folder = tempfile::tempdir().unwrap();
    let log = SqliteUsageLog::open(folder.path().join("usage.db")).unwrap();
    let all = [
        "n/1 compute.gpu 10 @2026-01-05 gpu_model=h100 provider=p note=a\"b\\é",
        "n/2 storage.stored_data 0 @2026-01-01",
        "n/3 network.egress -10000000000000000000000000 @2026-01-31 correction",
    ];
    log.append(events(all)).await.unwrap();
    let head = log.check().await.unwrap().head;
    assert_eq!(
        head,
        "280179dcad5c496a0e7f8873185b2dc01c9c6bc4668fa89a84a4d2e13f631317"
    );
}

/// An import beside the server: both append, both see all.
#[tokio::test]
async fn two_may_have_the_file_open() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("usage.db");
    let (one, two) = (
        SqliteUsageLog::open(&path).unwrap(),
        SqliteUsageLog::open(&path).unwrap(),
    );
    for number in 0..10 {
        one.append(batch(number * 2)).await.unwrap();
        two.append(batch(number * 2 + 1)).await.unwrap();
        assert_eq!(
            one.append(batch(number * 2 + 1))
                .await
                .unwrap()
                .duplicates
                .len() as u64,
            BATCH
        );
    }
    assert_eq!(egress(&one).await, ["network.egress 140"]);
    assert_eq!(two.check().await.unwrap().problems, [""; 0]);
}

/// The process that [`a_killed_process_loses_nothing_acknowledged`] starts and kills: this test
/// program itself.
#[tokio::test]
#[ignore = "only of use as a child process"]
async fn child_that_appends_until_it_is_killed() {
    let Ok(path) = std::env::var(CHILD_LOG) else {
        return;
    };
    let log = SqliteUsageLog::open(path).unwrap();
    for number in log.position().await.unwrap() / BATCH.. {
        log.append(batch(number)).await.unwrap();
        println!("acknowledged {number}");
    }
}

#[tokio::test]
async fn a_killed_process_loses_nothing_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("usage.db");
    let mut acknowledged = None;
    for round in 0..12_u32 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "child_that_appends_until_it_is_killed",
                "--ignored",
                "--nocapture",
            ])
            .env(CHILD_LOG, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut heard = 0;
        for line in lines {
            if let Some(number) = line.unwrap().strip_prefix("acknowledged ") {
                acknowledged = Some(number.parse::<u64>().unwrap());
                heard += 1;
            }
            // Each round ends after another number of appends, the child in the middle of the next.
            if heard == 1 + round * 5 {
                child.kill().unwrap();
                break;
            }
        }
        child.wait().unwrap();
        let log = SqliteUsageLog::open(&path).unwrap();
        let last = acknowledged.unwrap();
        for number in 0..=last {
            assert_eq!(
                log.append(batch(number)).await.unwrap().duplicates.len() as u64,
                BATCH
            );
        }
        let position = log.position().await.unwrap();
        assert_eq!(position % BATCH, 0, "a batch is there whole or not at all");
        assert!(position >= (last + 1) * BATCH);
        assert_eq!(egress(&log).await, [format!("network.egress {position}")]);
        assert_eq!(log.check().await.unwrap().problems, [""; 0]);
    }
}

/// The power goes while the write-ahead file is being written: wherever it is cut off, the log opens
/// with whole batches, in order, and sound.
#[tokio::test]
async fn a_torn_tail_is_cut_at_a_whole_batch() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("usage.db");
    let log = SqliteUsageLog::open(&path).unwrap();
    for number in 0..12 {
        log.append(batch(number)).await.unwrap();
    }
    // Nothing writes now, so the two files are as a crash would leave them.
    let (file, wal) = (
        std::fs::read(&path).unwrap(),
        std::fs::read(wal_of(&path)).unwrap(),
    );
    let mut kept = Vec::new();
    for length in (0..=wal.len()).step_by(1_009).chain([wal.len()]) {
        let torn = folder.path().join(format!("torn-{length}.db"));
        std::fs::write(&torn, &file).unwrap();
        std::fs::write(wal_of(&torn), &wal[..length]).unwrap();
        let torn = SqliteUsageLog::open(&torn).unwrap();
        let check = torn.check().await.unwrap();
        assert_eq!(check.problems, [""; 0], "cut at {length}");
        assert_eq!(check.events % BATCH, 0, "cut at {length}");
        kept.push(check.events / BATCH);
    }
    assert!(kept.is_sorted());
    kept.dedup();
    assert_eq!(
        kept,
        (0..=12).collect::<Vec<_>>(),
        "every batch was once the last"
    );
}

#[tokio::test]
async fn a_later_format_and_other_files_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("usage.db");
    let refusal = |path: &Path| match SqliteUsageLog::open(path) {
        Ok(_) => panic!("{} was opened", path.display()),
        Err(error) => error,
    };
    drop(SqliteUsageLog::open(&path).unwrap());
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 3)
        .unwrap();
    let error = refusal(&path);
    assert!(matches!(
        error,
        UsageLogError::NewerFormat {
            found: 3,
            known: 2,
            ..
        }
    ));
    assert!(
        error.to_string().contains("usage.db has format 3"),
        "{error}"
    );

    let foreign = folder.path().join("book.db");
    let book = Connection::open(&foreign).unwrap();
    book.execute_batch("CREATE TABLE invoices (id INTEGER PRIMARY KEY)")
        .unwrap();
    let error = refusal(&foreign);
    assert!(
        error.to_string().contains("book.db is not a usage log"),
        "{error}"
    );

    let text = folder.path().join("notes.txt");
    std::fs::write(
        &text,
        "not a database, but long enough to be one ".repeat(30),
    )
    .unwrap();
    let error = refusal(&text);
    assert!(
        error
            .to_string()
            .contains("notes.txt failed while being opened"),
        "{error}"
    );
}

fn wal_of(path: &Path) -> std::path::PathBuf {
    path.with_extension("db-wal")
}

/// Format 1 had no withdrawals and no streams.
#[tokio::test]
async fn a_log_of_the_first_format_is_carried_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("usage.db");
    let log = SqliteUsageLog::open(&path).unwrap();
    log.append(batch(0)).await.unwrap();
    drop(log);
    Connection::open(&path)
        .unwrap()
        .execute_batch("DROP TABLE withdrawals; DROP TABLE streams; PRAGMA user_version = 1")
        .unwrap();
    let log = SqliteUsageLog::open(&path).unwrap();
    let first = batch(0).remove(0).identity;
    let withdrawal = Batch {
        withdrawals: vec![first],
        ..Batch::default()
    };
    assert_eq!(log.commit(withdrawal).await.unwrap().withdrawn, 1);
    let check = log.check().await.unwrap();
    assert_eq!((check.events, check.problems), (BATCH, vec![]));
}
