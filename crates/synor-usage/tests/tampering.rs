//! Whoever alters a stored event, in whatever way, is found out by the check.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use synor_usage::conformance::events;
use synor_usage::{Batch, SqliteUsageLog, UsageLog};
use tempfile::TempDir;

const TEXTS: [&str; 6] = [
    "node-Aa/first-event network.egress 1234567890123456789012 @2026-01-01 provider=provider-one",
    "node-Aa/second-event storage.stored_data 77 @2026-01-02 bucket=some-bucket region=europe",
    "node-Bb/third-event compute.gpu 3600000 @2026-01-03 gpu_model=rtx4090",
    "node-Aa/fourth-event network.egress -5 @2026-01-04 provider=provider-one correction",
    "node-Bb/fifth-event storage.stored_data 78 @2026-01-05 bucket=some-bucket region=europe",
    "node-Bb/sixth-event network.egress 9 @2026-01-06 account=another-account",
];

/// A closed log of a few events, compacted so that no page holds remains of earlier states.
async fn closed_log() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("usage.db");
    let log = SqliteUsageLog::open(&path).unwrap();
    for text in TEXTS {
        log.append(events([text])).await.unwrap();
    }
    assert_eq!(log.check().await.unwrap().problems, [""; 0]);
    drop(log);
    Connection::open(&path)
        .unwrap()
        .execute_batch("VACUUM")
        .unwrap();
    (folder, path)
}

/// What the check says; an error that names the file counts as having found it.
async fn problems(path: &Path) -> Vec<String> {
    let log = match SqliteUsageLog::open(path) {
        Ok(log) => log,
        Err(error) => return vec![naming(path, &error.to_string())],
    };
    match log.check().await {
        Ok(check) => check.problems,
        Err(error) => vec![naming(path, &error.to_string())],
    }
}

fn naming(path: &Path, error: &str) -> String {
    assert!(
        error.contains(&path.display().to_string()),
        "{error} does not name the file"
    );
    error.to_owned()
}

/// Alters a copy of the log by SQL and expects the check to say something with these words.
async fn check_finds(path: &Path, sql: &str, words: &str) {
    let copy = path.with_extension("altered");
    std::fs::copy(path, &copy).unwrap();
    Connection::open(&copy).unwrap().execute_batch(sql).unwrap();
    let problems = problems(&copy).await;
    assert!(
        problems.iter().any(|p| p.contains(words)),
        "{sql}: {problems:?}"
    );
}

#[tokio::test]
async fn removed_inserted_and_moved_events_are_found() {
    let (_folder, path) = closed_log().await;
    let cases = [
        (
            "DELETE FROM events WHERE position = 3",
            "positions 3 to 3: the records are missing",
        ),
        (
            "DELETE FROM events WHERE position > 4",
            "positions 5 to 6: the records are missing",
        ),
        (
            "DELETE FROM events",
            "positions 1 to 6: the records are missing",
        ),
        (
            "DELETE FROM events WHERE position > 4; UPDATE head SET position = 4",
            "position 4: the chain does not end in the head",
        ),
        (
            "UPDATE events SET position = 99 WHERE position = 2;
             UPDATE events SET position = 2 WHERE position = 3;
             UPDATE events SET position = 3 WHERE position = 99",
            "position 2: the chain does not follow",
        ),
        (
            "INSERT INTO events SELECT 7, account, source, 'new', meter, time, quantity, \
             correction, digest, chain FROM events WHERE position = 6",
            "position 7: the event differs from its digest",
        ),
        (
            "UPDATE head SET position = 5",
            "position 6: the record lies behind the end",
        ),
        (
            "UPDATE head SET chain = zeroblob(32)",
            "the chain does not end in the head",
        ),
        ("DELETE FROM head", "cannot be read"),
        (
            "DELETE FROM accounts",
            "position 1: the event cannot be read",
        ),
        (
            "DELETE FROM meters WHERE id = 2",
            "position 2: the event cannot be read",
        ),
        (
            "UPDATE meters SET account = 2 WHERE id = 1",
            "the meter belongs to another account",
        ),
        (
            "DROP INDEX events_by_meter",
            "the definition of `events_by_meter` is missing",
        ),
        (
            "CREATE TRIGGER t AFTER INSERT ON events BEGIN SELECT 1; END",
            "`t` is not defined",
        ),
    ];
    for (sql, words) in cases {
        check_finds(&path, sql, words).await;
    }
}

/// Every single-byte change of every value that says something about an event.
#[tokio::test]
async fn an_altered_byte_in_any_column_is_found() {
    let (_folder, path) = closed_log().await;
    let columns = [
        (
            "events",
            "position account source id meter time quantity correction digest chain",
        ),
        (
            "meters",
            "id account resource is_sample provider dimensions",
        ),
        ("accounts", "id name"),
        ("sources", "id name"),
        ("head", "position chain"),
    ];
    let copy = path.with_extension("altered");
    let mut altered = 0;
    for (table, columns) in columns {
        for column in columns.split(' ') {
            let original: Value = Connection::open(&path)
                .unwrap()
                .query_row(&format!("SELECT {column} FROM {table} LIMIT 1"), [], |r| {
                    r.get(0)
                })
                .unwrap();
            for other in alterations(&original) {
                std::fs::copy(&path, &copy).unwrap();
                let connection = Connection::open(&copy).unwrap();
                let sql = format!(
                    "UPDATE OR REPLACE {table} SET {column} = ?1 \
                     WHERE rowid = (SELECT rowid FROM {table} WHERE {column} = ?2 LIMIT 1)"
                );
                let done = connection.execute(&sql, params_from_iter([&other, &original]));
                drop(connection);
                if done.is_ok() {
                    altered += 1;
                    let problems = problems(&copy).await;
                    assert!(
                        !problems.is_empty(),
                        "{table}.{column}: {original:?} to {other:?}"
                    );
                }
            }
        }
    }
    assert!(altered > 150, "only {altered} alterations were possible");
}

/// The value with one byte altered, once for each byte.
fn alterations(value: &Value) -> Vec<Value> {
    let each = |bytes: &[u8]| -> Vec<Vec<u8>> {
        let flipped = (0..bytes.len()).map(|at| {
            let mut other = bytes.to_vec();
            other[at] ^= 1;
            other
        });
        flipped.collect()
    };
    match value {
        Value::Integer(n) => vec![Value::Integer(n ^ 1), Value::Integer(n ^ 2)],
        Value::Text(text) => {
            let texts = each(text.as_bytes()).into_iter();
            texts
                .map(|bytes| Value::Text(String::from_utf8(bytes).unwrap()))
                .collect()
        }
        Value::Blob(bytes) => each(bytes).into_iter().map(Value::Blob).collect(),
        other => panic!("no column holds {other:?}"),
    }
}

/// A byte altered in the file itself: in a row, in the copies that indexes hold, or in what holds
/// pages together. The first page says only how the tables are defined, and zeros are free space.
#[tokio::test]
async fn an_altered_byte_in_the_file_is_found() {
    let (_folder, path) = closed_log().await;
    let file = std::fs::read(&path).unwrap();
    let copy = path.with_extension("altered");
    let of_events = (4_096..file.len()).filter(|&at| file[at] != 0);
    let mut round = 0;
    for at in of_events {
        // Another bit each time.
        let bit = round % 8;
        round += 1;
        let mut altered = file.clone();
        altered[at] ^= 1 << bit;
        std::fs::write(&copy, &altered).unwrap();
        let problems = problems(&copy).await;
        assert!(!problems.is_empty(), "byte {at}, bit {bit}");
    }
    assert!(round > 1_000, "only {round} bytes were altered");
}

#[tokio::test]
async fn an_altered_withdrawal_is_found() {
    let (_folder, path) = closed_log().await;
    let log = SqliteUsageLog::open(&path).unwrap();
    let withdrawal = Batch {
        withdrawals: events([TEXTS[1]]).into_iter().map(|e| e.identity).collect(),
        ..Batch::of(events(["node-Aa/later network.egress 1 @2026-01-07"]))
    };
    log.commit(withdrawal).await.unwrap();
    assert_eq!(log.check().await.unwrap().problems, [""; 0]);
    drop(log);
    let cases = [
        (
            "DELETE FROM withdrawals",
            "positions 7 to 7: the records are missing",
        ),
        (
            "UPDATE withdrawals SET event = 3",
            "position 7: the chain does not follow",
        ),
        (
            "UPDATE withdrawals SET time = time + 1",
            "position 7: the withdrawal differs from its event",
        ),
        (
            "UPDATE withdrawals SET position = 9",
            "position 9: the record lies behind the end",
        ),
    ];
    for (sql, words) in cases {
        check_finds(&path, sql, words).await;
    }
}
