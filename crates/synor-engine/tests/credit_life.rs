//! What becomes of a credit: it expires in the journal when its time is over, is never applied after
//! that, and its statement tells all of it.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod common;

use std::sync::Arc;

use common::{World, at, id, synor};
use synor_economics::billing::{CreditEntry, CreditMove, CreditSource};
use synor_engine::{EngineError, NewCredit};

async fn grant(world: &World, amount: &str, expires: Option<&str>, name: &str) -> CreditEntry {
    let credit = NewCredit {
        amount_micro_synor: synor(amount),
        source: CreditSource::Promotional {
            campaign: name.to_owned(),
        },
        expires_at: expires.map(at),
    };
    world
        .engine
        .grant_credit(&id("acme"), credit, name)
        .await
        .unwrap()
}

/// A credit's statement as text: what, how much, what is left.
async fn told(world: &World, credit: &CreditEntry) -> Vec<String> {
    let statement = world
        .engine
        .credit_statement(&id("acme"), credit.credit_id)
        .await
        .unwrap();
    let left = statement.lines.last().unwrap().left_micro_synor;
    assert_eq!(left, statement.credit.remaining_micro_synor);
    let line = |line: &synor_economics::billing::CreditLine| {
        format!(
            "{} {} {}",
            line.what.describe(),
            line.amount_micro_synor.micro(),
            line.left_micro_synor.micro()
        )
    };
    statement.lines.iter().map(line).collect()
}

#[tokio::test]
async fn expired_credit_is_posted_once_and_not_applied_before_that_either() {
    let world = World::with(&["acme"]).await;
    let credit = grant(&world, "5", Some("2026-02-10"), "launch").await;
    assert_eq!(world.engine.expire_credits().await.unwrap(), 0);
    world.clock.set("2026-02-10");
    // The job has not run, and yet nothing of it can be spent.
    assert_eq!(world.spendable("acme").await, 0);
    let invoice = world.invoice_of("acme", 20).await;
    assert_eq!(invoice.credits, []);
    assert_eq!(world.ledger("liabilities:credit:acme").await, -5_000_000);
    let refused = world.engine.deduct(&id("acme"), synor("1"), "r", "d").await;
    assert!(matches!(refused, Err(EngineError::Prepaid(_))));
    assert_eq!(world.engine.expire_credits().await.unwrap(), 1);
    assert_eq!(world.engine.expire_credits().await.unwrap(), 0);
    assert_eq!(world.ledger("liabilities:credit:acme").await, 0);
    assert_eq!(world.ledger("income:credits_expired").await, -5_000_000);
    assert_eq!(world.ledger("expenses:credits_granted").await, 5_000_000);
    assert_eq!(
        told(&world, &credit).await,
        ["granted 5000000 5000000", "expired -5000000 0"]
    );
    world.sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn racing_jobs_post_an_expiry_once() {
    let world = World::with(&["acme"]).await;
    for n in 0..3 {
        grant(&world, "5", Some("2026-02-10"), &format!("launch {n}")).await;
    }
    world.clock.set("2026-02-11");
    let engines = [Arc::clone(&world.engine), world.another_engine().await];
    let jobs = (0..16usize).map(|n| {
        let engine = Arc::clone(&engines[n % 2]);
        tokio::spawn(async move { engine.expire_credits().await.unwrap() })
    });
    let mut posted = 0;
    for job in jobs.collect::<Vec<_>>() {
        posted += job.await.unwrap();
    }
    assert_eq!(posted, 3);
    assert_eq!(world.ledger("income:credits_expired").await, -15_000_000);
    world.sound().await;
}

#[tokio::test]
async fn a_statement_tells_uses_give_backs_and_the_expiry_of_what_was_given_back() {
    let world = World::with(&["acme"]).await;
    let credit = grant(&world, "15", Some("2026-02-20"), "launch").await;
    let deducted = world
        .engine
        .deduct(&id("acme"), synor("3"), "inference", "d")
        .await
        .unwrap();
    let invoice = world.invoice_of("acme", 300).await;
    world.clock.set("2026-02-20");
    assert_eq!(world.engine.expire_credits().await.unwrap(), 0);
    // What the invoice gives back comes after the credit's time, and expires.
    world.engine.void_invoice(invoice.invoice_id).await.unwrap();
    assert_eq!(world.spendable("acme").await, 0);
    assert_eq!(world.engine.expire_credits().await.unwrap(), 1);
    let statement = world
        .engine
        .credit_statement(&id("acme"), credit.credit_id)
        .await
        .unwrap();
    let by = statement.lines.iter().find_map(|line| match &line.what {
        CreditMove::UsedByDeduction { deduction_id, .. } => Some(*deduction_id),
        _ => None,
    });
    assert_eq!(by, Some(deducted.deduction_id));
    assert_eq!(
        told(&world, &credit).await,
        [
            "granted 15000000 15000000",
            "used by INV-000001 -12000000 3000000",
            "deducted: inference -3000000 0",
            "given back by INV-000001, voided 12000000 12000000",
            "expired -12000000 0",
        ]
    );
    world.sound().await;
    let missing = world
        .engine
        .credit_statement(
            &id("acme"),
            "crd_00000000000000000000000000000000".parse().unwrap(),
        )
        .await;
    assert!(matches!(missing, Err(EngineError::NotFound { .. })));
}

/// Peers answer a balance from a cache that lags behind. Here a balance that is read after an
/// operation was acknowledged, on whatever node, has it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_balance_reflects_every_acknowledged_operation() {
    let world = World::with(&["acme"]).await;
    let engines = [Arc::clone(&world.engine), world.another_engine().await];
    let mut expected = 0;
    for n in 0..40usize {
        let (acting, reading) = (&engines[n % 2], &engines[(n + 1) % 2]);
        let name = n.to_string();
        if n % 3 == 0 {
            let credit = NewCredit {
                amount_micro_synor: synor("1"),
                source: CreditSource::Promotional {
                    campaign: name.clone(),
                },
                expires_at: None,
            };
            acting
                .grant_credit(&id("acme"), credit, &name)
                .await
                .unwrap();
            expected += 1_000_000;
        } else {
            let amount = synor("0.25");
            acting
                .deduct(&id("acme"), amount, "r", &name)
                .await
                .unwrap();
            expected -= 250_000;
        }
        let balance = reading.balance(&id("acme")).await.unwrap();
        assert_eq!(balance.balance_micro_synor.micro(), expected, "after {n}");
    }
    world.deposit("acme", "7").await;
    let balance = engines[1].balance(&id("acme")).await.unwrap();
    assert_eq!(balance.balance_micro_synor.micro(), expected + 7_000_000);
}
