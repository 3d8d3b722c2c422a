//! Kafka, with librdkafka's mock cluster, which speaks the protocol over real connections: every
//! event counts once, whatever dies.
#![cfg(feature = "kafka")]
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::kafka_cluster::Cluster;
use common::sinks::{Flaky, Sticky, Stuck};
use common::{Books, Running, account, json, send, until};
use synor_streams::{Entry, Sink, StreamConfig, WorkerState, open_producer};

/// The sum of all positions, which is how many records were read, since each partition begins at 0.
async fn read(books: &Books) -> u64 {
    let positions = books.positions("usage-events").await;
    positions.iter().map(|position| position.next_offset).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_counted_and_the_rest_kept_with_its_reason() {
    let (cluster, books) = (Cluster::start(4), Books::open());
    let config = cluster.config();
    let producer = open_producer(&config).unwrap();
    send(producer.as_ref(), 1..=1_500).await;
    let batch = format!("[{},{}]", json(1_501), json(1_502));
    let others: [&[u8]; 3] = [batch.as_bytes(), b"no json", b"\xff\xfe"];
    let others = others.map(|bytes| (account(1), bytes.to_vec()));
    producer.send(others.to_vec()).await.unwrap();

    let worker = Running::start(&config, &books.sink);
    books.wait_for(1_502).await;
    until("every record is read", async || read(&books).await == 1_503).await;
    books.hold(1_502).await;
    assert_eq!(books.positions("usage-events").await.len(), 4);
    let letters = books.letters().await;
    assert_eq!(letters.len(), 2);
    assert!(
        letters
            .iter()
            .any(|letter| letter.record.bytes == b"no json")
    );
    assert!(matches!(letters[0].record.place.entry, Entry::Offset(_)));
    let mut status = worker.status.clone();
    let known = status.wait_for(|status| {
        let lag = &status.lag.partitions;
        lag.len() == 4 && lag.iter().all(|lag| lag.waiting == Some(0))
    });
    drop(known.await.unwrap());
    let status = worker.stop().await;
    assert_eq!(status.state, WorkerState::Stopped);
    assert_eq!((status.accepted, status.duplicates), (1_502, 0));

    // The next worker goes on where the data says, not where the broker does.
    send(producer.as_ref(), 1_503..=1_600).await;
    let worker = Running::start(&config, &books.sink);
    books.wait_for(1_600).await;
    books.hold(1_600).await;
    assert_eq!(worker.stop().await.records, 98);
}

/// Workers die at this point of their third batch, one after another.
async fn workers_die(stuck: Stuck, duplicates_max: u64) {
    let (cluster, books) = (Cluster::start(4), Books::open());
    let config = cluster.config();
    let producer = open_producer(&config).unwrap();
    send(producer.as_ref(), 1..=2_000).await;
    producer
        .send(vec![(account(1), b"no json".to_vec())])
        .await
        .unwrap();
    for _ in 0..2 {
        let sticky = Sticky::new(&books.sink, stuck, 2);
        let dying = Running::start(&config, &(sticky.clone() as Arc<dyn Sink>));
        until("the worker is in its third batch", async || {
            sticky.is_stuck()
        })
        .await;
        dying.kill().await;
    }
    let last = Running::start(&config, &books.sink);
    until("every record is read", async || read(&books).await == 2_001).await;
    books.hold(2_000).await;
    assert_eq!(books.letters().await.len(), 1);
    let duplicates = last.stop().await.duplicates;
    assert!(duplicates <= duplicates_max, "{duplicates}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_worker_had_not_committed_is_read_again() {
    workers_die(Stuck::BeforeCommit, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_worker_had_committed_is_not_read_again() {
    workers_die(Stuck::AfterCommit, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_goes_and_comes_back_loses_nothing() {
    let (cluster, books) = (Cluster::start(4), Books::open());
    let config = cluster.config();
    let producer = open_producer(&config).unwrap();
    let worker = Running::start(&config, &books.sink);
    let sender = tokio::spawn(async move {
        for batch in 0..40 {
            send(producer.as_ref(), batch * 50 + 1..=batch * 50 + 50).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    for counted in [200, 1_000] {
        books.wait_for(counted).await;
        cluster.0.broker_down(1).unwrap();
        tokio::time::sleep(Duration::from_millis(700)).await;
        cluster.0.broker_up(1).unwrap();
    }
    sender.await.unwrap();
    books.wait_for(2_000).await;
    books.hold(2_000).await;
    let status = worker.stop().await;
    assert!(status.source_failures > 0, "{status:?}");
    assert_eq!(status.lag.missing, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partitions_move_between_workers_and_every_event_counts_once() {
    let (cluster, books) = (Cluster::start(6), Books::open());
    let config = cluster.config();
    let producer = open_producer(&config).unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let is_done = Arc::clone(&done);
    let sender = tokio::spawn(async move {
        let mut sent = 0;
        while !is_done.load(Ordering::Relaxed) {
            send(producer.as_ref(), sent + 1..=sent + 25).await;
            sent += 25;
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
        let letter = vec![(account(1), b"no json".to_vec())];
        producer.send(letter).await.unwrap();
        sent
    });
    let first = Running::start(&config, &books.sink);
    books.wait_for(100).await;
    let second = Running::start(&config, &books.sink);
    let third = Running::start(&config, &books.sink);
    until("the partitions are shared out", async || {
        let workers = [&first, &second, &third];
        workers.iter().all(|worker| worker.status().records > 0)
    })
    .await;
    let fourth = Running::start(&config, &books.sink);
    tokio::join!(second.kill(), first.stop());
    until("the newest has its share", async || {
        fourth.status().records > 0
    })
    .await;
    done.store(true, Ordering::Relaxed);
    let sent = sender.await.unwrap();
    until("every record is read", async || {
        read(&books).await == sent + 1
    })
    .await;
    books.hold(sent).await;
    assert_eq!(books.letters().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_hung_does_not_set_its_successor_back() {
    let (cluster, books) = (Cluster::start(4), Books::open());
    let config = cluster.config();
    let producer = open_producer(&config).unwrap();
    send(producer.as_ref(), 1..=1_000).await;
    let sticky = Sticky::new(&books.sink, Stuck::BeforeCommit, 1);
    let hanging = Running::start(&config, &(sticky.clone() as Arc<dyn Sink>));
    until("the worker is in its second batch", async || {
        sticky.is_stuck()
    })
    .await;

    // After `max.poll.interval.ms` the group gives its partitions to another one.
    let successor = Running::start(&config, &books.sink);
    until("the successor has read all", async || {
        read(&books).await == 1_000
    })
    .await;
    let before = books.positions("usage-events").await;
    sticky.passes.add_permits(1_000);
    until("the hung worker commits", async || {
        hanging.status().batches >= 2
    })
    .await;
    assert!(hanging.status().duplicates >= 100, "{:?}", hanging.status());
    assert_eq!(books.positions("usage-events").await, before);
    books.hold(1_000).await;

    send(producer.as_ref(), 1_001..=1_200).await;
    until("both read on", async || read(&books).await == 1_200).await;
    books.hold(1_200).await;
    hanging.stop().await;
    successor.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_waits_until_the_sink_is_back() {
    let (cluster, books) = (Cluster::start(4), Books::open());
    let config = cluster.config();
    let producer = open_producer(&config).unwrap();
    send(producer.as_ref(), 1..=500).await;
    let flaky = Flaky::over(&books.sink, 2);
    let worker = Running::start(&config, &flaky);
    books.wait_for(500).await;
    books.hold(500).await;
    let status = worker.stop().await;
    assert!(
        status.source_failures >= 2,
        "without positions nothing is read: {status:?}"
    );
    assert!(status.sink_failures >= 10, "{status:?}");
    assert_eq!((status.accepted, status.duplicates), (500, 0));
}

#[tokio::test]
async fn what_exactly_once_depends_on_cannot_be_set() {
    let url = "kafka://localhost:9092/usage-events".parse().unwrap();
    let mut config = StreamConfig::new(url);
    config
        .kafka
        .insert("enable.idempotence".to_owned(), "false".to_owned());
    let Err(error) = open_producer(&config) else {
        panic!("it was opened");
    };
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), "`enable.idempotence` must be `true`");
}
