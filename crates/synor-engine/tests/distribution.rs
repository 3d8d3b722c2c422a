//! Who earns from a paid invoice: 70 % its operators by the usage each served, 20 % the treasury,
//! 10 % burnt, and not a µSYNOR lost.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod common;

use std::collections::BTreeMap;

use common::{World, synor};
use synor_engine::DistributionTotals;

/// Splits by largest remainders, ties to the earlier one: the rule of the specification, worked out
/// in integers, apart from the code under test.
fn split(amount: i128, weights: &[i128]) -> Vec<i128> {
    let total: i128 = weights.iter().sum();
    let mut parts: Vec<_> = weights.iter().map(|w| amount * w / total).collect();
    let mut order: Vec<_> = (0..weights.len()).collect();
    order.sort_by_key(|n| std::cmp::Reverse(amount * weights[*n] % total));
    let left = amount - parts.iter().sum::<i128>();
    for n in order.into_iter().take(usize::try_from(left).unwrap()) {
        parts[n] += 1;
    }
    parts
}

/// A line: what it costs, and who served how much of it.
type Line<'a> = (i128, &'a [(&'a str, i128)]);

/// Operators, treasury and burn; usage that names nobody is served by `-`.
fn expected(collected: i128, lines: &[Line<'_>]) -> (BTreeMap<String, i128>, i128, i128) {
    let [pool, mut treasury, burn] = split(collected, &[70, 20, 10])[..] else {
        unreachable!()
    };
    let mut operators = BTreeMap::new();
    let amounts: Vec<_> = lines.iter().map(|l| l.0).collect();
    for ((_, served), part) in lines.iter().zip(split(pool, &amounts)) {
        let weights: Vec<_> = served.iter().map(|s| s.1).collect();
        for ((who, _), earned) in served.iter().zip(split(part, &weights)) {
            match *who {
                "-" => treasury += earned,
                who => *operators.entry(who.to_owned()).or_default() += earned,
            }
        }
    }
    (operators, treasury, burn)
}

fn shown(totals: &DistributionTotals) -> (BTreeMap<String, i128>, i128, i128) {
    let amount = |a: synor_economics::money::MicroSynor| i128::from(a.micro());
    let operators = totals.operators.iter();
    (
        operators
            .map(|o| (o.provider.to_string(), amount(o.amount_micro_synor)))
            .collect(),
        amount(totals.treasury_micro_synor),
        amount(totals.burn_micro_synor),
    )
}

#[tokio::test]
async fn round_numbers_as_one_would_work_them_out_by_hand() {
    let world = World::with(&["acme"]).await;
    world
        .usage(
            "acme",
            &[
                "network.egress 60 GB @2026-01-10 provider=node-1",
                "network.egress 40 GB @2026-01-11 provider=node-2",
                "network.requests 1000000 requests @2026-01-11 provider=node-3",
                "compute.cpu 30 core-hours @2026-01-11",
            ],
        )
        .await;
    let invoice = world.bill("2026-01").await;
    world.pay(invoice.invoice_id, "5.7").await;
    let shared = world.engine.distribution(None).await.unwrap();
    // 5 for egress, 0.1 for requests, 0.6 for CPU that names nobody; of each, 70 % to who served.
    let operators = [
        ("node-1", 2_100_000),
        ("node-2", 1_400_000),
        ("node-3", 70_000),
    ];
    let operators = operators
        .map(|(who, amount)| (who.to_owned(), amount))
        .into();
    assert_eq!(shown(&shared), (operators, 1_140_000 + 420_000, 570_000));
    for (account, amount) in [
        ("liabilities:operator:node-1", 2_100_000),
        ("liabilities:treasury", 1_560_000),
        ("liabilities:burn", 570_000),
        ("income:service_fees", 0),
    ] {
        assert_eq!(world.ledger(account).await, -amount, "{account}");
    }
    let found = world.sound().await;
    assert_eq!(found.distributed_micro_synor, synor("5.7"));
}

#[tokio::test]
async fn odd_numbers_lose_nothing() {
    let world = World::with(&["acme"]).await;
    // Prices in µSYNOR: egress 50,000 a GB, queries 0.01 each, a deal 1,000.
    world
        .usage(
            "acme",
            &[
                "network.egress 1000003 bytes @2026-01-10 provider=a",
                "network.egress 7 bytes @2026-01-10 provider=b",
                "network.egress 333333333 bytes @2026-01-10",
                "network.egress 999999999 bytes @2026-01-10 provider=c",
                "database.queries 12345 queries @2026-01-10 provider=b",
                "database.queries 67891 queries @2026-01-10 provider=a",
                "storage.deal 1 @2026-01-10 provider=c",
                "storage.deal 2 @2026-01-10 provider=d",
            ],
        )
        .await;
    let invoice = world.bill("2026-01").await;
    let egress: &[(&str, i128)] = &[
        ("-", 333_333_333),
        ("a", 1_000_003),
        ("b", 7),
        ("c", 999_999_999),
    ];
    let lines: [Line<'_>; 3] = [
        (3_000, &[("c", 1), ("d", 2)]),
        // 80,236 queries at 0.01.
        (802, &[("a", 67_891), ("b", 12_345)]),
        // 1,334,333,342 bytes are 66,716.6671 µSYNOR.
        (66_717, egress),
    ];
    let total: i128 = lines.iter().map(|l| l.0).sum();
    assert_eq!(i128::from(invoice.total_due_micro_synor.micro()), total);
    // In three payments, of which the last one completes it.
    for amount in ["0.01", "0.000001", "1"] {
        world.pay(invoice.invoice_id, amount).await;
    }
    let shared = world.engine.distribution(None).await.unwrap();
    assert_eq!(shown(&shared), expected(total, &lines));
    let (operators, treasury, burn) = shown(&shared);
    assert_eq!(operators.values().sum::<i128>() + treasury + burn, total);
    world.sound().await;
}

/// What a gift paid is taken from all lines alike.
#[tokio::test]
async fn what_was_collected_is_shared_by_the_amounts_of_the_lines() {
    let world = World::with(&["acme"]).await;
    let new = synor_engine::NewCredit {
        amount_micro_synor: synor("1.234567"),
        source: synor_economics::billing::CreditSource::Promotional {
            campaign: "x".to_owned(),
        },
        expires_at: None,
    };
    world
        .engine
        .grant_credit(&common::id("acme"), new, "gift")
        .await
        .unwrap();
    world
        .usage(
            "acme",
            &[
                "network.egress 41 GB @2026-01-10 provider=a",
                "compute.cpu 7 core-hours @2026-01-10 provider=b",
            ],
        )
        .await;
    let invoice = world.bill("2026-01").await;
    world.pay(invoice.invoice_id, "2").await;
    let collected = 2_050_000 + 140_000 - 1_234_567;
    let lines: [Line<'_>; 2] = [(140_000, &[("b", 1)]), (2_050_000, &[("a", 1)])];
    let shared = world.engine.distribution(None).await.unwrap();
    assert_eq!(shown(&shared), expected(collected, &lines));
    world.sound().await;
}

/// Late usage below zero earns nobody anything: 0.3 less the correction of 0.2 is collected, and goes
/// to those who served the usage.
#[tokio::test]
async fn a_correction_earns_nothing() {
    let world = World::with(&["acme"]).await;
    world.invoice_of("acme", 10).await;
    world.clock.set("2026-03-05");
    world
        .usage(
            "acme",
            &[
                "network.egress -4 GB @2026-01-10 provider=node-1 correction",
                "network.egress 6 GB @2026-02-10 provider=node-2",
            ],
        )
        .await;
    let second = world.bill("2026-02").await;
    world.pay(second.invoice_id, "0.1").await;
    let shared = world.engine.distribution(Some(second.month)).await.unwrap();
    let operators = [("node-2".to_owned(), 70_000)].into();
    assert_eq!(shown(&shared), (operators, 20_000, 10_000));
    world.sound().await;
}
