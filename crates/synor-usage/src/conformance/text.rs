//! Events and answers as lines of text, so that a test reads at a glance. All of it panics on what
//! it cannot read or do: a test that is wrong fails.

use std::collections::BTreeMap;

use synor_economics::id::AccountId;
use synor_economics::metering::{RawEvent, ResourceType, UsageEvent, UsageRow};
use synor_economics::period::{Period, Timestamp};

use crate::log::{Appended, EventQuery, LogPosition, LoggedEvent, UsageLog};

/// The account of events that name none.
pub(super) const ACME: &str = "acme";

/// An event from `source/id service.resource quantity[unit] @time [key=value …]`, where the time is
/// a date or RFC 3339, the keys `account` and `provider` are those, `correction` stands alone, and
/// every other key is a dimension.
///
/// ```
/// let event = synor_usage::conformance::event("node/1 network.egress 5kB @2026-01-31 region=eu");
/// assert_eq!(event.quantity.get(), 5_000);
/// ```
///
/// # Panics
/// If the text is no event.
pub fn event(text: &str) -> UsageEvent {
    let mut raw = RawEvent {
        account: ACME.to_owned(),
        ..RawEvent::default()
    };
    for (place, word) in text.split_whitespace().enumerate() {
        match (place, word) {
            (0, name) => (raw.source, raw.id) = pair(name, '/'),
            (1, resource) => (raw.service, raw.resource) = pair(resource, '.'),
            (2, amount) => {
                let digits = amount.trim_end_matches(|c: char| !c.is_ascii_digit());
                raw.quantity = digits.to_owned();
                let unit = amount.strip_prefix(digits).filter(|unit| !unit.is_empty());
                raw.unit = unit.map(str::to_owned);
            }
            (3, time) => raw.time = instant(time.trim_start_matches('@')),
            (_, "correction") => raw.correction = true,
            (_, word) => match pair(word, '=') {
                (key, value) if key == "account" => raw.account = value,
                (key, value) if key == "provider" => raw.provider = Some(value),
                (key, value) => {
                    raw.dimensions.insert(key, value);
                }
            },
        }
    }
    let now = Timestamp::from_secs(4_000_000_000);
    match raw.validate(now) {
        Ok(event) => event,
        Err(error) => panic!("`{text}`: {error}"),
    }
}

/// One event per text.
///
/// # Panics
/// If a text is no event.
pub fn events<const N: usize>(texts: [&str; N]) -> Vec<UsageEvent> {
    texts.into_iter().map(event).collect()
}

/// A period from `start..end`, each a date or RFC 3339.
///
/// # Panics
/// If the text is no period.
pub fn period(text: &str) -> Period {
    let (start, end) = text.split_once("..").expect("a period has `..`");
    Period::new(time(start), time(end)).expect("a period is not empty")
}

/// An instant from a date or RFC 3339.
pub(super) fn time(text: &str) -> Timestamp {
    Timestamp::parse(&instant(text)).expect("a time is a date or RFC 3339")
}

fn instant(text: &str) -> String {
    match text.len() {
        10 => format!("{text}T00:00:00Z"),
        _ => text.to_owned(),
    }
}

fn pair(text: &str, between: char) -> (String, String) {
    match text.split_once(between) {
        Some((left, right)) => (left.to_owned(), right.to_owned()),
        None => panic!("`{text}` has no `{between}`"),
    }
}

/// The account of this name.
pub(super) fn account(name: &str) -> AccountId {
    name.parse().expect("an account's name")
}

/// Appends events given as text.
pub(super) async fn append<const N: usize>(log: &dyn UsageLog, texts: [&str; N]) -> Appended {
    let appended = log.append(events(texts)).await;
    appended.expect("the log appends")
}

/// Rows as text: `resource [key=value …] [provider=name] quantity`.
pub fn rows(rows: &[UsageRow]) -> Vec<String> {
    rows.iter().map(row).collect()
}

fn row(row: &UsageRow) -> String {
    let mut text = row.key.resource.to_string();
    for (name, value) in &row.key.dimensions {
        text.push_str(&format!(" {name}={value}"));
    }
    if let Some(provider) = &row.key.provider {
        text.push_str(&format!(" provider={provider}"));
    }
    format!("{text} {}", row.quantity)
}

/// The rows of acme's summary, as text.
pub(super) async fn summary(log: &dyn UsageLog, when: &str) -> Vec<String> {
    summary_through(log, when, None).await
}

/// The rows of acme's summary up to a position, as text.
pub(super) async fn summary_through(
    log: &dyn UsageLog,
    when: &str,
    through: Option<LogPosition>,
) -> Vec<String> {
    let answer = log.summary(&account(ACME), period(when), through).await;
    rows(&answer.expect("the log sums").rows)
}

/// How much acme used of one resource in a period, all rows together.
pub(super) async fn total(log: &dyn UsageLog, resource: &str, when: Period) -> i128 {
    let resource: ResourceType = resource.parse().expect("a resource");
    let answer = log.summary(&account(ACME), when, None).await;
    let rows = answer.expect("the log sums").rows;
    let of_resource = rows.iter().filter(|row| row.key.resource == resource);
    of_resource.map(|row| row.quantity.get()).sum()
}

/// Every event of acme, page by page.
pub(super) async fn all_events(log: &dyn UsageLog, limit: usize) -> Vec<LoggedEvent> {
    let mut query = EventQuery {
        limit,
        ..EventQuery::all(account(ACME))
    };
    let mut all = Vec::new();
    loop {
        let page = log.events(query.clone()).await.expect("the log lists");
        all.extend(page.items);
        match page.next {
            Some(next) => query.after = next,
            None => return all,
        }
    }
}

/// Positions and events, for comparing lists.
pub(super) fn by_position(list: &[LoggedEvent]) -> BTreeMap<LogPosition, UsageEvent> {
    let pairs = list
        .iter()
        .map(|logged| (logged.position, logged.event.clone()));
    pairs.collect()
}
