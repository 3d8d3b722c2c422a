//! How fast usage goes through a stream, measured and not asserted: `--release --run-ignored only`
//! prints it.
#![allow(clippy::unwrap_used)]

mod common;

use std::num::NonZeroUsize;
use std::time::Instant;

use common::redis_server::RedisServer;
use common::{Books, Running, records};
use synor_streams::{StreamConfig, open_producer};
use synor_usage::import::EventReader;

const EVENTS: u64 = 100_000;
const BATCH: usize = 1_000;

fn per_second(events: u64, begun: Instant) -> u64 {
    let millis = u64::try_from(begun.elapsed().as_millis()).unwrap();
    events * 1_000 / millis.max(1)
}

async fn measure(name: &str, mut config: StreamConfig) {
    config.batch_records = NonZeroUsize::new(BATCH).unwrap();
    let books = Books::open();
    let producer = open_producer(&config).unwrap();
    let records = records(1..=EVENTS);
    let begun = Instant::now();
    for batch in records.chunks(BATCH) {
        producer.send(batch.to_vec()).await.unwrap();
    }
    println!("{name}: {} events/s written", per_second(EVENTS, begun));
    let worker = Running::start(&config, &books.sink);
    // A group takes some seconds to form, which is no matter of speed.
    common::until("the first batch", async || worker.status().batches > 0).await;
    let (begun, before) = (Instant::now(), books.count().await);
    while books.count().await < EVENTS {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let counted = per_second(EVENTS - before, begun);
    println!("{name}: {counted} events/s counted");
    assert_eq!(worker.stop().await.duplicates, 0);
}

#[cfg(feature = "redis")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn redis() {
    let server = RedisServer::start().unwrap();
    measure("redis", server.config()).await;
}

#[cfg(feature = "kafka")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn kafka() {
    let cluster = common::kafka_cluster::Cluster::start(4);
    measure("kafka", cluster.config()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn directly() {
    let books = Books::open();
    let records = records(1..=EVENTS);
    let begun = Instant::now();
    for batch in records.chunks(BATCH) {
        let reader = EventReader::new(common::now());
        let event = |bytes: &[u8]| reader.cloudevent(bytes).unwrap();
        let events = batch.iter().map(|(_, bytes)| event(bytes));
        books.log.append(events.collect()).await.unwrap();
    }
    println!("directly: {} events/s counted", per_second(EVENTS, begun));
}
