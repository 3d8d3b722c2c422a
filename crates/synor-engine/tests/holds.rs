//! What is on hold is nobody else's, ends when it says, and is captured once.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod common;

use common::{World, at, id, synor};
use synor_economics::billing::{CreditSource, HoldError, HoldStatus, PrepaidError};
use synor_economics::id::HoldId;
use synor_economics::money::MicroSynor;
use synor_engine::{CaptureOrder, CaptureResult, EngineError, HoldOrder, HoldResult, NewCredit};

async fn hold(
    world: &World,
    amount: &str,
    secs: i64,
    name: &str,
) -> Result<HoldResult, EngineError> {
    let order = HoldOrder {
        amount_micro_synor: synor(amount),
        reason: "rendering".to_owned(),
        expires_in_secs: secs,
    };
    world.engine.place_hold(&id("acme"), order, name).await
}

async fn capture(
    world: &World,
    hold: HoldId,
    amount: Option<&str>,
    is_final: bool,
    name: &str,
) -> Result<CaptureResult, EngineError> {
    let order = CaptureOrder {
        amount_micro_synor: amount.map(synor),
        is_final,
    };
    let account = id("acme");
    world.engine.capture_hold(&account, hold, order, name).await
}

/// What can be spent, what is on hold, and what was earned, by documents and by journal.
async fn stands(world: &World, spendable: i64, on_hold: i64, earned: i64) {
    let balance = world.balance("acme").await;
    assert_eq!(balance.balance_micro_synor.micro(), spendable);
    assert_eq!(balance.on_hold_micro_synor.micro(), on_hold);
    let wallets = [
        world.ledger("liabilities:prepaid:acme").await,
        world.ledger("liabilities:held:acme").await,
        world.ledger("income:service_fees").await,
    ];
    assert_eq!(wallets, [-spendable, -on_hold, -earned]);
    world.sound().await;
}

#[tokio::test]
async fn a_hold_is_captured_in_parts_and_the_rest_goes_back() {
    let world = World::with(&["acme"]).await;
    world.deposit("acme", "5").await;
    let placed = hold(&world, "3", 60, "a").await.unwrap();
    assert_eq!(placed.remaining_balance_micro_synor, synor("2"));
    assert_eq!(hold(&world, "3", 60, "a").await.unwrap(), placed);
    let other = hold(&world, "3", 61, "a").await.unwrap_err().to_string();
    assert!(other.contains("used before for another request"), "{other}");
    let refused = world
        .engine
        .deduct(&id("acme"), synor("2.5"), "x", "d")
        .await;
    let refused = refused.unwrap_err().to_string();
    assert!(
        refused.contains("2.000000 SYNOR does not cover"),
        "{refused}"
    );
    stands(&world, 2_000_000, 3_000_000, 0).await;

    let hold_id = placed.hold.hold_id;
    let first = capture(&world, hold_id, Some("1"), false, "c")
        .await
        .unwrap();
    assert_eq!(first.hold.status, HoldStatus::Open);
    let again = capture(&world, hold_id, Some("1"), false, "c")
        .await
        .unwrap();
    assert_eq!(again, first);
    stands(&world, 2_000_000, 2_000_000, 1_000_000).await;
    let more = capture(&world, hold_id, Some("2.1"), false, "d").await;
    let more = more.unwrap_err().to_string();
    assert!(more.contains("has 2.000000 SYNOR left"), "{more}");
    let last = capture(&world, hold_id, Some("0.5"), true, "e")
        .await
        .unwrap();
    assert_eq!(last.hold.status, HoldStatus::Captured);
    assert_eq!(last.remaining_balance_micro_synor, synor("3.5"));
    stands(&world, 3_500_000, 0, 1_500_000).await;
    // A retry after the end is answered as the first time; something new is told how it ended.
    let again = capture(&world, hold_id, Some("0.5"), true, "e")
        .await
        .unwrap();
    assert_eq!(again, last);
    let late = capture(&world, hold_id, None, true, "f").await.unwrap_err();
    assert!(matches!(
        late,
        EngineError::Prepaid(PrepaidError::Hold(HoldError::Closed {
            status: HoldStatus::Captured,
            ..
        }))
    ));
    let nobody = capture(&world, HoldId::derived(&["x"]), None, true, "g").await;
    assert!(matches!(nobody, Err(EngineError::NotFound { .. })));
}

#[tokio::test]
async fn a_released_hold_is_spendable_also_after_a_restart() {
    let world = World::with(&["acme", "other"]).await;
    world.deposit("acme", "5").await;
    let all = hold(&world, "5", 60, "a").await.unwrap().hold;
    // All of the credit is on hold, so that it is not an open one.
    let world = world.restart().await;
    stands(&world, 0, 5_000_000, 0).await;
    let foreign = world
        .engine
        .release_hold(&id("other"), all.hold_id, "r")
        .await;
    assert!(matches!(foreign, Err(EngineError::NotFound { .. })));
    let freed = world
        .engine
        .release_hold(&id("acme"), all.hold_id, "r")
        .await;
    let freed = freed.unwrap();
    assert_eq!(freed.hold.status, HoldStatus::Released);
    assert_eq!(freed.remaining_balance_micro_synor, synor("5"));
    stands(&world, 5_000_000, 0, 0).await;
}

#[tokio::test]
async fn a_hold_ends_at_its_instant_before_the_job_has_run() {
    let world = World::with(&["acme"]).await;
    world.deposit("acme", "5").await;
    let held = hold(&world, "4", 60, "a").await.unwrap().hold;
    let kept = hold(&world, "1", 120, "b").await.unwrap().hold;
    world.clock.set("2026-02-05T00:01");
    assert_eq!(world.spendable("acme").await, 4_000_000, "it is free");
    let seen = world.engine.hold(&id("acme"), held.hold_id).await.unwrap();
    assert_eq!(seen.status, HoldStatus::Expired);
    let late = capture(&world, held.hold_id, None, true, "c")
        .await
        .unwrap_err();
    assert!(late.to_string().contains("is expired"), "{late}");
    // What has expired can be spent at once.
    let taken = world.engine.deduct(&id("acme"), synor("3"), "x", "d").await;
    assert_eq!(taken.unwrap().remaining_balance_micro_synor, synor("1"));
    stands(&world, 1_000_000, 1_000_000, 3_000_000).await;
    assert_eq!(world.engine.expire_holds().await.unwrap(), 0);
    world.clock.set("2026-02-05T00:02");
    assert_eq!(world.engine.expire_holds().await.unwrap(), 1);
    stands(&world, 2_000_000, 0, 3_000_000).await;
    let found = world.engine.hold(&id("acme"), kept.hold_id).await.unwrap();
    assert_eq!(found.closed_at, Some(at("2026-02-05T00:02")));
}

#[tokio::test]
async fn held_credit_that_expires_can_be_captured_and_not_spent() {
    let world = World::with(&["acme"]).await;
    let new = NewCredit {
        amount_micro_synor: synor("2"),
        source: CreditSource::Promotional {
            campaign: "x".to_owned(),
        },
        expires_at: Some(at("2026-02-05T00:01")),
    };
    world
        .engine
        .grant_credit(&id("acme"), new, "g")
        .await
        .unwrap();
    let held = hold(&world, "2", 300, "a").await.unwrap().hold;
    world.clock.set("2026-02-05T00:01");
    let got = capture(&world, held.hold_id, Some("1.5"), true, "c").await;
    assert_eq!(got.unwrap().remaining_balance_micro_synor, MicroSynor::ZERO);
    assert_eq!(world.spendable("acme").await, 0);
    world.sound().await;
}

/// What others do to an account's money is seen by whoever spends it from memory.
#[tokio::test]
async fn what_another_node_does_is_seen() {
    let world = World::with(&["acme"]).await;
    world.deposit("acme", "5").await;
    let other = world.another_engine().await;
    let acme = id("acme");
    for round in 0..5 {
        let name = format!("{round}");
        world
            .engine
            .deduct(&acme, synor("0.5"), "x", &name)
            .await
            .unwrap();
        let name = format!("other {round}");
        let after = other.deduct(&acme, synor("0.5"), "x", &name).await.unwrap();
        let left = 4_000_000 - round * 1_000_000;
        assert_eq!(after.remaining_balance_micro_synor.micro(), left);
    }
    let none = world.engine.deduct(&acme, synor("0.1"), "x", "none").await;
    assert!(none.is_err());
    // A deposit on the other node is seen although this one remembers that there is nothing.
    world.deposit("acme", "1").await;
    world
        .engine
        .deduct(&acme, synor("0.1"), "x", "some")
        .await
        .unwrap();
    world.sound().await;
}
