//! The whole bill run on the backends that a small operator uses: usage is read, rated and turned
//! into invoices and journal entries, all on disk.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use synor_chain::{Chain, DevChain, DevChainConfig, Wallet};
use synor_economics::account::Account;
use synor_economics::metering::{EventId, UsageEvent};
use synor_economics::period::{Timestamp, Zone};
use synor_economics::pricing::PriceList;
use synor_engine::{Clock, Engine, EngineConfig};
use synor_store::{ChangeSet, SqliteStore, Store};
use synor_usage::{SegmentOptions, SegmentedUsageLog, UsageLog};

use crate::machine::{cpu_time, grouped, memory_peak_kb, per_second};
use crate::sample;

/// Events and accounts that are stored at once while the run is being prepared.
const BATCH: usize = 5_000;

/// Bills so many accounts, one number after another, and prints speed and memory: the one should
/// not fall, nor the other grow, with the number of accounts.
pub fn measure(numbers: &[usize]) {
    println!("whole bill run on SQLite: usage read, rated, invoices and journal committed");
    for accounts in numbers {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_str().unwrap();
        step(&["fill", path, &accounts.to_string()]);
        step(&["close", path]);
    }
}

/// Runs a step in a process of its own.
fn step(words: &[&str]) {
    let program = std::env::current_exe().unwrap();
    let status = Command::new(program).args(words).status().unwrap();
    assert!(status.success(), "{words:?} failed");
}

/// February 2026, when January is billed.
struct Later;

impl Clock for Later {
    fn now(&self) -> Timestamp {
        Timestamp::parse("2026-02-05T00:00:00Z").unwrap()
    }
}

/// Fills a folder with accounts and their usage of January 2026.
pub fn fill(folder: &Path, accounts: usize) {
    on_runtime(async {
        let usage = sample::usage(accounts);
        let store = SqliteStore::open(&folder.join("book.db")).unwrap();
        for (n, part) in usage.chunks(BATCH).enumerate() {
            let mut changes = ChangeSet::new(format!("fill {n}"), Timestamp::from_secs(0));
            for used in part {
                let account = Account {
                    account_id: used.account.clone(),
                    name: used.account.to_string(),
                    time_zone: Zone::utc(),
                    created_at: Timestamp::from_secs(0),
                    plan_changes: Vec::new(),
                    referred_by: None,
                    tax_changes: Vec::new(),
                };
                changes.put(&account).unwrap();
            }
            Store::commit(&store, changes).await.unwrap();
        }
        let log = SegmentedUsageLog::open(folder.join("usage"), SegmentOptions::default()).unwrap();
        let mut events = Vec::new();
        let day = Timestamp::parse("2026-01-10T00:00:00Z").unwrap();
        for used in usage {
            for (n, row) in used.rows.into_iter().enumerate() {
                events.push(UsageEvent {
                    identity: EventId {
                        account: used.account.clone(),
                        source: "bench".to_owned(),
                        id: format!("{}-{n}", used.account),
                    },
                    resource: row.key.resource,
                    quantity: row.quantity,
                    is_sample: false,
                    time: day.plus_secs(i64::try_from(n).unwrap()),
                    provider: row.key.provider,
                    dimensions: row.key.dimensions,
                    correction: false,
                });
            }
            if events.len() >= BATCH {
                log.append(std::mem::take(&mut events)).await.unwrap();
            }
        }
        log.append(events).await.unwrap();
    });
}

/// Closes January in a folder and prints what it took.
pub fn close(folder: &Path) {
    on_runtime(async {
        let usage = Arc::new(
            SegmentedUsageLog::open(folder.join("usage"), SegmentOptions::default()).unwrap(),
        );
        let store = Arc::new(SqliteStore::open(&folder.join("book.db")).unwrap());
        let by_hand = DevChainConfig {
            block_interval: Duration::from_secs(100_000),
            ..DevChainConfig::default()
        };
        let chain = Arc::new(DevChain::open(folder.join("chain.db"), by_hand).unwrap());
        let engine = Engine::new(
            usage,
            store,
            chain as Arc<dyn Chain>,
            Arc::new(Later) as Arc<dyn Clock>,
            Wallet::development("synor-dev", "billing"),
            EngineConfig::default(),
            PriceList::built_in().unwrap(),
        );
        let engine = engine.await.unwrap();
        let before_kb = memory_peak_kb();
        let cpu_before = cpu_time();
        let started = Instant::now();
        let closed = engine
            .close_period("2026-01".parse().unwrap(), &|_, _| {})
            .await
            .unwrap();
        let elapsed = started.elapsed();
        let cpu = cpu_time().saturating_sub(cpu_before);
        assert_eq!(closed.failed_count, 0, "{:?}", closed.failed.first());
        let invoices = usize::try_from(closed.invoice_count).unwrap();
        println!(
            "  {} invoices of 15 lines: {} invoices/s, {} µs of processor time each, \
             memory {} MB at most ({} MB before)",
            grouped(invoices as u128),
            grouped(per_second(invoices, elapsed)),
            cpu.as_micros() / invoices.max(1) as u128,
            memory_peak_kb() / 1_000,
            before_kb / 1_000,
        );
    });
}

fn on_runtime(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(work);
}
