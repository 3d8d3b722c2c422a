//! Whoever alters what is stored in PostgreSQL, in whatever table, is found out by the check.
#![cfg(feature = "postgres")]
#![allow(clippy::unwrap_used)]

use synor_testkit::postgres::{fresh_schema, url};
use synor_usage::conformance::events;
use synor_usage::{Batch, PostgresUsageLog, UsageLog};
use tokio_postgres::{Client, NoTls};

const TEXTS: [&str; 6] = [
    "node-Aa/first-event network.egress 1234567890123456789012 @2026-01-01 provider=provider-one",
    "node-Aa/second-event storage.stored_data 77 @2026-01-02 bucket=some-bucket region=europe",
    "node-Bb/third-event compute.gpu 3600000 @2026-01-03 gpu_model=rtx4090",
    "node-Aa/fourth-event network.egress -5 @2026-01-04 provider=provider-one correction",
    "node-Bb/fifth-event storage.stored_data 78 @2026-01-05 bucket=some-bucket region=europe",
    "node-Bb/sixth-event network.egress 9 @2026-01-06 account=another-account",
];

const TABLES: [&str; 7] = [
    "head",
    "commits",
    "account_commits",
    "meters",
    "events",
    "withdrawals",
    "sums",
];

/// A log of four commits: one event, two, a withdrawal of the second with two more events, and one.
async fn log_and_client() -> (PostgresUsageLog, Client) {
    let schema = fresh_schema();
    let log = PostgresUsageLog::connect_in(url(), &schema).await.unwrap();
    let [a, b, c, d, e, f] = TEXTS;
    log.append(events([a])).await.unwrap();
    log.append(events([b, c])).await.unwrap();
    let batch = Batch {
        withdrawals: vec![events([b])[0].identity.clone()],
        ..Batch::of(events([d, e]))
    };
    log.commit(batch).await.unwrap();
    log.append(events([f])).await.unwrap();
    assert_eq!(log.check().await.unwrap().problems, [""; 0]);
    let (client, connection) = tokio_postgres::connect(url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    let path = format!("SET search_path TO {schema}");
    client.batch_execute(&path).await.unwrap();
    (log, client)
}

#[tokio::test]
async fn altered_events_are_found() {
    let set =
        |column: &str, id: &str| format!("UPDATE events SET {column} WHERE id = '{id}-event'");
    let cases = [
        (set("quantity = quantity + 1", "third"), "position 3: the event differs from its digest"),
        (set("time = time + 1", "third"), "position 3: the event differs from its digest"),
        (set("time = time + 1", "second"), "position 4: the withdrawal differs from its event"),
        (set("correction = NOT correction", "third"), "position 3: the event differs"),
        (set("id = 'other'", "third"), "position 3: the event differs from its digest"),
        (set("source = 'other'", "third"), "position 3: the event differs from its digest"),
        (set("account = 'another-account'", "third"), "position 3: the event cannot be read"),
        (set("digest = decode(repeat('00', 32), 'hex')", "first"), "position 1: the event differs"),
        (set("digest = 'short'", "first"), "position 1: the digest of the event cannot be read"),
        (
            set("is_sample = NOT is_sample", "third"),
            "is not of its meter's kind",
        ),
        (set("ordinal = 7", "third"), "positions 3 to 3: the records are missing"),
        (set("commit_id = 99", "third"), "a record belongs to no commit"),
        (
            "DELETE FROM events WHERE id = 'first-event'".to_owned(),
            "positions 1 to 1: the records are missing",
        ),
        (
            "DELETE FROM events WHERE id = 'sixth-event'".to_owned(),
            "positions 7 to 7: the records are missing",
        ),
        (
            "UPDATE events SET ordinal = 3 - ordinal WHERE id IN ('second-event', 'third-event')".to_owned(),
            "position 2: the chain does not follow from the commit before",
        ),
        (
            "INSERT INTO events SELECT account, source, 'new', meter, is_sample, time, quantity, \
             correction, digest, commit_id, ordinal FROM events WHERE id = 'third-event'".to_owned(),
            "position 3: there are two records",
        ),
        (
            "DELETE FROM events WHERE id = 'sixth-event'; DELETE FROM sums WHERE account <> 'acme'; \
             DELETE FROM meters WHERE account <> 'acme'; DELETE FROM commits WHERE before = 6; \
             DELETE FROM account_commits WHERE account <> 'acme'; UPDATE head SET position = 6".to_owned(),
            "position 6: the chain does not end in the head of the log",
        ),
    ];
    check_finds(&cases).await;
}

#[tokio::test]
async fn what_is_altered_beside_the_events_is_found() {
    let cases = [
        (
            "DELETE FROM withdrawals".to_owned(),
            "positions 4 to 4: the records are missing",
        ),
        (
            "UPDATE withdrawals SET id = 'third-event'".to_owned(),
            "position 4: the chain does not follow from the commit before",
        ),
        (
            "UPDATE withdrawals SET time = 5".to_owned(),
            "the withdrawal differs from its event",
        ),
        (
            "UPDATE withdrawals SET position = 9".to_owned(),
            "positions 4 to 4: the records are missing",
        ),
        (
            "UPDATE commits SET chain = 'short' WHERE before = 1".to_owned(),
            "32 bytes",
        ),
        (
            "UPDATE commits SET chain = decode(repeat('00', 32), 'hex') WHERE before = 1"
                .to_owned(),
            "position 2: the chain does not follow from the commit before",
        ),
        (
            "UPDATE commits SET records = 3 WHERE before = 1".to_owned(),
            "position 2: the chain",
        ),
        (
            "INSERT INTO commits VALUES (99, 99, 1, '')".to_owned(),
            "commits are noted",
        ),
        (
            "DELETE FROM commits WHERE before = 1".to_owned(),
            "a record belongs to no commit",
        ),
        (
            "UPDATE head SET position = 6".to_owned(),
            "the record lies behind the end of the log, 6",
        ),
        (
            "UPDATE head SET position = 8".to_owned(),
            "positions 8 to 8: the records are missing",
        ),
        (
            "UPDATE head SET chain = decode(repeat('00', 32), 'hex')".to_owned(),
            "the chain does not end in the head of the log",
        ),
        (
            "DELETE FROM head".to_owned(),
            "the end of the log cannot be read",
        ),
        (
            "UPDATE meters SET resource = 'network.ingress' WHERE account <> 'acme'".to_owned(),
            "position 7",
        ),
        (
            "UPDATE meters SET provider = 'p' WHERE account <> 'acme'".to_owned(),
            "position 7",
        ),
        (
            "UPDATE meters SET is_sample = TRUE WHERE account <> 'acme'".to_owned(),
            "position 7",
        ),
        (
            "UPDATE meters SET dimensions = '{ }' WHERE account <> 'acme'".to_owned(),
            "position 7",
        ),
        (
            "DELETE FROM meters WHERE account <> 'acme'".to_owned(),
            "position 7: the event cannot be read",
        ),
        (
            "INSERT INTO meters SELECT 'new', meter, resource, is_sample, provider, dimensions \
             FROM meters LIMIT 1"
                .to_owned(),
            "a meter of new has no events",
        ),
        (
            "UPDATE sums SET quantity = quantity + 1 WHERE account <> 'acme'".to_owned(),
            "the sum of another-account",
        ),
        (
            "DELETE FROM sums WHERE account <> 'acme'".to_owned(),
            "the sum of another-account",
        ),
        (
            "UPDATE account_commits SET last_position = last_position + 1".to_owned(),
            "holds of acme",
        ),
        (
            "UPDATE account_commits SET first_time = 5".to_owned(),
            "holds of acme",
        ),
        (
            "DELETE FROM account_commits WHERE account <> 'acme'".to_owned(),
            "holds of another-account",
        ),
        (
            "DROP INDEX events_by_commit".to_owned(),
            "the definition of `events_by_commit`",
        ),
        (
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; \
             CREATE TRIGGER t BEFORE INSERT ON head FOR EACH ROW EXECUTE FUNCTION f()"
                .to_owned(),
            "`t` is not defined by this log",
        ),
    ];
    check_finds(&cases).await;
}

/// Alters the log by SQL, expects the check to say something with these words, puts everything back,
/// and so on.
async fn check_finds(cases: &[(String, &str)]) {
    let (log, client) = log_and_client().await;
    for table in TABLES {
        let keep = format!("CREATE TEMPORARY TABLE kept_{table} AS TABLE {table}");
        client.batch_execute(&keep).await.unwrap();
    }
    for (sql, words) in cases {
        client.batch_execute(sql).await.unwrap();
        let problems = problems(&log).await;
        assert!(
            problems.iter().any(|p| p.contains(words)),
            "{sql}: {problems:#?}"
        );
        let undo = "DROP TRIGGER IF EXISTS t ON head; DROP FUNCTION IF EXISTS f(); \
                    CREATE INDEX IF NOT EXISTS events_by_commit \
                    ON events (account, commit_id, ordinal)";
        client.batch_execute(undo).await.unwrap();
        for table in TABLES {
            let restore =
                format!("DELETE FROM {table}; INSERT INTO {table} SELECT * FROM kept_{table}");
            client.batch_execute(&restore).await.unwrap();
        }
    }
    assert_eq!(problems(&log).await, [""; 0]);
}

/// What the check says.
async fn problems(log: &PostgresUsageLog) -> Vec<String> {
    log.check().await.unwrap().problems
}
