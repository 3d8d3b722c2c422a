//! Events are taken back and replaced, streams are read on from where they were: with the batch or
//! not at all.

use super::text::{account, all_events, append, event, events, summary, summary_through, time};
use crate::error::UsageLogError;
use crate::log::{Appended, Batch, StreamPosition, UsageLog};

const JANUARY: &str = "2026-01-01..2026-02-01";

/// Withdraws events given as text, of which only the identity matters, and appends others.
async fn amend<const W: usize, const N: usize>(
    log: &dyn UsageLog,
    withdrawals: [&str; W],
    replacements: [&str; N],
) -> Result<Appended, UsageLogError> {
    let batch = Batch {
        withdrawals: withdrawals.map(|text| event(text).identity).to_vec(),
        ..Batch::of(events(replacements))
    };
    log.commit(batch).await
}

/// # Panics
/// If the log breaks the promise.
pub async fn a_withdrawn_event_counts_no_more(log: &dyn UsageLog) {
    let (wrong, right) = (
        "n/1 network.egress 5 @2026-01-01",
        "n/2 network.egress 7 @2026-01-02",
    );
    append(log, [wrong, right]).await;
    let withdrawn = amend(log, [wrong], []).await.expect("it is withdrawn");
    assert_eq!(
        (withdrawn.withdrawn, withdrawn.accepted, withdrawn.position),
        (1, 0, 3)
    );
    assert_eq!(summary(log, JANUARY).await, ["network.egress 7"]);
    let listed = all_events(log, 10).await;
    let marks: Vec<_> = listed.iter().map(|e| (e.position, e.withdrawn)).collect();
    assert_eq!(marks, [(1, Some(3)), (2, None)]);
    assert_eq!(log.check().await.expect("a check").problems, [""; 0]);
}

/// # Panics
/// If the log breaks the promise.
pub async fn a_withdrawal_counts_once_and_its_event_stays_known(log: &dyn UsageLog) {
    let wrong = "n/1 network.egress 5 @2026-01-01";
    append(log, [wrong]).await;
    for expected in [1, 0, 0] {
        let again = amend(log, [wrong, wrong], []).await.expect("no error");
        assert_eq!((again.withdrawn, again.position), (expected, 2));
    }
    let sent_again = append(log, [wrong]).await;
    assert_eq!((sent_again.accepted, sent_again.duplicates.len()), (0, 1));
    assert_eq!(summary(log, JANUARY).await, [""; 0]);
}

/// # Panics
/// If the log breaks the promise.
pub async fn an_amendment_happens_whole_and_once(log: &dyn UsageLog) {
    let (wrong, right) = (
        "n/1 network.egress 5 @2026-01-01",
        "n/1-amended network.egress 3 @2026-01-01",
    );
    append(log, [wrong]).await;
    for (withdrawn, accepted) in [(1, 1), (0, 0)] {
        let amended = amend(log, [wrong], [right]).await.expect("it is amended");
        assert_eq!((amended.withdrawn, amended.accepted), (withdrawn, accepted));
        assert_eq!(summary(log, JANUARY).await, ["network.egress 3"]);
    }
    // An amendment can be amended.
    let last = "n/1-again network.egress 4 @2026-02-01";
    amend(log, [right], [last]).await.expect("it is amended");
    assert_eq!(summary(log, JANUARY).await, [""; 0]);
    assert_eq!(
        summary(log, "2026-02-01..2026-03-01").await,
        ["network.egress 4"]
    );
}

/// # Panics
/// If the log breaks the promise.
pub async fn a_withdrawal_of_the_unknown_refuses_its_batch(log: &dyn UsageLog) {
    let held = "n/1 network.egress 5 @2026-01-01";
    append(log, [held]).await;
    let unknown = "n/1 network.egress 5 @2026-01-01 account=other";
    let refused = amend(log, [held, unknown], ["n/2 network.egress 1 @2026-01-01"]).await;
    match refused {
        Err(UsageLogError::UnknownEvent { event }) => assert_eq!(event.account, account("other")),
        other => panic!("an unknown event was withdrawn: {other:?}"),
    }
    assert_eq!(log.position().await.expect("a position"), 1);
    assert_eq!(summary(log, JANUARY).await, ["network.egress 5"]);
}

/// # Panics
/// If the log breaks the promise.
pub async fn a_withdrawn_sample_leaves_the_level_before_it(log: &dyn UsageLog) {
    let wrong = "n/2 storage.stored_data 1000 @2026-01-11";
    append(
        log,
        [
            "n/1 storage.stored_data 1 @2026-01-01",
            wrong,
            "n/3 storage.stored_data 0 @2026-01-21",
        ],
    )
    .await;
    const DAY: i128 = 86_400;
    let held = |level_days: i128| format!("storage.stored_data {}", level_days * DAY);
    assert_eq!(summary(log, JANUARY).await, [held(10 + 10_000)]);
    amend(log, [wrong], []).await.expect("it is withdrawn");
    assert_eq!(summary(log, JANUARY).await, [held(20)]);
    // Of two samples in one second the lesser holds once the greater is gone.
    append(log, ["n/4 storage.stored_data 5 @2026-01-01"]).await;
    assert_eq!(summary(log, JANUARY).await, [held(100)]);
    amend(log, ["n/4 storage.stored_data 5 @2026-01-01"], [])
        .await
        .expect("it is withdrawn");
    assert_eq!(summary(log, JANUARY).await, [held(20)]);
}

/// What was read before a withdrawal can be read again, and the withdrawal is found as a change.
///
/// # Panics
/// If the log breaks the promise.
pub async fn a_withdrawal_changes_the_past_only_for_later_readers(log: &dyn UsageLog) {
    let wrong = "n/1 network.egress 5 @2026-01-15";
    let before = append(log, [wrong]).await.position;
    append(log, ["n/2 network.egress 7 @2026-03-01"]).await;
    let changed = async |since, until| {
        let answer = log
            .changed_since(&account("acme"), since, time(until))
            .await;
        answer.expect("the log looks")
    };
    assert!(!changed(before, "2026-02-01").await);
    let after = amend(log, [wrong], []).await.expect("withdrawn").position;
    assert!(changed(before, "2026-02-01").await);
    assert!(!changed(before, "2026-01-15").await);
    assert!(!changed(after, "2026-02-01").await);
    let then = summary_through(log, JANUARY, Some(before)).await;
    assert_eq!(then, ["network.egress 5"]);
    assert_eq!(
        summary_through(log, JANUARY, Some(after)).await,
        [""; 0],
        "the withdrawal itself is the first that does not count it"
    );
}

/// # Panics
/// If the log breaks the promise.
pub async fn a_stream_is_read_on_from_where_its_batch_ended(log: &dyn UsageLog) {
    let read = |stream: &str, partition, next_offset| StreamPosition {
        stream: stream.to_owned(),
        partition,
        next_offset,
    };
    let positions = async |stream| log.stream_positions(stream).await.expect("positions");
    assert_eq!(positions("usage").await, []);
    let batch = |n: u64| Batch {
        read: vec![
            read("usage", 1, n),
            read("usage", 0, n * 10),
            read("other", 0, 7),
        ],
        ..Batch::of(vec![event(&format!("n/{n} network.egress 1 @2026-01-01"))])
    };
    for n in [3, 5] {
        log.commit(batch(n)).await.expect("the batch is committed");
        let expected = [read("usage", 0, n * 10), read("usage", 1, n)];
        assert_eq!(positions("usage").await, expected);
    }
    let refused = Batch {
        withdrawals: vec![event("unknown/1 network.egress 1 @2026-01-01").identity],
        ..batch(9)
    };
    log.commit(refused).await.expect_err("an unknown event");
    assert_eq!(
        positions("usage").await,
        [read("usage", 0, 50), read("usage", 1, 5)]
    );
    assert_eq!(positions("other").await, [read("other", 0, 7)]);
}

/// # Panics
/// If the log breaks the promise.
pub async fn a_stream_position_never_moves_backwards(log: &dyn UsageLog) {
    let batch = |n: u64, next_offset| Batch {
        read: vec![StreamPosition {
            stream: "usage".to_owned(),
            partition: 0,
            next_offset,
        }],
        ..Batch::of(vec![event(&format!("n/{n} network.egress 1 @2026-01-01"))])
    };
    for (n, next_offset, expected) in [(1, 200, 200), (2, 100, 200), (3, 300, 300), (4, 0, 300)] {
        let batch = batch(n, next_offset);
        let expected = [StreamPosition {
            next_offset: expected,
            ..batch.read[0].clone()
        }];
        log.commit(batch).await.expect("the batch is committed");
        let held = log.stream_positions("usage").await.expect("positions");
        assert_eq!(held, expected, "after {next_offset}");
    }
    assert_eq!(
        log.position().await.expect("the end"),
        4,
        "the events of a late batch count all the same"
    );
}

/// # Panics
/// If the log breaks the promise.
pub async fn what_is_held_is_known_by_its_identity(log: &dyn UsageLog) {
    let gone = "n/2 network.egress 5 @2026-01-01";
    append(log, ["n/1 network.egress 5 @2026-01-01", gone]).await;
    append(log, ["n/1 network.egress 5 @2026-01-01 account=other"]).await;
    amend(log, [gone], []).await.expect("it is withdrawn");
    let asked = [
        "n/3 network.egress 5 @2026-01-01",
        "n/1 storage.deal 1 @2026-02-01",
        gone,
        "m/1 network.egress 5 @2026-01-01",
        "n/2 network.egress 5 @2026-01-01 account=other",
        "n/1 network.egress 5 @2026-01-01 account=other",
    ];
    let ids = asked.map(|text| event(text).identity).to_vec();
    let held = log.holds(ids).await.expect("the log looks");
    assert_eq!(held, [false, true, true, false, false, true]);
    assert_eq!(
        log.holds(Vec::new()).await.expect("the log looks"),
        [true; 0]
    );
}
