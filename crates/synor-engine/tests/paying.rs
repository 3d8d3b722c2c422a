//! A payment settles its invoice after the confirmations that its size asks for; exact, partial,
//! over, duplicate, late or without a reference, no coin is lost or counted twice.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod common;

use InvoiceStatus::{Finalized, Overdue, Paid};
use common::{World, id, synor};
use synor_economics::billing::{InvoiceStatus, PaymentStatus, PaymentTarget};
use synor_engine::EngineError;

#[tokio::test]
async fn an_exact_payment_pays() {
    let world = World::with(&["acme"]).await;
    let invoice = world.invoice_of("acme", 200).await;
    assert_eq!(invoice.total_due_micro_synor, synor("10"));
    let to_pay = world
        .engine
        .pay_invoice(&id("acme"), invoice.invoice_id, None)
        .await
        .unwrap();
    let request = to_pay.request.unwrap();
    assert_eq!(request.amount_micro_synor, synor("10"));
    assert_eq!(
        (request.reference, request.confirmations_required),
        (invoice.invoice_id.to_string(), 10)
    );

    let signed = world.signed(&invoice.invoice_id.to_string(), "10").await;
    let tx = signed.tx_id();
    let handed = Some(signed);
    world
        .engine
        .pay_invoice(&id("acme"), invoice.invoice_id, handed)
        .await
        .unwrap();
    assert_eq!(world.mine(1).await, 1);
    world.stands(&invoice, Finalized, "0", "10").await;
    assert_eq!(world.mine(9).await, 1);
    world.stands(&invoice, Paid, "10", "0").await;
    assert_eq!(world.invoice(&invoice).await.payment_tx, Some(tx));
    assert_eq!(world.spendable("acme").await, 0);
    let refused = world
        .engine
        .pay_invoice(&id("acme"), invoice.invoice_id, None)
        .await;
    let refused = refused.unwrap_err().to_string();
    assert!(
        refused.contains("INV-000001 is paid; only finalized"),
        "{refused}"
    );
    let found = world.sound().await;
    assert_eq!(found.collected_micro_synor, synor("10"));
    assert_eq!(found.distributed_micro_synor, synor("10"));
    assert!(found.held_micro_synor.is_zero());
}

#[tokio::test]
async fn a_partial_payment_leaves_the_rest_owed() {
    let world = World::with(&["acme"]).await;
    let invoice = world.invoice_of("acme", 200).await;
    let first = world.pay(invoice.invoice_id, "3.999999").await;
    assert_eq!(first.settled_micro_synor, synor("3.999999"));
    world
        .stands(&invoice, Finalized, "3.999999", "6.000001")
        .await;
    assert_eq!(world.engine.distribution(None).await.unwrap().invoices, 0);
    let to_pay = world
        .engine
        .pay_invoice(&id("acme"), invoice.invoice_id, None)
        .await
        .unwrap();
    assert_eq!(
        to_pay.request.unwrap().amount_micro_synor,
        synor("6.000001")
    );
    world.pay(invoice.invoice_id, "6.000001").await;
    world.stands(&invoice, Paid, "10", "0").await;
    let shared = world.engine.distribution(None).await.unwrap();
    assert_eq!(
        (shared.invoices, shared.collected_micro_synor),
        (1, synor("10"))
    );
}

#[tokio::test]
async fn what_is_paid_too_much_becomes_prepaid_credit() {
    let world = World::with(&["acme"]).await;
    let invoice = world.invoice_of("acme", 200).await;
    let payment = world.pay(invoice.invoice_id, "12.5").await;
    assert_eq!(payment.settled_micro_synor, synor("10"));
    assert_eq!(payment.credited_micro_synor, synor("2.5"));
    world.stands(&invoice, Paid, "10", "0").await;
    assert_eq!(
        world.balance("acme").await.prepaid_micro_synor,
        synor("2.5")
    );
    assert_eq!(world.sound().await.held_micro_synor, synor("2.5"));
}

#[tokio::test]
async fn a_duplicate_payment_becomes_credit_as_a_whole() {
    let world = World::with(&["acme"]).await;
    let invoice = world.invoice_of("acme", 200).await;
    world.pay(invoice.invoice_id, "10").await;
    let again = world.pay(invoice.invoice_id, "10").await;
    assert!(again.settled_micro_synor.is_zero());
    assert_eq!(again.credited_micro_synor, synor("10"));
    world.stands(&invoice, Paid, "10", "0").await;
    assert_eq!(world.spendable("acme").await, 10_000_000);
    // Two that arrive in one block come to the same.
    world
        .usage("acme", &["network.egress 40 GB @2026-02-01"])
        .await;
    world.clock.set("2026-03-05");
    let second = world
        .engine
        .close_period("2026-02".parse().unwrap(), &|_, _| {})
        .await
        .unwrap();
    // The credit paid it: nothing is owed, and what was prepaid is collected.
    assert_eq!(second.invoices[0].status, Paid);
    assert_eq!(world.spendable("acme").await, 8_000_000);
    world.sound().await;
}

#[tokio::test]
async fn two_payments_in_one_block_settle_one_after_another() {
    let world = World::with(&["acme"]).await;
    let invoice = world.invoice_of("acme", 200).await;
    let one = world.transfer(invoice.invoice_id, "7").await;
    let two = world.transfer(invoice.invoice_id, "7").await;
    world.mine(10).await;
    let (one, two) = (world.payment(&one).await, world.payment(&two).await);
    assert_eq!(
        (one.settled_micro_synor, one.credited_micro_synor),
        (synor("7"), synor("0"))
    );
    assert_eq!(
        (two.settled_micro_synor, two.credited_micro_synor),
        (synor("3"), synor("4"))
    );
    world.stands(&invoice, Paid, "10", "0").await;
}

#[tokio::test]
async fn a_late_payment_pays_an_overdue_invoice() {
    let world = World::with(&["acme"]).await;
    let invoice = world.invoice_of("acme", 200).await;
    world.clock.set("2026-03-02T23:59");
    assert_eq!(world.engine.mark_overdue().await.unwrap(), 0);
    world.clock.set("2026-03-03");
    assert_eq!(world.engine.mark_overdue().await.unwrap(), 1);
    assert_eq!(world.engine.mark_overdue().await.unwrap(), 0);
    world.stands(&invoice, Overdue, "0", "10").await;
    world.pay(invoice.invoice_id, "4").await;
    world.stands(&invoice, Overdue, "4", "6").await;
    world.pay(invoice.invoice_id, "6").await;
    world.stands(&invoice, Paid, "10", "0").await;
}

#[tokio::test]
async fn coins_without_a_known_reference_wait_in_suspense() {
    let world = World::with(&["acme"]).await;
    let unknown = synor_economics::id::InvoiceId::derived(&["nobody's"]).to_string();
    for (memo, sum) in [("", 1), ("thank you", 2), (unknown.as_str(), 3)] {
        let tx = world.transfer(memo, "1").await;
        world.mine(10).await;
        let payment = world.payment(&tx).await;
        assert_eq!(
            (payment.target, payment.account_id),
            (PaymentTarget::Unmatched, None)
        );
        assert_eq!(world.ledger("liabilities:suspense").await, -1_000_000 * sum);
        assert_eq!(
            world.sound().await.held_micro_synor.micro(),
            1_000_000 * sum
        );
    }
    assert_eq!(world.spendable("acme").await, 0);
}

#[tokio::test]
async fn the_larger_a_payment_the_more_confirmations_it_waits_for() {
    let world = World::with(&["acme"]).await;
    for (amount, confirmations) in [
        ("0.000001", 10),
        ("99.999999", 10),
        ("100", 50),
        ("10000", 50),
        ("10000.000001", 100),
    ] {
        let announced = world.announce("acme", amount, amount).await;
        assert_eq!(announced.request.confirmations_required, confirmations);
        let before = world.spendable("acme").await;
        let tx = world.transfer(&announced.request.reference, amount).await;
        world.mine(confirmations - 1).await;
        assert_eq!(
            world.payment(&tx).await.status,
            PaymentStatus::Pending,
            "{amount}"
        );
        assert_eq!(world.spendable("acme").await, before, "{amount}");
        world.sound().await;
        world.mine(1).await;
        assert_eq!(
            world.payment(&tx).await.status,
            PaymentStatus::Confirmed,
            "{amount}"
        );
        assert_eq!(
            world.spendable("acme").await - before,
            synor(amount).micro()
        );
        assert_eq!(world.mine(200).await, 0, "nothing happens after that");
    }
    world.sound().await;
}

#[tokio::test]
async fn a_signed_transfer_for_something_else_is_not_handed_in() {
    let world = World::with(&["acme", "other"]).await;
    let invoice = world.invoice_of("acme", 200).await;
    let signed = world.signed("another memo", "10").await;
    let tx = signed.tx_id();
    let handed = Some(signed);
    let refused = world
        .engine
        .pay_invoice(&id("acme"), invoice.invoice_id, handed)
        .await;
    assert!(matches!(
        refused,
        Err(EngineError::Invalid {
            field: "signed_transfer",
            ..
        })
    ));
    assert!(
        synor_chain::Chain::transfer(&*world.chain, &tx)
            .await
            .unwrap()
            .is_none()
    );
    let others = world
        .engine
        .pay_invoice(&id("other"), invoice.invoice_id, None)
        .await;
    assert!(matches!(
        others,
        Err(EngineError::NotFound {
            what: "invoice",
            ..
        })
    ));
}
