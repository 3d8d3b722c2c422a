//! Credits at the close of a month: the soonest to expire first, expired ones never, given back by a
//! void; and what was given away is not distributed.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod common;

use common::{World, at, id, synor};
use synor_economics::billing::{CreditEntry, CreditSource, InvoiceStatus};
use synor_economics::id::CreditId;
use synor_engine::NewCredit;

async fn grant(world: &World, amount: &str, ends: Option<&str>) -> CreditId {
    let new = NewCredit {
        amount_micro_synor: synor(amount),
        source: CreditSource::Promotional {
            campaign: "launch".to_owned(),
        },
        expires_at: ends.map(at),
    };
    let command = format!("{amount} until {ends:?}");
    world
        .engine
        .grant_credit(&id("acme"), new, &command)
        .await
        .unwrap()
        .credit_id
}

async fn left(world: &World, credit: CreditId) -> i64 {
    let credit: CreditEntry = world.store.get(&credit.to_string()).await.unwrap().unwrap();
    credit.remaining_micro_synor.micro()
}

#[tokio::test]
async fn the_soonest_to_expire_is_used_first_and_the_expired_not_at_all() {
    let world = World::with(&["acme"]).await;
    world.clock.set("2026-01-05");
    let endless = grant(&world, "3", None).await;
    let expired = grant(&world, "4", Some("2026-02-05")).await;
    let late = grant(&world, "2", Some("2026-06-01")).await;
    let soon = grant(&world, "1", Some("2026-02-05T00:01")).await;
    world.clock.set("2026-02-05");
    let invoice = world.invoice_of("acme", 84).await;
    let used: Vec<_> = invoice
        .credits
        .iter()
        .map(|u| (u.credit_id, u.amount_micro_synor.micro()))
        .collect();
    assert_eq!(
        used,
        [(soon, 1_000_000), (late, 2_000_000), (endless, 1_200_000)]
    );
    assert_eq!(left(&world, endless).await, 1_800_000);
    assert_eq!(left(&world, expired).await, 4_000_000);
    assert_eq!(invoice.status, InvoiceStatus::Paid);
    assert_eq!(world.spendable("acme").await, 1_800_000);
    world.sound().await;
}

#[tokio::test]
async fn a_void_gives_back_and_bills_no_more() {
    let world = World::with(&["acme"]).await;
    world.deposit("acme", "1.5").await;
    let promo = grant(&world, "2", Some("2026-03-01")).await;
    let invoice = world.invoice_of("acme", 200).await;
    assert_eq!(invoice.total_due_micro_synor, synor("6.5"));
    assert_eq!(world.spendable("acme").await, 0);
    world.engine.void_invoice(invoice.invoice_id).await.unwrap();
    world
        .stands(&invoice, InvoiceStatus::Voided, "0", "0")
        .await;
    assert_eq!(
        (world.spendable("acme").await, left(&world, promo).await),
        (3_500_000, 2_000_000)
    );
    for account in ["income:service_fees", "assets:receivable:acme"] {
        assert_eq!(world.ledger(account).await, 0, "{account}");
    }
    let error = world
        .engine
        .void_invoice(invoice.invoice_id)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("INV-000001 is voided"), "{error}");
    assert_eq!(world.close("2026-01").await.already_closed, 1);
    world.clock.set("2026-03-05");
    assert_eq!(world.close("2026-02").await.without_usage, 1);
    // Coins that arrive for it after all stay with the payer.
    let payment = world.pay(invoice.invoice_id, "6.5").await;
    assert!(payment.settled_micro_synor.is_zero());
    assert_eq!(
        world.spendable("acme").await,
        1_500_000 + 6_500_000,
        "the promotion has ended"
    );
    world
        .stands(&invoice, InvoiceStatus::Voided, "0", "0")
        .await;
}

#[tokio::test]
async fn an_invoice_with_payments_cannot_be_voided() {
    let world = World::with(&["acme"]).await;
    let invoice = world.invoice_of("acme", 200).await;
    let tx = world.transfer(invoice.invoice_id, "4").await;
    world.mine(10).await;
    let error = world
        .engine
        .void_invoice(invoice.invoice_id)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("has 4.000000 SYNOR paid on it"), "{error}");
    world
        .stands(&invoice, InvoiceStatus::Finalized, "4", "6")
        .await;
    // Once the chain has taken them back it can; when they come again, they are credit.
    world.reorganize(10, &[]).await;
    world.engine.follow_chain().await.unwrap();
    world.engine.void_invoice(invoice.invoice_id).await.unwrap();
    world.mine(10).await;
    assert_eq!(world.payment(&tx).await.credited_micro_synor, synor("4"));
    world
        .stands(&invoice, InvoiceStatus::Voided, "0", "0")
        .await;
}

#[tokio::test]
async fn only_what_was_collected_is_distributed() {
    let world = World::with(&["acme"]).await;
    grant(&world, "4", None).await;
    world.deposit("acme", "1").await;
    let invoice = world.invoice_of("acme", 200).await;
    // Which of the two is older is decided by their ids; both are used up.
    assert_eq!(invoice.total_due_micro_synor, synor("5"));
    world.pay(invoice.invoice_id, "5").await;
    let shared = world.engine.distribution(None).await.unwrap();
    assert_eq!(
        shared.collected_micro_synor,
        synor("6"),
        "1 prepaid and 5 paid"
    );
    assert_eq!(shared.operators[0].amount_micro_synor, synor("4.2"));
    assert_eq!(shared.treasury_micro_synor, synor("1.2"));
    assert_eq!(shared.burn_micro_synor, synor("0.6"));
    // Ten were earned, of which four were a gift that nobody is paid for.
    assert_eq!(world.ledger("income:service_fees").await, -4_000_000);
    assert_eq!(world.ledger("expenses:credits_granted").await, 4_000_000);
    world.sound().await;
}

#[tokio::test]
async fn an_invoice_paid_by_gifts_alone_is_not_distributed() {
    let world = World::with(&["acme"]).await;
    grant(&world, "40", None).await;
    let invoice = world.invoice_of("acme", 200).await;
    assert_eq!(invoice.status, InvoiceStatus::Paid);
    assert_eq!(world.engine.distribution(None).await.unwrap().invoices, 0);
    let found = world.sound().await;
    assert!(found.collected_micro_synor.is_zero() && found.held_micro_synor.is_zero());
}

#[tokio::test]
async fn an_invoice_paid_by_a_deposit_alone_is_distributed_at_its_close() {
    let world = World::with(&["acme"]).await;
    world.deposit("acme", "40").await;
    let invoice = world.invoice_of("acme", 200).await;
    assert_eq!(invoice.status, InvoiceStatus::Paid);
    let shared = world
        .engine
        .distribution(Some(invoice.month))
        .await
        .unwrap();
    assert_eq!(
        (shared.invoices, shared.collected_micro_synor),
        (1, synor("10"))
    );
    let found = world.sound().await;
    assert_eq!(found.collected_micro_synor, synor("40"));
    assert_eq!(found.held_micro_synor, synor("30"));
}
