//! How long a journal of a million entries takes to read, and how much memory:
//! `cargo test --release -p synor-engine --test ledger_measure -- --ignored --nocapture`.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod common;

use std::time::Instant;

use common::World;
use synor_economics::billing::{JournalEntry, LedgerAccount};
use synor_economics::money::MicroSynor;
use synor_economics::period::Timestamp;
use synor_engine::{LedgerFormat, PostedIn, StatementQuery};
use synor_store::ChangeSet;

const ENTRIES: u64 = 1_000_000;
const AT_ONCE: u64 = 2_000;
const ACCOUNTS: u64 = 1_000;

/// The most memory that this process has had, in MiB.
fn memory_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        / 1_024
}

fn entry(n: u64) -> JournalEntry {
    let account = format!("liabilities:credit:acme-{}", n % ACCOUNTS);
    let sides = [
        (LedgerAccount::CreditsGranted, MicroSynor::new(3)),
        (account.parse().unwrap(), MicroSynor::new(-3)),
    ];
    let at = Timestamp::from_secs(1_767_225_600 + i64::try_from(n).unwrap());
    JournalEntry::new(&[&n.to_string()], at, format!("credit {n}"), sides).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn a_million_entries() {
    let world = World::with(&[]).await;
    for start in (0..ENTRIES).step_by(usize::try_from(AT_ONCE).unwrap()) {
        let mut set = ChangeSet::new(start.to_string(), world.engine.now());
        set.entries.extend((start..start + AT_ONCE).map(entry));
        world.store.commit(set).await.unwrap();
    }
    println!("{ENTRIES} entries written; {} MiB", memory_mib());
    let started = Instant::now();
    let trial = world.engine.trial_balance(None, false).await.unwrap();
    assert_eq!(trial.entries, ENTRIES);
    println!(
        "trial balance {:?}; {} MiB",
        started.elapsed(),
        memory_mib()
    );
    let account: LedgerAccount = "liabilities:credit:acme-7".parse().unwrap();
    let (posted, after, limit) = (PostedIn::default(), None, 10_000);
    let started = Instant::now();
    let query = StatementQuery {
        posted,
        after,
        limit,
    };
    let statement = world.engine.statement(&account, query).await.unwrap();
    assert_eq!(statement.lines.len() as u64, ENTRIES / ACCOUNTS);
    println!("statement {:?}; {} MiB", started.elapsed(), memory_mib());
    for format in [LedgerFormat::Beancount, LedgerFormat::Json] {
        let started = Instant::now();
        let mut export = world.engine.export_ledger(posted, format).await.unwrap();
        let mut bytes = 0;
        while let Some(part) = export.next().await.unwrap() {
            bytes += part.len();
        }
        let took = started.elapsed();
        println!(
            "{format:?}: {bytes} bytes in {took:?}; {} MiB",
            memory_mib()
        );
    }
}
