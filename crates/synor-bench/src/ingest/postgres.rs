//! The alternative: PostgreSQL with the best that it offers for this. One statement a batch inserts
//! what is new (`ON CONFLICT DO NOTHING`) and adds it to the sums; a sync for each.
//!
//! It is spared what the usage log does: ids are 16 bytes instead of texts, accounts and resources
//! are numbers, quantities 64 bits, there are no digests and no operators.

use std::ops::Range;
use std::time::{Duration, Instant};

use tokio_postgres::{Client, NoTls};
use uuid::Uuid;

use super::load::{self, Facts};
use super::report::{ROUNDS, Report, Yardstick};
use super::{Options, on_runtime};
use crate::cluster::Cluster;

const EVENTS: u64 = 400_000;
const BATCH: u64 = 10_000;

const SETTINGS: &str = "shared_buffers=2GB work_mem=256MB max_wal_size=16GB \
    checkpoint_timeout=30min wal_buffers=64MB jit=off fsync=on synchronous_commit=on";

const SCHEMA: &str = "
    CREATE TABLE events (
        id uuid PRIMARY KEY, account integer NOT NULL, resource smallint NOT NULL,
        quantity bigint NOT NULL, time bigint NOT NULL);
    CREATE TABLE sums (
        account integer, resource smallint, hour bigint, quantity numeric NOT NULL,
        PRIMARY KEY (account, resource, hour)) WITH (fillfactor = 50);";

/// Sums are taken in order, so that two connections do not wait for each other in a circle.
const INSERT: &str = "
    WITH new AS (
        INSERT INTO events
        SELECT * FROM unnest($1::uuid[], $2::integer[], $3::smallint[], $4::bigint[], $5::bigint[])
        ON CONFLICT DO NOTHING
        RETURNING account, resource, time / 3600 AS hour, quantity),
    added AS (
        INSERT INTO sums
        SELECT account, resource, hour, sum(quantity) FROM new GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        ON CONFLICT (account, resource, hour)
        DO UPDATE SET quantity = sums.quantity + excluded.quantity)
    SELECT count(*) FROM new";

/// On one connection, and on two.
pub fn measure(options: &Options, report: &mut Report) {
    let Some(cluster) = Cluster::start(options.folder(), SETTINGS) else {
        return;
    };
    for connections in [1, 2] {
        cluster.psql(SCHEMA);
        let rounds = (0..=ROUNDS as u64).map(|round| {
            let numbers = round * EVENTS..(round + 1) * EVENTS;
            one_round(&cluster, connections, numbers)
        });
        let rounds = rounds.skip(1).collect();
        let what = format!("PostgreSQL, {connections} at once; batches of {BATCH}");
        report.add_yardstick(Yardstick::Postgres, what, EVENTS, rounds);
        check(&cluster);
        cluster.psql("DROP TABLE events, sums");
    }
}

/// The sums are those of the events.
fn check(cluster: &Cluster) {
    let sums = cluster.psql("SELECT sum(quantity) FROM sums");
    assert_eq!(cluster.psql("SELECT sum(quantity) FROM events"), sums);
}

fn one_round(cluster: &Cluster, connections: u64, numbers: Range<u64>) -> Duration {
    // Each connection has accounts of its own, which spares it waiting for another's sums.
    let shares: Vec<Vec<Columns>> = (0..connections)
        .map(|share| {
            let facts = numbers.clone().map(load::facts);
            let own: Vec<_> = facts.filter(|f| f.account % connections == share).collect();
            let batches = own.chunks(usize::try_from(BATCH).unwrap());
            batches.map(Columns::of).collect()
        })
        .collect();
    let address = format!("host={} user=bench dbname=postgres", cluster.socket());
    on_runtime(async {
        let mut clients = Vec::new();
        for _ in 0..connections {
            let (client, connection) = tokio_postgres::connect(&address, NoTls).await.unwrap();
            tokio::spawn(connection);
            clients.push(client);
        }
        let started = Instant::now();
        let work = clients.into_iter().zip(shares);
        let tasks: Vec<_> = work
            .map(|(client, batches)| tokio::spawn(insert(client, batches)))
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        started.elapsed()
    })
}

async fn insert(client: Client, batches: Vec<Columns>) {
    let insert = client.prepare(INSERT).await.unwrap();
    for batch in batches {
        let Columns {
            ids,
            accounts,
            resources,
            quantities,
            times,
        } = &batch;
        let row = client
            .query_one(&insert, &[ids, accounts, resources, quantities, times])
            .await;
        let accepted: i64 = row.unwrap().get(0);
        assert!(accepted > 0);
    }
}

/// A batch as PostgreSQL takes it.
struct Columns {
    ids: Vec<Uuid>,
    accounts: Vec<i32>,
    resources: Vec<i16>,
    quantities: Vec<i64>,
    times: Vec<i64>,
}

impl Columns {
    fn of(facts: &[Facts]) -> Self {
        Self {
            ids: facts.iter().map(|f| f.id).collect(),
            accounts: facts
                .iter()
                .map(|f| f.account.try_into().unwrap())
                .collect(),
            resources: facts
                .iter()
                .map(|f| f.resource.try_into().unwrap())
                .collect(),
            quantities: facts
                .iter()
                .map(|f| f.quantity.try_into().unwrap())
                .collect(),
            times: facts.iter().map(|f| f.secs).collect(),
        }
    }
}
