//! How fast the segmented log takes events, for profiling.
//!
//! Run: cargo run --release --example segments_ingest -- FOLDER EVENTS TASKS [beforehand]
//!
//! Making events is the caller's work. With `beforehand` all are made before the clock starts, for as
//! many as fit in memory; without, the processor time of making them is measured and said apart.
#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};
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

fn seconds_of(clock: ClockId) -> f64 {
    let time = clock_gettime(clock);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// What the tasks share.
struct Work {
    log: Arc<dyn UsageLog>,
    first: u64,
    end: u64,
    next: AtomicU64,
    /// Batches that were made already, by number.
    made: Vec<Mutex<Vec<UsageEvent>>>,
    making_nanos: AtomicU64,
    accepted: AtomicU64,
    start: Instant,
}

impl Work {
    fn batch(&self, number: u64) -> Vec<UsageEvent> {
        if let Some(made) = self.made.get(number as usize) {
            return std::mem::take(&mut *made.lock().unwrap());
        }
        let before = seconds_of(ClockId::ThreadCPUTime);
        let first = self.first + number * BATCH;
        let batch = (first..first + BATCH).map(numbered).collect();
        let nanos = (seconds_of(ClockId::ThreadCPUTime) - before) * 1e9;
        self.making_nanos.fetch_add(nanos as u64, Ordering::Relaxed);
        batch
    }

    async fn run(self: Arc<Self>) {
        const REPORT: u64 = 5_000_000;
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            if self.first + number * BATCH >= self.end {
                return;
            }
            let appended = self.log.append(self.batch(number)).await.unwrap();
            let before = self
                .accepted
                .fetch_add(appended.accepted, Ordering::Relaxed);
            if before / REPORT < (before + appended.accepted) / REPORT {
                let rate = before as f64 / self.start.elapsed().as_secs_f64();
                println!("{before:>10}  {rate:>9.0} events/s  {} MB", memory_mb());
            }
        }
    }
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
    let beforehand = args.next().is_some_and(|a| a == "beforehand");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    runtime.block_on(async move {
        let opening = Instant::now();
        let log = SegmentedUsageLog::open(&folder, SegmentOptions::default()).unwrap();
        println!("opened in {:?}", opening.elapsed());
        let log: Arc<dyn UsageLog> = Arc::new(log);
        let first = log.position().await.unwrap() / BATCH * BATCH * 2;
        let batches = if beforehand { events.div_ceil(BATCH) } else { 0 };
        let made = (0..batches).map(|number| {
            let from = first + number * BATCH;
            Mutex::new((from..from + BATCH).map(numbered).collect())
        });
        let work = Arc::new(Work {
            log: Arc::clone(&log),
            first,
            end: first + events,
            next: AtomicU64::new(0),
            made: made.collect(),
            making_nanos: AtomicU64::new(0),
            accepted: AtomicU64::new(0),
            start: Instant::now(),
        });
        let (start, before) = (Instant::now(), seconds_of(ClockId::ProcessCPUTime));
        let running = (0..tasks).map(|_| tokio::spawn(Arc::clone(&work).run()));
        for task in running.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        let seconds = start.elapsed().as_secs_f64();
        let busy = seconds_of(ClockId::ProcessCPUTime) - before;
        let making = work.making_nanos.load(Ordering::Relaxed) as f64 / 1e9;
        let each = |seconds: f64| seconds * 1e6 / events as f64;
        println!(
            "{} accepted in {seconds:.1} s: {:.0} events/s; processor time of an event {:.2} µs, \
             of which the caller made it in {:.2} µs: {:.0} events/s by the log on two processors; {} MB",
            work.accepted.load(Ordering::Relaxed),
            events as f64 / seconds,
            each(busy),
            each(making),
            2.0 * events as f64 / (busy - making),
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
