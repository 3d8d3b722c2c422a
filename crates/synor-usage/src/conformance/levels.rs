//! Levels hold until the next sample, whenever it is learnt of.

use super::text::{append, event, summary, time, total};
use crate::log::UsageLog;
use synor_economics::period::Period;

const DAY: i128 = 86_400;
const JANUARY: &str = "2026-01-01..2026-02-01";

/// # Panics
/// If the log breaks the promise.
pub async fn a_level_carries_over_the_ends_of_a_period(log: &dyn UsageLog) {
    append(
        log,
        [
            "n/1 storage.stored_data 9 @2025-11-03",
            "n/2 storage.stored_data 5 @2025-12-20",
            "n/3 storage.stored_data 7 @2026-01-11",
        ],
    )
    .await;
    let january = 10 * 5 * DAY + 21 * 7 * DAY;
    assert_eq!(
        summary(log, JANUARY).await,
        [format!("storage.stored_data {january}")]
    );
    // Nothing is reported in March, and what is stored is still stored.
    let march = 31 * 7 * DAY;
    let rows = summary(log, "2026-03-01..2026-04-01").await;
    assert_eq!(rows, [format!("storage.stored_data {march}")]);
    assert_eq!(summary(log, "2025-10-01..2025-11-01").await, [""; 0]);
}

/// # Panics
/// If the log breaks the promise.
pub async fn a_late_sample_changes_the_past(log: &dyn UsageLog) {
    append(log, ["n/1 storage.stored_data 10 @2026-01-01"]).await;
    append(log, ["n/3 storage.stored_data 30 @2026-01-21"]).await;
    let before = 20 * 10 * DAY + 11 * 30 * DAY;
    assert_eq!(
        summary(log, JANUARY).await,
        [format!("storage.stored_data {before}")]
    );
    append(log, ["n/2 storage.stored_data 20 @2026-01-11"]).await;
    let after = 10 * 10 * DAY + 10 * 20 * DAY + 11 * 30 * DAY;
    assert_eq!(
        summary(log, JANUARY).await,
        [format!("storage.stored_data {after}")]
    );
}

/// Six samples in an order that no sender would choose, one at a time, then once more in order.
///
/// # Panics
/// If the log breaks the promise.
pub async fn samples_in_any_order_come_to_the_same(log: &dyn UsageLog) {
    let days = [4, 1, 6, 3, 2, 5];
    for day in days {
        let text = format!("n/{day} storage.stored_data {} @2026-01-0{day}", day * day);
        log.append(vec![event(&text)])
            .await
            .expect("the log appends");
    }
    let week: i128 = (1..=5).map(|day| day * day * DAY).sum();
    let rest = 36 * DAY * 26;
    assert_eq!(
        summary(log, JANUARY).await,
        [format!("storage.stored_data {}", week + rest)]
    );
}

/// # Panics
/// If the log breaks the promise.
pub async fn two_buckets_add_up(log: &dyn UsageLog) {
    append(
        log,
        [
            "n/1 storage.stored_data 10 @2026-01-01 bucket=a region=eu",
            "n/2 storage.stored_data 1 @2026-01-02 bucket=b region=eu",
            "n/3 storage.stored_data 100 @2026-01-03 bucket=a region=us",
        ],
    )
    .await;
    let (eu, us) = (31 * 10 * DAY + 30 * DAY, 29 * 100 * DAY);
    let rows = [
        format!("storage.stored_data region=eu {eu}"),
        format!("storage.stored_data region=us {us}"),
    ];
    assert_eq!(summary(log, JANUARY).await, rows);
}

/// # Panics
/// If the log breaks the promise.
pub async fn levels_of_two_providers_do_not_end_each_other(log: &dyn UsageLog) {
    append(
        log,
        [
            "n/1 storage.stored_data 10 @2026-01-01 provider=p",
            "n/2 storage.stored_data 3 @2026-01-11 provider=q",
            "n/3 storage.stored_data 1 @2026-01-21",
        ],
    )
    .await;
    let rows = [
        format!("storage.stored_data {}", 11 * DAY),
        format!("storage.stored_data provider=p {}", 31 * 10 * DAY),
        format!("storage.stored_data provider=q {}", 21 * 3 * DAY),
    ];
    assert_eq!(summary(log, JANUARY).await, rows);
}

/// # Panics
/// If the log breaks the promise.
pub async fn a_zero_ends_a_level(log: &dyn UsageLog) {
    append(log, ["n/1 hosting.custom_domain 2 @2026-01-01"]).await;
    append(log, ["n/2 hosting.custom_domain 0 @2026-01-11"]).await;
    let held = 10 * 2 * DAY;
    assert_eq!(
        summary(log, JANUARY).await,
        [format!("hosting.custom_domain {held}")]
    );
    assert_eq!(summary(log, "2026-02-01..2026-03-01").await, [""; 0]);
}

/// Of several samples of one level in one second, the one with the greater source, then the greater
/// id, holds, in whichever order they came. Texts are compared byte by byte.
///
/// # Panics
/// If the log breaks the promise.
pub async fn the_greater_identity_holds_within_a_second(log: &dyn UsageLog) {
    append(
        log,
        [
            "b/9 storage.stored_data 7 @2026-01-01",
            "b/10 storage.stored_data 5 @2026-01-01",
            "a/99 storage.stored_data 3 @2026-01-01",
            "B/99 storage.stored_data 1 @2026-01-01",
        ],
    )
    .await;
    let held = 31 * 7 * DAY;
    assert_eq!(
        summary(log, JANUARY).await,
        [format!("storage.stored_data {held}")]
    );
    // The same before the period opens.
    let rows = summary(log, "2026-02-01..2026-02-02").await;
    assert_eq!(rows, [format!("storage.stored_data {}", 7 * DAY)]);
    append(log, ["é/1 storage.stored_data 2 @2026-01-01"]).await;
    let held = 31 * 2 * DAY;
    assert_eq!(
        summary(log, JANUARY).await,
        [format!("storage.stored_data {held}")]
    );
}

/// Usage that its source has integrated counts at its time and leaves the level as it is.
///
/// # Panics
/// If the log breaks the promise.
pub async fn integrated_usage_adds_to_a_level(log: &dyn UsageLog) {
    append(
        log,
        [
            "n/1 storage.stored_data 10bytes @2026-01-01",
            "n/2 storage.stored_data 500byte-seconds @2026-01-15",
            "n/3 storage.stored_data 77byte-seconds @2026-02-01",
            "n/4 storage.stored_data -100byte-seconds @2026-01-16 correction",
        ],
    )
    .await;
    let january = Period::new(time("2026-01-01"), time("2026-02-01")).expect("a period");
    let used = total(log, "storage.stored_data", january).await;
    assert_eq!(used, 31 * 10 * DAY + 500 - 100);
}
