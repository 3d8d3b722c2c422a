//! Many at once: nothing is lost, doubled or out of sight.

use std::collections::BTreeSet;
use std::sync::Arc;

use synor_economics::metering::UsageEvent;

use super::text::{ACME, account, all_events, event, period, total};
use crate::log::{EventQuery, UsageLog};

const JANUARY: &str = "2026-01-01..2026-02-01";

fn numbered(n: u64) -> UsageEvent {
    event(&format!("n/{n} network.egress {} @2026-01-01", n + 1))
}

/// Pages read while events are appended hold each event once, in order, and none is left out.
///
/// # Panics
/// If the log breaks the promise.
pub async fn pages_are_complete_while_appends_go_on(log: Arc<dyn UsageLog>) {
    let first = (0..50).map(numbered).collect();
    log.append(first).await.expect("the log appends");
    let appending = Arc::clone(&log);
    let appender = tokio::spawn(async move {
        for n in 50..150 {
            let appended = appending.append(vec![numbered(n)]).await;
            appended.expect("the log appends");
        }
    });
    let mut query = EventQuery {
        limit: 7,
        ..EventQuery::all(account(ACME))
    };
    let mut seen = Vec::new();
    loop {
        // The log is read to its end once more after the last append.
        let is_last = appender.is_finished();
        let page = log.events(query.clone()).await.expect("the log lists");
        assert!(page.items.len() <= 7);
        seen.extend(page.items.iter().map(|logged| logged.position));
        query.after = seen.last().copied().unwrap_or(0);
        if page.next.is_none() && is_last {
            break;
        }
    }
    appender.await.expect("all was appended");
    assert_eq!(seen, (1..=150).collect::<Vec<_>>());
}

/// Eight tasks append batches that overlap, each task all of the events in an order of its own.
///
/// # Panics
/// If the log breaks the promise.
pub async fn overlapping_batches_from_many_tasks_count_once(log: Arc<dyn UsageLog>) {
    const EVENTS: u64 = 400;
    let tasks = (0..8_u64).map(|task| {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            let mut accepted = 0;
            // Strides without a common factor with the number of events visit each of them.
            let stride = [1, 3, 7, 9, 11, 13, 17, 19][usize::try_from(task).unwrap_or(0)];
            let order: Vec<u64> = (0..EVENTS)
                .map(|n| (n * stride + task * 31) % EVENTS)
                .collect();
            for batch in order.chunks(23) {
                let batch = batch.iter().copied().map(numbered).collect();
                let appended = log.append(batch).await.expect("the log appends");
                assert_eq!(appended.conflicting().count(), 0);
                accepted += appended.accepted;
            }
            accepted
        })
    });
    let mut accepted = 0;
    for task in tasks.collect::<Vec<_>>() {
        accepted += task.await.expect("a task ends well");
    }
    assert_eq!(
        accepted, EVENTS,
        "each event was accepted by exactly one append"
    );
    let sum = i128::from(EVENTS * (EVENTS + 1) / 2);
    assert_eq!(
        total(log.as_ref(), "network.egress", period(JANUARY)).await,
        sum
    );
    let listed = all_events(log.as_ref(), 100).await;
    let ids: BTreeSet<_> = listed
        .iter()
        .map(|logged| &logged.event.identity.id)
        .collect();
    assert_eq!((listed.len(), ids.len()), (400, 400));
    assert_eq!(log.position().await.expect("a position"), EVENTS);
    assert_eq!(log.check().await.expect("a check").problems, [""; 0]);
}

/// Each task sees its own events as soon as they are acknowledged, whatever the others do.
///
/// # Panics
/// If the log breaks the promise.
pub async fn an_acknowledged_event_is_seen_by_every_task(log: Arc<dyn UsageLog>) {
    let tasks = (0..8_u64).map(|task| {
        let log = Arc::clone(&log);
        tokio::spawn(async move {
            let name = account(&format!("account-{task}"));
            for n in 1..=10_u64 {
                let mut event = numbered(n);
                event.identity.account = name.clone();
                let appended = log.append(vec![event]).await.expect("the log appends");
                let answer = log.summary(&name, period(JANUARY), None).await;
                let answer = answer.expect("the log sums");
                let expected: i128 = (1..=i128::from(n)).map(|n| n + 1).sum();
                assert_eq!(answer.rows[0].quantity.get(), expected);
                assert!(answer.log_position >= appended.position);
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("a task ends well");
    }
}
