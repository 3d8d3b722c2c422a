//! The usage of events that are not in any log: what a file holds.

use std::collections::{BTreeMap, BTreeSet};

use crate::metering::level::{Sample, integrate};
use crate::metering::summary::Tally;
use crate::metering::{UsageEvent, UsageKey, UsageRow};
use crate::money::MoneyError;
use crate::period::{Month, Period, PeriodError, Zone};

/// What the events of one account come to in a period, as the usage log would sum them up: amounts
/// at their time, levels integrated, each event counted once.
///
/// ```
/// use synor_economics::calculator::usage_of;
/// use synor_economics::metering::RawEvent;
/// use synor_economics::period::{Period, Timestamp};
/// let at = Timestamp::from_secs;
/// let event = RawEvent {
///     account: "acme".to_owned(),
///     service: "network".to_owned(),
///     resource: "egress".to_owned(),
///     quantity: "1.5".to_owned(),
///     unit: Some("GB".to_owned()),
///     time: "1970-01-01T00:00:50Z".to_owned(),
///     source: "node-1".to_owned(),
///     id: "7".to_owned(),
///     provider: None,
///     dimensions: Default::default(),
///     correction: false,
/// };
/// let event = event.validate(at(100))?;
/// let rows = usage_of(&[&event, &event], Period::new(at(0), at(100))?)?;
/// assert_eq!(rows[0].quantity.get(), 1_500_000_000); // bytes
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn usage_of(events: &[&UsageEvent], period: Period) -> Result<Vec<UsageRow>, MoneyError> {
    let mut tally = Tally::default();
    let mut seen = BTreeSet::new();
    let mut levels: BTreeMap<_, Vec<&UsageEvent>> = BTreeMap::new();
    let key = |event: &UsageEvent| {
        UsageKey::new(event.resource, &event.dimensions, event.provider.clone())
    };
    for event in events {
        if !seen.insert(&event.identity) {
            continue;
        }
        if event.is_sample {
            let level = (event.resource, &event.provider, &event.dimensions);
            levels.entry(level).or_default().push(event);
        } else if period.contains(event.time) {
            tally.add(key(event), event.quantity)?;
        }
    }
    for mut level in levels.into_values() {
        level.sort_by_key(|event| (event.time, &event.identity.source, &event.identity.id));
        let samples: Vec<_> = level
            .iter()
            .map(|event| Sample {
                at: event.time,
                level: event.quantity,
            })
            .collect();
        if let Some(event) = level.first() {
            tally.add(key(event), integrate(&samples, period)?)?;
        }
    }
    Ok(tally.into_rows())
}

/// The calendar months in which events lie, with those between where a level is held.
pub fn months_of(events: &[&UsageEvent], zone: &Zone) -> Result<Vec<Month>, PeriodError> {
    let mut months = BTreeSet::new();
    for event in events {
        months.insert(Month::containing(event.time, zone)?);
    }
    if events.iter().any(|event| event.is_sample)
        && let (Some(first), Some(last)) = (months.first().copied(), months.last().copied())
    {
        let mut month = first;
        while month < last {
            months.insert(month);
            month = month.next()?;
        }
    }
    Ok(months.into_iter().collect())
}
