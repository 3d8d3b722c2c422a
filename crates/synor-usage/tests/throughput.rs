//! How fast the log is, measured and not asserted: `--release --run-ignored only` prints it.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Instant;

use synor_economics::id::AccountId;
use synor_economics::metering::UsageEvent;
use synor_economics::period::Timestamp;
use synor_usage::conformance::{event, period};
use synor_usage::{EventQuery, SeriesQuery, SqliteUsageLog, Step, UsageLog};

const START: i64 = 1_767_225_600; // 2026-01-01T00:00:00Z
const MONTH_SECS: u64 = 31 * 86_400;

/// A month of usage as a fleet of nodes would report it, with ids as random as a UUID's: four kinds
/// of amounts and every tenth event a sample of one of twenty buckets.
fn month(accounts: u64, count: u64, seed: u64) -> Vec<UsageEvent> {
    let templates = [
        event("n/1 network.egress 1500 @2026-01-01 provider=node-7 region=eu"),
        event("n/1 compute.cpu 60000 @2026-01-01 provider=node-7"),
        event("n/1 compute.gpu 60000 @2026-01-01 gpu_model=rtx4090 provider=node-9"),
        event("n/1 database.queries 12 @2026-01-01 region=us"),
        event("n/1 storage.stored_data 1000000 @2026-01-01 bucket=b provider=node-3"),
    ];
    let numbered = (0..count).map(|n| {
        let random = blake3::hash(&(seed << 40 | n).to_le_bytes());
        let byte = |at: usize| u64::from(random.as_bytes()[at]);
        let kind = if n % 10 == 0 {
            4
        } else {
            usize::try_from(n % 4).unwrap()
        };
        let mut event = templates[kind].clone();
        let time = START + i64::try_from(n * MONTH_SECS / count).unwrap();
        event.time = Timestamp::from_secs(time);
        event.identity.account = format!("account-{}", (byte(0) << 8 | byte(1)) % accounts)
            .parse()
            .unwrap();
        event.identity.source = format!("collector-{}", byte(2) % 16);
        event.identity.id = random.to_hex()[..32].to_owned();
        if kind == 4 {
            event
                .dimensions
                .insert("bucket".to_owned(), format!("bucket-{}", byte(3) % 20));
        }
        event
    });
    numbered.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn how_fast_it_is() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = folder.path().join("usage.db");
    let log = Arc::new(SqliteUsageLog::open(&path).unwrap());

    let one = month(1, 100_000, 1);
    let started = Instant::now();
    for batch in one.chunks(5_000) {
        log.append(batch.to_vec()).await.unwrap();
    }
    report(
        "100,000 events of one account in batches of 5,000",
        100_000,
        started,
    );

    let account: AccountId = "account-0".parse().unwrap();
    for what in ["first", "second", "third"] {
        let started = Instant::now();
        let summary = log
            .summary(&account, period("2026-01-01..2026-02-01"), None)
            .await
            .unwrap();
        println!(
            "{what} summary of 100,000 events: {:?}, {} rows",
            started.elapsed(),
            summary.rows.len()
        );
    }
    for step in [Step::Day, Step::Hour] {
        let query = SeriesQuery {
            account: account.clone(),
            period: period("2026-01-01..2026-02-01"),
            step,
            zone: "Europe/Berlin".parse().unwrap(),
            resource: None,
            split: None,
        };
        let started = Instant::now();
        log.series(query).await.unwrap();
        println!(
            "series by {step:?} over 100,000 events: {:?}",
            started.elapsed()
        );
    }
    let started = Instant::now();
    log.events(EventQuery {
        after: 50_000,
        limit: 100,
        ..EventQuery::all(account)
    })
    .await
    .unwrap();
    println!(
        "a page of 100 events in the middle: {:?}",
        started.elapsed()
    );

    let many = month(1_000, 1_000_000, 2);
    let started = Instant::now();
    for batch in many.chunks(5_000) {
        log.append(batch.to_vec()).await.unwrap();
    }
    report(
        "1,000,000 events of 1,000 accounts in batches of 5,000",
        1_000_000,
        started,
    );

    let started = Instant::now();
    let tasks: Vec<_> = month(1_000, 400_000, 3)
        .chunks(100_000)
        .map(|part| {
            let (log, part) = (Arc::clone(&log), part.to_vec());
            tokio::spawn(async move {
                for batch in part.chunks(5_000) {
                    log.append(batch.to_vec()).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    report(
        "400,000 events from 4 tasks at once (making them included)",
        400_000,
        started,
    );

    let started = Instant::now();
    for batch in many[..100_000].chunks(5_000) {
        assert_eq!(log.append(batch.to_vec()).await.unwrap().accepted, 0);
    }
    report("100,000 duplicates in batches of 5,000", 100_000, started);

    let small = month(1_000, 6_400, 4);
    let started = Instant::now();
    let tasks: Vec<_> = small
        .chunks(100)
        .map(|part| {
            let (log, part) = (Arc::clone(&log), part.to_vec());
            tokio::spawn(async move {
                for event in part {
                    log.append(vec![event]).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    report("6,400 appends of one event from 64 tasks", 6_400, started);

    let started = Instant::now();
    let check = log.check().await.unwrap();
    report("check", check.events, started);
    assert_eq!(check.problems, [""; 0]);
    drop(log);
    let bytes = std::fs::metadata(&path).unwrap().len();
    println!("{} bytes of file per event", bytes / check.events);
}

fn report(what: &str, events: u64, started: Instant) {
    let elapsed = started.elapsed();
    let per_second = u128::from(events) * 1_000_000 / elapsed.as_micros();
    println!("{what}: {elapsed:?}, {per_second} a second");
}
