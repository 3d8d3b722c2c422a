//! Summaries: complete, exact at the edges, and answerable again as of any position.

use super::text::{
    ACME, account, all_events, append, by_position, event, events, period, summary,
    summary_through, time, total,
};
use crate::log::{EventQuery, UsageLog};

const JANUARY: &str = "2026-01-01..2026-02-01";

/// # Panics
/// If the log breaks the promise.
pub async fn a_summary_includes_what_was_just_acknowledged(log: &dyn UsageLog) {
    let mut sum = 0;
    for n in 1..=20 {
        let text = format!("n/{n} network.egress {n} @2026-01-01");
        let appended = log
            .append(vec![event(&text)])
            .await
            .expect("the log appends");
        sum += n;
        let answer = log.summary(&account(ACME), period(JANUARY), None).await;
        let answer = answer.expect("the log sums");
        assert_eq!(answer.rows[0].quantity.get(), sum);
        assert_eq!(answer.log_position, appended.position);
    }
}

/// # Panics
/// If the log breaks the promise.
pub async fn a_period_includes_its_start_and_not_its_end(log: &dyn UsageLog) {
    append(
        log,
        [
            "n/1 network.egress 1 @2025-12-31T23:59:59Z",
            "n/2 network.egress 10 @2026-01-01T00:00:00Z",
            "n/3 network.egress 100 @2026-01-31T23:59:59.999Z",
            "n/4 network.egress 1000 @2026-02-01T00:00:00Z",
            "n/5 storage.stored_data 1 @2026-01-31T23:59:59Z",
            "n/6 storage.stored_data 50 @2026-02-01T00:00:00Z",
        ],
    )
    .await;
    let rows = ["storage.stored_data 1", "network.egress 110"];
    assert_eq!(summary(log, JANUARY).await, rows);
}

/// # Panics
/// If the log breaks the promise.
pub async fn adjacent_periods_add_up_to_the_whole(log: &dyn UsageLog) {
    append(
        log,
        [
            "n/1 network.egress 1 @2026-01-10T11:59:59Z",
            "n/2 network.egress 10 @2026-01-10T12:00:00Z",
            "n/3 storage.stored_data 5 @2025-12-30",
            "n/4 storage.stored_data 6 @2026-01-10T12:00:00Z",
            "n/5 storage.stored_data 7 @2026-01-10T12:00:01Z",
        ],
    )
    .await;
    for resource in ["network.egress", "storage.stored_data"] {
        let whole = total(log, resource, period(JANUARY)).await;
        for cut in [
            "2026-01-10T11:59:59Z",
            "2026-01-10T12:00:00Z",
            "2026-01-10T12:00:01Z",
        ] {
            let first = total(log, resource, period(&format!("2026-01-01..{cut}"))).await;
            let second = total(log, resource, period(&format!("{cut}..2026-02-01"))).await;
            assert_eq!(first + second, whole, "{resource} cut at {cut}");
        }
    }
}

/// # Panics
/// If the log breaks the promise.
pub async fn sums_go_beyond_64_bits(log: &dyn UsageLog) {
    let most = "1000000000000000000000000000";
    for n in 0..5 {
        let text = format!("n/{n} network.egress {most} @2026-01-01");
        log.append(vec![event(&text)])
            .await
            .expect("the log appends");
    }
    append(log, ["n/less network.egress -1 @2026-01-01 correction"]).await;
    // A petabyte for a month is more byte-seconds than 64 bits hold.
    append(log, ["n/petabyte storage.stored_data 1PB @2026-01-01"]).await;
    let rows = [
        "storage.stored_data 2678400000000000000000",
        "network.egress 4999999999999999999999999999",
    ];
    assert_eq!(summary(log, JANUARY).await, rows);
}

/// # Panics
/// If the log breaks the promise.
pub async fn corrections_reduce(log: &dyn UsageLog) {
    append(
        log,
        [
            "n/1 network.egress 5 @2026-01-01",
            "n/2 network.ingress 5 @2026-01-01",
        ],
    )
    .await;
    append(log, ["n/3 network.egress -7 @2026-01-02 correction"]).await;
    append(log, ["n/4 network.ingress -5 @2026-01-02 correction"]).await;
    // What came to nothing has no row; what came to less than nothing has.
    assert_eq!(summary(log, JANUARY).await, ["network.egress -2"]);
}

/// Rows are kept apart by resource, provider and the dimensions that prices depend on, and by
/// nothing else.
///
/// # Panics
/// If the log breaks the promise.
pub async fn what_is_priced_apart_is_kept_apart(log: &dyn UsageLog) {
    append(
        log,
        [
            "n/1 compute.gpu 1 @2026-01-01 gpu_model=rtx4090 job=a",
            "n/2 compute.gpu 10 @2026-01-01 gpu_model=rtx4090 job=b",
            "n/3 compute.gpu 100 @2026-01-01 gpu_model=h100 job=a",
            "n/4 compute.gpu 1000 @2026-01-01 gpu_model=h100 region=eu",
            "n/5 compute.gpu 10000 @2026-01-01 gpu_model=h100 region=eu provider=p",
            "n/6 compute.gpu 7 @2026-01-01 gpu_model=h100 account=other",
        ],
    )
    .await;
    let rows = [
        "compute.gpu gpu_model=h100 100",
        "compute.gpu gpu_model=h100 region=eu 1000",
        "compute.gpu gpu_model=h100 region=eu provider=p 10000",
        "compute.gpu gpu_model=rtx4090 11",
    ];
    assert_eq!(summary(log, JANUARY).await, rows);
}

/// # Panics
/// If the log breaks the promise.
pub async fn a_past_position_gives_the_past_answer(log: &dyn UsageLog) {
    let mut then = vec![(0, summary(log, JANUARY).await)];
    for text in [
        "n/1 network.egress 5 @2026-01-01",
        "n/2 storage.stored_data 10 @2026-01-21",
        "n/3 storage.stored_data 20 @2026-01-11",
        "n/4 storage.stored_data 30 @2025-12-01",
        "n/5 network.egress -5 @2026-01-03 correction",
    ] {
        let appended = append(log, [text]).await;
        then.push((appended.position, summary(log, JANUARY).await));
    }
    for (position, rows) in then {
        let again = summary_through(log, JANUARY, Some(position)).await;
        assert_eq!(again, rows, "through {position}");
    }
    let answer = log
        .summary(&account(ACME), period(JANUARY), Some(1_000))
        .await;
    assert_eq!(
        answer.expect("the log sums").log_position,
        5,
        "there is no position 1000 yet"
    );
}

/// # Panics
/// If the log breaks the promise.
pub async fn a_late_event_changes_the_past_and_a_new_one_does_not(log: &dyn UsageLog) {
    let acme = account(ACME);
    let closed = append(log, ["n/1 network.egress 5 @2026-01-01"])
        .await
        .position;
    let february = time("2026-02-01");
    let changed = || async {
        let changed = log.changed_since(&acme, closed, february).await;
        changed.expect("the log looks for late events")
    };
    assert!(!changed().await, "nothing came after");
    append(log, ["n/2 network.egress 5 @2026-02-01"]).await;
    append(log, ["n/1 network.egress 5 @2026-01-01"]).await;
    append(log, ["n/1 network.egress 5 @2026-01-01 account=other"]).await;
    assert!(
        !changed().await,
        "a new event, a duplicate and another account's"
    );
    let late = append(log, ["n/3 storage.stored_data 5 @2026-01-31T23:59:59Z"]).await;
    assert!(changed().await, "a sample in the last second");
    let after = log.changed_since(&acme, late.position, february).await;
    assert!(
        !after.expect("the log looks for late events"),
        "that one is known by then"
    );
}

/// # Panics
/// If the log breaks the promise.
pub async fn accounts_and_position_grow_with_the_log(log: &dyn UsageLog) {
    assert_eq!(log.accounts().await.expect("a list"), []);
    assert_eq!(log.position().await.expect("a position"), 0);
    append(log, ["n/1 network.egress 5 @2026-01-01 account=zoo"]).await;
    append(
        log,
        [
            "n/1 network.egress 5 @2026-01-01",
            "n/2 network.egress 5 @2026-01-01",
        ],
    )
    .await;
    assert_eq!(
        log.accounts().await.expect("a list"),
        [account(ACME), account("zoo")]
    );
    assert_eq!(log.position().await.expect("a position"), 3);
}

/// # Panics
/// If the log breaks the promise.
pub async fn an_unknown_account_used_nothing(log: &dyn UsageLog) {
    append(log, ["n/1 network.egress 5 @2026-01-01 account=other"]).await;
    assert_eq!(summary(log, JANUARY).await, [""; 0]);
    assert_eq!(all_events(log, 10).await, []);
    let changed = log
        .changed_since(&account(ACME), 0, time("2030-01-01"))
        .await;
    assert!(!changed.expect("the log looks for late events"));
}

/// # Panics
/// If the log breaks the promise.
pub async fn a_sound_log_checks_out(log: &dyn UsageLog) {
    let empty = log.check().await.expect("a check");
    assert_eq!((empty.events, empty.problems), (0, vec![]));
    append(
        log,
        [
            "n/1 compute.gpu 10 @2026-01-01 gpu_model=h100 provider=p note=a\"b\\é",
            "n/2 storage.stored_data 0 @1970-01-01",
            "n/3 network.egress -10000000000000000000000000 @2026-01-01 correction",
        ],
    )
    .await;
    let check = log.check().await.expect("a check");
    assert_eq!((check.events, check.problems), (3, vec![]));
}

/// What comes out of the log is what went in, whatever is asked for.
///
/// # Panics
/// If the log breaks the promise.
pub async fn events_are_listed_as_they_were_appended(log: &dyn UsageLog) {
    let batch = events([
        "n/1 compute.gpu 10 @2026-01-05 gpu_model=h100 provider=p note=a\"b\\é",
        "n/2 storage.stored_data 0 @2026-01-01",
        "n/3 network.egress -10000000000000000000000000 @2026-01-31T23:59:59Z correction",
        "n/4 storage.stored_data 1GB-month @2026-02-01",
    ]);
    append(log, ["n/0 network.egress 1 @2026-01-01 account=other"]).await;
    log.append(batch.clone()).await.expect("the log appends");
    let listed = all_events(log, 3).await;
    let expected = (2..).zip(batch).collect();
    assert_eq!(by_position(&listed), expected);

    let ids = |query| async {
        let page = log.events(query).await.expect("the log lists");
        let ids = page
            .items
            .into_iter()
            .map(|logged| logged.event.identity.id);
        (ids.collect::<Vec<_>>().join(" "), page.next)
    };
    let all = EventQuery::all(account(ACME));
    let stored = "storage.stored_data".parse().ok();
    let in_january = EventQuery {
        period: Some(period(JANUARY)),
        ..all.clone()
    };
    assert_eq!(ids(in_january.clone()).await, ("1 2 3".to_owned(), None));
    let of_storage = EventQuery {
        resource: stored,
        ..all
    };
    assert_eq!(ids(of_storage).await, ("2 4".to_owned(), None));
    let short = EventQuery {
        limit: 2,
        ..in_january
    };
    assert_eq!(ids(short.clone()).await, ("1 2".to_owned(), Some(3)));
    let next = EventQuery { after: 3, ..short };
    assert_eq!(ids(next).await, ("3".to_owned(), None));
}
