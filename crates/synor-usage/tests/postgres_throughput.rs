//! How fast the log on PostgreSQL is, measured and not asserted, beside what the database does by
//! itself with the same batches: `--release --run-ignored only --no-capture` prints it.
#![cfg(feature = "postgres")]
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Instant;

use synor_economics::metering::UsageEvent;
use synor_economics::period::Timestamp;
use synor_testkit::postgres::{fresh_schema, url};
use synor_usage::conformance::{event, period};
use synor_usage::{EventQuery, PostgresUsageLog, SeriesQuery, Step, SummaryQuery, UsageLog};
use tokio_postgres::{Client, NoTls};

const START: i64 = 1_767_225_600; // 2026-01-01T00:00:00Z
const BATCH: u64 = 5_000;

/// A batch as a collector would send it: ids as random as a UUID of version 4, one in a hundred sent
/// before, five kinds of usage, at times within `secs` seconds from `start` on.
fn batch(number: u64, accounts: u64, start: i64, secs: u64) -> Vec<UsageEvent> {
    let templates = [
        event("n/1 network.egress 1500 @2026-01-01 provider=node-7 region=eu"),
        event("n/1 compute.cpu 60000 @2026-01-01 provider=node-7"),
        event("n/1 compute.gpu 60000 @2026-01-01 gpu_model=rtx4090 provider=node-9"),
        event("n/1 database.queries 12 @2026-01-01 region=us"),
        event("n/1 network.requests 3 @2026-01-01 provider=node-3"),
    ];
    let numbered = (0..BATCH).map(|place| {
        let n = number * BATCH + place;
        let sent_before = n > 10_000 && n.is_multiple_of(100);
        let identity = if sent_before { n - 7_321 } else { n };
        let random = blake3::hash(&identity.to_le_bytes());
        let byte = |at: usize| u64::from(random.as_bytes()[at]);
        let mut event = templates[usize::try_from(byte(3) % 5).unwrap()].clone();
        let at = i64::try_from(place * secs / BATCH).unwrap();
        event.time = Timestamp::from_secs(start + at);
        let account = format!("account-{}", (byte(0) << 8 | byte(1)) % accounts);
        event.identity.account = account.parse().unwrap();
        event.identity.source = format!("collector-{}", byte(2) % 16);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&random.as_bytes()[4..20]);
        event.identity.id = uuid::Uuid::from_bytes(bytes).to_string();
        event
    });
    numbered.collect()
}

/// Batches that four writers share: one every half minute.
fn live(numbers: std::ops::Range<u64>) -> Vec<Vec<UsageEvent>> {
    let batch = |n: u64| batch(n, 100, START + i64::try_from(n).unwrap() * 30, 30);
    numbers.map(batch).collect()
}

fn report(what: &str, events: usize, started: Instant) {
    let secs = started.elapsed().as_secs_f64();
    println!(
        "{what}: {:.0} events/s",
        f64::from(u32::try_from(events).unwrap()) / secs
    );
}

/// Splits batches among writers, which all begin at once.
async fn by_writers<F, W>(what: &str, writers: usize, batches: Vec<Vec<UsageEvent>>, write: W)
where
    F: Future<Output = ()> + Send,
    W: Fn(Vec<Vec<UsageEvent>>) -> F + Clone + Send + 'static,
{
    let events = batches.iter().map(Vec::len).sum();
    let mut shares = vec![Vec::new(); writers];
    for (n, batch) in batches.into_iter().enumerate() {
        shares[n % writers].push(batch);
    }
    let started = Instant::now();
    let tasks: Vec<_> = shares
        .into_iter()
        .map(|share| {
            let write = write.clone();
            tokio::spawn(async move { write(share).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    report(&format!("{what}, {writers} at once"), events, started);
}

/// What one would write by hand: events of unique ids and sums, in one statement.
const PLAIN: &str = "
CREATE TABLE events (account text, source text, id text, meter text, time bigint, quantity numeric,
    PRIMARY KEY (account, source, id));
CREATE TABLE sums (account text, meter text, quarter bigint, quantity numeric,
    PRIMARY KEY (account, meter, quarter))";
const PLAIN_INSERT: &str = "
WITH new AS (
    INSERT INTO events SELECT i.account, i.source, i.id, i.meter, i.time, i.quantity::numeric
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[])
        AS i (account, source, id, meter, time, quantity)
    ON CONFLICT DO NOTHING RETURNING account, meter, time, quantity
)
INSERT INTO sums SELECT account, meter, time / 900, sum(quantity) FROM new GROUP BY 1, 2, 3
ORDER BY 1, 2, 3
ON CONFLICT (account, meter, quarter) DO UPDATE SET quantity = sums.quantity + excluded.quantity";

async fn client(schema: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    let create = format!("CREATE SCHEMA IF NOT EXISTS {schema}; SET search_path TO {schema}");
    client.batch_execute(&create).await.unwrap();
    client
}

async fn plain_insert(schema: String, batches: Vec<Vec<UsageEvent>>) {
    let client = client(&schema).await;
    let statement = client.prepare(PLAIN_INSERT).await.unwrap();
    for mut batch in batches {
        // Or writers would wait for each other in a circle.
        batch.sort_by(|a, b| a.identity.cmp(&b.identity));
        let text = |of: fn(&UsageEvent) -> String| batch.iter().map(of).collect::<Vec<_>>();
        let accounts = text(|e| e.identity.account.to_string());
        let (sources, ids) = (
            text(|e| e.identity.source.clone()),
            text(|e| e.identity.id.clone()),
        );
        let meters = text(|e| e.resource.to_string());
        let times: Vec<i64> = batch.iter().map(|e| e.time.secs()).collect();
        let quantities = batch
            .iter()
            .map(|e| i64::try_from(e.quantity.get()).unwrap());
        let quantities: Vec<i64> = quantities.collect();
        client
            .execute(
                &statement,
                &[&accounts, &sources, &ids, &meters, &times, &quantities],
            )
            .await
            .unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn how_fast_it_appends() {
    for round in 0..2 {
        let plain = fresh_schema();
        client(&plain).await.batch_execute(PLAIN).await.unwrap();
        let log_in = fresh_schema();
        let log = Arc::new(PostgresUsageLog::connect_in(url(), &log_in).await.unwrap());
        for (writers, numbers) in [(1, 0..60), (4, 60..120)] {
            let schema = plain.clone();
            let insert = move |share| plain_insert(schema.clone(), share);
            by_writers(
                &format!("{round}: plain"),
                writers,
                live(numbers.clone()),
                insert,
            )
            .await;
            let shared = Arc::clone(&log);
            let append = move |share: Vec<Vec<UsageEvent>>| {
                let log = Arc::clone(&shared);
                async move {
                    for batch in share {
                        log.append(batch).await.unwrap();
                    }
                }
            };
            by_writers(
                &format!("{round}: log, one node"),
                writers,
                live(numbers),
                append,
            )
            .await;
        }
        let schema = log_in.clone();
        let nodes = move |share: Vec<Vec<UsageEvent>>| {
            let schema = schema.clone();
            async move {
                let log = PostgresUsageLog::connect_in(url(), &schema).await.unwrap();
                for batch in share {
                    log.append(batch).await.unwrap();
                }
            }
        };
        by_writers(
            &format!("{round}: log, four nodes"),
            4,
            live(120..180),
            nodes,
        )
        .await;
        let small: Vec<_> = live(200..201).concat();
        let started = Instant::now();
        let tasks: Vec<_> = small
            .chunks(50)
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
        report("appends of one event from 100 tasks", small.len(), started);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn how_fast_it_sums() {
    const BATCHES: i64 = 200;
    let schema = fresh_schema();
    let log = PostgresUsageLog::connect_in(url(), &schema).await.unwrap();
    let secs = 31 * 86_400 / BATCHES;
    let started = Instant::now();
    for number in 0..BATCHES {
        let start = START + number * secs;
        let batch = batch(number.unsigned_abs(), 1, start, secs.unsigned_abs());
        log.append(batch).await.unwrap();
    }
    report("a month of one account", 1_000_000, started);
    let january = period("2026-01-01..2026-02-01");
    let account: synor_economics::id::AccountId = "account-0".parse().unwrap();
    let end = log.position().await.unwrap();
    for through in [None, Some(end), Some(end - 1), Some(end - 4_000)] {
        let started = Instant::now();
        log.summary(&account, january, through).await.unwrap();
        println!(
            "a summary of {end} events through {through:?}: {:?}",
            started.elapsed()
        );
    }
    let cut = period("2026-01-01T00:00:01Z..2026-01-31T23:59:59Z");
    let started = Instant::now();
    log.summary(&account, cut, None).await.unwrap();
    println!("a summary of all but two seconds: {:?}", started.elapsed());
    let query = SeriesQuery {
        account: account.clone(),
        period: january,
        step: Step::Hour,
        zone: "Europe/Berlin".parse().unwrap(),
        resource: None,
        split: None,
    };
    let started = Instant::now();
    log.series(query).await.unwrap();
    println!("a series by hour: {:?}", started.elapsed());
    let page = EventQuery {
        after: end / 2,
        limit: 100,
        ..EventQuery::all(account.clone())
    };
    let started = Instant::now();
    log.events(page).await.unwrap();
    println!(
        "a page of 100 events in the middle: {:?}",
        started.elapsed()
    );
    let many = (0..256).map(|_| SummaryQuery {
        account: account.clone(),
        period: period("2026-01-01..2026-01-02"),
        through: None,
    });
    let started = Instant::now();
    log.summaries(many.collect()).await.unwrap();
    println!("256 summaries of a day: {:?}", started.elapsed());
    let started = Instant::now();
    let late = log.changed_since(&account, end / 2, Timestamp::from_secs(START));
    late.await.unwrap();
    println!("a look for late events: {:?}", started.elapsed());
    let beside = client(&schema).await;
    let started = Instant::now();
    let sql = "SELECT meter, sum(quantity) FROM events WHERE account = 'account-0' \
               AND time >= 1767225600 AND time < 1769904000 GROUP BY 1";
    beside.query(sql, &[]).await.unwrap();
    println!("the same by scanning the events: {:?}", started.elapsed());
    let started = Instant::now();
    let check = log.check().await.unwrap();
    println!(
        "a check: {:?}, {} problems",
        started.elapsed(),
        check.problems.len()
    );
}
