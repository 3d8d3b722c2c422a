//! Usage that comes late, is corrected or weighs below zero: the next invoice has the difference,
//! and history stays as it was.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod common;

use common::{World, id, synor};
use synor_economics::billing::{CreditSource, Invoice, InvoiceStatus};

/// The lines of an invoice, one text each: what, of which month if late, charged or given back.
fn lines(invoice: &Invoice) -> Vec<String> {
    let line = |l: &synor_economics::billing::LineItem| {
        let of = l.adjusts.map_or(String::new(), |m| format!(" of {m}"));
        format!(
            "{}{of}: {} × {}",
            l.resource,
            l.quantity,
            l.net().unwrap().micro()
        )
    };
    invoice.line_items.iter().map(line).collect()
}

#[tokio::test]
async fn late_usage_is_billed_at_the_next_close_and_once() {
    let world = World::with(&["acme"]).await;
    let first = world.invoice_of("acme", 10).await;
    assert_eq!(lines(&first), ["network.egress: 10000000000 × 500000"]);
    let late = [
        "network.egress 3 GB @2026-01-31T23:59 provider=node-2",
        "storage.deal 2 @2026-01-02",
    ];
    world.usage("acme", &late).await;
    world
        .usage("acme", &["network.egress 1 GB @2026-02-01"])
        .await;
    assert_eq!(world.close("2026-01").await.already_closed, 1);
    assert_eq!(
        world.invoice(&first).await,
        first,
        "history is not rewritten"
    );
    world.sound().await;

    world.clock.set("2026-03-05");
    let second = world.bill("2026-02").await;
    assert_eq!(
        lines(&second),
        [
            "network.egress: 1000000000 × 50000",
            "storage.deal of 2026-01: 2 × 2000",
            "network.egress of 2026-01: 3000000000 × 150000",
        ]
    );
    assert_eq!(
        second.line_items[2].served_by[0]
            .provider
            .as_ref()
            .unwrap()
            .as_str(),
        "node-2"
    );
    assert_eq!(second.subtotal_micro_synor.micro(), 202_000);
    world.sound().await;
    assert_eq!(world.close("2026-02").await.already_closed, 1);
    world.clock.set("2026-04-05");
    let third = world.close("2026-03").await;
    assert_eq!(
        (third.invoices.len(), third.without_usage),
        (0, 1),
        "it was billed"
    );
    world.sound().await;
}

/// What two late reports come to is the difference of the whole: 50 queries are 0.5 µSYNOR and bill
/// nothing, 150 are 1.5 and come to 2, 250 are 2.5 and still come to 2.
#[tokio::test]
async fn late_usage_bills_the_difference_and_not_its_own_rounding() {
    let world = World::with(&["acme"]).await;
    let mut queries = 0;
    let mut billed = 0;
    let months = ["2026-01", "2026-02", "2026-03", "2026-04"];
    let closes = ["2026-02-05", "2026-03-05", "2026-04-05", "2026-05-05"];
    for ((month, close), more) in months.iter().zip(closes).zip([50, 100, 100, 5_000]) {
        world
            .usage(
                "acme",
                &[&format!("database.queries {more} queries @2026-01-10")],
            )
            .await;
        world.clock.set(close);
        billed += world.bill(month).await.subtotal_micro_synor.micro();
        queries += more;
        let exact = (queries / 100, queries % 100);
        // A hundred queries are one µSYNOR; a half goes to the even side.
        let whole = exact.0 + i64::from(exact.1 > 50 || (exact.1 == 50 && exact.0 % 2 == 1));
        assert_eq!(billed, whole, "{queries} queries");
        world.sound().await;
    }
}

#[tokio::test]
async fn a_correction_of_a_billed_month_becomes_credit() {
    let world = World::with(&["acme"]).await;
    let first = world.invoice_of("acme", 10).await;
    world.pay(first.invoice_id, "0.5").await;
    world.clock.set("2026-03-05");
    let correction = "network.egress -4 GB @2026-01-10 provider=node-1 correction";
    world
        .usage("acme", &[correction, "network.egress 1 GB @2026-02-10"])
        .await;
    let second = world.bill("2026-02").await;
    assert_eq!(
        lines(&second),
        [
            "network.egress: 1000000000 × 50000",
            "network.egress of 2026-01: -4000000000 × -200000",
        ]
    );
    // What the invoice can take in is taken off it, and the rest has a credit note.
    assert_eq!(
        (second.total_due_micro_synor, second.status),
        (synor("0"), InvoiceStatus::Paid)
    );
    assert_eq!(
        second.discounts[0].discount_type,
        synor_economics::billing::DiscountType::Correction
    );
    let notes = world.engine.credit_notes(&id("acme")).await.unwrap();
    assert_eq!(
        (notes[0].number.to_string(), notes[0].credit_micro_synor),
        ("CN-000001".to_owned(), synor("0.15"))
    );
    let credits = world.engine.credits(&id("acme")).await.unwrap();
    assert_eq!(
        credits[0].source,
        CreditSource::Correction {
            invoice_id: second.invoice_id
        }
    );
    assert_eq!(credits[0].amount_micro_synor, synor("0.15"));
    world.sound().await;

    world.clock.set("2026-04-05");
    // The credit pays the next invoice, and the correction is not given back again.
    world
        .usage("acme", &["network.egress 3 GB @2026-03-10"])
        .await;
    let third = world.bill("2026-03").await;
    assert_eq!(lines(&third), ["network.egress: 3000000000 × 150000"]);
    assert_eq!(third.status, InvoiceStatus::Paid);
    assert_eq!(world.spendable("acme").await, 0);
    world.sound().await;
}

/// A correction and its withdrawal, over two closes, leave the customer where it was.
#[tokio::test]
async fn a_correction_taken_back_is_billed_again() {
    let world = World::with(&["acme"]).await;
    world.invoice_of("acme", 10).await;
    world
        .usage(
            "acme",
            &["network.egress -10 GB @2026-01-10 provider=node-1 correction"],
        )
        .await;
    world.clock.set("2026-03-05");
    let second = world.bill("2026-02").await;
    assert_eq!(
        lines(&second),
        ["network.egress of 2026-01: -10000000000 × -500000"]
    );
    assert_eq!(
        (second.status, world.spendable("acme").await),
        (InvoiceStatus::Paid, 500_000)
    );
    world
        .usage(
            "acme",
            &["network.egress 10 GB @2026-01-10 provider=node-1"],
        )
        .await;
    world.clock.set("2026-04-05");
    let third = world.bill("2026-03").await;
    assert_eq!(
        lines(&third),
        ["network.egress of 2026-01: 10000000000 × 500000"]
    );
    assert_eq!(
        (third.status, world.spendable("acme").await),
        (InvoiceStatus::Paid, 0)
    );
    world.sound().await;
}

#[tokio::test]
async fn a_month_below_zero_bills_nothing_and_the_rest_is_credit() {
    let world = World::with(&["acme"]).await;
    world
        .usage(
            "acme",
            &[
                "network.egress 2 GB @2026-01-10",
                "network.egress -5 GB @2026-01-11 correction",
                "storage.deal 20 @2026-01-11",
            ],
        )
        .await;
    let invoice = world.bill("2026-01").await;
    assert_eq!(
        lines(&invoice),
        [
            "storage.deal: 20 × 20000",
            "network.egress: -3000000000 × -150000"
        ]
    );
    assert_eq!(
        invoice.total_due_micro_synor.micro(),
        20_000,
        "a line below zero pays for no other"
    );
    assert_eq!(world.spendable("acme").await, 150_000);
    world.sound().await;
    world
        .usage("acme", &["network.egress 1 GB @2026-02-01"])
        .await;
    world.clock.set("2026-03-05");
    assert_eq!(world.bill("2026-02").await.status, InvoiceStatus::Paid);
    assert_eq!(world.spendable("acme").await, 100_000);
    world.sound().await;
}

/// 100 GB from 20 January, 40 GB from 10 February, none from noon of 25 February.
#[tokio::test]
async fn a_level_carries_over_the_end_of_a_month() {
    let world = World::with(&["acme"]).await;
    world.clock.set("2026-04-05");
    for line in [
        "100 GB @2026-01-20",
        "40 GB @2026-02-10",
        "0 GB @2026-02-25T12:00",
    ] {
        world
            .usage("acme", &[&format!("storage.stored_data {line}")])
            .await;
    }
    // Half days of GB held, of a GB-month at 20,000 µSYNOR, halves to even.
    let price = |gb_half_days: i64, days: i64| {
        let (whole, rest) = (
            gb_half_days * 20_000 / (2 * days),
            gb_half_days * 20_000 % (2 * days),
        );
        whole + i64::from(rest > days || (rest == days && whole % 2 == 1))
    };
    let january = world.bill("2026-01").await;
    assert_eq!(january.subtotal_micro_synor.micro(), price(100 * 24, 31));
    assert_eq!(january.subtotal_micro_synor.micro(), 774_194);
    let february = world.bill("2026-02").await;
    assert_eq!(
        february.subtotal_micro_synor.micro(),
        price(100 * 18 + 40 * 31, 28)
    );
    assert_eq!(february.subtotal_micro_synor.micro(), 1_085_714);
    assert_eq!(world.close("2026-03").await.without_usage, 1);
    world.sound().await;

    // A sample that comes late changes both months it held in: 60 GB from 25 January on.
    world
        .usage("acme", &["storage.stored_data 60 GB @2026-01-25"])
        .await;
    world.clock.set("2026-05-05");
    let april = world.bill("2026-04").await;
    let january_again = price(100 * 10 + 60 * 14, 31);
    let february_again = price(60 * 18 + 40 * 31, 28);
    let expected = [january_again - 774_194, february_again - 1_085_714];
    let nets: Vec<_> = april
        .line_items
        .iter()
        .map(|l| l.net().unwrap().micro())
        .collect();
    assert_eq!(nets, expected);
    assert_eq!(world.spendable("acme").await, -expected[0] - expected[1]);
    world.sound().await;
}

/// Closing a later month first does not bill a late event twice, nor lose it.
#[tokio::test]
async fn months_may_be_closed_in_any_order() {
    let world = World::with(&["acme"]).await;
    world.clock.set("2026-04-05");
    for month in ["01", "02", "03"] {
        world
            .usage("acme", &[&format!("network.egress 1 GB @2026-{month}-10")])
            .await;
    }
    let mut billed = 0;
    for month in ["2026-03", "2026-01", "2026-02"] {
        billed += world.bill(month).await.subtotal_micro_synor.micro();
        world
            .usage("acme", &["network.egress 1 GB @2026-03-11"])
            .await;
        world.sound().await;
    }
    world.clock.set("2026-05-05");
    billed += world.bill("2026-04").await.subtotal_micro_synor.micro();
    assert_eq!(billed, 6 * 50_000);
    world.sound().await;
}
