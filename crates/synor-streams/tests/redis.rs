//! Redis Streams, with a real server: every event counts once, whatever dies.
#![cfg(feature = "redis")]
#![allow(clippy::unwrap_used)]

mod common;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use common::redis_server::RedisServer;
use common::sinks::{Flaky, Sticky, Stuck};
use common::{Books, Running, account, json, send, until};
use synor_streams::{Sink, StreamConfig, WorkerState, open_producer};

fn small_batches(mut config: StreamConfig, records: usize) -> StreamConfig {
    config.batch_records = NonZeroUsize::new(records).unwrap();
    config
}

/// How many entries are delivered and not acknowledged.
fn pending(server: &RedisServer) -> String {
    let summary = server.cli(&["XPENDING", "usage-events", "synor"]);
    summary.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_counted_and_the_rest_kept_with_its_reason() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let (config, books) = (server.config(), Books::open());
    let producer = open_producer(&config).unwrap();
    send(producer.as_ref(), 1..=1_500).await;
    let batch = format!("[{},{}]", json(1_501), json(1_502));
    let half_good = format!("[{},{{\"specversion\":\"1.0\"}}]", json(1_503));
    let others: [&[u8]; 5] = [
        batch.as_bytes(),
        half_good.as_bytes(),
        b"no json",
        b"\xff\xfe",
        json(7)
            .replace("network.egress", "network.pigeons")
            .leak()
            .as_bytes(),
    ];
    let others = others.map(|bytes| (account(1), bytes.to_vec()));
    producer.send(others.to_vec()).await.unwrap();
    server.cli(&["XADD", "usage-events", "*", "other", "field"]);

    let worker = Running::start(&config, &books.sink);
    until("all is acknowledged", async || {
        worker.status().records == 1_506 && pending(&server) == "0"
    })
    .await;
    books.hold(1_503).await;
    let letters = books.letters().await;
    let mut reasons: Vec<_> = letters
        .iter()
        .map(|letter| letter.reason.as_str())
        .collect();
    reasons.sort_unstable();
    assert_eq!(reasons.len(), 5, "{reasons:#?}");
    for (reason, start) in reasons.iter().zip([
        "event 1: type",
        "resource `pigeons`",
        "the body is not JSON: EOF",
        "the body is not JSON: expected",
        "the body is not JSON: expected",
    ]) {
        assert!(reason.starts_with(start), "{reason} is not {start}");
    }
    assert!(
        letters
            .iter()
            .any(|letter| letter.record.bytes == b"no json")
    );

    let status = worker.stop().await;
    assert_eq!(status.state, WorkerState::Stopped);
    assert_eq!((status.accepted, status.duplicates), (1_503, 0));
    assert_eq!(status.dead_letters, 5);
    let consumers = server.cli(&["XINFO", "CONSUMERS", "usage-events", "synor"]);
    assert_eq!(consumers, "", "a worker that stops leaves no name behind");
}

/// A worker dies at this point of its third batch, and another one takes over.
async fn a_second_worker_takes_over(stuck: Stuck, duplicates: u64) {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let (config, books) = (small_batches(server.config(), 100), Books::open());
    let producer = open_producer(&config).unwrap();
    send(producer.as_ref(), 1..=1_000).await;
    producer
        .send(vec![(account(1), b"no json".to_vec())])
        .await
        .unwrap();

    let sticky = Sticky::new(&books.sink, stuck, 2);
    let dying = Running::start(&config, &(sticky.clone() as Arc<dyn Sink>));
    until("the worker is in its third batch", async || {
        sticky.is_stuck()
    })
    .await;
    dying.kill().await;
    assert_eq!(pending(&server), "100");

    let second = Running::start(&config, &books.sink);
    until("all is acknowledged", async || {
        second.status().records == 801 && pending(&server) == "0"
    })
    .await;
    books.hold(1_000).await;
    assert_eq!(books.letters().await.len(), 1);
    assert_eq!(second.stop().await.duplicates, duplicates);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_worker_had_not_committed_is_claimed() {
    a_second_worker_takes_over(Stuck::BeforeCommit, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_worker_had_not_acknowledged_counts_once() {
    a_second_worker_takes_over(Stuck::AfterCommit, 100).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_comes_back_under_its_name_goes_on_at_once() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let books = Books::open();
    let mut config = small_batches(server.config(), 100);
    config.consumer = Some("worker-1".to_owned());
    config.claim_idle_ms = 3_600_000;
    let producer = open_producer(&config).unwrap();
    send(producer.as_ref(), 1..=500).await;
    let sticky = Sticky::new(&books.sink, Stuck::BeforeCommit, 1);
    let dying = Running::start(&config, &(sticky.clone() as Arc<dyn Sink>));
    until("the worker is in its second batch", async || {
        sticky.is_stuck()
    })
    .await;
    dying.kill().await;

    let again = Running::start(&config, &books.sink);
    books.wait_for(500).await;
    books.hold(500).await;
    assert_eq!(again.stop().await.duplicates, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_crashes_loses_nothing_that_it_acknowledged() {
    let Some(mut server) = RedisServer::start() else {
        return;
    };
    let (config, books) = (small_batches(server.config(), 50), Books::open());
    let producer = open_producer(&config).unwrap();
    let sender = tokio::spawn(async move {
        for batch in 0..60 {
            send(producer.as_ref(), batch * 50 + 1..=batch * 50 + 50).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let workers = [(); 2].map(|()| Running::start(&config, &books.sink));
    for counted in [300, 1_200] {
        books.wait_for(counted).await;
        server.kill();
        tokio::time::sleep(Duration::from_millis(300)).await;
        server.restart();
    }
    sender.await.unwrap();
    books.wait_for(3_000).await;
    until("all is acknowledged", async || pending(&server) == "0").await;
    books.hold(3_000).await;
    let statuses: Vec<_> = workers.iter().map(Running::status).collect();
    assert!(
        statuses.iter().all(|status| status.source_failures > 0),
        "{statuses:?}"
    );
    assert!(statuses.iter().all(|status| status.lag.missing == 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_waits_until_the_sink_is_back() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let (config, books) = (small_batches(server.config(), 100), Books::open());
    let producer = open_producer(&config).unwrap();
    send(producer.as_ref(), 1..=500).await;
    let flaky = Flaky::over(&books.sink, 3);
    let mut worker = Running::start(&config, &flaky);
    let away = worker
        .status
        .wait_for(|status| status.state == WorkerState::SinkAway)
        .await;
    let failure = away.unwrap().last_failure.clone();
    assert_eq!(
        failure.as_deref(),
        Some("the sink failed while being tested: it is away")
    );
    books.wait_for(500).await;
    books.hold(500).await;
    let status = worker.stop().await;
    assert!(status.sink_failures >= 15, "{status:?}");
    assert_eq!(status.accepted, 500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lag_is_told_and_what_is_acknowledged_is_removed() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let books = Books::open();
    let mut config = small_batches(server.config(), 500);
    config.trim = true;
    let producer = open_producer(&config).unwrap();
    send(producer.as_ref(), 1..=2_000).await;
    let sticky = Sticky::new(&books.sink, Stuck::AfterCommit, 1);
    let worker = Running::start(&config, &(sticky.clone() as Arc<dyn Sink>));
    until("a lag is known", async || {
        !worker.status().lag.partitions.is_empty()
    })
    .await;
    let lag = worker.status().lag.partitions;
    assert_eq!(
        (lag[0].waiting, lag[0].pending),
        (Some(1_500), 0),
        "after the first batch"
    );
    // Another group that has read nothing yet keeps everything.
    server.cli(&["XGROUP", "CREATE", "usage-events", "audit", "0"]);
    let length = || {
        server
            .cli(&["XLEN", "usage-events"])
            .parse::<u64>()
            .unwrap()
    };
    let kept = length();
    assert!((1_500..2_000).contains(&kept), "{kept}");
    sticky.passes.add_permits(1_000);
    let mut status = worker.status.clone();
    status
        .wait_for(|status| {
            status
                .lag
                .partitions
                .iter()
                .all(|lag| lag.waiting == Some(0))
        })
        .await
        .unwrap();
    assert_eq!(length(), kept);
    server.cli(&["XGROUP", "DESTROY", "usage-events", "audit"]);
    until("the rest is removed", async || length() < 200).await;
    books.hold(2_000).await;
    assert_eq!(worker.stop().await.lag.missing, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_was_deleted_is_begun_again() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let (config, books) = (server.config(), Books::open());
    let producer = open_producer(&config).unwrap();
    let worker = Running::start(&config, &books.sink);
    send(producer.as_ref(), 1..=10).await;
    books.wait_for(10).await;
    server.cli(&["DEL", "usage-events"]);
    send(producer.as_ref(), 11..=20).await;
    books.wait_for(20).await;
    books.hold(20).await;
    worker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_removed_too_early_are_told() {
    let Some(server) = RedisServer::start() else {
        return;
    };
    let (config, books) = (small_batches(server.config(), 10), Books::open());
    let producer = open_producer(&config).unwrap();
    send(producer.as_ref(), 1..=20).await;
    let sticky = Sticky::new(&books.sink, Stuck::BeforeCommit, 1);
    let dying = Running::start(&config, &(sticky.clone() as Arc<dyn Sink>));
    until("the worker is in its second batch", async || {
        sticky.is_stuck()
    })
    .await;
    dying.kill().await;
    server.cli(&["XTRIM", "usage-events", "MAXLEN", "=", "4"]);
    let mut second = Running::start(&config, &books.sink);
    let told = second
        .status
        .wait_for(|status| status.lag.missing == 6)
        .await;
    drop(told.unwrap());
    books.wait_for(14).await;
}
