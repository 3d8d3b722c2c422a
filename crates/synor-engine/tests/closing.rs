//! Closing a month: one invoice for each account that used anything, numbered without gaps, whoever
//! closes and how often.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod common;

use std::collections::BTreeSet;
use std::sync::Arc;

use common::{World, id, synor};
use synor_economics::billing::InvoiceStatus;
use synor_engine::EngineError;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_that_close_at_once_make_one_invoice_each() {
    let names: Vec<String> = (0..24).map(|n| format!("account-{n:02}")).collect();
    let world = World::with(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for (n, name) in names.iter().enumerate() {
        let line = format!("network.egress {} GB @2026-01-10", n + 1);
        world
            .usage(name, &[&line, "compute.cpu 3 core-hours @2026-01-31T23:59"])
            .await;
    }
    let month = "2026-01".parse().unwrap();
    let engines = [Arc::clone(&world.engine), world.another_engine().await];
    let tasks = (0..6usize).map(|n| {
        let engine = Arc::clone(&engines[n % 2]);
        tokio::spawn(async move { engine.close_period(month, &|_, _| {}).await.unwrap() })
    });
    let (mut made, mut already) = (0, 0);
    for task in tasks.collect::<Vec<_>>() {
        let closed = task.await.unwrap();
        assert!(closed.failed.is_empty());
        made += closed.invoices.len();
        already += closed.already_closed;
    }
    assert_eq!((made, already), (24, 5 * 24));
    let mut numbers = BTreeSet::new();
    for (n, name) in names.iter().enumerate() {
        let invoices = world.engine.invoices_of(&id(name)).await.unwrap();
        assert_eq!(invoices.len(), 1);
        // 0.05 SYNOR per GB and 0.02 per core-hour.
        let expected = 50_000 * (n as i64 + 1) + 3 * 20_000;
        assert_eq!(invoices[0].subtotal_micro_synor.micro(), expected);
        numbers.insert(invoices[0].number.get());
    }
    assert_eq!(numbers, (1..=24).collect());
    assert_eq!(world.sound().await.invoices, 24);

    let again = world.close("2026-01").await;
    assert_eq!((again.invoices.len(), again.already_closed), (0, 24));
    // The next month goes on where the numbers were left, and leaves out who used nothing.
    world
        .usage("account-05", &["network.egress 1 GB @2026-02-01"])
        .await;
    world.clock.set("2026-03-01");
    let next = world.close("2026-02").await;
    assert_eq!((next.invoices.len(), next.without_usage), (1, 23));
    assert_eq!(next.invoices[0].number.to_string(), "INV-000025");
    world.sound().await;
}

/// Two nodes close while the accounts spend: neither holds the other up for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn closing_beside_deductions() {
    let world = World::with(&["acme", "other"]).await;
    world.deposit("acme", "50").await;
    world
        .usage("acme", &["network.egress 100 GB @2026-01-10"])
        .await;
    world
        .usage("other", &["network.egress 10 GB @2026-01-10"])
        .await;
    let engine = Arc::clone(&world.engine);
    let spending = tokio::spawn(async move {
        for n in 0..60 {
            let name = n.to_string();
            engine
                .deduct(&id("acme"), synor("0.1"), "inference", &name)
                .await
                .unwrap();
        }
    });
    let other = world.another_engine().await;
    let month = "2026-01".parse().unwrap();
    let closed = other.close_period(month, &|_, _| {}).await.unwrap();
    assert_eq!(closed.invoices.len(), 2);
    spending.await.unwrap();
    // 50 − 60 × 0.1 − 5.
    assert_eq!(world.spendable("acme").await, 39_000_000);
    world.sound().await;
}

#[tokio::test]
async fn a_month_that_has_not_ended_everywhere_is_refused_by_name() {
    let world = World::with(&["acme"]).await;
    world.account("kiritimati", "Pacific/Kiritimati").await;
    world.account("angeles", "America/Los_Angeles").await;
    // The first hour of February in each zone, and the last of January.
    world
        .usage(
            "acme",
            &[
                "network.egress 1 GB @2026-01-31T23:59",
                "network.egress 10 GB @2026-02-01",
            ],
        )
        .await;
    let line = [
        "network.egress 1 GB @2026-01-31T09:59",
        "network.egress 10 GB @2026-01-31T10:00",
    ];
    world.usage("kiritimati", &line).await;
    let line = [
        "network.egress 1 GB @2026-02-01T07:59",
        "network.egress 10 GB @2026-02-01T08:00",
    ];
    world.usage("angeles", &line).await;

    world.clock.set("2026-02-01T07:59");
    match world.try_close("2026-01").await.unwrap_err() {
        EngineError::PeriodOpen { month, end, zone } => {
            assert_eq!(
                (month.to_string(), end),
                ("2026-01".to_owned(), common::at("2026-02-01T08:00"))
            );
            assert_eq!(zone, "America/Los_Angeles");
        }
        other => panic!("{other}"),
    }
    assert!(
        world
            .engine
            .invoices_of(&id("acme"))
            .await
            .unwrap()
            .is_empty(),
        "nothing was done"
    );
    world.clock.set("2026-02-01T08:00");
    let closed = world.close("2026-01").await;
    for invoice in &closed.invoices {
        assert_eq!(
            invoice.subtotal_micro_synor,
            synor("0.05"),
            "{}",
            invoice.account_id
        );
        assert_eq!(world.whole(invoice).await.period.secs(), 31 * 86_400);
    }
    assert_eq!(closed.invoices.len(), 3);
    world.clock.set("2026-03-01T08:00");
    let closed = world.close("2026-02").await;
    assert!(
        closed
            .invoices
            .iter()
            .all(|i| i.subtotal_micro_synor == synor("0.5"))
    );
    let open = world.try_close("2026-03").await.unwrap_err().to_string();
    assert!(
        open.starts_with("2026-03 ends at 2026-04-01T00:00:00Z in UTC"),
        "{open}"
    );
    world.sound().await;
}

/// Usage that cannot be priced, or that comes to more than money can hold, is its account's problem
/// alone.
#[tokio::test]
async fn an_account_that_cannot_be_billed_holds_up_no_other() {
    let world = World::with(&[
        "acme",
        "line-too-large",
        "sum-too-large",
        "unpriced",
        "zebra",
    ])
    .await;
    for name in ["acme", "zebra"] {
        world
            .usage(name, &["network.egress 1 GB @2026-01-10"])
            .await;
    }
    let most = "1000000000000000000000000000 bytes @2026-01-10";
    world
        .usage("line-too-large", &[&format!("network.egress {most}")])
        .await;
    // Each line comes to 5 × 10^18 µSYNOR, which fits; the two of them do not.
    let much = "100000000000000000000000 bytes @2026-01-10";
    let lines = ["network.egress", "hosting.bandwidth"].map(|r| format!("{r} {much}"));
    world.usage("sum-too-large", &[&lines[0], &lines[1]]).await;
    let line = "compute.gpu 1 gpu-hours @2026-01-10 gpu_model=abacus";
    world.usage("unpriced", &[line]).await;
    let closed = world.close("2026-01").await;
    let made: Vec<_> = closed
        .invoices
        .iter()
        .map(|i| i.account_id.as_str())
        .collect();
    assert_eq!(made, ["acme", "zebra"]);
    let failed: Vec<_> = closed
        .failed
        .iter()
        .map(|f| f.account_id.as_str())
        .collect();
    assert_eq!(failed, ["line-too-large", "sum-too-large", "unpriced"]);
    assert!(
        closed.failed[2]
            .reason
            .contains("no price for compute.gpu (gpu_model abacus)")
    );
    let numbers: Vec<_> = closed.invoices.iter().map(|i| i.number.get()).collect();
    assert_eq!(numbers, [1, 2]);
    world.sound().await;
}

#[tokio::test]
async fn an_invoice_of_nothing_is_paid_at_once() {
    let world = World::with(&["acme"]).await;
    let line = [
        "network.ingress 5 GB @2026-01-10",
        "hosting.ssl_certificate 1 @2026-01-01",
    ];
    world.usage("acme", &line).await;
    let invoice = world.bill("2026-01").await;
    assert_eq!(
        (invoice.status, invoice.line_items.len()),
        (InvoiceStatus::Paid, 2)
    );
    assert!(invoice.total_due_micro_synor.is_zero());
    assert_eq!(world.engine.distribution(None).await.unwrap().invoices, 0);
    world.sound().await;
}

/// Half to even, once for each line.
#[tokio::test]
async fn each_line_is_rounded_once() {
    let world = World::with(&["acme"]).await;
    // A query costs 0.01 µSYNOR; 50 of three sources are 150, which is 1.5 and rounds to 2, where
    // each alone would round to 0.
    let line = "database.queries 50 queries @2026-01-10";
    world
        .usage(
            "acme",
            &[
                line,
                line,
                "database.queries 50 queries @2026-01-11 provider=b",
            ],
        )
        .await;
    let invoice = world.bill("2026-01").await;
    assert_eq!(invoice.line_items[0].amount_micro_synor.micro(), 2);
    assert_eq!(invoice.subtotal_micro_synor.micro(), 2);
    world.sound().await;
}

#[tokio::test]
async fn the_running_invoice_is_what_closing_will_make() {
    let world = World::with(&["acme"]).await;
    world.clock.set("2026-01-20");
    world
        .usage(
            "acme",
            &[
                "network.egress 3 GB @2026-01-10",
                "storage.deal 7 @2026-01-19",
            ],
        )
        .await;
    let running = world.engine.current_invoice(&id("acme")).await.unwrap();
    world.clock.set("2026-02-01");
    let invoice = world.bill("2026-01").await;
    assert_eq!(running.line_items, invoice.line_items);
    assert_eq!(running.invoice_id, invoice.invoice_id);
    assert_eq!(
        invoice.due_date,
        common::at("2026-03-03"),
        "30 days after the end of January"
    );
}
