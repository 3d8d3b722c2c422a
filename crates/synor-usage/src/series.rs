//! Usage over time, for charts: a period cut into hours, days or months of a time zone.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{ToSpan, ZonedDateTime};
use serde::{Deserialize, Serialize};
use synor_economics::id::{AccountId, ProviderId};
use synor_economics::metering::level::{Sample, integrate};
use synor_economics::metering::{Dimensions, ResourceType};
use synor_economics::money::MoneyError;
use synor_economics::period::{Month, Period, PeriodError, Timestamp, Zone};
use synor_economics::quantity::Quantity;

use crate::error::UsageLogError;
use crate::log::LogPosition;

/// The most steps in one series: more than the hours of a year.
pub const STEPS_MAX: usize = 10_000;

/// How long the steps of a series are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// An hour of the clock on the wall, which in some zones begins at half past in UTC.
    Hour,
    /// From midnight to midnight: 23 or 25 hours when the clocks change.
    Day,
    /// A calendar month.
    Month,
    /// The whole period as one step.
    Whole,
}

/// What lines of a series are kept apart by, besides the resource.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitBy {
    /// The operator that did the work.
    Provider,
    /// The value of a dimension: `region`, `bucket`, …
    Dimension(String),
}

/// Which series to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesQuery {
    /// Whose usage.
    pub account: AccountId,
    /// When. The first and the last step are cut to it.
    pub period: Period,
    /// How long a step is.
    pub step: Step,
    /// Whose hours, days and months.
    pub zone: Zone,
    /// Only this resource.
    pub resource: Option<ResourceType>,
    /// What to keep apart besides the resource.
    pub split: Option<SplitBy>,
}

/// Usage over time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Series {
    /// Whose usage.
    pub account: AccountId,
    /// The steps, which together are the period.
    pub steps: Vec<Period>,
    /// One line per resource and value of what they are split by, in that order; lines without any
    /// usage are left out.
    pub lines: Vec<SeriesLine>,
    /// How far the log had been read.
    pub log_position: LogPosition,
}

/// One line of a chart. Resources are always kept apart, because their units differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SeriesLine {
    /// What was used.
    pub resource: ResourceType,
    /// The provider or the value of the dimension that the series is split by; none for usage that
    /// has none.
    pub group: Option<String>,
    /// How much in each step, in the resource's base unit.
    pub quantities: Vec<Quantity>,
}

impl SplitBy {
    /// What this name keeps apart: `provider`, or else a dimension.
    pub fn named(name: &str) -> Self {
        match name {
            "provider" => Self::Provider,
            dimension => Self::Dimension(dimension.to_owned()),
        }
    }

    /// The value under which usage falls.
    pub(crate) fn group(
        &self,
        provider: Option<&ProviderId>,
        dimensions: &Dimensions,
    ) -> Option<String> {
        match self {
            Self::Provider => provider.map(|id| id.as_str().to_owned()),
            Self::Dimension(name) => dimensions.get(name).cloned(),
        }
    }
}

/// Adds up the lines of a series.
#[derive(Debug)]
pub(crate) struct LineTally {
    steps: Vec<Period>,
    lines: BTreeMap<(ResourceType, Option<String>), Vec<Quantity>>,
}

impl LineTally {
    /// No usage yet in any of these steps.
    pub(crate) fn new(steps: Vec<Period>) -> Self {
        Self {
            steps,
            lines: BTreeMap::new(),
        }
    }

    /// The steps.
    pub(crate) fn steps(&self) -> &[Period] {
        &self.steps
    }

    /// The step that an instant of the period lies in.
    pub(crate) fn step_of(&self, at: Timestamp) -> Option<usize> {
        let next = self.steps.partition_point(|step| step.start() <= at);
        next.checked_sub(1)
    }

    /// Adds one quantity per step to a line.
    pub(crate) fn add(
        &mut self,
        resource: ResourceType,
        group: Option<String>,
        quantities: Vec<Quantity>,
    ) -> Result<(), MoneyError> {
        match self.lines.entry((resource, group)) {
            Entry::Vacant(line) => {
                line.insert(quantities);
            }
            Entry::Occupied(mut line) => {
                for (sum, quantity) in line.get_mut().iter_mut().zip(quantities) {
                    *sum = sum.checked_add(quantity)?;
                }
            }
        }
        Ok(())
    }

    /// The series.
    pub(crate) fn into_series(self, account: AccountId, log_position: LogPosition) -> Series {
        let lines = self
            .lines
            .into_iter()
            .filter(|(_, quantities)| quantities.iter().any(|q| !q.is_zero()))
            .map(|((resource, group), quantities)| SeriesLine {
                resource,
                group,
                quantities,
            })
            .collect();
        Series {
            account,
            steps: self.steps,
            lines,
            log_position,
        }
    }
}

/// Cuts a period into steps. The first and the last may be short; together they are the period.
pub fn steps(period: Period, step: Step, zone: &Zone) -> Result<Vec<Period>, UsageLogError> {
    let tz = TimeZoneDatabase::bundled()
        .get(zone.name())
        .map_err(|_| PeriodError::NotAZone(zone.name().to_owned()))?;
    let mut steps = Vec::new();
    let mut start = period.start();
    while start < period.end() {
        if steps.len() == STEPS_MAX {
            return Err(UsageLogError::TooManySteps { max: STEPS_MAX });
        }
        let next = match step {
            Step::Hour => next_hour(start, &tz)?,
            Step::Day => next_day(start, &tz)?,
            Step::Whole => period.end(),
            Step::Month => Month::containing(start, zone)?.period(zone)?.end(),
        };
        let end = next.min(period.end());
        steps.push(Period::new(start, end)?);
        start = end;
    }
    Ok(steps)
}

/// When the clock on the wall next shows a full hour. By elapsed time, not by what the clock says:
/// the hour that comes twice in autumn is two steps.
fn next_hour(at: Timestamp, tz: &TimeZone) -> Result<Timestamp, PeriodError> {
    let offset_secs = i64::from(zoned(at, tz)?.offset().seconds());
    let past_secs = at.plus_secs(offset_secs).secs().rem_euclid(3_600);
    Ok(at.plus_secs(3_600).plus_secs(past_secs.saturating_neg()))
}

/// The next midnight, or the first instant of the next day where the clocks leap over midnight.
fn next_day(at: Timestamp, tz: &TimeZone) -> Result<Timestamp, PeriodError> {
    let tomorrow: Date = zoned(at, tz)?
        .date()
        .checked_add(1.day())
        .map_err(|_| PeriodError::OutOfRange)?;
    let start = tomorrow
        .to_zoned_datetime(tz.clone())
        .map_err(|_| PeriodError::OutOfRange)?;
    Ok(Timestamp::from_secs(start.timestamp().as_second()))
}

fn zoned(at: Timestamp, tz: &TimeZone) -> Result<ZonedDateTime, PeriodError> {
    jiff::Timestamp::from_second(at.secs())
        .map(|time| time.to_zoned_datetime(tz.clone()))
        .map_err(|_| PeriodError::OutOfRange)
}

/// The level integrated over one step, looking only at the samples that matter for it.
pub(crate) fn held(samples: &[Sample], step: Period) -> Result<Quantity, MoneyError> {
    let opening = samples.partition_point(|sample| sample.at <= step.start());
    let end = samples.partition_point(|sample| sample.at < step.end());
    let relevant = samples.get(opening.saturating_sub(1)..end);
    integrate(relevant.unwrap_or_default(), step)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The starts of the steps, and the end of the last one.
    fn check(period: (&str, &str), step: Step, zone: &str, expected: &str) {
        let at = |text| Timestamp::parse(text).unwrap();
        let period = Period::new(at(period.0), at(period.1)).unwrap();
        let cut = steps(period, step, &zone.parse().unwrap()).unwrap();
        let starts = cut.iter().map(|step| step.start());
        let edges: Vec<_> = starts
            .chain([period.end()])
            .map(|t| t.to_string())
            .collect();
        let expected: Vec<_> = expected.split_whitespace().collect();
        assert_eq!(edges, expected);
    }

    #[test]
    fn hours_are_those_of_the_clock_on_the_wall() {
        let period = ("2025-10-25T21:47:11Z", "2025-10-25T23:30:00Z");
        check(
            period,
            Step::Hour,
            "Europe/Berlin",
            "2025-10-25T21:47:11Z 2025-10-25T22:00:00Z 2025-10-25T23:00:00Z 2025-10-25T23:30:00Z",
        );
        check(
            period,
            Step::Hour,
            "Asia/Kathmandu",
            "2025-10-25T21:47:11Z 2025-10-25T22:15:00Z 2025-10-25T23:15:00Z 2025-10-25T23:30:00Z",
        );
    }

    /// On Lord Howe the clocks go back by half an hour, from two to half past one.
    #[test]
    fn half_an_hour_that_comes_twice_is_a_step() {
        check(
            ("2026-04-04T14:00:00Z", "2026-04-04T16:30:00Z"),
            Step::Hour,
            "Australia/Lord_Howe",
            "2026-04-04T14:00:00Z 2026-04-04T15:00:00Z 2026-04-04T15:30:00Z 2026-04-04T16:30:00Z",
        );
    }

    /// Samoa went to bed on Thursday the 29th and rose on Saturday the 31st.
    #[test]
    fn a_day_that_never_was_is_no_step() {
        check(
            ("2011-12-29T10:00:00Z", "2012-01-01T10:00:00Z"),
            Step::Day,
            "Pacific/Apia",
            "2011-12-29T10:00:00Z 2011-12-30T10:00:00Z 2011-12-31T10:00:00Z 2012-01-01T10:00:00Z",
        );
    }

    /// In Cairo the clocks go forward at midnight: the day begins at one.
    #[test]
    fn a_day_may_begin_at_one() {
        check(
            ("2024-04-25T10:00:00Z", "2024-04-27T00:00:00Z"),
            Step::Day,
            "Africa/Cairo",
            "2024-04-25T10:00:00Z 2024-04-25T22:00:00Z 2024-04-26T21:00:00Z 2024-04-27T00:00:00Z",
        );
    }
}
