//! Exact rational numbers: what an amount or a quantity is until it is rounded.

use std::fmt;

use num_rational::Ratio;
use num_traits::{Signed, Zero};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::fraction;
use crate::money::MoneyError;

/// An exact rational number, for amounts and quantities that are still being worked out. Every
/// operation is checked.
///
/// ```
/// use synor_economics::money::{Exact, settle};
/// let third = Exact::new(1, 3).unwrap();
/// let one = third.checked_add(third)?.checked_add(third)?;
/// assert_eq!(settle(one)?.micro(), 1);
/// # Ok::<(), synor_economics::money::MoneyError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Exact(Ratio<i128>);

impl Exact {
    /// Zero.
    pub const ZERO: Self = Self(Ratio::new_raw(0, 1));

    /// `numerator / denominator`; `None` if the denominator is not above zero.
    pub fn new(numerator: i128, denominator: i128) -> Option<Self> {
        (denominator > 0 && numerator != i128::MIN)
            .then(|| Self(Ratio::new(numerator, denominator)))
    }

    /// A whole number.
    pub const fn from_integer(value: i128) -> Self {
        Self(Ratio::new_raw(value, 1))
    }

    /// The numerator in lowest terms.
    pub const fn numerator(&self) -> i128 {
        *self.0.numer()
    }

    /// The denominator in lowest terms, above zero.
    pub const fn denominator(&self) -> i128 {
        *self.0.denom()
    }

    /// `self + other`, or `Overflow`.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        fraction::add(self.0, other.0)
            .map(Self)
            .ok_or(MoneyError::Overflow)
    }

    /// `self - other`, or `Overflow`.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        let opposite = other.0.numer().checked_neg();
        opposite
            .and_then(|numer| fraction::add(self.0, Ratio::new_raw(numer, *other.0.denom())))
            .map(Self)
            .ok_or(MoneyError::Overflow)
    }

    /// `self × other`, or `Overflow`.
    pub fn checked_mul(self, other: Self) -> Result<Self, MoneyError> {
        fraction::mul(self.0, other.0)
            .map(Self)
            .ok_or(MoneyError::Overflow)
    }

    /// `self ÷ other`; `Overflow` also when `other` is zero.
    pub fn checked_div(self, other: Self) -> Result<Self, MoneyError> {
        fraction::div(self.0, other.0)
            .map(Self)
            .ok_or(MoneyError::Overflow)
    }

    /// Whether the number is below zero.
    pub fn is_negative(&self) -> bool {
        self.0.is_negative()
    }

    /// Whether the number is above zero.
    pub fn is_positive(&self) -> bool {
        self.0.is_positive()
    }

    /// Whether the number is zero.
    pub fn is_zero(&self) -> bool {
        self.0.is_zero()
    }

    /// The number if it is whole, else `None`.
    pub fn to_integer(&self) -> Option<i128> {
        self.0.is_integer().then(|| *self.0.numer())
    }

    /// Reads a plain decimal: an optional `-`, digits, at most one point. No exponent, no
    /// separators, at most 30 digits.
    pub fn parse_decimal(text: &str) -> Result<Self, MoneyError> {
        let text = text.trim();
        let bad = || MoneyError::NotADecimal(text.to_owned());
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let is_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        let dangling = digits.contains('.') && fraction.is_empty();
        if whole.is_empty() || dangling || !is_digits(whole) || !is_digits(fraction) {
            return Err(bad());
        }
        let fraction = fraction.trim_end_matches('0');
        let scale = u32::try_from(fraction.len()).map_err(|_| bad())?;
        let all: i128 = format!("{whole}{fraction}")
            .parse()
            .map_err(|_| MoneyError::Overflow)?;
        let signed = if negative {
            all.checked_neg().ok_or(MoneyError::Overflow)?
        } else {
            all
        };
        let denominator = 10i128.checked_pow(scale).ok_or(MoneyError::Overflow)?;
        Self::new(signed, denominator).ok_or(MoneyError::Overflow)
    }

    /// The nearest whole number, ties to the even one. Everything that rounds in this workspace
    /// calls this.
    pub fn round_half_even(self) -> Result<i128, MoneyError> {
        let (numer, denom) = (*self.0.numer(), *self.0.denom());
        if denom == 1 {
            return Ok(numer);
        }
        let floor = match (i64::try_from(numer), i64::try_from(denom)) {
            (Ok(numer), Ok(denom)) => i128::from(numer.div_euclid(denom)),
            _ => numer.div_euclid(denom),
        };
        // Less than `numer` in size, with its sign: neither can overflow.
        let rest = numer.wrapping_sub(floor.wrapping_mul(denom));
        // rest < denom, so `denom - rest` is above zero and nothing is doubled past the range.
        let gap = denom.checked_sub(rest).ok_or(MoneyError::Overflow)?;
        let up = rest > gap || (rest == gap && floor.rem_euclid(2) == 1);
        if up {
            floor.checked_add(1).ok_or(MoneyError::Overflow)
        } else {
            Ok(floor)
        }
    }

    /// The number rounded to so many decimals (half to even), without trailing zeros. For people to
    /// read, never to calculate with.
    ///
    /// ```
    /// use synor_economics::money::Exact;
    /// assert_eq!(Exact::new(2, 3).unwrap().rounded(4)?, "0.6667");
    /// assert_eq!(Exact::new(-5, 2).unwrap().rounded(4)?, "-2.5");
    /// # Ok::<(), synor_economics::money::MoneyError>(())
    /// ```
    pub fn rounded(self, decimals: u32) -> Result<String, MoneyError> {
        let scale = 10i128.checked_pow(decimals).ok_or(MoneyError::Overflow)?;
        let scaled = self
            .checked_mul(Self::from_integer(scale))?
            .round_half_even()?;
        let (size, scale) = (scaled.unsigned_abs(), scale.unsigned_abs());
        // A division by a power of ten.
        let (whole, rest) = (
            size.checked_div(scale).unwrap_or_default(),
            size.checked_rem(scale).unwrap_or_default(),
        );
        let sign = if scaled < 0 { "-" } else { "" };
        if rest == 0 {
            return Ok(format!("{sign}{whole}"));
        }
        let width = usize::try_from(decimals).map_err(|_| MoneyError::Overflow)?;
        let mut text = match (u64::try_from(whole), u64::try_from(rest)) {
            (Ok(whole), Ok(rest)) => format!("{sign}{whole}.{rest:0width$}"),
            _ => format!("{sign}{whole}.{rest:0width$}"),
        };
        text.truncate(text.trim_end_matches('0').len());
        Ok(text)
    }

    /// The number as a decimal: exact when it has at most `decimals` of them, otherwise cut there
    /// with an ellipsis. For people to read, never to calculate with.
    pub fn to_decimal(self, decimals: u32) -> String {
        let (numer, denom) = (self.0.numer().unsigned_abs(), self.0.denom().unsigned_abs());
        let sign = if self.is_negative() { "-" } else { "" };
        let mut digits = String::new();
        let mut rest = numer.checked_rem(denom).unwrap_or(0);
        for _ in 0..decimals {
            let Some(scaled) = rest.checked_mul(10) else {
                break;
            };
            if rest == 0 {
                break;
            }
            let digit = scaled.checked_div(denom).unwrap_or(0);
            digits.push_str(&digit.to_string());
            rest = scaled.checked_rem(denom).unwrap_or(0);
        }
        let whole = numer.checked_div(denom).unwrap_or(0);
        let more = if rest == 0 { "" } else { "…" };
        if digits.is_empty() {
            format!("{sign}{whole}{more}")
        } else {
            format!("{sign}{whole}.{digits}{more}")
        }
    }
}

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Exact {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (numer, denom) = text.split_once('/').unwrap_or((&text, "1"));
        let parse = |s: &str| s.parse::<i128>().map_err(serde::de::Error::custom);
        Self::new(parse(numer)?, parse(denom)?)
            .ok_or_else(|| serde::de::Error::custom("not a fraction with a denominator above zero"))
    }
}
