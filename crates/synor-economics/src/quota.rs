//! Quotas: how much of a resource an account may use in a day or a month of its time zone, and what
//! happens when it is used up.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::id::AccountId;
use crate::metering::{Measure, MeteringUnit, ResourceType};
use crate::money::Exact;
use crate::period::{Month, Period, PeriodError, Timestamp, Zone};
use crate::quantity::Quantity;

/// The stretch of time that a quota starts afresh in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuotaPeriod {
    /// From midnight to midnight in the account's time zone.
    Day,
    /// A calendar month in the account's time zone.
    Month,
}

/// What happens when a quota is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuotaEffect {
    /// It shows; usage goes on being counted.
    Warn,
    /// Events that would go beyond it are not counted.
    Stop,
}

/// How much of one resource an account may use in each period.
///
/// ```
/// use synor_economics::money::Exact;
/// use synor_economics::period::{Timestamp, Zone};
/// use synor_economics::quota::{Quota, QuotaEffect, QuotaPeriod};
/// let quota = Quota {
///     account_id: "acme".parse()?,
///     resource: "network.egress".parse()?,
///     per: QuotaPeriod::Month,
///     quantity: Exact::from_integer(500),
///     unit: "GB".parse()?,
///     effect: QuotaEffect::Stop,
///     set_at: Timestamp::from_secs(0),
///     removed_at: None,
/// };
/// quota.check()?;
/// let january = quota.per.containing(Timestamp::parse("2026-01-31T12:00:00Z")?, &Zone::utc())?;
/// assert_eq!(quota.limit_in(january)?.get(), 500_000_000_000); // bytes
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    /// Whose usage.
    pub account_id: AccountId,
    /// Of what.
    pub resource: ResourceType,
    /// In which stretch of time.
    pub per: QuotaPeriod,
    /// How much, in `unit`.
    pub quantity: Exact,
    /// The unit: the resource's base unit or a multiple of it.
    pub unit: MeteringUnit,
    /// What happens when it is used up.
    pub effect: QuotaEffect,
    /// Since when it is in force.
    pub set_at: Timestamp,
    /// Since when it is not in force any more.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub removed_at: Option<Timestamp>,
}

/// Why a quota cannot be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum QuotaError {
    /// A unit of something else.
    #[error("`{unit}` does not measure {resource}; {expected} or a multiple does")]
    Unit {
        /// The unit given.
        unit: MeteringUnit,
        /// What is limited.
        resource: ResourceType,
        /// A unit that would do.
        expected: &'static str,
    },
    /// A day has no unit of a month's length.
    #[error("`{0}` is a month's unit, and a day's quota needs one of a fixed size")]
    MonthlyUnit(MeteringUnit),
    /// Nothing, less than nothing, or more than can be counted.
    #[error("a quota of {0} is not above zero and within what can be counted")]
    Quantity(String),
    /// A level adds up by the passing of time, which no refusal of an event would stop.
    #[error(
        "{0} is held over time and goes on without events; its quota can warn, and cannot stop"
    )]
    LevelStops(ResourceType),
}

/// An event that a quota stopped.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "would exceed the quota of {limit} {unit} a {per}: {used} are used, and {left} are left until \
     {until}"
)]
pub struct QuotaExceeded {
    /// What is limited.
    pub resource: ResourceType,
    /// The stretch of time.
    pub per: QuotaPeriod,
    /// The resource's base unit, of which the quantities are.
    pub unit: &'static str,
    /// The most that may be used.
    pub limit: Quantity,
    /// What is used, with the events of the batch that come before.
    pub used: Quantity,
    /// What may still be used.
    pub left: Quantity,
    /// When the quota starts afresh.
    pub until: Timestamp,
}

impl QuotaPeriod {
    /// The day or month that holds an instant, in a time zone.
    pub fn containing(self, at: Timestamp, zone: &Zone) -> Result<Period, PeriodError> {
        match self {
            Self::Day => Period::day_containing(at, zone),
            Self::Month => Month::containing(at, zone)?.period(zone),
        }
    }

    /// Its name: `day`, `month`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Month => "month",
        }
    }
}

impl fmt::Display for QuotaPeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for QuotaPeriod {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "day" => Ok(Self::Day),
            "month" => Ok(Self::Month),
            other => Err(format!("`{other}` is neither day nor month")),
        }
    }
}

impl QuotaEffect {
    /// Its name: `warn`, `stop`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::Stop => "stop",
        }
    }
}

impl FromStr for QuotaEffect {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "warn" => Ok(Self::Warn),
            "stop" => Ok(Self::Stop),
            other => Err(format!("`{other}` is neither warn nor stop")),
        }
    }
}

impl Quota {
    /// What tells it apart: an account has one quota for a resource and period.
    pub fn name(&self) -> String {
        quota_name(&self.account_id, self.resource, self.per)
    }

    /// Whether it can be: a unit of the resource, a limit above zero, and nothing to stop that no
    /// refused event would stop.
    pub fn check(&self) -> Result<(), QuotaError> {
        let spec = self.resource.spec();
        if self.unit.base() != spec.base_unit {
            return Err(QuotaError::Unit {
                unit: self.unit,
                resource: self.resource,
                expected: spec.base_unit.name(),
            });
        }
        if self.unit.is_monthly() && self.per == QuotaPeriod::Day {
            return Err(QuotaError::MonthlyUnit(self.unit));
        }
        if self.effect == QuotaEffect::Stop && spec.measure != Measure::Sum {
            return Err(QuotaError::LevelStops(self.resource));
        }
        // The shortest month: a limit of at least one base unit in each.
        const FEBRUARY_SECS: i64 = 28 * 86_400;
        let limit = self.limit_of(FEBRUARY_SECS)?;
        if limit.get() < 1 {
            return Err(QuotaError::Quantity(self.shown()));
        }
        Ok(())
    }

    /// The most that may be used in one of its periods, in whole base units.
    pub fn limit_in(&self, period: Period) -> Result<Quantity, QuotaError> {
        self.limit_of(period.secs())
    }

    fn limit_of(&self, month_secs: i64) -> Result<Quantity, QuotaError> {
        let too_much = || QuotaError::Quantity(self.shown());
        let exact = self.unit.to_base(self.quantity, Some(month_secs));
        let exact = exact.map_err(|_| too_much())?;
        // What is not a whole base unit cannot be used.
        let whole = exact.numerator().div_euclid(exact.denominator());
        Ok(Quantity::new(whole))
    }

    /// The limit as it was written: `500 GB`.
    pub fn shown(&self) -> String {
        format!("{} {}", self.quantity.to_decimal(9), self.unit)
    }
}

/// The name of an account's quota for a resource and period: `acme/network.egress/month`.
pub fn quota_name(account: &AccountId, resource: ResourceType, per: QuotaPeriod) -> String {
    format!("{account}/{resource}/{per}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(resource: &str, quantity: &str, unit: &str, per: &str, effect: &str) -> Quota {
        Quota {
            account_id: "acme".parse().unwrap(),
            resource: resource.parse().unwrap(),
            per: per.parse().unwrap(),
            quantity: Exact::parse_decimal(quantity).unwrap(),
            unit: unit.parse().unwrap(),
            effect: effect.parse().unwrap(),
            set_at: Timestamp::from_secs(0),
            removed_at: None,
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let refused = |resource, quantity, unit, per, effect| {
            let checked = quota(resource, quantity, unit, per, effect).check();
            checked.map_err(|e| e.to_string()).unwrap_err()
        };
        let cases = [
            (
                refused("network.egress", "1", "requests", "month", "warn"),
                "bytes or a multiple",
            ),
            (
                refused("network.egress", "0", "GB", "month", "warn"),
                "0 GB is not above zero",
            ),
            (
                refused("network.egress", "-1", "GB", "month", "stop"),
                "above zero",
            ),
            (
                refused("network.egress", "0.5", "bytes", "day", "stop"),
                "above zero",
            ),
            (
                refused("storage.stored_data", "1", "GB-months", "day", "warn"),
                "month's unit",
            ),
            (
                refused("storage.stored_data", "1", "GB-months", "month", "stop"),
                "cannot stop",
            ),
        ];
        for (error, expected) in cases {
            assert!(error.contains(expected), "{error}");
        }
    }

    /// March of Berlin has 743 hours, its 29th 23 of them.
    #[test]
    fn a_limit_follows_the_month_and_periods_the_zone() {
        let berlin: Zone = "Europe/Berlin".parse().unwrap();
        let at = Timestamp::parse("2026-03-29T12:00:00Z").unwrap();
        let stored = quota("storage.stored_data", "1.5", "GB-months", "month", "warn");
        stored.check().unwrap();
        let march = stored.per.containing(at, &berlin).unwrap();
        assert_eq!(
            stored.limit_in(march).unwrap().get(),
            1_500_000_000 * 743 * 3_600
        );
        let day = QuotaPeriod::Day.containing(at, &berlin).unwrap();
        assert_eq!(day.secs(), 23 * 3_600);
        assert_eq!(day.start().to_string(), "2026-03-28T23:00:00Z");
    }
}
