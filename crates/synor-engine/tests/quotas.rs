//! Quotas: what they stop, exactly, also when many report at once; what they show; and that nobody
//! else pays for them.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod common;

use std::sync::Arc;

use common::{World, id};
use synor_economics::metering::UsageEvent;
use synor_economics::money::Exact;
use synor_engine::{Clock, Engine, EngineError, IngestBatch, NewQuota};

/// `network.egress 500 GB month stop`
fn quota(text: &str) -> NewQuota {
    let words: Vec<_> = text.split_whitespace().collect();
    let [resource, quantity, unit, per, effect] = words[..] else {
        panic!("`{text}` is no quota");
    };
    NewQuota {
        resource: resource.parse().unwrap(),
        per: per.parse().unwrap(),
        quantity: Exact::parse_decimal(quantity).unwrap(),
        unit: unit.parse().unwrap(),
        effect: effect.parse().unwrap(),
    }
}

async fn set(world: &World, text: &str) {
    let set = world.engine.set_quota(&id("acme"), quota(text)).await;
    set.unwrap();
}

fn event(world: &World, line: &str) -> UsageEvent {
    world
        .event("acme", line)
        .validate(world.clock.now())
        .unwrap()
}

/// The reasons for which events were not taken in.
async fn take_in(engine: &Engine, events: &[UsageEvent]) -> Vec<String> {
    let events = events.iter().cloned().map(Ok);
    let batch = IngestBatch::of(events.collect());
    let done = engine.ingest(batch).await.unwrap();
    let reasons = done.rejected.into_iter();
    reasons.map(|r| r.event.error.reason).collect()
}

#[tokio::test]
async fn an_event_beyond_the_quota_is_stopped_and_says_why() {
    let world = World::with(&["acme"]).await;
    set(&world, "network.egress 10 GB month stop").await;
    let take = async |events: &[UsageEvent]| take_in(&world.engine, events).await;
    let nine = event(&world, "network.egress 9 GB @2026-02-01");
    let two = event(&world, "network.egress 2 GB @2026-02-02");
    let one = event(&world, "network.egress 1 GB @2026-02-03");
    let january = event(&world, "network.egress 10 GB @2026-01-31");
    let other = event(&world, "network.ingress 99 GB @2026-02-03");
    let stopped = take(&[nine.clone(), two.clone(), one, january, other]).await;
    assert_eq!(
        stopped,
        [
            "would exceed the quota of 10000000000 bytes a month: 9000000000 are used, and \
          1000000000 are left until 2026-03-01T00:00:00Z"
        ]
    );
    // What is counted already is not stopped when it is sent again.
    assert_eq!(take(&[nine]).await, [""; 0]);
    assert_eq!(take(std::slice::from_ref(&two)).await.len(), 1);
    let state = &world.engine.quotas_of(&id("acme")).await.unwrap()[0];
    assert_eq!(state.used.get(), 10_000_000_000);
    assert_eq!(
        (state.remaining.get(), state.used_percent.as_str()),
        (0, "100")
    );
    assert!(state.is_used_up);

    // A correction makes room, a larger quota too, and without one everything passes.
    let less = event(&world, "network.egress -1 GB @2026-02-03 correction");
    assert_eq!(take(&[less]).await, [""; 0]);
    assert_eq!(take(std::slice::from_ref(&two)).await.len(), 1);
    set(&world, "network.egress 11 GB month stop").await;
    assert_eq!(take(&[two]).await, [""; 0]);
    let more = event(&world, "network.egress 100 GB @2026-02-03");
    assert_eq!(take(std::slice::from_ref(&more)).await.len(), 1);
    let egress = "network.egress".parse().unwrap();
    let per = "month".parse().unwrap();
    world
        .engine
        .remove_quota(&id("acme"), egress, per)
        .await
        .unwrap();
    assert_eq!(take(&[more]).await, [""; 0]);
    assert_eq!(world.engine.quotas_of(&id("acme")).await.unwrap(), []);
    let again = world.engine.remove_quota(&id("acme"), egress, per).await;
    assert!(
        matches!(again, Err(EngineError::NotFound { .. })),
        "{again:?}"
    );
    world.sound().await;
}

/// Forty clients of one to three bytes each, and a limit that they reach together.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn racing_clients_never_exceed_a_quota_and_fill_it() {
    let world = World::with(&["acme", "beta"]).await;
    for limit in [
        "network.egress 200 bytes month stop",
        "network.ingress 50 bytes day stop",
    ] {
        set(&world, limit).await;
    }
    let mut clients = Vec::new();
    for client in 0..40 {
        let lines = (0..5).map(|n| {
            let resource = if n % 2 == 0 { "egress" } else { "ingress" };
            let bytes = 1 + (client + n) % 3;
            event(
                &world,
                &format!("network.{resource} {bytes} bytes @2026-02-04T12:00"),
            )
        });
        let events: Vec<_> = lines.collect();
        let engine = Arc::clone(&world.engine);
        clients.push(tokio::spawn(async move {
            // Whole batches and single events, and everything twice.
            take_in(&engine, &events).await;
            for event in &events {
                take_in(&engine, std::slice::from_ref(event)).await;
            }
        }));
    }
    for client in clients {
        client.await.unwrap();
    }
    let states = world.engine.quotas_of(&id("acme")).await.unwrap();
    let used: Vec<_> = states
        .iter()
        .map(|s| (s.limit.get(), s.used.get()))
        .collect();
    // 40 × 3 events of two bytes on average are 240 bytes out, 40 × 2 are 160 in, and single bytes
    // fill what is left. The day of the second has passed, so it is asked by the month.
    assert_eq!(used[0], (200, 200));
    let february = synor_usage::conformance::period("2026-02-01..2026-03-01");
    let summary = world
        .usage
        .summary(&id("acme"), february, None)
        .await
        .unwrap();
    let used: Vec<_> = summary.rows.iter().map(|row| row.quantity.get()).collect();
    assert_eq!(used, [200, 50]);
}

/// A quota that another node sets is noticed within a second, and a warning stops nothing.
#[tokio::test]
async fn quotas_of_other_nodes_and_warnings() {
    let world = World::with(&["acme"]).await;
    let other = world.another_engine().await;
    set(&world, "network.egress 1 GB month warn").await;
    let three = event(&world, "network.egress 3 GB @2026-02-02");
    assert_eq!(take_in(&other, &[three]).await, [""; 0]);
    let state = &world.engine.quotas_of(&id("acme")).await.unwrap()[0];
    assert_eq!(
        (state.used_percent.as_str(), state.is_used_up),
        ("300", true)
    );
    set(&world, "network.egress 1 GB day stop").await;
    tokio::time::sleep(std::time::Duration::from_millis(1_050)).await;
    let two = event(&world, "network.egress 2 GB @2026-02-03");
    assert_eq!(take_in(&other, &[two]).await.len(), 1);
    assert_eq!(other.quotas_of(&id("acme")).await.unwrap().len(), 2);
}

/// Levels are held without events: a quota shows what was held up to now, and can only warn.
#[tokio::test]
async fn a_level_is_used_as_time_passes() {
    let world = World::with(&["acme"]).await;
    world.clock.set("2026-02-15");
    let stop = quota("storage.stored_data 1 GB-months month stop");
    let refused = world.engine.set_quota(&id("acme"), stop).await;
    assert!(matches!(refused, Err(EngineError::Quota(_))), "{refused:?}");
    let warn = quota("storage.stored_data 1 GB-months month warn");
    world.engine.set_quota(&id("acme"), warn).await.unwrap();
    world
        .usage("acme", &["storage.stored_data 1 GB @2026-02-01"])
        .await;
    let state = &world.engine.quotas_of(&id("acme")).await.unwrap()[0];
    // Fourteen of twenty-eight days, and the second that is running.
    assert_eq!(state.used.get(), 1_000_000_000 * (14 * 86_400 + 1));
    assert_eq!(state.used_percent, "50");
    let nobody = world.engine.quotas_of(&id("nobody")).await;
    assert!(
        matches!(nobody, Err(EngineError::UnknownAccount(_))),
        "{nobody:?}"
    );
}
