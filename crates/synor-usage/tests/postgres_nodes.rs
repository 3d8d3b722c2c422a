//! Several processes and one log on PostgreSQL: each event counts once, whoever else writes, whatever
//! connection breaks.
#![cfg(feature = "postgres")]
#![allow(clippy::unwrap_used)]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use synor_economics::metering::UsageEvent;
use synor_testkit::postgres::{fresh_schema, url};
use synor_usage::conformance::{event, events, period, rows};
use synor_usage::{Batch, EventQuery, PostgresUsageLog, StreamPosition, UsageLog, UsageLogError};
use tokio_postgres::{Client, NoTls};

const JANUARY: &str = "2026-01-01..2026-02-01";

async fn node(schema: &str) -> PostgresUsageLog {
    PostgresUsageLog::connect_in(url(), schema).await.unwrap()
}

/// A connection beside the log.
async fn beside(schema: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    let path = format!("SET search_path TO {schema}");
    client.batch_execute(&path).await.unwrap();
    client
}

fn numbered(account: u64, n: u64) -> UsageEvent {
    event(&format!(
        "n/{n} network.egress {} @2026-01-01T0{}:00:00Z account=account-{account} region=r{}",
        n + 1,
        n % 10,
        n % 3
    ))
}

async fn sum(log: &PostgresUsageLog, account: u64) -> i128 {
    let account = format!("account-{account}").parse().unwrap();
    let summary = log.summary(&account, period(JANUARY), None).await.unwrap();
    summary.rows.iter().map(|row| row.quantity.get()).sum()
}

/// Four nodes, each with two tasks, append the same 300 events of seven accounts, each task in an
/// order of its own and in batches of its own size.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn overlapping_batches_of_many_nodes_count_once() {
    const EVENTS: u64 = 300;
    let schema = fresh_schema();
    // They all find the schema missing and create it at once.
    let nodes = futures_util::future::join_all((0..4).map(|_| node(&schema))).await;
    let nodes: Vec<_> = nodes.into_iter().map(Arc::new).collect();
    let strides = [1, 7, 11, 13, 17, 19, 23, 29];
    let tasks = strides.into_iter().zip(0_u64..).map(|(stride, task)| {
        let log = Arc::clone(&nodes[usize::try_from(task % 4).unwrap()]);
        tokio::spawn(async move {
            let order = (0..EVENTS).map(|n| (n * stride + task * 31) % EVENTS);
            let order: Vec<UsageEvent> = order.map(|n| numbered(n % 7, n)).collect();
            let mut accepted = 0;
            for batch in order.chunks(usize::try_from(11 + 6 * task).unwrap()) {
                let appended = log.append(batch.to_vec()).await.unwrap();
                assert_eq!(appended.conflicting().count(), 0);
                accepted += appended.accepted;
            }
            accepted
        })
    });
    let mut accepted = 0;
    for task in tasks.collect::<Vec<_>>() {
        accepted += task.await.unwrap();
    }
    assert_eq!(accepted, EVENTS, "each was accepted by exactly one node");
    for account in 0..7 {
        let expected = (0..EVENTS)
            .filter(|n| n % 7 == account)
            .map(|n| i128::from(n) + 1);
        assert_eq!(sum(&nodes[0], account).await, expected.sum::<i128>());
    }
    let log = &nodes[1];
    assert_eq!(log.position().await.unwrap(), EVENTS);
    let mut positions = Vec::new();
    for account in log.accounts().await.unwrap() {
        let page = log.events(EventQuery::all(account)).await.unwrap();
        let listed: Vec<_> = page.items.iter().map(|logged| logged.position).collect();
        assert!(listed.is_sorted());
        positions.extend(listed);
    }
    positions.sort_unstable();
    assert_eq!(positions, (1..=EVENTS).collect::<Vec<_>>(), "without gaps");
    assert_eq!(log.check().await.unwrap().problems, [""; 0]);
}

/// Two nodes withdraw and replace the same events at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn withdrawals_of_two_nodes_count_once() {
    let schema = fresh_schema();
    let nodes = [Arc::new(node(&schema).await), Arc::new(node(&schema).await)];
    let all: Vec<_> = (0..60).map(|n| numbered(0, n)).collect();
    nodes[0].append(all.clone()).await.unwrap();
    let tasks = [(0, 1), (1, 0), (0, 2), (1, 2)].map(|(node, rotated)| {
        let (log, mut all) = (Arc::clone(&nodes[node]), all.clone());
        all.rotate_left(rotated * 13);
        tokio::spawn(async move {
            let mut withdrawn = 0;
            for some in all.chunks(7) {
                let replacements = some.iter().map(|event| {
                    let mut event = event.clone();
                    event.identity.id.push_str("-amended");
                    event
                });
                let batch = Batch {
                    withdrawals: some.iter().map(|event| event.identity.clone()).collect(),
                    ..Batch::of(replacements.collect())
                };
                withdrawn += log.commit(batch).await.unwrap().withdrawn;
            }
            withdrawn
        })
    });
    let mut withdrawn = 0;
    for task in tasks {
        withdrawn += task.await.unwrap();
    }
    assert_eq!(withdrawn, 60);
    assert_eq!(sum(&nodes[1], 0).await, (1..=60).sum::<i128>());
    assert_eq!(nodes[0].position().await.unwrap(), 180);
    assert_eq!(nodes[0].check().await.unwrap().problems, [""; 0]);
}

/// Requests that share a transaction with one that is refused are not refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_refused_batch_refuses_no_other() {
    let schema = fresh_schema();
    let log = Arc::new(node(&schema).await);
    let tasks: Vec<_> = (0..60)
        .map(|n| {
            let log = Arc::clone(&log);
            let refused = n % 3 == 0;
            let unknown = refused.then(|| numbered(0, 1_000 + n).identity);
            let batch = Batch {
                withdrawals: unknown.into_iter().collect(),
                ..Batch::of(vec![numbered(0, n)])
            };
            tokio::spawn(async move { (refused, log.commit(batch).await) })
        })
        .collect();
    for task in tasks {
        match task.await.unwrap() {
            (true, Err(UsageLogError::UnknownEvent { .. })) => {}
            (false, Ok(appended)) => assert_eq!(appended.accepted, 1),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(log.position().await.unwrap(), 40);
    assert_eq!(log.check().await.unwrap().problems, [""; 0]);
}

/// While the end of the log is locked by someone else, the connections of a node are killed: what it
/// was appending fails with a clear error, nothing of it is there, and repeated it counts once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_append_whose_connection_is_killed_can_be_repeated() {
    let schema = fresh_schema();
    let log = Arc::new(node(&schema).await);
    log.append(vec![numbered(0, 0)]).await.unwrap();
    let other = beside(&schema).await;
    other.batch_execute("BEGIN; LOCK TABLE head").await.unwrap();
    let batch = Batch {
        read: vec![StreamPosition {
            stream: "usage".to_owned(),
            partition: 0,
            next_offset: 7,
        }],
        ..Batch::of((1..40).map(|n| numbered(n % 2, n)).collect())
    };
    let appending = {
        let (log, batch) = (Arc::clone(&log), batch.clone());
        tokio::spawn(async move { log.commit(batch).await })
    };
    // Everything is written but the end of the log, for which it waits.
    let killer = beside(&schema).await;
    let kill = "SELECT count(pg_terminate_backend(l.pid)) FROM pg_class AS c \
                JOIN pg_locks AS l ON l.relation = c.oid AND NOT l.granted \
                WHERE c.relname = 'head' AND c.relnamespace = current_schema()::regnamespace";
    let mut killed = 0_i64;
    for _ in 0..1_000 {
        killed = killer.query_one(kill, &[]).await.unwrap().get(0);
        if killed > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(killed, 1);
    let error = appending.await.unwrap().unwrap_err();
    assert!(matches!(error, UsageLogError::Backend { .. }), "{error:?}");
    assert!(error.to_string().contains("appending events"), "{error}");
    other.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(log.position().await.unwrap(), 1, "nothing of it is there");
    assert_eq!(log.stream_positions("usage").await.unwrap(), []);
    for accepted in [39, 0] {
        let appended = log.commit(batch.clone()).await.unwrap();
        assert_eq!((appended.accepted, appended.position), (accepted, 40));
    }
    assert_eq!(log.stream_positions("usage").await.unwrap(), batch.read);
    assert_eq!(log.check().await.unwrap().problems, [""; 0]);
}

/// All of a node's connections are killed again and again, while it appends what it repeats until it
/// is acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_repeated_until_acknowledged_counts_once() {
    let schema = fresh_schema();
    // The nodes are told apart by the name that their connections carry.
    let url = format!("{} application_name={schema}", keyed(url()));
    let log = PostgresUsageLog::connect_in(&url, &schema).await.unwrap();
    let log = Arc::new(log);
    let killing = {
        let schema = schema.clone();
        tokio::spawn(async move {
            let client = beside(&schema).await;
            let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                        WHERE application_name = $1 AND state <> 'idle'";
            let mut killed = 0;
            for _ in 0..40 {
                tokio::time::sleep(Duration::from_millis(13)).await;
                let row = client.query_one(kill, &[&schema]).await.unwrap();
                killed += row.get::<_, i64>(0);
            }
            killed
        })
    };
    let mut n = 0;
    while !killing.is_finished() || n == 0 {
        let batch: Vec<_> = (n..n + 50).map(|n| numbered(n % 5, n)).collect();
        n += 50;
        while log.append(batch.clone()).await.is_err() {}
    }
    assert!(killing.await.unwrap() > 0, "no connection was killed");
    let mut total = 0;
    for account in 0..5 {
        total += sum(&log, account).await;
    }
    assert_eq!(total, (1..=i128::from(n)).sum::<i128>());
    assert_eq!(log.position().await.unwrap(), n);
    assert_eq!(log.check().await.unwrap().problems, [""; 0]);
}

/// A connection string as pairs, to which one can be added.
fn keyed(url: &str) -> String {
    assert!(url.contains('='), "SYNOR_TEST_POSTGRES as `host=… user=…`");
    url.to_owned()
}

/// A summary through a position far back and one of now, while other accounts grow.
#[tokio::test]
async fn a_past_summary_knows_nothing_of_what_came_after() {
    let schema = fresh_schema();
    let log = node(&schema).await;
    let first = events([
        "n/1 network.egress 5 @2026-01-01T00:07:00Z",
        "n/2 network.egress 6 @2026-01-01T00:20:00Z",
    ]);
    let withdrawn = first[1].identity.clone();
    let then = log.append(first).await.unwrap().position;
    log.append(events([
        "n/3 network.egress 100 @2026-01-01T00:08:00Z",
        "n/4 network.egress 200 @2026-01-01T00:21:00Z",
    ]))
    .await
    .unwrap();
    let batch = Batch {
        withdrawals: vec![withdrawn],
        ..Batch::default()
    };
    log.commit(batch).await.unwrap();
    let acme = "acme".parse().unwrap();
    for (when, past, now) in [
        ("2026-01-01..2026-02-01", "11", "305"),
        // Cut quarters are read event by event.
        ("2026-01-01T00:07:00Z..2026-01-01T00:21:00Z", "11", "105"),
        ("2026-01-01T00:07:01Z..2026-01-01T00:30:00Z", "6", "300"),
    ] {
        for (through, expected) in [(Some(then), past), (None, now)] {
            let summary = log.summary(&acme, period(when), through).await.unwrap();
            assert_eq!(
                rows(&summary.rows),
                [format!("network.egress {expected}")],
                "{when}"
            );
        }
    }
}

#[tokio::test]
async fn a_later_format_and_a_strange_schema_are_refused() {
    let schema = fresh_schema();
    drop(node(&schema).await);
    let client = beside(&schema).await;
    let later = "INSERT INTO usage_log_migrations (format) VALUES (99)";
    client.batch_execute(later).await.unwrap();
    match PostgresUsageLog::connect_in(url(), &schema).await.err() {
        Some(UsageLogError::NewerFormat {
            found: 99,
            known: 1,
            log,
        }) => {
            assert!(log.contains(&schema), "{log}");
        }
        other => panic!("{other:?}"),
    }
    let strange = fresh_schema();
    let create = format!("CREATE SCHEMA {strange}; CREATE TABLE {strange}.customers (id int)");
    client.batch_execute(&create).await.unwrap();
    let refused = PostgresUsageLog::connect_in(url(), &strange).await.err();
    assert!(
        matches!(refused, Some(UsageLogError::NotALog { .. })),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_database_that_is_not_there_is_named() {
    let url = "host=/nowhere/to/be/found user=postgres password=secret dbname=billing";
    let error = PostgresUsageLog::connect(url).await.err().unwrap();
    let source = error.source().unwrap().to_string();
    assert!(matches!(error, UsageLogError::Backend { .. }));
    let text = format!("{error}: {source}");
    assert!(text.contains("/nowhere/to/be/found:5432/billing"), "{text}");
    assert!(!format!("{error:?}").contains("secret"), "{error:?}");
}
