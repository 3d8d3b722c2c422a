//! Many reads in one call: the answers that each would have had alone, of one moment, in order.

use std::sync::Arc;

use synor_economics::metering::UsageSummary;

use super::text::{ACME, account, append, event, period, time};
use crate::error::UsageLogError;
use crate::log::{ChangeQuery, LogPosition, SummaryQuery, UsageLog};

const JANUARY: &str = "2026-01-01..2026-02-01";

fn query(name: &str, when: &str, through: Option<LogPosition>) -> SummaryQuery {
    SummaryQuery {
        account: account(name),
        period: period(when),
        through,
    }
}

async fn alone(log: &dyn UsageLog, query: &SummaryQuery) -> UsageSummary {
    let answer = log.summary(&query.account, query.period, query.through);
    answer.await.expect("the log sums")
}

/// # Panics
/// If the log breaks the promise.
pub async fn many_summaries_are_those_of_each(log: &dyn UsageLog) {
    append(
        log,
        [
            "n/1 network.egress 5 @2026-01-01",
            "n/2 storage.stored_data 10 @2026-01-21",
            "n/1 network.egress 7 @2026-01-02 account=zoo",
            "n/2 compute.gpu 1 @2026-02-03 account=zoo gpu_model=h100 provider=p",
            "n/3 storage.stored_data 20 @2026-01-11",
            "n/3 network.egress 9 @2026-01-20 account=zoo",
        ],
    )
    .await;
    // Not in order, one twice, one of an account that nobody knows, one of the past.
    let queries = vec![
        query("zoo", JANUARY, None),
        query(ACME, JANUARY, None),
        query("nobody", JANUARY, None),
        query("zoo", "2026-02-01..2026-03-01", None),
        query(ACME, JANUARY, Some(2)),
        query("zoo", JANUARY, None),
        query(ACME, JANUARY, Some(1_000)),
    ];
    let answers = log.summaries(queries.clone()).await.expect("the log sums");
    assert_eq!(answers.len(), queries.len());
    for (query, answer) in queries.iter().zip(&answers) {
        assert_eq!(*answer, alone(log, query).await);
    }
    let rows: Vec<_> = answers.iter().map(|answer| answer.rows.len()).collect();
    assert_eq!(rows, [1, 2, 0, 1, 2, 1, 2]);
    let none = log.summaries(Vec::new()).await.expect("the log sums");
    assert_eq!(none, []);
}

/// # Panics
/// If the log breaks the promise.
pub async fn many_summaries_are_of_one_moment(log: &dyn UsageLog) {
    append(log, ["n/1 network.egress 5 @2026-01-01"]).await;
    append(log, ["n/1 network.egress 5 @2026-01-01 account=zoo"]).await;
    let queries = vec![query(ACME, JANUARY, None), query("zoo", JANUARY, None)];
    let answers = log.summaries(queries).await.expect("the log sums");
    let positions: Vec<_> = answers.iter().map(|answer| answer.log_position).collect();
    assert_eq!(positions, [2, 2]);
}

/// # Panics
/// If the log breaks the promise.
pub async fn a_sum_that_fails_among_many_names_its_account(log: &dyn UsageLog) {
    // 10^27 of a level for 2.2 × 10^11 seconds is more than the 1.7 × 10^38 that 128 bits hold.
    let most = "1000000000000000000000000000";
    let endless = format!("n/1 storage.stored_data {most} @1970-01-01 account=zoo");
    log.append(vec![event(&endless)])
        .await
        .expect("the log appends");
    append(log, ["n/1 network.egress 5 @2026-01-01"]).await;
    let ages = "1970-01-01..9000-01-01";
    let queries = vec![query(ACME, JANUARY, None), query("zoo", ages, None)];
    match log.summaries(queries).await {
        Err(UsageLogError::Sum { account: named, .. }) => assert_eq!(named, account("zoo")),
        other => panic!("{other:?} is not the error of a sum"),
    }
    let answers = log.summaries(vec![query(ACME, JANUARY, None)]).await;
    assert_eq!(answers.expect("the log sums")[0].rows.len(), 1);
}

/// # Panics
/// If the log breaks the promise.
pub async fn many_looks_for_late_events_are_those_of_each(log: &dyn UsageLog) {
    append(
        log,
        [
            "n/1 network.egress 5 @2026-01-01",
            "n/1 network.egress 5 @2026-01-01 account=zoo",
            "n/2 network.egress 5 @2026-01-31T23:59:59Z",
        ],
    )
    .await;
    let looks = |name: &str, position, before| ChangeQuery {
        account: account(name),
        position,
        before: time(before),
    };
    let queries = vec![
        looks(ACME, 1, "2026-02-01"),
        looks("zoo", 1, "2026-02-01"),
        looks("zoo", 2, "2026-02-01"),
        looks(ACME, 1, "2026-01-31"),
        looks("nobody", 0, "2026-02-01"),
        looks(ACME, 3, "2026-02-01"),
    ];
    let answers = log.changes_since(queries).await;
    assert_eq!(
        answers.expect("the log looks for late events"),
        [true, true, false, false, false, false]
    );
}

/// Each append gives two accounts one event; no call may see one of them without the other.
///
/// # Panics
/// If the log breaks the promise.
pub async fn summaries_of_one_call_agree_while_appends_go_on(log: Arc<dyn UsageLog>) {
    let appending = Arc::clone(&log);
    let appends = tokio::spawn(async move {
        for n in 0..50 {
            let first = format!("n/{n} network.egress 1 @2026-01-01");
            let second = format!("{first} account=zoo");
            let pair = vec![event(&first), event(&second)];
            appending.append(pair).await.expect("the log appends");
        }
    });
    while !appends.is_finished() {
        let queries = vec![query(ACME, JANUARY, None), query("zoo", JANUARY, None)];
        let answers = log.summaries(queries).await.expect("the log sums");
        let used: Vec<_> = answers
            .iter()
            .map(|answer| answer.rows.first().map_or(0, |row| row.quantity.get()))
            .collect();
        assert_eq!(used[0], used[1]);
        tokio::task::yield_now().await;
    }
    appends.await.expect("the appends end");
}
