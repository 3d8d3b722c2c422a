//! Series of the largest quantity and of how many different values there were.

use super::text::{ACME, account, append, event, period};
use crate::aggregate::Aggregate;
use crate::log::{Batch, UsageLog};
use crate::series::{SeriesQuery, SplitBy, Step};

/// A series of acme as text: `resource group q1 q2 …`.
async fn lines(
    log: &dyn UsageLog,
    when: &str,
    step: Step,
    split: Option<&str>,
    aggregate: &str,
) -> Vec<String> {
    let query = SeriesQuery {
        account: account(ACME),
        period: period(when),
        step,
        zone: "UTC".parse().expect("a zone"),
        resource: None,
        split: split.map(SplitBy::named),
    };
    let aggregate: Aggregate = aggregate.parse().expect("an aggregate");
    let series = log.aggregate(query, aggregate).await.expect("a series");
    let line = |line: &crate::series::SeriesLine| {
        let quantities = line.quantities.iter().map(|q| format!(" {q}"));
        let group = line.group.as_deref().unwrap_or("-");
        format!(
            "{} {group}{}",
            line.resource,
            quantities.collect::<String>()
        )
    };
    series.lines.iter().map(line).collect()
}

const THREE_DAYS: &str = "2026-01-01..2026-01-04";

/// # Panics
/// If the log breaks the promise.
pub async fn the_maximum_is_the_largest_single_quantity(log: &dyn UsageLog) {
    let wrong = "n/4 network.egress 900 @2026-01-03 region=eu";
    append(
        log,
        [
            "n/1 network.egress 5 @2026-01-01 region=eu",
            "n/2 network.egress 7 @2026-01-01T23:59:59Z region=us",
            "n/3 network.egress 6 @2026-01-01 region=eu",
            wrong,
            "n/5 network.egress 800 @2026-01-03 region=eu correction",
            "n/6 network.egress 3 @2026-01-03 region=eu",
            "n/7 network.egress 100 @2026-01-04 region=eu",
            "n/8 network.egress 100 @2026-01-03 account=other",
        ],
    )
    .await;
    let batch = Batch {
        withdrawals: vec![event(wrong).identity],
        ..Batch::default()
    };
    log.commit(batch).await.expect("it is withdrawn");
    let maximum = lines(log, THREE_DAYS, Step::Day, None, "maximum").await;
    assert_eq!(maximum, ["network.egress - 7 0 3"]);
    let by_region = lines(log, THREE_DAYS, Step::Day, Some("region"), "maximum").await;
    assert_eq!(
        by_region,
        ["network.egress eu 6 0 3", "network.egress us 7 0 0"]
    );
    let whole = lines(log, THREE_DAYS, Step::Whole, None, "maximum").await;
    assert_eq!(whole, ["network.egress - 7"]);
    // The sum is the series itself.
    let sum = lines(log, THREE_DAYS, Step::Whole, None, "sum").await;
    assert_eq!(sum, ["network.egress - 821"]);
}

/// # Panics
/// If the log breaks the promise.
pub async fn the_maximum_of_a_level_is_its_peak_with_what_it_carries(log: &dyn UsageLog) {
    append(
        log,
        [
            "n/1 storage.stored_data 9 @2025-06-01 bucket=a",
            "n/2 storage.stored_data 50 @2025-11-01 bucket=a",
            "n/3 storage.stored_data 4 @2025-12-01 bucket=b",
            // A day on which a falls to 10 at noon while b rises to 30.
            "n/4 storage.stored_data 10 @2026-01-01T12:00:00Z bucket=a",
            "n/5 storage.stored_data 30 @2026-01-01T12:00:00Z bucket=b",
            // A short peak, and of two samples in one second the greater identity.
            "n/6 storage.stored_data 100 @2026-01-02T06:00:00Z bucket=b",
            "n/7 storage.stored_data 0 @2026-01-02T06:00:01Z bucket=b",
            "n/9 storage.stored_data 1 @2026-01-03 bucket=a",
            "n/8 storage.stored_data 70 @2026-01-03 bucket=a",
            "n/z storage.stored_data 999GB-seconds @2026-01-02 bucket=a",
        ],
    )
    .await;
    let maximum = lines(log, THREE_DAYS, Step::Day, None, "maximum").await;
    assert_eq!(maximum, ["storage.stored_data - 54 110 1"]);
    let by_bucket = lines(log, THREE_DAYS, Step::Day, Some("bucket"), "maximum").await;
    assert_eq!(
        by_bucket,
        [
            "storage.stored_data a 50 10 1",
            "storage.stored_data b 30 100 0"
        ]
    );
    let later = lines(log, "2026-03-01..2026-03-02", Step::Whole, None, "maximum").await;
    assert_eq!(later, ["storage.stored_data - 1"]);
}

/// # Panics
/// If the log breaks the promise.
pub async fn unique_counts_different_values_in_each_step(log: &dyn UsageLog) {
    append(
        log,
        [
            "n/1 network.egress 1 @2026-01-01 region=eu provider=p",
            "n/2 network.egress 1 @2026-01-01 region=eu provider=q",
            "n/3 network.egress 1 @2026-01-01 region=us provider=p",
            "n/4 network.egress 1 @2026-01-02 provider=r",
            "n/5 network.egress 1 @2026-01-03 region=eu",
            "n/6 network.egress 9 @2026-01-03 region=ap correction",
            // Two buckets hold data from before; one is emptied, a third comes and goes.
            "n/7 storage.stored_data 1 @2025-12-01 bucket=a",
            "n/8 storage.stored_data 1 @2025-12-01 bucket=b",
            "n/9 storage.stored_data 0 @2026-01-02 bucket=b",
            "n/10 storage.stored_data 1 @2026-01-03T06:00:00Z bucket=c",
            "n/11 storage.stored_data 0 @2026-01-03T07:00:00Z bucket=c",
        ],
    )
    .await;
    let unique = async |split, of: &str| {
        lines(log, THREE_DAYS, Step::Day, split, &format!("unique:{of}")).await
    };
    assert_eq!(unique(None, "region").await, ["network.egress - 2 0 1"]);
    assert_eq!(unique(None, "provider").await, ["network.egress - 2 1 0"]);
    assert_eq!(
        unique(Some("region"), "provider").await,
        [
            "network.egress - 0 1 0",
            "network.egress eu 2 0 0",
            "network.egress us 1 0 0"
        ]
    );
    assert_eq!(
        unique(None, "bucket").await,
        ["storage.stored_data - 2 1 2"]
    );
    assert_eq!(unique(None, "nothing").await, [""; 0]);
}

/// # Panics
/// If the log breaks the promise.
pub async fn an_aggregate_reads_beyond_one_page(log: &dyn UsageLog) {
    let many = (0..12_000_u32).map(|n| {
        let bucket = n % 4_321;
        let text = format!("n/{n} network.requests {n} @2026-01-02 bucket={bucket}");
        event(&text.replace(" 0 @", " 1 @"))
    });
    log.append(many.collect()).await.expect("the log appends");
    let largest = lines(log, THREE_DAYS, Step::Whole, None, "maximum").await;
    assert_eq!(largest, ["network.requests - 11999"]);
    let buckets = lines(log, THREE_DAYS, Step::Whole, None, "unique:bucket").await;
    assert_eq!(buckets, ["network.requests - 4321"]);
}
