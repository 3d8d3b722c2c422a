//! The life of an invoice after it was finalized: credit notes, refunds, write-offs, taxes, dunning,
//! and closing by itself. After each step the books are proved.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod common;

use InvoiceStatus::{Finalized, Overdue, Paid, Sent, Voided, WrittenOff};
use common::{World, at, id, synor};
use synor_chain::Chain;
use synor_economics::billing::{
    CreditNote, CreditNoteLine, CreditSource, FinalStep, Invoice, InvoiceStatus, RefundTo,
    TaxChange, TaxRate, TaxTreatment,
};
use synor_economics::id::{Address, InvoiceId};
use synor_economics::money::Exact;
use synor_engine::{EngineError, NewInvoiceCredit, NewRefund, RefundStatus};

async fn credit(
    world: &World,
    invoice: InvoiceId,
    amount: &str,
    command: &str,
) -> Result<CreditNote, EngineError> {
    let new = NewInvoiceCredit {
        lines: vec![CreditNoteLine {
            description: "slow disks".to_owned(),
            amount_micro_synor: synor(amount),
        }],
        reason: "incident 7".to_owned(),
    };
    world.engine.credit_invoice(invoice, new, command).await
}

async fn refund(
    world: &World,
    invoice: InvoiceId,
    amount: &str,
    to: RefundTo,
    command: &str,
) -> Result<CreditNote, EngineError> {
    let new = NewRefund {
        amount_micro_synor: synor(amount),
        to,
        reason: "cancelled".to_owned(),
    };
    world.engine.refund_invoice(invoice, new, command).await
}

fn customer() -> Address {
    synor_chain::Wallet::development(common::CHAIN, "customer")
        .address()
        .clone()
}

async fn tax(world: &World, from: &str, percent: i128, is_inclusive: bool) {
    let vat = TaxRate {
        name: format!("VAT {percent}%"),
        percent: Exact::from_integer(percent),
        is_inclusive,
        treatment: TaxTreatment::Taxed,
        note: None,
    };
    let change = TaxChange {
        from: from.parse().unwrap(),
        taxes: vec![vat],
    };
    world.engine.set_taxes(&id("acme"), change).await.unwrap();
}

#[tokio::test]
async fn a_credit_note_takes_off_what_is_owed_and_never_more_than_is_left() {
    let world = World::with(&["acme"]).await;
    let invoice = world.invoice_of("acme", 200).await;
    let note = credit(&world, invoice.invoice_id, "4", "a").await.unwrap();
    assert_eq!(note.number.to_string(), "CN-000001");
    assert_eq!(note.owed_micro_synor, synor("4"));
    world.stands(&invoice, Finalized, "0", "6").await;
    let again = credit(&world, invoice.invoice_id, "4", "a").await.unwrap();
    assert_eq!(again, note, "a command makes one credit note");
    let refused = credit(&world, invoice.invoice_id, "6.000001", "b").await;
    let refused = refused.unwrap_err().to_string();
    assert!(
        refused.contains("more than the 6.000000 SYNOR"),
        "{refused}"
    );
    let refused = world.engine.void_invoice(invoice.invoice_id).await;
    assert!(refused.unwrap_err().to_string().contains("credit notes"));

    world.pay(invoice.invoice_id, "6").await;
    world.stands(&invoice, Paid, "6", "0").await;
    let shared = world.engine.distribution(None).await.unwrap();
    assert_eq!(shared.collected_micro_synor, synor("6"));
    // What was paid becomes prepaid credit, and its distribution is taken back pro rata.
    credit(&world, invoice.invoice_id, "2", "c").await.unwrap();
    world.stands(&invoice, Paid, "6", "0").await;
    assert_eq!(world.balance("acme").await.prepaid_micro_synor, synor("2"));
    assert_eq!(
        world.ledger("liabilities:operator:node-1").await,
        -2_800_000
    );
    assert_eq!(world.ledger("liabilities:treasury").await, -800_000);
    assert_eq!(world.ledger("liabilities:burn").await, -400_000);
    credit(&world, invoice.invoice_id, "4", "d").await.unwrap();
    assert_eq!(world.ledger("liabilities:operator:node-1").await, 0);
    assert_eq!(world.ledger("income:service_fees").await, 0);
    assert!(
        credit(&world, invoice.invoice_id, "0.000001", "e")
            .await
            .is_err()
    );
    world.sound().await;
}

#[tokio::test]
async fn an_invoice_that_is_credited_whole_is_paid_and_a_payment_of_it_becomes_credit() {
    let world = World::with(&["acme"]).await;
    let invoice = world.invoice_of("acme", 200).await;
    credit(&world, invoice.invoice_id, "10", "a").await.unwrap();
    world.stands(&invoice, Paid, "0", "0").await;
    let payment = world.pay(invoice.invoice_id, "10").await;
    assert_eq!(payment.credited_micro_synor, synor("10"));
    world.stands(&invoice, Paid, "0", "0").await;
    assert_eq!(world.spendable("acme").await, 10_000_000);
}

#[tokio::test]
async fn a_payment_of_a_voided_invoice_becomes_credit_and_a_reorganization_takes_it_back() {
    let world = World::with(&["acme"]).await;
    let invoice = world.invoice_of("acme", 200).await;
    world.engine.void_invoice(invoice.invoice_id).await.unwrap();
    let tx = world.transfer(invoice.invoice_id, "10").await;
    world.mine(10).await;
    world.stands(&invoice, Voided, "0", "0").await;
    assert_eq!(world.spendable("acme").await, 10_000_000);
    world.reorganize(10, &[&tx]).await;
    world.mine(30).await;
    assert_eq!(world.spendable("acme").await, 0);
    world.sound().await;
}

#[tokio::test]
async fn a_refund_to_an_address_leaves_the_billing_wallet_once() {
    let world = World::with(&["acme"]).await;
    let invoice = world.invoice_of("acme", 200).await;
    let id_of = invoice.invoice_id;
    let to = RefundTo::Address(customer());
    assert!(
        refund(&world, id_of, "1", to.clone(), "early")
            .await
            .is_err()
    );
    world.pay(id_of, "10").await;
    let note = refund(&world, id_of, "4", to.clone(), "a").await.unwrap();
    assert_eq!(
        refund(&world, id_of, "4", to.clone(), "a").await.unwrap(),
        note
    );
    let refused = refund(&world, id_of, "6.000001", to.clone(), "b").await;
    assert!(
        refused
            .unwrap_err()
            .to_string()
            .contains("6.000000 SYNOR that were paid")
    );
    let itself = RefundTo::Address(world.engine.pay_to().clone());
    assert!(refund(&world, id_of, "1", itself, "c").await.is_err());
    world.stands(&invoice, Paid, "10", "0").await;
    assert_eq!(world.ledger("liabilities:refunds:acme").await, -4_000_000);

    world.engine.send_refunds().await.unwrap();
    world.sound().await;
    world.engine.send_refunds().await.unwrap();
    world.mine(9).await;
    world.engine.send_refunds().await.unwrap();
    let sent = world.engine.refunds(&id("acme")).await.unwrap();
    assert_eq!(
        sent[0].status,
        RefundStatus::Pending,
        "9 of 10 confirmations"
    );
    world.sound().await;
    world.mine(1).await;
    assert_eq!(world.engine.send_refunds().await.unwrap(), 1);
    assert_eq!(world.engine.send_refunds().await.unwrap(), 0);
    let there = world.chain.balance(&customer()).await.unwrap();
    assert_eq!(there.to_micro().unwrap(), synor("4"));
    assert_eq!(world.ledger("assets:chain_clearing").await, 6_000_000);
    assert_eq!(world.ledger("liabilities:refunds:acme").await, 0);
    let found = world.sound().await;
    assert_eq!(found.collected_micro_synor, synor("6"));
    assert_eq!(found.distributed_micro_synor, synor("6"));
    assert!(found.held_micro_synor.is_zero());
}

/// What the reorganization retracts is handed in again: it is one transfer however often it is.
#[tokio::test]
async fn a_refund_outlives_a_restart_and_a_reorganization() {
    let world = World::with(&["acme"]).await;
    let invoice = world.invoice_of("acme", 200).await;
    world.pay(invoice.invoice_id, "10").await;
    let to = RefundTo::Address(customer());
    refund(&world, invoice.invoice_id, "10", to, "a")
        .await
        .unwrap();
    world.engine.send_refunds().await.unwrap();
    world.mine(3).await;
    let world = world.restart().await;
    let sent = world.engine.refunds(&id("acme")).await.unwrap();
    let tx = sent[0].tx_id.clone().unwrap();
    world.reorganize(3, &[&tx]).await;
    for _ in 0..3 {
        world.engine.send_refunds().await.unwrap();
        world.mine(5).await;
    }
    world.engine.send_refunds().await.unwrap();
    let sent = world.engine.refunds(&id("acme")).await.unwrap();
    assert_eq!(sent[0].status, RefundStatus::Confirmed);
    let there = world.chain.balance(&customer()).await.unwrap();
    assert_eq!(there.to_micro().unwrap(), synor("10"));
    world.sound().await;
}

#[tokio::test]
async fn a_refund_to_the_balance_is_prepaid_and_a_reorganization_reopens_the_invoice() {
    let world = World::with(&["acme"]).await;
    let invoice = world.invoice_of("acme", 200).await;
    let tx = world.transfer(invoice.invoice_id, "10").await;
    world.mine(10).await;
    refund(&world, invoice.invoice_id, "3", RefundTo::Prepaid, "a")
        .await
        .unwrap();
    let credits = world.engine.credits(&id("acme")).await.unwrap();
    assert!(matches!(credits[0].source, CreditSource::Refund { .. }));
    world.reorganize(10, &[&tx]).await;
    world.mine(1).await;
    // The refund stays, so all of the invoice is owed again.
    world.stands(&invoice, Finalized, "0", "10").await;
    assert_eq!(world.spendable("acme").await, 3_000_000);
    world.pay(invoice.invoice_id, "10").await;
    world.stands(&invoice, Paid, "10", "0").await;
    let shared = world.engine.distribution(None).await.unwrap();
    assert_eq!(shared.collected_micro_synor, synor("7"));
}

#[tokio::test]
async fn what_is_written_off_can_be_paid_after_all_and_taken_back_again() {
    let world = World::with(&["acme"]).await;
    let invoice = world.invoice_of("acme", 200).await;
    world.pay(invoice.invoice_id, "1").await;
    let id_of = invoice.invoice_id;
    assert!(world.engine.write_off_invoice(id_of, " ").await.is_err());
    world
        .engine
        .write_off_invoice(id_of, "insolvent")
        .await
        .unwrap();
    world.stands(&invoice, WrittenOff, "1", "0").await;
    assert_eq!(world.ledger("expenses:write_offs").await, 9_000_000);
    assert_eq!(world.balance("acme").await.open_invoices, 0);
    assert!(
        world
            .engine
            .write_off_invoice(id_of, "again")
            .await
            .is_err()
    );
    world.pay(id_of, "4").await;
    world.stands(&invoice, WrittenOff, "5", "0").await;
    assert_eq!(world.ledger("expenses:write_offs").await, 5_000_000);
    let tx = world.transfer(id_of, "6").await;
    world.mine(10).await;
    world.stands(&invoice, Paid, "10", "0").await;
    assert_eq!(world.ledger("expenses:write_offs").await, 0);
    assert_eq!(world.spendable("acme").await, 1_000_000);
    world.reorganize(10, &[&tx]).await;
    world.mine(1).await;
    world.stands(&invoice, WrittenOff, "5", "0").await;
    assert_eq!(world.ledger("expenses:write_offs").await, 5_000_000);
}

#[tokio::test]
async fn taxes_are_added_posted_apart_and_given_back_with_a_credit_note() {
    let world = World::with(&["acme"]).await;
    tax(&world, "2026-01", 19, false).await;
    let invoice = world.invoice_of("acme", 200).await;
    // 10 SYNOR and 19 %.
    assert_eq!(invoice.total_due_micro_synor, synor("11.9"));
    assert_eq!(world.ledger("liabilities:tax").await, -1_900_000);
    world.pay(invoice.invoice_id, "11.9").await;
    world.stands(&invoice, Paid, "11.9", "0").await;
    let shared = world.engine.distribution(None).await.unwrap();
    assert_eq!(
        shared.collected_micro_synor,
        synor("10"),
        "taxes earn nobody"
    );
    let note = credit(&world, invoice.invoice_id, "5.95", "a")
        .await
        .unwrap();
    assert_eq!(note.taxes[0].amount_micro_synor, synor("0.95"));
    assert_eq!(world.ledger("liabilities:tax").await, -950_000);
    let shared = world.engine.distribution(None).await.unwrap();
    assert_eq!(shared.collected_micro_synor, synor("5"));
    let found = world.sound().await;
    assert_eq!(found.tax_micro_synor, synor("0.95"));
}

#[tokio::test]
async fn taxes_change_with_the_month_and_not_in_months_that_were_billed() {
    let world = World::with(&["acme"]).await;
    tax(&world, "2026-01", 19, true).await;
    tax(&world, "2026-02", 20, false).await;
    let january = world.invoice_of("acme", 238).await;
    // 11.9 SYNOR with 1.9 of tax in them.
    assert_eq!(january.total_due_micro_synor, synor("11.9"));
    assert_eq!(january.taxes[0].amount_micro_synor, synor("1.9"));
    let none = TaxChange {
        from: "2026-01".parse().unwrap(),
        taxes: Vec::new(),
    };
    assert!(world.engine.set_taxes(&id("acme"), none).await.is_err());
    world
        .usage("acme", &["network.egress 100 GB @2026-02-01"])
        .await;
    world.clock.set("2026-03-05");
    let february = world.bill("2026-02").await;
    assert_eq!(february.total_due_micro_synor, synor("6"));
    world.sound().await;
}

/// A correction of what was taxed gives its tax back: on the invoice that takes it in, and in the
/// credit note over the rest.
#[tokio::test]
async fn a_correction_gives_back_its_tax() {
    let world = World::with(&["acme"]).await;
    tax(&world, "2026-01", 10, false).await;
    world.invoice_of("acme", 200).await;
    world.clock.set("2026-03-05");
    let correction = "network.egress -200 GB @2026-01-10 provider=node-1 correction";
    world
        .usage("acme", &[correction, "network.egress 40 GB @2026-02-10"])
        .await;
    let second = world.bill("2026-02").await;
    // 2 SYNOR of usage take in 2 of 10; 8 and 0.8 of tax are carried over.
    assert_eq!(
        (second.total_due_micro_synor, second.status),
        (synor("0"), Paid)
    );
    assert_eq!(world.spendable("acme").await, 8_800_000);
    assert_eq!(world.ledger("liabilities:tax").await, -200_000);
    let notes = world.engine.credit_notes(&id("acme")).await.unwrap();
    assert_eq!(notes[0].amount_micro_synor, synor("8.8"));
    assert_eq!(notes[0].taxes[0].amount_micro_synor, synor("0.8"));
    world.sound().await;
}

async fn steps(world: &World) -> Vec<(u16, FinalStep)> {
    let all = world.engine.reminders(&id("acme")).await.unwrap();
    all.iter().map(|r| (r.step, r.action)).collect()
}

#[tokio::test]
async fn an_overdue_invoice_is_reminded_of_once_a_step() {
    let world = World::with(&["acme"]).await;
    let invoice = world.invoice_of("acme", 200).await;
    world.engine.mark_sent(invoice.invoice_id).await.unwrap();
    world.stands(&invoice, Sent, "0", "10").await;
    // Due on 2026-03-03: reminders after 3, 7 and 14 days.
    for (day, expected) in [
        ("2026-03-02", 0),
        ("2026-03-05T23:59", 0),
        ("2026-03-06", 1),
        ("2026-03-08", 1),
        ("2026-03-17", 2),
        ("2026-06-01", 2),
    ] {
        world.clock.set(day);
        for _ in 0..2 {
            world.engine.dun().await.unwrap();
            assert_eq!(steps(&world).await.len(), expected, "{day}");
        }
    }
    // Of two that were missed the later was made up for; nothing comes after the last.
    let nothing = FinalStep::Nothing;
    assert_eq!(steps(&world).await, [(1, nothing), (3, nothing)]);
    let reminder = &world.engine.reminders(&id("acme")).await.unwrap()[0];
    assert_eq!(
        (reminder.days_overdue, reminder.amount_due_micro_synor),
        (3, synor("10"))
    );
    world.stands(&invoice, Overdue, "0", "10").await;
    world.pay(invoice.invoice_id, "10").await;
    world.stands(&invoice, Paid, "10", "0").await;
}

async fn due(world: &World) -> Vec<Invoice> {
    for (_, closed) in world.engine.close_due().await.unwrap() {
        assert_eq!(closed.failed, []);
    }
    let query = synor_store::ListQuery::all(synor_store::Kind::Invoice);
    world.store.list(query).await.unwrap().items
}

/// Auckland's January is over 11 hours before London's would be, Los Angeles' 8 hours after.
#[tokio::test]
async fn a_month_closes_by_itself_when_its_grace_is_over_where_the_account_is() {
    let world = World::with(&[]).await;
    world.clock.set("2026-01-05");
    for (name, zone) in [
        ("east", "Pacific/Auckland"),
        ("mid", "UTC"),
        ("west", "America/Los_Angeles"),
    ] {
        world.clock.set("2026-01-05");
        world.account(name, zone).await;
        world.clock.set("2026-01-20");
        world
            .usage(name, &["network.egress 10 GB @2026-01-10"])
            .await;
        // Before the account was opened: nobody asked for that month to be billed.
        world
            .usage(name, &["network.egress 10 GB @2025-12-10"])
            .await;
    }
    world.clock.set("2026-02-02");
    assert!(due(&world).await.is_empty(), "in grace");
    // Late usage inside the grace still lands.
    world
        .usage("mid", &["network.egress 1 GB @2026-01-31"])
        .await;
    for (now, expected) in [
        ("2026-02-03T10:59", vec![]),
        ("2026-02-03T11:00", vec!["east"]),
        ("2026-02-03T23:59", vec!["east"]),
        ("2026-02-04T00:00", vec!["east", "mid"]),
        ("2026-02-04T07:59", vec!["east", "mid"]),
        ("2026-02-04T08:00", vec!["east", "mid", "west"]),
        ("2026-02-20", vec!["east", "mid", "west"]),
    ] {
        world.clock.set(now);
        for _ in 0..2 {
            let invoices = due(&world).await;
            let names: Vec<_> = invoices.iter().map(|i| i.account_id.as_str()).collect();
            assert_eq!(names, expected, "{now}");
        }
    }
    let invoices = due(&world).await;
    assert_eq!(invoices[1].subtotal_micro_synor.micro(), 11 * 50_000);
    assert!(
        invoices
            .iter()
            .all(|i| i.month == "2026-01".parse().unwrap())
    );
    world.sound().await;
}

#[tokio::test]
async fn months_that_ended_while_the_server_was_off_are_made_up_for() {
    let world = World::with(&[]).await;
    world.clock.set("2026-01-05");
    world.account("acme", "UTC").await;
    for month in ["01", "02", "03"] {
        world
            .usage("acme", &[&format!("network.egress 1 GB @2026-{month}-01")])
            .await;
        world.clock.set("2026-05-01");
    }
    let months: Vec<_> = due(&world)
        .await
        .iter()
        .map(|i| i.month.to_string())
        .collect();
    assert_eq!(months, ["2026-01", "2026-02", "2026-03"]);
    assert_eq!(at("2026-05-01"), world.engine.now());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn credit_notes_of_many_at_once_have_no_gaps() {
    let names: Vec<String> = (0..12).map(|n| format!("account-{n:02}")).collect();
    let world = World::with(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for name in &names {
        world
            .usage(name, &["network.egress 100 GB @2026-01-10"])
            .await;
    }
    let closed = world.close("2026-01").await;
    let engines = [world.engine.clone(), world.another_engine().await];
    let mut tasks = Vec::new();
    for (n, invoice) in closed.invoices.iter().enumerate() {
        for part in 0..3 {
            let (engine, invoice_id) = (engines[(n + part) % 2].clone(), invoice.invoice_id);
            tasks.push(tokio::spawn(async move {
                let new = NewInvoiceCredit {
                    lines: vec![CreditNoteLine {
                        description: "x".to_owned(),
                        amount_micro_synor: synor("2"),
                    }],
                    reason: "x".to_owned(),
                };
                // 5 SYNOR take two credit notes of 2, and not a third.
                engine
                    .credit_invoice(invoice_id, new, &part.to_string())
                    .await
                    .ok()
            }));
        }
    }
    let mut numbers = Vec::new();
    for task in tasks {
        numbers.extend(task.await.unwrap().map(|note| note.number.get()));
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=24).collect::<Vec<_>>());
    world.sound().await;
}

/// More than one chunk of accounts, each with a credit note: the second chunk is numbered while the
/// first lands.
#[tokio::test]
async fn credit_notes_of_a_large_close_have_no_gaps() {
    const ACCOUNTS: usize = 300;
    let names: Vec<String> = (0..ACCOUNTS).map(|n| format!("account-{n:03}")).collect();
    let world = World::with(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let line = "network.egress -1 GB @2026-01-10 correction";
    let events = names.iter().map(|name| world.event(name, line));
    let batch = world.batch(events.collect());
    world.engine.ingest(batch).await.unwrap();
    let closed = world.close("2026-01").await;
    assert_eq!(closed.invoice_count, ACCOUNTS as u64);
    let query = synor_store::ListQuery::all(synor_store::Kind::CreditNote);
    let notes = world.store.list::<CreditNote>(query).await.unwrap().items;
    let numbers: Vec<_> = notes.iter().map(|note| note.number.get()).collect();
    assert_eq!(numbers, (1..=ACCOUNTS as u64).collect::<Vec<_>>());
    world.sound().await;
}
