//! Auto top-up: once for a crossing, within the grant, the month's maximum and the pause, whoever
//! triggers it how often.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod common;

use std::sync::Arc;

use common::{World, at, id, synor};
use synor_chain::Chain;
use synor_economics::billing::TopUpDecision;
use synor_engine::{EngineError, NewTopUp, TopUpEnd, TopUpState};

fn terms(below: &str, amount: &str, most: &str) -> NewTopUp {
    NewTopUp {
        enabled: true,
        threshold_micro_synor: Some(synor(below)),
        amount_micro_synor: Some(synor(amount)),
        monthly_max_micro_synor: Some(synor(most)),
        cooldown_secs: Some(600),
    }
}

/// An account with 10 SYNOR that is filled up by 20 below 5, up to 50 a month.
async fn world() -> World {
    let world = World::with(&["acme"]).await;
    world.auto_pay("acme", "30", "1000").await;
    world.deposit("acme", "10").await;
    let terms = terms("5", "20", "50");
    world
        .engine
        .configure_top_up(&id("acme"), terms)
        .await
        .unwrap();
    world
}

async fn state(world: &World) -> TopUpState {
    world.engine.top_up_state(&id("acme")).await.unwrap()
}

async fn spend(world: &World, amount: &str) {
    let name = format!("{amount}/{}", world.engine.now());
    let acme = id("acme");
    let done = world
        .engine
        .deduct(&acme, synor(amount), "inference", &name);
    done.await.unwrap();
}

/// Makes the blocks after which a top-up counts, and lets it be noticed.
async fn arrive(world: &World) {
    world.mine(12).await;
    world.engine.run_top_ups().await.unwrap();
}

#[tokio::test]
async fn a_balance_under_its_threshold_is_filled_up_once() {
    let world = world().await;
    assert_eq!(world.engine.run_top_ups().await.unwrap(), 0);
    spend(&world, "5").await;
    assert_eq!(
        world.engine.run_top_ups().await.unwrap(),
        0,
        "5 is not below 5"
    );
    spend(&world, "1").await;
    assert_eq!(world.engine.run_top_ups().await.unwrap(), 1);
    assert_eq!(state(&world).await.now, TopUpDecision::UnderWay);
    for blocks in [0, 1, 5] {
        world.mine(blocks).await;
        assert_eq!(world.engine.run_top_ups().await.unwrap(), 0);
    }
    arrive(&world).await;
    assert_eq!(world.spendable("acme").await, 24_000_000);
    let after = state(&world).await;
    assert_eq!(after.now, TopUpDecision::Enough);
    assert!(matches!(
        after.top_ups[0].end,
        Some(TopUpEnd::Credited { .. })
    ));
    world.sound().await;
}

/// What peers get wrong: many triggers see one crossing, and each fills up. 32 tasks on two nodes
/// see it here, while deductions go on, and it is filled up once.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn racing_triggers_never_top_up_twice_for_one_crossing() {
    let world = world().await;
    spend(&world, "6").await;
    let engines = [Arc::clone(&world.engine), world.another_engine().await];
    let triggers = (0..32usize).map(|n| {
        let engine = Arc::clone(&engines[n % 2]);
        tokio::spawn(async move {
            if n % 4 == 0 {
                let (amount, name) = (synor("0.1"), n.to_string());
                engine
                    .deduct(&id("acme"), amount, "r", &name)
                    .await
                    .unwrap();
            }
            engine.run_top_ups().await.unwrap()
        })
    });
    let mut decided = 0;
    for trigger in triggers.collect::<Vec<_>>() {
        decided += trigger.await.unwrap();
    }
    assert_eq!(decided, 1);
    arrive(&world).await;
    engines[1].run_top_ups().await.unwrap();
    // 10 − 6 − 8 × 0.1 + 20, and the wallet paid 20 once.
    assert_eq!(world.spendable("acme").await, 23_200_000);
    assert_eq!(state(&world).await.top_ups.len(), 1);
    let held = world.chain.balance(world.engine.pay_to()).await.unwrap();
    assert_eq!(held.to_micro().unwrap(), synor("30"));
    world.sound().await;
}

#[tokio::test]
async fn it_waits_after_each_and_keeps_to_the_months_maximum() {
    let world = world().await;
    spend(&world, "9").await;
    world.engine.run_top_ups().await.unwrap();
    arrive(&world).await;
    spend(&world, "20").await;
    assert_eq!(world.engine.run_top_ups().await.unwrap(), 0);
    let until = at("2026-02-05").plus_secs(600);
    assert_eq!(
        state(&world).await.now,
        TopUpDecision::CoolingDown { until }
    );
    world.clock.set("2026-02-05T00:10");
    assert_eq!(world.engine.run_top_ups().await.unwrap(), 1);
    arrive(&world).await;
    spend(&world, "20").await;
    world.clock.set("2026-02-06");
    assert_eq!(world.engine.run_top_ups().await.unwrap(), 0);
    let left_micro_synor = synor("10");
    let stopped = state(&world).await;
    assert_eq!(
        stopped.now,
        TopUpDecision::MonthlyMaximum { left_micro_synor }
    );
    assert_eq!(stopped.this_month_micro_synor, synor("40"));
    world.clock.set("2026-03-01");
    assert_eq!(world.engine.run_top_ups().await.unwrap(), 1);
    arrive(&world).await;
    assert_eq!(world.spendable("acme").await, 21_000_000);
    world.sound().await;
}

#[tokio::test]
async fn one_that_fails_says_why_and_counts_for_nothing() {
    let world = world().await;
    let revoke = world.signed_grant("0", "0").await;
    world.chain.submit(revoke).await.unwrap();
    world.mine(1).await;
    spend(&world, "6").await;
    world.engine.run_top_ups().await.unwrap();
    let failed = state(&world).await;
    assert_eq!(failed.this_month_micro_synor, synor("0"));
    match &failed.top_ups[0].end {
        Some(TopUpEnd::Failed { reason, .. }) => {
            assert!(reason.contains("covers 0.000000 SYNOR at most"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(world.engine.run_top_ups().await.unwrap(), 0, "it waits");
    world.auto_pay("acme", "30", "1000").await;
    world.clock.set("2026-02-05T01:00");
    assert_eq!(world.engine.run_top_ups().await.unwrap(), 1);
    arrive(&world).await;
    assert_eq!(world.spendable("acme").await, 24_000_000);
}

/// A process that ends between writing down and sending does not lose the top-up, nor do it again.
#[tokio::test]
async fn what_was_decided_survives_a_restart() {
    let world = world().await;
    spend(&world, "6").await;
    world.engine.run_top_ups().await.unwrap();
    let world = world.restart().await;
    assert_eq!(world.engine.run_top_ups().await.unwrap(), 0);
    arrive(&world).await;
    assert_eq!(world.spendable("acme").await, 24_000_000);
    world.sound().await;
}

#[tokio::test]
async fn it_needs_auto_pay_and_terms_that_can_be() {
    let world = World::with(&["acme"]).await;
    let acme = id("acme");
    let refused = world.engine.configure_top_up(&acme, terms("5", "20", "50"));
    let refused = refused.await.unwrap_err().to_string();
    assert!(refused.contains("auto-pay must be on"), "{refused}");
    world.auto_pay("acme", "30", "1000").await;
    let small = world.engine.configure_top_up(&acme, terms("5", "20", "19"));
    assert!(matches!(small.await, Err(EngineError::TopUp(_))));
    let half = NewTopUp {
        amount_micro_synor: None,
        ..terms("5", "20", "50")
    };
    let half = world.engine.configure_top_up(&acme, half).await;
    assert!(
        matches!(half, Err(EngineError::Invalid { field, .. }) if field == "amount_micro_synor")
    );
    // Off again, with what was set kept.
    world
        .engine
        .configure_top_up(&acme, terms("5", "20", "50"))
        .await
        .unwrap();
    let off = NewTopUp {
        enabled: false,
        threshold_micro_synor: None,
        amount_micro_synor: None,
        monthly_max_micro_synor: None,
        cooldown_secs: None,
    };
    let off = world.engine.configure_top_up(&acme, off).await.unwrap();
    assert_eq!((off.enabled, off.amount_micro_synor), (false, synor("20")));
    assert_eq!(world.engine.run_top_ups().await.unwrap(), 0);
}
