//! SQLite by itself, as fast as it goes while it loses nothing: one process, big transactions, a
//! sync for each, ids as 16 bytes in the key of the table.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};

use super::Options;
use super::load::{self, Facts};
use super::report::{ROUNDS, Report};

const EVENTS: u64 = 400_000;
const BATCH: u64 = 20_000;

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA cache_size = -1000000;
    CREATE TABLE events (
        id BLOB PRIMARY KEY, account INTEGER NOT NULL, resource INTEGER NOT NULL,
        quantity INTEGER NOT NULL, time INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE sums (
        account INTEGER, resource INTEGER, hour INTEGER, quantity INTEGER NOT NULL,
        PRIMARY KEY (account, resource, hour)) WITHOUT ROWID;";

/// Rounds on one database that grows.
pub fn measure(options: &Options, report: &mut Report) {
    let folder = options.folder();
    let mut connection = Connection::open(folder.path().join("plain.sqlite")).unwrap();
    connection.execute_batch(SCHEMA).unwrap();
    let rounds = (0..=ROUNDS as u64).map(|round| {
        let numbers = round * EVENTS..(round + 1) * EVENTS;
        let batches = load::cut(numbers, BATCH, |batch| {
            batch.map(load::facts).collect::<Vec<_>>()
        });
        let started = Instant::now();
        batches
            .iter()
            .for_each(|batch| insert(&mut connection, batch));
        started.elapsed()
    });
    let rounds: Vec<Duration> = rounds.skip(1).collect();
    let what = format!("SQLite by itself; batches of {BATCH}");
    report.add(what, EVENTS, rounds);
}

fn insert(connection: &mut Connection, batch: &[Facts]) {
    let transaction = connection.transaction().unwrap();
    {
        let insert = "INSERT OR IGNORE INTO events VALUES (?, ?, ?, ?, ?)";
        let mut insert = transaction.prepare_cached(insert).unwrap();
        let mut sums = BTreeMap::new();
        for facts in batch {
            let row = params![
                facts.id.as_bytes(),
                facts.account,
                facts.resource,
                facts.quantity,
                facts.secs
            ];
            if insert.execute(row).unwrap() > 0 {
                let key = (facts.account, facts.resource, facts.secs / 3_600);
                *sums.entry(key).or_insert(0) += facts.quantity;
            }
        }
        let add = "INSERT INTO sums VALUES (?, ?, ?, ?) ON CONFLICT (account, resource, hour) \
                   DO UPDATE SET quantity = quantity + excluded.quantity";
        let mut add = transaction.prepare_cached(add).unwrap();
        for ((account, resource, hour), quantity) in sums {
            add.execute(params![account, resource, hour, quantity])
                .unwrap();
        }
    }
    transaction.commit().unwrap();
}
