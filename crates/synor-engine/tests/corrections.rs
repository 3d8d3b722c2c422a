//! Events are withdrawn and amended: before a month is closed as if they had never been, after it as
//! a difference on the next invoice, once.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod common;

use common::{World, id, synor};
use synor_economics::billing::{Invoice, InvoiceStatus};
use synor_economics::metering::{EventId, RawEvent};
use synor_engine::{Correction, EngineError};
use synor_usage::UsageLogError;

/// What an invoice's lines come to, one text each.
fn lines(invoice: &Invoice) -> Vec<String> {
    let line = |l: &synor_economics::billing::LineItem| {
        let of = l.adjusts.map_or(String::new(), |m| format!(" of {m}"));
        format!("{}{of} {}", l.resource, l.net().unwrap().micro())
    };
    invoice.line_items.iter().map(line).collect()
}

fn identity(event: &RawEvent) -> EventId {
    EventId {
        account: id(&event.account),
        source: event.source.clone(),
        id: event.id.clone(),
    }
}

/// Takes in one event and returns it.
async fn report(world: &World, line: &str) -> RawEvent {
    let event = world.event("acme", line);
    let batch = world.batch(vec![event.clone()]);
    world.engine.ingest(batch).await.unwrap();
    event
}

fn withdraw(events: &[&RawEvent]) -> Correction {
    Correction {
        withdraw: events.iter().map(|event| identity(event)).collect(),
        events: Vec::new(),
    }
}

/// Ten gigabytes at 0.05 SYNOR, of which four were reported by mistake.
#[tokio::test]
async fn a_withdrawal_after_the_close_is_a_credit_on_the_next_invoice_and_once() {
    let world = World::with(&["acme"]).await;
    report(&world, "network.egress 6 GB @2026-01-10 provider=node-1").await;
    let wrong = report(&world, "network.egress 4 GB @2026-01-11 provider=node-1").await;
    let first = world.bill("2026-01").await;
    assert_eq!(first.total_due_micro_synor, synor("0.5"));
    let corrected = world
        .engine
        .correct_usage(withdraw(&[&wrong, &wrong]))
        .await
        .unwrap();
    assert_eq!((corrected.withdrawn, corrected.already_withdrawn), (1, 0));
    assert_eq!(
        world.invoice(&first).await,
        first,
        "history is not rewritten"
    );
    world.sound().await;

    world.clock.set("2026-03-05");
    world
        .usage("acme", &["network.egress 1 GB @2026-02-10"])
        .await;
    let second = world.bill("2026-02").await;
    assert_eq!(
        lines(&second),
        ["network.egress 50000", "network.egress of 2026-01 -200000"]
    );
    // 0.05 of it is taken off here, and the rest is credit, by a credit note.
    assert_eq!(second.total_due_micro_synor.micro(), 0);
    assert_eq!(world.spendable("acme").await, 150_000);
    world.sound().await;

    let again = world
        .engine
        .correct_usage(withdraw(&[&wrong]))
        .await
        .unwrap();
    assert_eq!((again.withdrawn, again.already_withdrawn), (0, 1));
    world.clock.set("2026-04-05");
    world
        .usage("acme", &["network.egress 1 GB @2026-03-10"])
        .await;
    let third = world.bill("2026-03").await;
    assert_eq!(
        lines(&third),
        ["network.egress 50000"],
        "it was given back once"
    );
    assert_eq!(third.status, InvoiceStatus::Paid);
    world.sound().await;
}

#[tokio::test]
async fn an_amendment_after_the_close_bills_the_difference() {
    let world = World::with(&["acme"]).await;
    let wrong = report(&world, "network.egress 10 GB @2026-01-10 provider=node-1").await;
    world.bill("2026-01").await;
    let right = world.event("acme", "network.egress 13 GB @2026-01-10 provider=node-1");
    let amendment = Correction {
        events: world.batch(vec![right.clone()]).events,
        ..withdraw(&[&wrong])
    };
    for counts in [(1, 1), (0, 0)] {
        let done = world.engine.correct_usage(amendment.clone()).await.unwrap();
        assert_eq!((done.withdrawn, done.accepted), counts);
    }
    world.clock.set("2026-03-05");
    let second = world.bill("2026-02").await;
    assert_eq!(lines(&second), ["network.egress of 2026-01 150000"]);
    world.sound().await;
    // The amendment is an event like any other: into another month it is amended away.
    world.clock.set("2026-04-05");
    let moved = world.event("acme", "network.egress 13 GB @2026-02-10 provider=node-1");
    let amendment = Correction {
        events: world.batch(vec![moved]).events,
        ..withdraw(&[&right])
    };
    world.engine.correct_usage(amendment).await.unwrap();
    let third = world.bill("2026-03").await;
    assert_eq!(
        lines(&third),
        [
            "network.egress of 2026-01 -650000",
            "network.egress of 2026-02 650000"
        ]
    );
    world.sound().await;
}

#[tokio::test]
async fn a_correction_that_does_not_hold_does_nothing() {
    let world = World::with(&["acme"]).await;
    let held = report(&world, "network.egress 1 GB @2026-01-10").await;
    let unknown = world.event("acme", "network.egress 1 GB @2026-01-10");
    let refused = world
        .engine
        .correct_usage(withdraw(&[&held, &unknown]))
        .await;
    match refused {
        Err(EngineError::Usage(UsageLogError::UnknownEvent { event })) => {
            assert_eq!(*event, identity(&unknown));
        }
        other => panic!("{other:?}"),
    }
    let mut nobody = unknown.clone();
    "nobody".clone_into(&mut nobody.account);
    let zero = world.event("acme", "network.egress 0 GB @2026-01-10");
    let correction = Correction {
        events: world.batch(vec![unknown, zero, nobody]).events,
        ..withdraw(&[&held])
    };
    match world.engine.correct_usage(correction).await {
        Err(EngineError::Rejected(rejected)) => {
            let at: Vec<_> = rejected
                .iter()
                .map(|r| (r.index, r.event.error.field))
                .collect();
            assert_eq!(at, [(1, "quantity"), (2, "account")]);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(world.usage.position().await.unwrap(), 1);
    let nothing = world.engine.correct_usage(Correction::default()).await;
    assert!(
        matches!(nothing, Err(EngineError::Invalid { .. })),
        "{nothing:?}"
    );
}
