//! Units: what a quantity may be given in, and how much of the base unit each one is.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::money::{Exact, MoneyError};

/// Why a unit could not be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UnitError {
    /// No unit has this name.
    #[error("`{0}` is not a unit known here")]
    Unknown(String),
    /// A month's unit where no month is known.
    #[error("`{0}` needs a month to be converted in")]
    NeedsMonth(String),
    /// The conversion left the integer range.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// The smallest unit of a resource; quantities are whole numbers of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BaseUnit {
    /// Bytes moved, or bytes held at one moment.
    Bytes,
    /// Bytes held, times seconds.
    ByteSeconds,
    /// Domains held at one moment.
    Domains,
    /// Domains held, times seconds.
    DomainSeconds,
    /// Certificates held at one moment.
    Certificates,
    /// Certificates held, times seconds.
    CertificateSeconds,
    /// Milliseconds of one CPU core.
    CoreMilliseconds,
    /// Milliseconds of one GPU.
    GpuMilliseconds,
    /// Storage deals made.
    Deals,
    /// Database queries.
    Queries,
    /// Vector searches.
    Searches,
    /// Serverless invocations.
    Invocations,
    /// Network requests.
    Requests,
}

use BaseUnit as B;

const KB: i128 = 1_000;
const KIB: i128 = 1 << 10;
const HOUR_SECS: i128 = 3_600;
const HOUR_MS: i128 = 3_600_000;

/// `(name, base unit, base units in one, whether that is further multiplied by the seconds of the
/// month)`. The first name for a base unit is the base unit itself.
const UNITS: &[(&str, BaseUnit, i128, bool)] = &[
    ("bytes", B::Bytes, 1, false),
    ("kB", B::Bytes, KB, false),
    ("MB", B::Bytes, KB.pow(2), false),
    ("GB", B::Bytes, KB.pow(3), false),
    ("TB", B::Bytes, KB.pow(4), false),
    ("PB", B::Bytes, KB.pow(5), false),
    ("KiB", B::Bytes, KIB, false),
    ("MiB", B::Bytes, KIB.pow(2), false),
    ("GiB", B::Bytes, KIB.pow(3), false),
    ("TiB", B::Bytes, KIB.pow(4), false),
    ("byte-seconds", B::ByteSeconds, 1, false),
    ("MB-seconds", B::ByteSeconds, KB.pow(2), false),
    ("GB-seconds", B::ByteSeconds, KB.pow(3), false),
    ("byte-hours", B::ByteSeconds, HOUR_SECS, false),
    ("GB-hours", B::ByteSeconds, KB.pow(3) * HOUR_SECS, false),
    ("GiB-hours", B::ByteSeconds, KIB.pow(3) * HOUR_SECS, false),
    ("GB-months", B::ByteSeconds, KB.pow(3), true),
    ("GiB-months", B::ByteSeconds, KIB.pow(3), true),
    ("TB-months", B::ByteSeconds, KB.pow(4), true),
    ("domains", B::Domains, 1, false),
    ("domain-seconds", B::DomainSeconds, 1, false),
    ("domain-hours", B::DomainSeconds, HOUR_SECS, false),
    ("domain-months", B::DomainSeconds, 1, true),
    ("certificates", B::Certificates, 1, false),
    ("certificate-seconds", B::CertificateSeconds, 1, false),
    ("certificate-hours", B::CertificateSeconds, HOUR_SECS, false),
    ("certificate-months", B::CertificateSeconds, 1, true),
    ("core-milliseconds", B::CoreMilliseconds, 1, false),
    ("core-seconds", B::CoreMilliseconds, 1_000, false),
    ("core-hours", B::CoreMilliseconds, HOUR_MS, false),
    ("gpu-milliseconds", B::GpuMilliseconds, 1, false),
    ("gpu-seconds", B::GpuMilliseconds, 1_000, false),
    ("gpu-hours", B::GpuMilliseconds, HOUR_MS, false),
    ("deals", B::Deals, 1, false),
    ("queries", B::Queries, 1, false),
    ("searches", B::Searches, 1, false),
    ("invocations", B::Invocations, 1, false),
    ("requests", B::Requests, 1, false),
];

impl BaseUnit {
    /// The unit's name, in the plural: `byte-seconds`.
    pub fn name(self) -> &'static str {
        UNITS.iter().find(|u| u.1 == self).map_or("", |u| u.0)
    }
}

impl fmt::Display for BaseUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A unit that quantities and prices may be written in: a base unit or a multiple of one.
///
/// ```
/// use synor_economics::metering::MeteringUnit;
/// let unit: MeteringUnit = "GB-month".parse()?;
/// // 10^9 bytes for the 2,678,400 seconds of a 31-day month.
/// assert_eq!(unit.base_units(Some(2_678_400))?, 2_678_400_000_000_000);
/// # Ok::<(), synor_economics::metering::UnitError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MeteringUnit {
    name: &'static str,
    base: BaseUnit,
    factor: i128,
    per_month: bool,
}

impl MeteringUnit {
    /// The name in the plural: `GB-months`.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// The name in the singular: `GB-month`, `query`.
    pub fn singular(self) -> &'static str {
        match self.name {
            "queries" => "query",
            "searches" => "search",
            name if name.ends_with('s') => name.strip_suffix('s').unwrap_or(name),
            name => name,
        }
    }

    /// The unit that this is a multiple of.
    pub const fn base(self) -> BaseUnit {
        self.base
    }

    /// Whether the unit is of a calendar month's length.
    pub const fn is_monthly(self) -> bool {
        self.per_month
    }

    /// How many base units one of this unit is, given the seconds of the month it is used in.
    pub fn base_units(self, month_secs: Option<i64>) -> Result<i128, UnitError> {
        let secs = match (self.per_month, month_secs) {
            (false, _) => 1,
            (true, Some(secs)) => i128::from(secs),
            (true, None) => return Err(UnitError::NeedsMonth(self.name.to_owned())),
        };
        self.factor
            .checked_mul(secs)
            .ok_or(UnitError::Money(MoneyError::Overflow))
    }

    /// A number of this unit as an exact number of base units.
    pub fn to_base(self, number: Exact, month_secs: Option<i64>) -> Result<Exact, UnitError> {
        Ok(number.checked_mul(Exact::from_integer(self.base_units(month_secs)?))?)
    }
}

impl From<BaseUnit> for MeteringUnit {
    fn from(base: BaseUnit) -> Self {
        Self {
            name: base.name(),
            base,
            factor: 1,
            per_month: false,
        }
    }
}

impl fmt::Display for MeteringUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}

impl FromStr for MeteringUnit {
    type Err = UnitError;

    /// Reads a name in the plural or singular, as written (`MB` and `mb` differ).
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let unit = |&(name, base, factor, per_month): &(_, _, _, _)| Self {
            name,
            base,
            factor,
            per_month,
        };
        let plural = UNITS.iter().find(|(name, ..)| *name == text).map(unit);
        plural
            .or_else(|| {
                let mut all = UNITS.iter().map(unit);
                all.find(|unit| unit.singular() == text)
            })
            .ok_or_else(|| UnitError::Unknown(text.to_owned()))
    }
}

crate::wire::as_text!(MeteringUnit);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_reads_back_in_both_numbers() {
        for (name, base, ..) in UNITS {
            let unit: MeteringUnit = name.parse().unwrap();
            assert_eq!(unit.singular().parse(), Ok(unit));
            assert_eq!(unit.base(), *base);
            assert_eq!(MeteringUnit::from(unit.base()).base_units(None), Ok(1));
        }
        assert!("gigabytes".parse::<MeteringUnit>().is_err());
    }
}
