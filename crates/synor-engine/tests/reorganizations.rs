//! What the chain takes back is un-counted, with everything that had come of it, and counts again
//! when it is mined again.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod common;

use InvoiceStatus::{Finalized, Overdue, Paid};
use common::{World, id, synor};
use synor_chain::Chain;
use synor_economics::billing::{InvoiceStatus, PaymentStatus};

async fn deduct(world: &World, amount: &str, command: &str) {
    let amount = synor(amount);
    world
        .engine
        .deduct(&id("acme"), amount, "inference", command)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_payment_taken_back_reopens_its_invoice() {
    let world = World::with(&["acme"]).await;
    let invoice = world.invoice_of("acme", 200).await;
    let tx = world.transfer(invoice.invoice_id, "12").await;
    world.mine(12).await;
    world.stands(&invoice, Paid, "10", "0").await;
    assert_eq!(world.spendable("acme").await, 2_000_000);
    assert_eq!(world.ledger("liabilities:burn").await, -1_000_000);

    for round in 1..=3 {
        world.reorganize(12, &[]).await;
        assert_eq!(world.engine.follow_chain().await.unwrap(), 1);
        world.stands(&invoice, Finalized, "0", "10").await;
        assert_eq!(world.payment(&tx).await.status, PaymentStatus::Pending);
        assert_eq!(world.spendable("acme").await, 0);
        for account in [
            "liabilities:burn",
            "liabilities:operator:node-1",
            "assets:chain_clearing",
        ] {
            assert_eq!(world.ledger(account).await, 0, "{account}");
        }
        assert_eq!(world.engine.distribution(None).await.unwrap().invoices, 0);
        assert_eq!(world.mine(9).await, 0);
        world.mine(3).await;
        world.stands(&invoice, Paid, "10", "0").await;
        assert_eq!(world.payment(&tx).await.times_confirmed, round + 1);
        assert_eq!(world.spendable("acme").await, 2_000_000);
        let shared = world.engine.distribution(None).await.unwrap();
        assert_eq!(
            (shared.invoices, shared.collected_micro_synor),
            (1, synor("10"))
        );
    }
}

#[tokio::test]
async fn a_reorganization_of_other_blocks_changes_nothing() {
    let world = World::with(&["acme"]).await;
    let invoice = world.invoice_of("acme", 200).await;
    world.transfer(invoice.invoice_id, "10").await;
    world.mine(10).await;
    world.reorganize(9, &[]).await;
    assert_eq!(world.engine.follow_chain().await.unwrap(), 0);
    world.stands(&invoice, Paid, "10", "0").await;
}

#[tokio::test]
async fn a_dropped_payment_fails_and_may_be_submitted_again() {
    let world = World::with(&["acme"]).await;
    let invoice = world.invoice_of("acme", 200).await;
    let signed = world.signed(&invoice.invoice_id.to_string(), "10").await;
    let tx = world.chain.submit(signed.clone()).await.unwrap();
    world.mine(10).await;
    world.clock.set("2026-04-01");
    world.reorganize(10, &[&tx]).await;
    world.mine(30).await;
    assert!(matches!(
        world.payment(&tx).await.status,
        PaymentStatus::Failed { .. }
    ));
    // It is past its due date by now.
    world.stands(&invoice, Overdue, "0", "10").await;
    world.chain.submit(signed).await.unwrap();
    world.mine(1).await;
    assert_eq!(world.payment(&tx).await.status, PaymentStatus::Pending);
    world.mine(9).await;
    world.stands(&invoice, Paid, "10", "0").await;
}

#[tokio::test]
async fn a_payment_not_counted_yet_is_not_counted_when_it_is_gone() {
    let world = World::with(&["acme"]).await;
    let invoice = world.invoice_of("acme", 200).await;
    let tx = world.transfer(invoice.invoice_id, "10").await;
    world.mine(9).await;
    world.reorganize(9, &[&tx]).await;
    world.mine(50).await;
    assert!(matches!(
        world.payment(&tx).await.status,
        PaymentStatus::Failed { .. }
    ));
    assert_eq!(world.payment(&tx).await.times_confirmed, 0);
    world.stands(&invoice, Finalized, "0", "10").await;
}

/// The invoice was paid by another payment and stays paid and distributed.
#[tokio::test]
async fn a_duplicate_payment_taken_back_leaves_the_invoice_paid() {
    let world = World::with(&["acme"]).await;
    let invoice = world.invoice_of("acme", 200).await;
    world.pay(invoice.invoice_id, "10").await;
    let duplicate = world.transfer(invoice.invoice_id, "10").await;
    world.mine(10).await;
    assert_eq!(world.spendable("acme").await, 10_000_000);
    world.reorganize(10, &[&duplicate]).await;
    world.engine.follow_chain().await.unwrap();
    assert_eq!(world.spendable("acme").await, 0);
    world.stands(&invoice, Paid, "10", "0").await;
    let shared = world.engine.distribution(None).await.unwrap();
    assert_eq!(
        (shared.invoices, shared.collected_micro_synor),
        (1, synor("10"))
    );
}

/// The second payment was too much while the first one counted; when the first is gone for good,
/// the credit stays, and the invoice waits for a payment that names it.
#[tokio::test]
async fn the_first_of_two_payments_taken_back_reopens_the_invoice() {
    let world = World::with(&["acme"]).await;
    let invoice = world.invoice_of("acme", 200).await;
    let first = world.transfer(invoice.invoice_id, "10").await;
    world.mine(1).await;
    world.transfer(invoice.invoice_id, "10").await;
    world.mine(10).await;
    world.reorganize(11, &[&first]).await;
    world.engine.follow_chain().await.unwrap();
    world.stands(&invoice, Finalized, "0", "10").await;
    // The second one lost the nonce before its own; it waits until the first comes back.
    world.mine(20).await;
    world.stands(&invoice, Finalized, "0", "10").await;
    assert_eq!(world.spendable("acme").await, 0);
}

#[tokio::test]
async fn a_deposit_taken_back_after_it_was_spent_is_owed_until_it_is_mined_again() {
    let world = World::with(&["acme"]).await;
    let announced = world.announce("acme", "10", "a").await;
    let tx = world.transfer(&announced.request.reference, "10").await;
    world.mine(10).await;
    deduct(&world, "3", "first").await;
    world.reorganize(10, &[]).await;
    world.engine.follow_chain().await.unwrap();
    assert_eq!(world.spendable("acme").await, 0);
    assert_eq!(world.ledger("assets:clawback:acme").await, 3_000_000);
    assert_eq!(world.payment(&tx).await.clawback_micro_synor, synor("3"));
    world.sound().await;

    world.mine(10).await;
    assert_eq!(world.spendable("acme").await, 7_000_000);
    assert_eq!(world.ledger("assets:clawback:acme").await, 0);
    assert!(world.payment(&tx).await.clawback_micro_synor.is_zero());
    world.sound().await;

    // Once more, after more was spent, and for good.
    deduct(&world, "6", "second").await;
    world.reorganize(10, &[&tx]).await;
    world.engine.follow_chain().await.unwrap();
    assert_eq!(world.ledger("assets:clawback:acme").await, 9_000_000);
    assert_eq!(world.spendable("acme").await, 0);
    world.sound().await;
}

#[tokio::test]
async fn an_overpayment_taken_back_after_it_was_spent() {
    let world = World::with(&["acme"]).await;
    let invoice = world.invoice_of("acme", 200).await;
    world.transfer(invoice.invoice_id, "14").await;
    world.mine(10).await;
    deduct(&world, "1.5", "first").await;
    for _ in 0..2 {
        world.reorganize(10, &[]).await;
        world.engine.follow_chain().await.unwrap();
        world.stands(&invoice, Finalized, "0", "10").await;
        assert_eq!(world.ledger("assets:clawback:acme").await, 1_500_000);
        world.mine(10).await;
        world.stands(&invoice, Paid, "10", "0").await;
        assert_eq!(world.ledger("assets:clawback:acme").await, 0);
        assert_eq!(world.spendable("acme").await, 2_500_000);
    }
}

/// A deposit paid an invoice at its close; the invoice stays paid, and what was spent is owed.
#[tokio::test]
async fn a_deposit_taken_back_after_it_paid_an_invoice() {
    let world = World::with(&["acme"]).await;
    let tx = world.deposit("acme", "30").await;
    let invoice = world.invoice_of("acme", 200).await;
    assert_eq!(invoice.status, Paid);
    world.reorganize(100, &[&tx]).await;
    world.engine.follow_chain().await.unwrap();
    world.stands(&invoice, Paid, "0", "0").await;
    assert_eq!(world.ledger("assets:clawback:acme").await, 10_000_000);
    assert_eq!(world.spendable("acme").await, 0);
}

#[tokio::test]
async fn coins_in_suspense_taken_back_leave_it() {
    let world = World::with(&["acme"]).await;
    let tx = world.transfer("whatever", "5").await;
    world.mine(10).await;
    assert_eq!(world.ledger("liabilities:suspense").await, -5_000_000);
    world.reorganize(10, &[&tx]).await;
    world.engine.follow_chain().await.unwrap();
    assert_eq!(world.ledger("liabilities:suspense").await, 0);
    world.sound().await;
}
