//! Taking in usage: all of a batch or none of it, each event once, and every mistake named.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod common;

use std::sync::Arc;

use common::{World, id};
use synor_economics::metering::RawEvent;
use synor_engine::{EngineError, Rejection};

async fn rejections(world: &World, batch: Vec<RawEvent>) -> Vec<Rejection> {
    match world.engine.ingest(batch).await.unwrap_err() {
        EngineError::Rejected(rejected) => rejected,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_batch_with_a_mistake_stores_nothing_and_names_each() {
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
    let named: Vec<_> = rejected.iter().map(|r| (r.index, r.error.field)).collect();
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
        rejected[1].error.to_string(),
        "account `nobody`: there is no such account"
    );
    assert_eq!(
        world.usage.position().await.unwrap(),
        0,
        "nothing was stored"
    );
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
    let first = world.engine.ingest(batch.clone()).await.unwrap();
    assert_eq!((first.accepted, first.duplicate), (5, 0));
    let mut again = batch.clone();
    again.reverse();
    again.push(world.event("acme", "network.egress 1 GB @2026-01-10"));
    let second = world.engine.ingest(again).await.unwrap();
    assert_eq!((second.accepted, second.duplicate), (1, 5));
    // Under another account it is another event; with another quantity it is the same, in conflict.
    let of_other = RawEvent {
        account: "other".to_owned(),
        ..batch[0].clone()
    };
    assert_eq!(
        world.engine.ingest(vec![of_other]).await.unwrap().accepted,
        1
    );
    let altered = RawEvent {
        quantity: "6".to_owned(),
        ..batch[0].clone()
    };
    let third = world.engine.ingest(vec![altered]).await.unwrap();
    assert_eq!(
        (third.accepted, third.duplicate, third.conflicting.len()),
        (0, 1, 1)
    );
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
    let tasks = (0..8usize).map(|n| {
        let engine = Arc::clone(&engines[n % 2]);
        let mut mine = events.clone();
        mine.rotate_left(n * 25);
        tokio::spawn(async move {
            let mut accepted = 0;
            for batch in mine.chunks(17) {
                accepted += engine.ingest(batch.to_vec()).await.unwrap().accepted;
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
        rejections(&world, vec![event.clone()]).await[0].error.field,
        "account"
    );
    world.account("acme", "UTC").await;
    assert_eq!(world.engine.ingest(vec![event]).await.unwrap().accepted, 1);
    let summary = world.engine.current_invoice(&id("acme")).await.unwrap();
    assert!(
        summary.line_items.is_empty(),
        "January is not the running month"
    );
}
