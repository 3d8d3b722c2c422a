//! What a price is for: a unit, or a number of them.

use std::fmt;
use std::str::FromStr;

use crate::metering::{MeteringUnit, UnitError};
use crate::money::{Exact, MoneyError};
use crate::quantity::Quantity;

/// `GB-month`, `1M queries`, `1000 requests`.
///
/// ```
/// use synor_economics::pricing::PriceUnit;
/// let unit: PriceUnit = "1M queries".parse()?;
/// assert_eq!(unit.base_units(2_678_400)?.get(), 1_000_000);
/// assert_eq!(unit.to_string(), "1M queries");
/// # Ok::<(), synor_economics::metering::UnitError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PriceUnit {
    text: String,
    count: i128,
    unit: MeteringUnit,
}

impl PriceUnit {
    /// The unit that is counted.
    pub const fn unit(&self) -> MeteringUnit {
        self.unit
    }

    /// How many base units the price is for, in a month of this many seconds.
    pub fn base_units(&self, month_secs: i64) -> Result<Quantity, UnitError> {
        let one = self.unit.base_units(Some(month_secs))?;
        one.checked_mul(self.count)
            .map(Quantity::new)
            .ok_or(UnitError::Money(MoneyError::Overflow))
    }

    /// A quantity in base units as an exact number of these.
    pub fn count_of(&self, quantity: Quantity, month_secs: i64) -> Result<Exact, UnitError> {
        Ok(quantity
            .exact()
            .checked_div(self.base_units(month_secs)?.exact())?)
    }
}

impl FromStr for PriceUnit {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let unknown = || UnitError::Unknown(text.to_owned());
        let (count, unit) = match text.split_once(' ') {
            None => (1, text),
            Some((count, unit)) => (parse_count(count).ok_or_else(unknown)?, unit),
        };
        let unit = unit.parse().map_err(|_| unknown())?;
        Ok(Self {
            text: text.to_owned(),
            count,
            unit,
        })
    }
}

/// `1000`, `1k`, `1M`, `1G`; above zero.
fn parse_count(text: &str) -> Option<i128> {
    let (digits, scale) = match text.strip_suffix(['k', 'M', 'G']) {
        Some(digits) if text.ends_with('k') => (digits, 1_000),
        Some(digits) if text.ends_with('M') => (digits, 1_000_000),
        Some(digits) => (digits, 1_000_000_000),
        None => (text, 1),
    };
    let number: u32 = digits.parse().ok().filter(|n| *n > 0)?;
    i128::from(number).checked_mul(scale)
}

impl fmt::Display for PriceUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

crate::wire::as_text!(PriceUnit);
