//! Taking in usage: each event once, every mistake named, and nothing but the mistakes left out.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod common;

use std::sync::Arc;

use common::{World, id};
use synor_economics::metering::RawEvent;
use synor_engine::{Clock as _, EngineError, IngestBatch, Ingested, NewAccount, Rejection};
use synor_usage::{Forgetting, SegmentOptions, SegmentedUsageLog, StreamPosition, UsageLog};

async fn ingest(world: &World, events: Vec<RawEvent>) -> Ingested {
    world.engine.ingest(world.batch(events)).await.unwrap()
}

fn atomic(world: &World, events: Vec<RawEvent>) -> IngestBatch {
    IngestBatch {
        is_atomic: true,
        ..world.batch(events)
    }
}

async fn rejections(world: &World, events: Vec<RawEvent>) -> Vec<Rejection> {
    match world
        .engine
        .ingest(atomic(world, events))
        .await
        .unwrap_err()
    {
        EngineError::Rejected(rejected) => rejected,
        other => panic!("{other}"),
    }
}

/// The outcome of each event, in order: `+` counted, `=` known, `!` known as something else, `-`
/// rejected.
fn outcomes(count: usize, ingested: &Ingested) -> String {
    let mut outcomes = vec!['+'; count];
    for known in &ingested.duplicates {
        outcomes[known.index] = if known.is_conflicting { '!' } else { '=' };
    }
    for rejection in &ingested.rejected {
        outcomes[rejection.index] = '-';
    }
    outcomes.into_iter().collect()
}

#[tokio::test]
async fn each_event_of_a_batch_has_its_own_outcome() {
    let world = World::with(&["acme", "beta"]).await;
    let known = world.event("acme", "network.egress 5 GB @2026-01-10");
    assert_eq!(ingest(&world, vec![known.clone()]).await.accepted, 1);
    let good = |account| world.event(account, "network.egress 1 GB @2026-01-10");
    let twice = good("acme");
    let altered = RawEvent {
        quantity: "6".to_owned(),
        ..known.clone()
    };
    let batch = vec![
        good("nobody"),
        good("acme"),
        known.clone(),
        twice.clone(),
        world.event("acme", "network.egress -5 GB @2026-01-10"),
        altered,
        twice,
        good("beta"),
        good("nobody"),
    ];
    let ingested = ingest(&world, batch.clone()).await;
    assert_eq!(outcomes(batch.len(), &ingested), "-+=+-!=+-");
    assert_eq!(ingested.accepted, 3);
    assert_eq!(ingested.position, world.usage.position().await.unwrap());
    assert_eq!(world.usage.position().await.unwrap(), 4);
    let ids: Vec<_> = ingested.duplicates.iter().map(|k| k.id.as_str()).collect();
    assert_eq!(ids, [&known.id, &known.id, &batch[3].id]);
    let told: Vec<_> = ingested.rejected.iter().map(|r| r.event.clone()).collect();
    assert_eq!(told[0].id.as_deref(), Some(batch[0].id.as_str()));
    assert_eq!(
        told[0].to_string(),
        "account `nobody`: there is no such account"
    );
    assert!(
        told[1]
            .to_string()
            .starts_with("quantity `-5`: is negative")
    );
    // Again: what was counted is known, what was rejected is still rejected.
    let again = ingest(&world, batch.clone()).await;
    assert_eq!(outcomes(batch.len(), &again), "-===-!==-");
    world.sound().await;
}

#[tokio::test]
async fn an_event_from_beyond_the_dedup_window_is_rejected_alone() {
    let world = World::with(&["acme"]).await;
    let clock = Arc::clone(&world.clock);
    let thirty_days = SegmentOptions::default().that_forgets(Forgetting {
        dedup_window_secs: Some(30 * 86_400),
        retention_secs: None,
        clock: Arc::new(move || clock.now()),
    });
    let log = SegmentedUsageLog::open(world.file("segments"), thirty_days).unwrap();
    let usage: Arc<dyn UsageLog> = Arc::new(log);
    let engine = common::engine(&usage, &world.store, &world.chain, &world.clock).await;
    let batch = world.batch(vec![
        world.event("acme", "network.egress 1 GB @2026-01-10"),
        world.event("acme", "network.egress 2 GB @2025-12-01"),
        world.event("acme", "network.egress 4 GB @2026-01-06"),
    ]);
    let ingested = engine.ingest(batch).await.unwrap();
    assert_eq!(outcomes(3, &ingested), "+-+");
    assert_eq!(
        ingested.rejected[0].event.to_string(),
        "time `2025-12-01T00:00:00Z`: too old: the usage log takes only what happened from \
         2026-01-06T00:00:00Z on"
    );
}

#[tokio::test]
async fn what_was_read_of_a_stream_is_noted_even_if_nothing_of_it_holds() {
    let world = World::with(&[]).await;
    let position = StreamPosition {
        stream: "usage".to_owned(),
        partition: 3,
        next_offset: 17,
    };
    let batch = IngestBatch {
        read: vec![position.clone()],
        ..world.batch(vec![
            world.event("nobody", "network.egress 1 GB @2026-01-10"),
        ])
    };
    let ingested = world.engine.ingest(batch).await.unwrap();
    assert_eq!((ingested.accepted, ingested.rejected.len()), (0, 1));
    let noted = world.usage.stream_positions("usage").await.unwrap();
    assert_eq!(noted, [position]);
}

#[tokio::test]
async fn an_atomic_batch_with_a_mistake_stores_nothing_and_names_each() {
    let world = World::with(&["acme"]).await;
    let event = |line| world.event("acme", line);
    let batch = vec![
        event("network.egress 5 GB @2026-01-10"),
        event("network.egress -5 GB @2026-01-10"),
        world.event("nobody", "network.egress 5 GB @2026-01-10"),
        event("network.egress 5 GB @2026-01-10"),
        RawEvent {
            id: String::new(),
            ..event("network.egress 5 GB @2026-01-10")
        },
        event("network.egress 5 core-hours @2026-01-10"),
        event("network.egress 5 GB @2026-02-07"),
        RawEvent {
            resource: "egres".to_owned(),
            ..event("network.egress 5 GB @2026-01-10")
        },
        world.event("not an account", "network.egress 5 GB @2026-01-10"),
        event("compute.gpu 1 gpu-hours @2026-01-10"),
    ];
    let rejected = rejections(&world, batch.clone()).await;
    let named: Vec<_> = rejected
        .iter()
        .map(|r| (r.index, r.event.error.field))
        .collect();
    assert_eq!(
        named,
        [
            (1, "quantity"),
            (2, "account"),
            (4, "id"),
            (5, "unit"),
            (6, "time"),
            (7, "resource"),
            (8, "account"),
            (9, "dimensions"),
        ]
    );
    assert_eq!(
        rejected[1].event.to_string(),
        "account `nobody`: there is no such account"
    );
    assert_eq!(
        world.usage.position().await.unwrap(),
        0,
        "nothing was stored"
    );
    let batch = atomic(&world, batch);
    let error = world.engine.ingest(batch).await.unwrap_err().to_string();
    assert!(
        error.starts_with("event 1: quantity `-5`: is negative"),
        "{error}"
    );
    assert!(error.ends_with("(and 7 more)"), "{error}");
}

#[tokio::test]
async fn no_more_than_a_hundred_mistakes_are_named() {
    let world = World::with(&["acme"]).await;
    let batch = (0..250)
        .map(|_| world.event("acme", "network.egress 0 GB @2026-01-10"))
        .collect();
    assert_eq!(rejections(&world, batch).await.len(), 100);
}

#[tokio::test]
async fn what_was_acknowledged_is_a_duplicate_ever_after() {
    let world = World::with(&["acme", "other"]).await;
    let batch: Vec<_> = (0..5)
        .map(|_| world.event("acme", "network.egress 5 GB @2026-01-10"))
        .collect();
    let first = ingest(&world, batch.clone()).await;
    assert_eq!((first.accepted, first.duplicates.len()), (5, 0));
    let mut again = batch.clone();
    again.reverse();
    again.push(world.event("acme", "network.egress 1 GB @2026-01-10"));
    let second = ingest(&world, again).await;
    assert_eq!((second.accepted, second.duplicates.len()), (1, 5));
    // Under another account it is another event; with another quantity it is the same, in conflict.
    let of_other = RawEvent {
        account: "other".to_owned(),
        ..batch[0].clone()
    };
    assert_eq!(ingest(&world, vec![of_other]).await.accepted, 1);
    let altered = RawEvent {
        quantity: "6".to_owned(),
        ..batch[0].clone()
    };
    let third = ingest(&world, vec![altered]).await;
    assert_eq!((third.accepted, outcomes(1, &third)), (0, "!".to_owned()));
    let closed = world.close("2026-01").await;
    let billed: Vec<_> = closed
        .invoices
        .iter()
        .map(|i| i.subtotal_micro_synor.micro())
        .collect();
    assert_eq!(billed, [26 * 50_000, 5 * 50_000]);
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_batches_from_many_tasks_count_once() {
    let world = World::with(&["acme"]).await;
    let events: Vec<_> = (0..200)
        .map(|_| world.event("acme", "network.egress 1 GB @2026-01-10"))
        .collect();
    let engines = [Arc::clone(&world.engine), world.another_engine().await];
    let events = world.batch(events).events;
    let tasks = (0..8usize).map(|n| {
        let engine = Arc::clone(&engines[n % 2]);
        let mut mine = events.clone();
        mine.rotate_left(n * 25);
        tokio::spawn(async move {
            let mut accepted = 0;
            for batch in mine.chunks(17) {
                let batch = IngestBatch::of(batch.to_vec());
                accepted += engine.ingest(batch).await.unwrap().accepted;
            }
            accepted
        })
    });
    let mut accepted = 0;
    for task in tasks.collect::<Vec<_>>() {
        accepted += task.await.unwrap();
    }
    assert_eq!(accepted, 200);
    let invoice = world.bill("2026-01").await;
    assert_eq!(invoice.subtotal_micro_synor.micro(), 200 * 50_000);
    world.sound().await;
}

/// An account that is opened after it was refused is known at once.
#[tokio::test]
async fn an_account_is_known_as_soon_as_it_is_open() {
    let world = World::with(&[]).await;
    let event = world.event("acme", "network.egress 1 GB @2026-01-10");
    assert_eq!(
        rejections(&world, vec![event.clone()]).await[0]
            .event
            .error
            .field,
        "account"
    );
    // Through another engine on the same book, as another process would.
    let elsewhere = world.another_engine().await;
    elsewhere
        .open_account(NewAccount {
            account_id: id("acme"),
            name: None,
            time_zone: "UTC".parse().unwrap(),
        })
        .await
        .unwrap();
    assert_eq!(ingest(&world, vec![event]).await.accepted, 1);
    let summary = world.engine.current_invoice(&id("acme")).await.unwrap();
    assert!(
        summary.line_items.is_empty(),
        "January is not the running month"
    );
}
