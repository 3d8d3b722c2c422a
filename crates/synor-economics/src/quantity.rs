//! How much was used: whole numbers of a resource's base unit, 128 bits wide because a petabyte
//! kept for a month overflows 64.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::money::{Exact, MoneyError};
use crate::wire;

/// A quantity in a base unit (bytes, byte-seconds, core-milliseconds, queries …). Signed, because a
/// correction may reduce.
///
/// ```
/// use synor_economics::quantity::Quantity;
/// let petabyte_month = Quantity::new(1_000_000_000_000_000).checked_mul(2_678_400)?;
/// assert_eq!(petabyte_month.get(), 2_678_400_000_000_000_000_000);
/// # Ok::<(), synor_economics::money::MoneyError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Quantity(i128);

impl Quantity {
    /// Nothing used.
    pub const ZERO: Self = Self(0);

    /// The largest quantity that one event may carry, in base units: 10^27, a yottabyte held for
    /// twenty minutes. It leaves room for 10^11 such events in one sum.
    pub const EVENT_MAX: Self = Self(1_000_000_000_000_000_000_000_000_000);

    /// A quantity of whole base units.
    pub const fn new(base_units: i128) -> Self {
        Self(base_units)
    }

    /// The number of base units.
    pub const fn get(self) -> i128 {
        self.0
    }

    /// Rounds an exact quantity to whole base units, half to even: what a meter that counts base
    /// units would have shown.
    pub fn measured(exact: Exact) -> Result<Self, MoneyError> {
        exact.round_half_even().map(Self)
    }

    /// `self + other` in base units, or `Overflow`.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.0
            .checked_add(other.0)
            .map(Self)
            .ok_or(MoneyError::Overflow)
    }

    /// `self - other` in base units, or `Overflow`.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.0
            .checked_sub(other.0)
            .map(Self)
            .ok_or(MoneyError::Overflow)
    }

    /// `self × factor`, or `Overflow`.
    pub fn checked_mul(self, factor: i128) -> Result<Self, MoneyError> {
        self.0
            .checked_mul(factor)
            .map(Self)
            .ok_or(MoneyError::Overflow)
    }

    /// Whether nothing was used.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Whether corrections outweigh usage.
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// The quantity as an exact number of base units.
    pub const fn exact(self) -> Exact {
        Exact::from_integer(self.0)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        wire::serialize_integer(self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        wire::deserialize_integer(deserializer).map(Self)
    }
}
