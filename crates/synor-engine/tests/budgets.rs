//! Budgets: alerts fire once for a crossing and are armed again, and what stops stops exactly, also
//! when many spend at once.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod common;

use std::sync::Arc;

use common::{World, id, synor};
use synor_economics::budget::BudgetSubject;
use synor_economics::metering::{ServiceType, UsageEvent};
use synor_economics::money::{Exact, MicroSynor};
use synor_engine::{CaptureOrder, Engine, EngineError, HoldOrder, IngestBatch, NewBudget};

fn budget(name: &str, subject: BudgetSubject, thresholds: &[&str], effect: &str) -> NewBudget {
    NewBudget {
        name: name.to_owned(),
        subject,
        thresholds: thresholds.iter().map(|t| t.parse().unwrap()).collect(),
        effect: effect.parse().unwrap(),
    }
}

fn spend(limit: &str) -> BudgetSubject {
    BudgetSubject::Spend {
        service: None,
        limit_micro_synor: synor(limit),
    }
}

async fn set(world: &World, new: NewBudget) {
    world.engine.set_budget(&id("acme"), new).await.unwrap();
}

/// The alerts of acme, oldest first: which, and whether it fires now.
async fn alerts(world: &World) -> Vec<String> {
    let page = world.engine.alerts(&id("acme"), false, None, 100).await;
    let mut alerts = page.unwrap().items;
    alerts.sort_by_key(|alert| (alert.fired_at, alert.id()));
    let line = |alert: &synor_economics::budget::Alert| {
        let state = if alert.is_firing() { "fires" } else { "armed" };
        format!(
            "{} {} #{} {state}",
            alert.budget, alert.threshold, alert.number
        )
    };
    alerts.iter().map(line).collect()
}

async fn deduct(world: &World, amount: &str, name: &str) -> Result<(), EngineError> {
    let acme = id("acme");
    let done = world.engine.deduct(&acme, synor(amount), "inference", name);
    done.await.map(drop)
}

/// What was set aside counts from then on, is captured whatever the budget says, and is free again when
/// it was released.
#[tokio::test]
async fn a_hold_counts_against_a_budget_and_its_capture_is_never_refused() {
    let world = World::with(&["acme"]).await;
    world.deposit("acme", "100").await;
    set(&world, budget("all", spend("10"), &["100%"], "stop")).await;
    let acme = id("acme");
    let hold = |amount: &str, name: &'static str| {
        let order = HoldOrder {
            amount_micro_synor: synor(amount),
            reason: "rendering".to_owned(),
            expires_in_secs: 3_600,
        };
        world.engine.place_hold(&acme, order, name)
    };
    let is_over = |error: &EngineError| matches!(error, EngineError::Budget(_));
    let job = hold("6", "job").await.unwrap().hold.hold_id;
    assert!(is_over(&hold("4.000001", "more").await.unwrap_err()));
    assert!(is_over(&deduct(&world, "4.000001", "a").await.unwrap_err()));
    deduct(&world, "4", "b").await.unwrap();
    assert!(is_over(&deduct(&world, "0.000001", "c").await.unwrap_err()));
    let part = CaptureOrder {
        amount_micro_synor: Some(synor("5")),
        is_final: true,
    };
    world
        .engine
        .capture_hold(&acme, job, part, "captured")
        .await
        .unwrap();
    // Of the six one went back, and nothing more.
    assert!(is_over(&deduct(&world, "1.000001", "d").await.unwrap_err()));
    let last = hold("1", "last").await.unwrap().hold.hold_id;
    assert!(is_over(&deduct(&world, "1", "e").await.unwrap_err()));
    world
        .engine
        .release_hold(&acme, last, "released")
        .await
        .unwrap();
    deduct(&world, "1", "f").await.unwrap();
    assert!(is_over(&deduct(&world, "0.000001", "g").await.unwrap_err()));
    world.sound().await;
}

#[tokio::test]
async fn alerts_fire_once_per_crossing_and_are_armed_again_at_the_new_month() {
    let world = World::with(&["acme"]).await;
    world.deposit("acme", "100").await;
    set(&world, budget("all", spend("10"), &["50%", "100%"], "warn")).await;
    let floor = BudgetSubject::Balance {
        limit_micro_synor: synor("95"),
    };
    set(&world, budget("floor", floor, &["100%"], "warn")).await;
    // 80 GB at 0.05 are 4 SYNOR.
    world
        .usage("acme", &["network.egress 80 GB @2026-02-02"])
        .await;
    world.engine.watch_touched_budgets().await.unwrap();
    assert_eq!(alerts(&world).await, [""; 0]);
    deduct(&world, "1", "a").await.unwrap();
    for _ in 0..3 {
        world.engine.watch_touched_budgets().await.unwrap();
        world.engine.watch_budgets().await.unwrap();
    }
    assert_eq!(alerts(&world).await, ["all 50% #1 fires"]);
    deduct(&world, "5", "b").await.unwrap();
    assert_eq!(world.engine.watch_touched_budgets().await.unwrap(), 2);
    let fired = [
        "all 100% #1 fires",
        "all 50% #1 fires",
        "floor 100% #1 fires",
    ];
    assert_eq!(alerts(&world).await, fired);
    let states = world.engine.budgets_of(&id("acme")).await.unwrap();
    assert_eq!(
        (states[0].value.get(), states[0].value_percent.as_str()),
        (10_000_000, "100")
    );
    assert_eq!(
        (states[1].value.get(), states[1].crossed.len()),
        (94_000_000, 1)
    );
    // A correction takes the month back under its mark, and crossing it again is another alert.
    world
        .usage("acme", &["network.egress -20 GB @2026-02-02 correction"])
        .await;
    world.deposit("acme", "2").await;
    world.engine.watch_budgets().await.unwrap();
    let armed = [
        "all 100% #1 armed",
        "all 50% #1 fires",
        "floor 100% #1 armed",
    ];
    assert_eq!(alerts(&world).await, armed);
    world
        .usage("acme", &["network.egress 20 GB @2026-02-03"])
        .await;
    world.engine.watch_budgets().await.unwrap();
    assert_eq!(alerts(&world).await[1], "all 100% #2 fires");
    world.clock.set("2026-03-01");
    world.engine.watch_budgets().await.unwrap();
    assert!(
        alerts(&world)
            .await
            .iter()
            .all(|alert| alert.ends_with("armed"))
    );
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn racing_watchers_fire_an_alert_once() {
    let world = World::with(&["acme"]).await;
    world.deposit("acme", "100").await;
    set(&world, budget("all", spend("10"), &["50%"], "warn")).await;
    deduct(&world, "6", "a").await.unwrap();
    let engines = [Arc::clone(&world.engine), world.another_engine().await];
    let watchers = (0..16usize).map(|n| {
        let engine = Arc::clone(&engines[n % 2]);
        tokio::spawn(async move { engine.watch_budgets().await.unwrap() })
    });
    let mut fired = 0;
    for watcher in watchers.collect::<Vec<_>>() {
        fired += watcher.await.unwrap();
    }
    assert_eq!(fired, 1);
    assert_eq!(alerts(&world).await, ["all 50% #1 fires"]);
}

#[tokio::test]
async fn usage_and_forecast_are_watched_and_a_removed_budget_is_silent() {
    let world = World::with(&["acme"]).await;
    let traffic = BudgetSubject::Usage {
        resource: "network.egress".parse().unwrap(),
        quantity: Exact::from_integer(100),
        unit: "GB".parse().unwrap(),
    };
    set(&world, budget("traffic", traffic, &["80", "100%"], "warn")).await;
    // 40 GB a day for four days: 160 GB so far are 8 SYNOR, and 24 days more come to 56.
    let ahead = BudgetSubject::Forecast {
        service: Some(ServiceType::Network),
        limit_micro_synor: synor("50"),
    };
    set(&world, budget("ahead", ahead, &["100%"], "warn")).await;
    for day in 1..=2 {
        let line = format!("network.egress 40 GB @2026-02-0{day}T12:00");
        world.usage("acme", &[&line]).await;
    }
    world.engine.watch_budgets().await.unwrap();
    assert_eq!(alerts(&world).await, ["traffic 80 #1 fires"]);
    for day in 3..=4 {
        let line = format!("network.egress 40 GB @2026-02-0{day}T12:00");
        world.usage("acme", &[&line]).await;
    }
    world.engine.watch_budgets().await.unwrap();
    let fired = [
        "ahead 100% #1 fires",
        "traffic 100% #1 fires",
        "traffic 80 #1 fires",
    ];
    assert_eq!(alerts(&world).await, fired);
    let acme = id("acme");
    world.engine.remove_budget(&acme, "ahead").await.unwrap();
    assert_eq!(alerts(&world).await[0], "ahead 100% #1 armed");
    let again = world.engine.remove_budget(&acme, "ahead").await;
    assert!(matches!(again, Err(EngineError::NotFound { .. })));
}

/// The wallet under concurrency: 64 clients on two nodes want far more than the budget, and what
/// they are granted comes to the budget and not one µSYNOR more.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn sixty_four_racing_clients_never_spend_one_unit_beyond_a_budget() {
    let world = World::with(&["acme"]).await;
    world.deposit("acme", "50").await;
    // 20 GB at 0.05 are 1 SYNOR of the budget of 3.
    world
        .usage("acme", &["network.egress 20 GB @2026-02-02"])
        .await;
    set(&world, budget("all", spend("3"), &["100%"], "stop")).await;
    let engines = [Arc::clone(&world.engine), world.another_engine().await];
    let clients = (0..64usize).map(|n| {
        let engine = Arc::clone(&engines[n % 2]);
        tokio::spawn(async move {
            let mut granted = 0;
            // From large to the single unit, so that the last room is filled as well.
            for (turn, amount) in [99_991, 7_919, 104_729, 1].into_iter().enumerate() {
                let name = format!("{n}/{turn}");
                let amount = MicroSynor::new(amount);
                match engine.deduct(&id("acme"), amount, "inference", &name).await {
                    Ok(done) => {
                        assert_eq!(done.amount_deducted_micro_synor, amount);
                        granted += amount.micro();
                    }
                    Err(EngineError::Budget(refused)) => assert!(refused.left < amount),
                    Err(other) => panic!("{other}"),
                }
            }
            granted
        })
    });
    let mut granted = 0;
    for client in clients.collect::<Vec<_>>() {
        granted += client.await.unwrap();
    }
    assert!(granted <= 2_000_000, "{granted}");
    assert!(
        2_000_000 - granted < 7_919,
        "{granted}: there was room for more"
    );
    let rest = MicroSynor::new(2_000_000 - granted);
    if rest.is_positive() {
        let acme = id("acme");
        let more = world.engine.deduct(&acme, rest, "inference", "rest").await;
        more.unwrap();
    }
    let one = MicroSynor::new(1);
    let over = world
        .engine
        .deduct(&id("acme"), one, "inference", "over")
        .await;
    let over = over.unwrap_err().to_string();
    assert_eq!(
        over,
        "would exceed the budget `all` of 3.000000 SYNOR a month: 3.000000 SYNOR are spent, and \
         0.000000 SYNOR are left until 2026-03-01T00:00:00Z"
    );
    // A command that was granted is granted still.
    let state = &world.engine.budgets_of(&id("acme")).await.unwrap()[0];
    assert_eq!(state.value.get(), 3_000_000);
    assert_eq!(world.ledger("income:service_fees").await, -2_000_000);
    // The new month has a budget of its own.
    world.clock.set("2026-03-01");
    deduct(&world, "3", "march").await.unwrap();
    assert!(deduct(&world, "0.000001", "april").await.is_err());
    world.sound().await;
}

/// The reasons for which events were not taken in.
async fn take_in(engine: &Engine, events: &[UsageEvent]) -> Vec<String> {
    let batch = IngestBatch::of(events.iter().cloned().map(Ok).collect());
    let done = engine.ingest(batch).await.unwrap();
    done.rejected
        .into_iter()
        .map(|r| r.event.error.reason)
        .collect()
}

fn event(world: &World, line: &str) -> UsageEvent {
    let now = world.engine.now();
    world.event("acme", line).validate(now).unwrap()
}

#[tokio::test]
async fn usage_beyond_a_budget_is_refused_to_the_last_unit() {
    let world = World::with(&["acme"]).await;
    world.deposit("acme", "10").await;
    set(&world, budget("all", spend("2"), &["100%"], "stop")).await;
    let compute = BudgetSubject::Spend {
        service: Some(ServiceType::Compute),
        limit_micro_synor: synor("0.1"),
    };
    set(&world, budget("machines", compute, &["100%"], "stop")).await;
    deduct(&world, "1", "a").await.unwrap();
    let ten = event(&world, "network.egress 10 GB @2026-02-02");
    let eleven = event(&world, "network.egress 11 GB @2026-02-02");
    let hours = event(&world, "compute.cpu 6 core-hours @2026-02-03");
    let ahead = event(&world, "network.egress 10 GB @2026-02-05T12:00");
    let january = event(&world, "network.egress 99 GB @2026-01-31");
    let stopped = take_in(
        &world.engine,
        &[ten.clone(), eleven.clone(), hours.clone(), ahead, january],
    )
    .await;
    assert_eq!(
        stopped,
        [
            "would exceed the budget `all` of 2.000000 SYNOR a month: 1.500000 SYNOR are spent, \
             and 0.500000 SYNOR are left until 2026-03-01T00:00:00Z",
            "would exceed the budget `machines` of 0.100000 SYNOR a month: 0.000000 SYNOR are \
             spent, and 0.100000 SYNOR are left until 2026-03-01T00:00:00Z",
        ]
    );
    // The budget is full, also by what is dated ahead; what is counted already is not stopped.
    assert_eq!(take_in(&world.engine, &[ten]).await, [""; 0]);
    let byte = event(&world, "network.egress 20000 bytes @2026-02-03");
    assert_eq!(take_in(&world.engine, &[byte]).await.len(), 1);
    assert!(deduct(&world, "0.000001", "b").await.is_err());
    let acme = id("acme");
    world.engine.remove_budget(&acme, "all").await.unwrap();
    assert_eq!(take_in(&world.engine, &[eleven]).await, [""; 0]);
    assert_eq!(take_in(&world.engine, &[hours]).await.len(), 1);
    world.sound().await;
}

/// Clients that report usage and clients that deduct, against one budget.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn racing_usage_and_deductions_share_one_budget_exactly() {
    let world = World::with(&["acme"]).await;
    world.deposit("acme", "50").await;
    set(&world, budget("all", spend("1"), &["100%"], "stop")).await;
    let mut clients = Vec::new();
    for n in 0..32usize {
        let engine = Arc::clone(&world.engine);
        let events: Vec<_> = (0..3)
            .map(|_| event(&world, "network.egress 1 GB @2026-02-02"))
            .collect();
        clients.push(tokio::spawn(async move {
            let mut granted = 0;
            for (turn, event) in events.into_iter().enumerate() {
                if n % 2 == 0 {
                    let stopped = take_in(&engine, &[event]).await;
                    granted += if stopped.is_empty() { 50_000 } else { 0 };
                } else {
                    let name = format!("{n}/{turn}");
                    let amount = MicroSynor::new(30_000);
                    let done = engine.deduct(&id("acme"), amount, "r", &name).await;
                    granted += if done.is_ok() { 30_000 } else { 0 };
                }
            }
            granted
        }));
    }
    let mut granted = 0;
    for client in clients {
        granted += client.await.unwrap();
    }
    assert!(granted <= 1_000_000, "{granted}");
    assert!(
        1_000_000 - granted < 30_000,
        "{granted}: there was room for more"
    );
    let state = &world.engine.budgets_of(&id("acme")).await.unwrap()[0];
    assert_eq!(state.value.get(), granted.into());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_budget_on_usage_stops_as_a_quota_does() {
    let world = World::with(&["acme"]).await;
    let traffic = BudgetSubject::Usage {
        resource: "network.egress".parse().unwrap(),
        quantity: Exact::from_integer(100),
        unit: "bytes".parse().unwrap(),
    };
    set(&world, budget("traffic", traffic, &["100%"], "stop")).await;
    let mut clients = Vec::new();
    for n in 0..64 {
        let engine = Arc::clone(&world.engine);
        let bytes = 1 + n % 3;
        let line = format!("network.egress {bytes} bytes @2026-02-02");
        let event = event(&world, &line);
        clients.push(tokio::spawn(async move {
            let stopped = take_in(&engine, &[event]).await;
            if stopped.is_empty() { bytes } else { 0 }
        }));
    }
    let mut admitted = 0;
    for client in clients {
        admitted += client.await.unwrap();
    }
    assert!(admitted <= 100 && admitted > 97, "{admitted}");
    world.engine.watch_budgets().await.unwrap();
    let acme = id("acme");
    world.engine.remove_budget(&acme, "traffic").await.unwrap();
    let more = event(&world, "network.egress 1 GB @2026-02-02");
    assert_eq!(take_in(&world.engine, &[more]).await, [""; 0]);
}
