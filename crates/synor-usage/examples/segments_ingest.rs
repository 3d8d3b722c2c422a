//! How fast the segmented log takes events, for profiling.
//!
//! Run: cargo run --release --example segments_ingest -- FOLDER EVENTS TASKS
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use synor_economics::metering::{EventId, UsageEvent};
use synor_economics::period::{Period, Timestamp};
use synor_economics::quantity::Quantity;
use synor_usage::{SegmentOptions, SegmentedUsageLog, UsageLog};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: u64 = 20_000;
const ACCOUNTS: u64 = 10_000;
const START: i64 = 1_767_225_600;

/// A random number that depends on `n` alone.
fn mix(n: u64) -> u64 {
    let z = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Thirty-six characters as of a random UUID.
fn uuid(n: u64) -> String {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut bits = u128::from(mix(n)) << 64 | u128::from(mix(!n));
    let mut text = String::with_capacity(36);
    for place in 0..36 {
        if matches!(place, 8 | 13 | 18 | 23) {
            text.push('-');
        } else {
            text.push(char::from(HEX[(bits & 15) as usize]));
            bits >>= 4;
        }
    }
    text
}

fn numbered(n: u64) -> UsageEvent {
    // One in a hundred is a repetition.
    let n = if n % 100 == 99 { n / 2 } else { n };
    let account = mix(n) % ACCOUNTS;
    UsageEvent {
        identity: EventId {
            account: format!("account-{account}").parse().unwrap(),
            source: "gateway".to_owned(),
            id: uuid(n),
        },
        resource: "network.egress".parse().unwrap(),
        quantity: Quantity::new(i128::from(n % 10_000)),
        is_sample: false,
        time: Timestamp::from_secs(START + (n / 2_000) as i64),
        provider: None,
        dimensions: [("region".to_owned(), "eu".to_owned())].into(),
        correction: false,
    }
}

fn memory_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        / 1024
}

fn main() {
    let mut args = std::env::args().skip(1);
    let folder = args.next().expect("a folder");
    let events: u64 = args
        .next()
        .and_then(|a| a.parse().ok())
        .expect("how many events");
    let tasks: u64 = args
        .next()
        .and_then(|a| a.parse().ok())
        .expect("how many tasks");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    runtime.block_on(async move {
        let opening = Instant::now();
        let log = SegmentedUsageLog::open(&folder, SegmentOptions::default()).unwrap();
        println!("opened in {:?}", opening.elapsed());
        let log: Arc<dyn UsageLog> = Arc::new(log);
        let from = log.position().await.unwrap() / BATCH * BATCH * 2;
        let next = Arc::new(AtomicU64::new(from));
        let making = Arc::new(AtomicU64::new(0));
        let (start, accepted) = (Instant::now(), Arc::new(AtomicU64::new(0)));
        let running = (0..tasks).map(|_| {
            let (log, next) = (Arc::clone(&log), Arc::clone(&next));
            let (making, accepted) = (Arc::clone(&making), Arc::clone(&accepted));
            tokio::spawn(async move {
                loop {
                    let first = next.fetch_add(BATCH, Ordering::Relaxed);
                    if first >= from + events {
                        return;
                    }
                    let made = Instant::now();
                    let batch = (first..first + BATCH).map(numbered).collect();
                    let nanos = made.elapsed().as_nanos() as u64;
                    making.fetch_add(nanos, Ordering::Relaxed);
                    let appended = log.append(batch).await.unwrap();
                    let before = accepted.fetch_add(appended.accepted, Ordering::Relaxed);
                    let million = 5_000_000;
                    if before / million < (before + appended.accepted) / million {
                        let rate = before as f64 / start.elapsed().as_secs_f64();
                        println!("{before:>10}  {rate:>9.0} events/s  {} MB", memory_mb());
                    }
                }
            })
        });
        for task in running.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        let seconds = start.elapsed().as_secs_f64();
        let making = making.load(Ordering::Relaxed) as f64 / 1e9;
        println!(
            "{} accepted, {:.0} events/s; {:.1} s of {seconds:.1} s on both processors went into making events; {} MB",
            accepted.load(Ordering::Relaxed),
            events as f64 / seconds,
            making,
            memory_mb()
        );
        let month = Period::new(
            Timestamp::from_secs(START),
            Timestamp::from_secs(START + 31 * 86_400),
        )
        .unwrap();
        let mut times: Vec<_> = Vec::new();
        for n in 0..1_000 {
            let account = format!("account-{}", mix(n) % ACCOUNTS).parse().unwrap();
            let start = Instant::now();
            log.summary(&account, month, None).await.unwrap();
            times.push(start.elapsed());
        }
        times.sort_unstable();
        println!("summary of a month: median {:?}, 99 % {:?}", times[500], times[990]);
    });
}
