//! Each event counts once, whatever is retried, batched anew, reordered or altered.

use super::text::{append, events, summary};
use crate::error::UsageLogError;
use crate::log::UsageLog;

const JANUARY: &str = "2026-01-01..2026-02-01";

/// One event that no log can hold keeps its whole batch out.
///
/// # Panics
/// If the log breaks the promise.
pub async fn a_batch_is_appended_whole_or_not_at_all(log: &dyn UsageLog) {
    let mut batch = events([
        "n/1 network.egress 5 @2026-01-01",
        "n/2 network.egress 7 @2026-01-01",
    ]);
    batch[1].is_sample = true;
    let refused = log.append(batch).await;
    match refused {
        Err(UsageLogError::Refused { event, .. }) => assert_eq!(event.id, "2"),
        other => panic!("a sample of a sum was not refused: {other:?}"),
    }
    assert_eq!(log.position().await.expect("a position"), 0);
    assert_eq!(summary(log, JANUARY).await, [""; 0]);
}

/// # Panics
/// If the log breaks the promise.
pub async fn a_retried_batch_counts_once(log: &dyn UsageLog) {
    let batch = [
        "n/1 network.egress 5 @2026-01-01",
        "n/2 network.egress 7 @2026-01-02",
    ];
    let first = append(log, batch).await;
    assert_eq!(
        (first.accepted, first.duplicates.len(), first.position),
        (2, 0, 2)
    );
    for _ in 0..3 {
        let again = append(log, batch).await;
        assert_eq!(
            (again.accepted, again.duplicates.len(), again.position),
            (0, 2, 2)
        );
        assert_eq!(again.conflicting().count(), 0);
    }
    assert_eq!(summary(log, JANUARY).await, ["network.egress 12"]);
}

/// # Panics
/// If the log breaks the promise.
pub async fn a_duplicate_within_a_batch_counts_once(log: &dyn UsageLog) {
    let one = "n/1 network.egress 5 @2026-01-01";
    let appended = append(log, [one, "n/2 network.egress 1 @2026-01-01", one, one]).await;
    assert_eq!(
        (
            appended.accepted,
            appended.duplicates.len(),
            appended.position
        ),
        (2, 2, 2)
    );
    assert_eq!(appended.conflicting().count(), 0);
    assert_eq!(summary(log, JANUARY).await, ["network.egress 6"]);
}

/// # Panics
/// If the log breaks the promise.
pub async fn other_batches_and_another_order_count_once(log: &dyn UsageLog) {
    let [a, b, c, d] = [
        "n/a network.egress 1 @2026-01-01",
        "n/b network.egress 10 @2026-01-02",
        "n/c network.egress 100 @2026-01-03",
        "n/d network.egress 1000 @2026-01-04",
    ];
    assert_eq!(append(log, [a, b]).await.accepted, 2);
    assert_eq!(append(log, [c, b]).await.accepted, 1);
    assert_eq!(append(log, [d, c, b, a]).await.accepted, 1);
    assert_eq!(append(log, [a]).await.accepted, 0);
    assert_eq!(summary(log, JANUARY).await, ["network.egress 1111"]);
}

/// The same id in another account, or from another source, is another event. So is one whose
/// source and id only read the same when put together.
///
/// # Panics
/// If the log breaks the promise.
pub async fn another_account_or_source_is_another_event(log: &dyn UsageLog) {
    let appended = append(
        log,
        [
            "n/1 network.egress 1 @2026-01-01",
            "m/1 network.egress 10 @2026-01-01",
            "n/1 network.egress 100 @2026-01-01 account=other",
            "n1/2 network.egress 1000 @2026-01-01",
            "n/12 network.egress 10000 @2026-01-01",
            "N/1 network.egress 100000 @2026-01-01",
        ],
    )
    .await;
    assert_eq!((appended.accepted, appended.duplicates.len()), (6, 0));
    assert_eq!(summary(log, JANUARY).await, ["network.egress 111011"]);
}

/// A retry that carries the time of the retry is still the same event, and the first time stays.
///
/// # Panics
/// If the log breaks the promise.
pub async fn a_retry_with_another_time_does_not_double(log: &dyn UsageLog) {
    append(log, ["n/1 network.egress 5 @2026-01-31T23:59:59Z"]).await;
    let again = append(log, ["n/1 network.egress 5 @2026-02-01"]).await;
    assert_eq!((again.accepted, again.duplicates.len()), (0, 1));
    assert_eq!(again.conflicting().collect::<Vec<_>>(), [0]);
    assert_eq!(summary(log, JANUARY).await, ["network.egress 5"]);
    assert_eq!(summary(log, "2026-02-01..2026-03-01").await, [""; 0]);
}

/// # Panics
/// If the log breaks the promise.
pub async fn a_conflicting_duplicate_is_reported_and_not_counted(log: &dyn UsageLog) {
    let held = "n/1 network.egress 5 @2026-01-01 provider=p region=eu";
    append(log, [held]).await;
    let others = [
        "n/1 network.egress 6 @2026-01-01 provider=p region=eu",
        "n/1 network.ingress 5 @2026-01-01 provider=p region=eu",
        "n/1 network.egress 5 @2026-01-01 provider=q region=eu",
        "n/1 network.egress 5 @2026-01-01 provider=p region=us",
        "n/1 network.egress 5 @2026-01-01 provider=p region=eu correction",
    ];
    for other in others {
        let appended = append(log, [other, held]).await;
        assert_eq!(
            (appended.accepted, appended.duplicates.len()),
            (0, 2),
            "{other}"
        );
        assert_eq!(appended.conflicting().collect::<Vec<_>>(), [0], "{other}");
    }
    let within = append(
        log,
        [
            "n/2 network.egress 5 @2026-01-01",
            "n/2 network.egress 9 @2026-01-01",
        ],
    )
    .await;
    assert_eq!((within.accepted, within.duplicates.len()), (1, 1));
    assert_eq!(
        within.conflicting().collect::<Vec<_>>(),
        [1],
        "a conflict within a batch is one too"
    );
    let rows = ["network.egress 5", "network.egress region=eu provider=p 5"];
    assert_eq!(summary(log, JANUARY).await, rows);
}

/// # Panics
/// If the log breaks the promise.
pub async fn an_empty_batch_changes_nothing(log: &dyn UsageLog) {
    append(log, ["n/1 network.egress 5 @2026-01-01"]).await;
    let appended = append(log, []).await;
    assert_eq!(
        (
            appended.accepted,
            appended.duplicates.len(),
            appended.position
        ),
        (0, 0, 1)
    );
}
