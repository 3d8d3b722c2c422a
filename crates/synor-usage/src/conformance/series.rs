//! Series follow the calendar of a time zone and lose nothing against the summary.

use synor_economics::period::Period;

use super::text::{ACME, account, append, period, total};
use crate::error::UsageLogError;
use crate::log::UsageLog;
use crate::series::{Series, SeriesQuery, SplitBy, Step};

/// Around the night of 2025-10-26, when the clocks of Berlin go back from three to two.
const AUTUMN: &str = "2025-10-24T22:00:00Z..2025-10-27T23:00:00Z";
/// Around the night of 2026-03-29, when they go forward from two to three.
const SPRING: &str = "2026-03-27T23:00:00Z..2026-03-30T22:00:00Z";

async fn berlin(log: &dyn UsageLog, when: Period, step: Step, split: Option<SplitBy>) -> Series {
    let query = SeriesQuery {
        account: account(ACME),
        period: when,
        step,
        zone: "Europe/Berlin".parse().expect("a zone"),
        resource: None,
        split,
    };
    log.series(query).await.expect("a series")
}

async fn append_a_year(log: &dyn UsageLog) {
    append(
        log,
        [
            "n/1 storage.stored_data 3 @2025-09-01 bucket=a",
            "n/2 storage.stored_data 50 @2025-10-26T00:30:00Z bucket=a",
            "n/3 storage.stored_data 7 @2025-10-26T01:30:00Z bucket=a",
            "n/4 storage.stored_data 1 @2025-10-26T01:30:00Z bucket=b",
            "n/5 storage.stored_data 9byte-seconds @2025-10-26T00:59:59Z",
            "n/6 network.egress 10 @2025-10-25T21:59:59Z provider=p",
            "n/7 network.egress 100 @2025-10-25T22:00:00Z provider=p",
            "n/8 network.egress 1000 @2025-10-26T22:59:59Z provider=q",
            "n/9 network.egress 10000 @2025-10-26T23:00:00Z",
            "n/10 network.egress 7 @2026-03-29T01:00:00Z region=eu",
            "n/11 network.egress 5 @2026-03-29T00:59:59Z region=us",
        ],
    )
    .await;
}

/// # Panics
/// If the log breaks the promise.
pub async fn hours_days_and_months_add_up_to_the_summary(log: &dyn UsageLog) {
    append_a_year(log).await;
    let odd = "2025-10-25T21:47:11Z..2026-03-29T01:00:01Z";
    for when in [AUTUMN, SPRING, odd].map(period) {
        for step in [Step::Hour, Step::Day, Step::Month] {
            let series = berlin(log, when, step, None).await;
            assert_eq!(series.steps.first().map(|s| s.start()), Some(when.start()));
            assert_eq!(series.steps.last().map(|s| s.end()), Some(when.end()));
            for pair in series.steps.windows(2) {
                assert_eq!(pair[0].end(), pair[1].start(), "steps follow one another");
            }
            for resource in ["storage.stored_data", "network.egress"] {
                let of_resource = series
                    .lines
                    .iter()
                    .filter(|l| l.resource.to_string() == resource);
                let sum: i128 = of_resource
                    .flat_map(|l| &l.quantities)
                    .map(|q| q.get())
                    .sum();
                assert_eq!(
                    sum,
                    total(log, resource, when).await,
                    "{resource} by {step:?}"
                );
            }
        }
    }
}

/// # Panics
/// If the log breaks the promise.
pub async fn days_follow_the_clocks_of_the_zone(log: &dyn UsageLog) {
    append_a_year(log).await;
    let hours = |series: &Series| -> Vec<i64> {
        series
            .steps
            .iter()
            .map(|step| step.secs() / 3_600)
            .collect()
    };
    let autumn = berlin(log, period(AUTUMN), Step::Day, None).await;
    assert_eq!(hours(&autumn), [24, 25, 24]);
    let line = |name: &str| {
        let line = autumn
            .lines
            .iter()
            .find(|line| line.resource.to_string() == name);
        let quantities = &line.expect("a line").quantities;
        quantities.iter().map(|q| q.get()).collect::<Vec<_>>()
    };
    assert_eq!(line("network.egress"), [10, 1_100, 10_000]);
    let night = 3 * 5 * 1_800 + 50 * 3_600 + 8 * (21 * 3_600 + 1_800) + 9;
    assert_eq!(line("storage.stored_data"), [3 * 86_400, night, 8 * 86_400]);
    let spring = berlin(log, period(SPRING), Step::Day, None).await;
    assert_eq!(hours(&spring), [24, 23, 24]);
    let by_hour = berlin(log, period(AUTUMN), Step::Hour, None).await;
    assert_eq!(
        hours(&by_hour),
        [1; 73],
        "the hour that comes twice is two steps"
    );
    let months = berlin(
        log,
        period("2025-09-30T22:00:00Z..2025-12-31T23:00:00Z"),
        Step::Month,
        None,
    );
    assert_eq!(hours(&months.await), [745, 720, 744]);
}

/// # Panics
/// If the log breaks the promise.
pub async fn series_split_by_provider_and_by_dimension(log: &dyn UsageLog) {
    append_a_year(log).await;
    let lines = |series: Series| -> Vec<String> {
        let line = |line: &crate::series::SeriesLine| {
            let sum: i128 = line.quantities.iter().map(|q| q.get()).sum();
            format!(
                "{} {} {sum}",
                line.resource,
                line.group.as_deref().unwrap_or("-")
            )
        };
        series.lines.iter().map(line).collect()
    };
    let egress = |series: Series| -> Vec<String> {
        let mut lines = lines(series);
        lines.retain(|line| line.starts_with("network"));
        lines
    };
    let year = period("2025-10-01..2026-10-01");
    let by_provider = berlin(log, year, Step::Month, Some(SplitBy::Provider)).await;
    let rows = [
        "network.egress - 10012",
        "network.egress p 110",
        "network.egress q 1000",
    ];
    assert_eq!(egress(by_provider), rows);
    let by_region = SplitBy::Dimension("region".to_owned());
    let by_region = berlin(log, year, Step::Month, Some(by_region)).await;
    let rows = [
        "network.egress - 11110",
        "network.egress eu 7",
        "network.egress us 5",
    ];
    assert_eq!(egress(by_region), rows);
    let one_hour = period("2025-10-26T02:00:00Z..2025-10-26T03:00:00Z");
    let by_bucket = SplitBy::Dimension("bucket".to_owned());
    let by_bucket = berlin(log, one_hour, Step::Hour, Some(by_bucket)).await;
    let rows = ["storage.stored_data a 25200", "storage.stored_data b 3600"];
    assert_eq!(lines(by_bucket), rows);
    let only_egress = SeriesQuery {
        account: account(ACME),
        period: year,
        step: Step::Month,
        zone: "UTC".parse().expect("a zone"),
        resource: "network.egress".parse().ok(),
        split: None,
    };
    let series = log.series(only_egress).await.expect("a series");
    assert_eq!(lines(series), ["network.egress - 11122"]);
}

/// # Panics
/// If the log breaks the promise.
pub async fn a_series_of_too_many_steps_is_refused(log: &dyn UsageLog) {
    let query = SeriesQuery {
        account: account(ACME),
        period: period("2020-01-01..2026-01-01"),
        step: Step::Hour,
        zone: "UTC".parse().expect("a zone"),
        resource: None,
        split: None,
    };
    let refused = log.series(query).await;
    assert!(
        matches!(refused, Err(UsageLogError::TooManySteps { .. })),
        "{refused:?}"
    );
}
