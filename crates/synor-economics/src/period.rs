//! Time as it is billed: instants in Unix seconds, half-open periods, and calendar months in an
//! account's time zone.

use std::fmt;
use std::str::FromStr;

mod rfc3339;

use jiff::civil;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Seconds in a day of Unix time.
pub const DAY_SECS: i64 = 86_400;

/// Why a time, zone, month or period could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PeriodError {
    /// Not an RFC 3339 time.
    #[error("`{0}` is not a time; write it as 2026-01-31T23:59:59Z")]
    NotATime(String),
    /// Not an IANA time zone.
    #[error("`{0}` is not an IANA time zone such as UTC or Europe/Berlin")]
    NotAZone(String),
    /// Not a month.
    #[error("`{0}` is not a month; write it as 2026-01")]
    NotAMonth(String),
    /// The end does not come after the start.
    #[error("a period must end after it starts, and {end} is not after {start}")]
    Empty {
        /// Start, inclusive.
        start: Timestamp,
        /// End, exclusive.
        end: Timestamp,
    },
    /// The instant is outside the calendar.
    #[error("the time is outside the calendar")]
    OutOfRange,
}

/// An instant in whole Unix seconds (UTC).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The instant this many seconds after 1970-01-01T00:00:00Z.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs)
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    pub const fn secs(self) -> i64 {
        self.0
    }

    /// The instant `secs` later, held at the ends of the integer range.
    pub const fn plus_secs(self, secs: i64) -> Self {
        Self(self.0.saturating_add(secs))
    }

    /// Seconds from `earlier` to `self`, negative if it is later.
    pub const fn secs_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Reads RFC 3339 with any offset; a fraction of a second is cut off, so an event belongs to
    /// the second in which it happened.
    ///
    /// ```
    /// use synor_economics::period::Timestamp;
    /// assert_eq!(Timestamp::parse("1970-01-01T01:00:00.9+01:00")?.secs(), 0);
    /// # Ok::<(), synor_economics::period::PeriodError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, PeriodError> {
        if let Some(secs) = rfc3339::utc_secs(text) {
            return Ok(Self(secs));
        }
        let time: jiff::Timestamp = text
            .parse()
            .map_err(|_| PeriodError::NotATime(text.to_owned()))?;
        // A fraction before 1970 is negative; cutting it must still go to the earlier second.
        let back = i64::from(time.subsec_nanosecond() < 0);
        Ok(Self(time.as_second().saturating_sub(back)))
    }

    /// The date (ISO 8601) of this instant in a time zone.
    pub fn date_in(self, zone: &Zone) -> String {
        match jiff::Timestamp::from_second(self.0) {
            Ok(time) => time.to_zoned_datetime(zone.tz.clone()).date().to_string(),
            Err(_) => self.0.to_string(),
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.0) {
            Ok(time) => f.pad(&time.to_string()),
            Err(_) => f.pad(&self.0.to_string()),
        }
    }
}

/// A time zone by its IANA name, from the database built into the program, so that every machine
/// bills the same month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    name: String,
    tz: TimeZone,
}

impl Zone {
    /// Coordinated universal time, the default.
    pub fn utc() -> Self {
        Self {
            name: "UTC".to_owned(),
            tz: TimeZone::UTC,
        }
    }

    /// The IANA name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self::utc()
    }
}

impl FromStr for Zone {
    type Err = PeriodError;

    fn from_str(name: &str) -> Result<Self, PeriodError> {
        if name == "UTC" {
            return Ok(Self::utc());
        }
        let tz = TimeZoneDatabase::bundled()
            .get(name)
            .map_err(|_| PeriodError::NotAZone(name.to_owned()))?;
        let name = tz.iana_name().unwrap_or(name).to_owned();
        Ok(Self { name, tz })
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name)
    }
}

crate::wire::as_text!(Zone);

/// A half-open stretch of time `[start, end)`: the start belongs to it, the end to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Period {
    start: Timestamp,
    end: Timestamp,
}

impl Period {
    /// The period from `start` (inclusive) to `end` (exclusive); refuses an empty one.
    pub fn new(start: Timestamp, end: Timestamp) -> Result<Self, PeriodError> {
        if start < end {
            Ok(Self { start, end })
        } else {
            Err(PeriodError::Empty { start, end })
        }
    }

    /// The day that holds an instant in a time zone, from midnight to midnight, or from the first
    /// instant of a day that the clocks leap into.
    pub fn day_containing(at: Timestamp, zone: &Zone) -> Result<Self, PeriodError> {
        let time = jiff::Timestamp::from_second(at.0).map_err(|_| PeriodError::OutOfRange)?;
        let today = time.to_zoned_datetime(zone.tz.clone()).date();
        let tomorrow = today.tomorrow().map_err(|_| PeriodError::OutOfRange)?;
        let first = |day: civil::Date| {
            let start = day.to_zoned_datetime(zone.tz.clone());
            let start = start.map_err(|_| PeriodError::OutOfRange)?;
            Ok(Timestamp(start.timestamp().as_second()))
        };
        Self::new(first(today)?, first(tomorrow)?)
    }

    /// The first instant of the period.
    pub const fn start(self) -> Timestamp {
        self.start
    }

    /// The first instant after the period.
    pub const fn end(self) -> Timestamp {
        self.end
    }

    /// Length in seconds, above zero.
    pub const fn secs(self) -> i64 {
        self.end.secs_since(self.start)
    }

    /// Whether the instant lies in the period.
    pub fn contains(self, at: Timestamp) -> bool {
        self.start <= at && at < self.end
    }

    /// The part of `self` before `at`, if any.
    pub fn until(self, at: Timestamp) -> Option<Self> {
        Self::new(self.start, self.end.min(at)).ok()
    }
}

/// A calendar month, not yet tied to a time zone.
///
/// ```
/// use synor_economics::period::{Month, Zone};
/// let month: Month = "2026-03".parse()?;
/// let berlin: Zone = "Europe/Berlin".parse()?;
/// // The night the clocks go forward makes March an hour shorter.
/// assert_eq!(month.period(&berlin)?.secs(), 31 * 86_400 - 3_600);
/// # Ok::<(), synor_economics::period::PeriodError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    year: i16,
    month: i8,
}

impl Month {
    /// The month that contains an instant in a time zone.
    pub fn containing(at: Timestamp, zone: &Zone) -> Result<Self, PeriodError> {
        let time = jiff::Timestamp::from_second(at.0).map_err(|_| PeriodError::OutOfRange)?;
        let date = time.to_zoned_datetime(zone.tz.clone()).date();
        Ok(Self {
            year: date.year(),
            month: date.month(),
        })
    }

    /// The month's period in a time zone: from its first midnight to the next month's.
    pub fn period(self, zone: &Zone) -> Result<Period, PeriodError> {
        Period::new(self.first_instant(zone)?, self.next()?.first_instant(zone)?)
    }

    /// The following month.
    pub fn next(self) -> Result<Self, PeriodError> {
        let next = match self.month.checked_add(1) {
            Some(month) if month <= 12 => Self { month, ..self },
            _ => Self {
                year: self.year.checked_add(1).ok_or(PeriodError::OutOfRange)?,
                month: 1,
            },
        };
        Ok(next)
    }

    fn first_instant(self, zone: &Zone) -> Result<Timestamp, PeriodError> {
        let date =
            civil::Date::new(self.year, self.month, 1).map_err(|_| PeriodError::OutOfRange)?;
        let midnight = date
            .to_zoned_datetime(zone.tz.clone())
            .map_err(|_| PeriodError::OutOfRange)?;
        Ok(Timestamp(midnight.timestamp().as_second()))
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:04}-{:02}", self.year, self.month))
    }
}

impl FromStr for Month {
    type Err = PeriodError;

    fn from_str(text: &str) -> Result<Self, PeriodError> {
        let bad = || PeriodError::NotAMonth(text.to_owned());
        let (year, month) = text.split_once('-').ok_or_else(bad)?;
        let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if year.len() != 4 || month.len() != 2 || !digits(year) || !digits(month) {
            return Err(bad());
        }
        let (year, month) = (
            year.parse().map_err(|_| bad())?,
            month.parse().map_err(|_| bad())?,
        );
        if (1..=12).contains(&month) {
            Ok(Self { year, month })
        } else {
            Err(bad())
        }
    }
}

crate::wire::as_text!(Month);

/// A period as the two fields `period_start` and `period_end`, in Unix seconds.
pub(crate) mod fields {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Period, Timestamp};

    #[derive(Serialize, Deserialize)]
    struct Fields {
        period_start: Timestamp,
        period_end: Timestamp,
    }

    pub fn serialize<S: Serializer>(period: &Period, s: S) -> Result<S::Ok, S::Error> {
        Fields {
            period_start: period.start(),
            period_end: period.end(),
        }
        .serialize(s)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Period, D::Error> {
        let fields = Fields::deserialize(d)?;
        Period::new(fields.period_start, fields.period_end).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn months_are_refused_by_name() {
        for bad in [
            "2026",
            "2026-13",
            "2026-00",
            "26-01",
            "2026-1",
            "2026-01-01",
            "abcd-ef",
        ] {
            assert_eq!(
                bad.parse::<Month>(),
                Err(PeriodError::NotAMonth(bad.to_owned()))
            );
        }
        assert!("Mars/Olympus".parse::<Zone>().is_err());
    }

    #[test]
    fn a_time_before_1970_is_cut_to_the_earlier_second() {
        assert_eq!(
            Timestamp::parse("1969-12-31T23:59:59.5Z").unwrap().secs(),
            -1
        );
    }

    proptest! {
        #[test]
        fn adjacent_months_lose_and_double_nothing(
            year in 1971i16..2100,
            month in 1i8..=12,
            zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu", "Pacific/Apia", "Africa/Cairo"]),
        ) {
            let zone: Zone = zone.parse().unwrap();
            let this = Month { year, month };
            let next = this.next().unwrap();
            let (a, b) = (this.period(&zone).unwrap(), next.period(&zone).unwrap());
            prop_assert_eq!(a.end(), b.start());
            prop_assert_eq!(Month::containing(a.start(), &zone).unwrap(), this);
            prop_assert_eq!(Month::containing(a.end(), &zone).unwrap(), next);
            prop_assert_eq!(Month::containing(a.end().plus_secs(-1), &zone).unwrap(), this);
        }
    }
}
