//! Auto-pay announces before it charges, tries again on its schedule, and pauses when all tries have
//! failed, until its owner resumes it.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod common;

use std::sync::Arc;

use InvoiceStatus::{Finalized, Paid};
use common::{CHAIN, World, at, id, synor};
use synor_chain::{Chain, Wallet};
use synor_economics::billing::{AutoPayPolicy, Invoice, InvoiceStatus};
use synor_engine::{AutoPayCharge, ChargeState, Engine, EngineConfig, EngineError};

async fn charge(world: &World, invoice: &Invoice) -> AutoPayCharge {
    let id = invoice.invoice_id.to_string();
    world.store.get(&id).await.unwrap().unwrap()
}

/// An engine with the default schedule: a day ahead, again after 1, 3, 5 and 7 days.
async fn scheduled(world: &World) -> Arc<Engine> {
    world.engine_with(EngineConfig::default()).await
}

/// Lets the payer have nothing left.
async fn empty(world: &World) {
    let payer = world.payer.address();
    let there = world.chain.balance(payer).await.unwrap();
    let nonce = world.chain.next_nonce(payer).await.unwrap();
    let elsewhere = Wallet::development(CHAIN, "elsewhere");
    let signed = world
        .payer
        .sign_transfer(CHAIN, nonce, elsewhere.address(), there, "away")
        .unwrap();
    world.chain.submit(signed).await.unwrap();
    world.mine(1).await;
}

#[tokio::test]
async fn a_charge_is_announced_and_not_made_before_its_time() {
    let world = World::with(&["acme"]).await;
    let engine = scheduled(&world).await;
    world.auto_pay("acme", "500", "5000").await;
    let invoice = world.invoice_of("acme", 200).await;
    assert_eq!(engine.run_auto_pay().await.unwrap(), 0);
    let announced = charge(&world, &invoice).await;
    assert_eq!(announced.state(), ChargeState::Announced);
    assert_eq!(announced.amount_micro_synor, synor("10"));
    assert_eq!(announced.charge_at, at("2026-02-06"));
    world.clock.set("2026-02-05T23:59:59Z");
    assert_eq!(engine.run_auto_pay().await.unwrap(), 0);
    // What was paid by hand meanwhile is not charged again.
    world.pay(invoice.invoice_id, "4").await;
    world.clock.set("2026-02-06");
    assert_eq!(engine.run_auto_pay().await.unwrap(), 1);
    assert_eq!(charge(&world, &invoice).await.state(), ChargeState::Sent);
    world.mine(20).await;
    assert_eq!(engine.run_auto_pay().await.unwrap(), 0);
    let collected = charge(&world, &invoice).await;
    assert_eq!(collected.state(), ChargeState::Collected);
    assert_eq!(collected.amount_micro_synor, synor("6"));
    world.stands(&invoice, Paid, "10", "0").await;
    assert_eq!(world.spendable("acme").await, 0);
}

#[tokio::test]
async fn an_announced_charge_is_dropped_when_nothing_is_owed_any_more() {
    let world = World::with(&["acme"]).await;
    let engine = scheduled(&world).await;
    world.auto_pay("acme", "500", "5000").await;
    let invoice = world.invoice_of("acme", 200).await;
    engine.run_auto_pay().await.unwrap();
    world.pay(invoice.invoice_id, "10").await;
    world.clock.set("2026-02-07");
    assert_eq!(engine.run_auto_pay().await.unwrap(), 0);
    assert_eq!(charge(&world, &invoice).await.state(), ChargeState::GivenUp);
    let config = engine.auto_pay(&id("acme")).await.unwrap().unwrap();
    assert_eq!(config.paused, None, "nothing failed");
    world.stands(&invoice, Paid, "10", "0").await;
}

#[tokio::test]
async fn it_retries_on_its_schedule_then_pauses_with_the_reason_and_can_be_resumed() {
    let world = World::with(&["acme"]).await;
    let engine = scheduled(&world).await;
    world.auto_pay("acme", "500", "5000").await;
    let invoice = world.invoice_of("acme", 200).await;
    engine.run_auto_pay().await.unwrap();
    empty(&world).await;
    let acme = id("acme");
    // The first try on the 6th; then on the days 1, 3, 5 and 7 after it.
    let tries = [
        "2026-02-06",
        "2026-02-07",
        "2026-02-09",
        "2026-02-11",
        "2026-02-13",
    ];
    for (number, day) in tries.into_iter().enumerate() {
        let before = charge(&world, &invoice).await;
        assert_eq!(before.charge_at, at(day));
        assert_eq!(before.failures.len(), number);
        world.clock.set(&at(day).plus_secs(-1).to_string());
        engine.run_auto_pay().await.unwrap();
        assert_eq!(
            charge(&world, &invoice).await,
            before,
            "not before its time"
        );
        world.clock.set(day);
        for _ in 0..2 {
            assert_eq!(engine.run_auto_pay().await.unwrap(), 0);
        }
        let after = charge(&world, &invoice).await;
        assert_eq!(after.failures.len(), number + 1);
        let reason = &after.failures[number].reason;
        assert!(reason.contains("are required"), "{reason}");
    }
    assert_eq!(charge(&world, &invoice).await.state(), ChargeState::GivenUp);
    let paused = engine
        .auto_pay(&acme)
        .await
        .unwrap()
        .unwrap()
        .paused
        .unwrap();
    assert_eq!((paused.since, paused.failures), (at("2026-02-13"), 5));
    assert!(paused.reason.contains("are required"), "{}", paused.reason);
    // Paused, it announces nothing either.
    world
        .usage("acme", &["network.egress 20 GB @2026-02-10"])
        .await;
    world.clock.set("2026-03-02");
    let next = world.bill("2026-02").await;
    assert_eq!(engine.run_auto_pay().await.unwrap(), 0);
    let none: Option<AutoPayCharge> = world.store.get(&next.invoice_id.to_string()).await.unwrap();
    assert!(none.is_none());

    // Filled up and resumed, it goes on at once with what was given up.
    let million = synor("1000");
    let payer = world.payer.address();
    synor_chain::DevControls::faucet(&*world.chain, payer, million)
        .await
        .unwrap();
    world.mine(1).await;
    assert_eq!(engine.run_auto_pay().await.unwrap(), 0);
    engine.resume_auto_pay(&acme).await.unwrap();
    let again = engine.resume_auto_pay(&acme).await;
    assert!(
        matches!(again, Err(EngineError::Invalid { .. })),
        "{again:?}"
    );
    assert_eq!(engine.run_auto_pay().await.unwrap(), 1);
    world.mine(20).await;
    engine.run_auto_pay().await.unwrap();
    world.stands(&invoice, Paid, "10", "0").await;
    let announced = charge(&world, &next).await;
    assert_eq!(announced.state(), ChargeState::Announced);
}

#[tokio::test]
async fn a_try_that_works_ends_the_retries() {
    let world = World::with(&["acme"]).await;
    let engine = scheduled(&world).await;
    world.auto_pay("acme", "500", "5000").await;
    let invoice = world.invoice_of("acme", 200).await;
    engine.run_auto_pay().await.unwrap();
    empty(&world).await;
    world.clock.set("2026-02-06");
    engine.run_auto_pay().await.unwrap();
    assert_eq!(
        charge(&world, &invoice).await.state(),
        ChargeState::Retrying
    );
    let payer = world.payer.address();
    synor_chain::DevControls::faucet(&*world.chain, payer, synor("1000"))
        .await
        .unwrap();
    world.mine(1).await;
    world.clock.set("2026-02-07");
    assert_eq!(engine.run_auto_pay().await.unwrap(), 1);
    world.mine(20).await;
    engine.run_auto_pay().await.unwrap();
    world.stands(&invoice, Paid, "10", "0").await;
    assert_eq!(
        world
            .engine
            .auto_pay(&id("acme"))
            .await
            .unwrap()
            .unwrap()
            .paused,
        None
    );
}

/// A grant that is used up is a failure with its reason, not silence.
#[tokio::test]
async fn a_grant_that_does_not_cover_is_told() {
    let world = World::with(&["acme"]).await;
    world.auto_pay("acme", "20", "20").await;
    let revoke = world.signed_grant("0", "0").await;
    world.chain.submit(revoke).await.unwrap();
    world.mine(1).await;
    let invoice = world.invoice_of("acme", 200).await;
    assert_eq!(world.engine.run_auto_pay().await.unwrap(), 0);
    let failed = charge(&world, &invoice).await;
    assert_eq!(failed.state(), ChargeState::Retrying);
    let reason = &failed.failures[0].reason;
    assert!(reason.contains("covers 0.000000 SYNOR at most"), "{reason}");
    world.stands(&invoice, Finalized, "0", "10").await;
}

#[tokio::test]
async fn a_schedule_that_cannot_be_is_refused() {
    for auto_pay in [
        AutoPayPolicy {
            lead_secs: -1,
            ..AutoPayPolicy::default()
        },
        AutoPayPolicy {
            retry_days: vec![3, 1],
            ..AutoPayPolicy::default()
        },
    ] {
        assert!(auto_pay.check().is_err());
    }
}
