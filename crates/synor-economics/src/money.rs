//! Exact money: whole micro-SYNOR at rest, rationals while an amount is being worked out, and the
//! one rounding between the two.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

pub use crate::exact::Exact;
use crate::wire;

/// µSYNOR in one SYNOR.
pub const MICRO_PER_SYNOR: i64 = 1_000_000;

/// Why an amount could not be read or worked out.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MoneyError {
    /// The result does not fit the integers that money is kept in.
    #[error("the amount is too large to be represented exactly")]
    Overflow,
    /// The text is not a plain decimal number.
    #[error("`{0}` is not a plain decimal number (digits, at most one point, no exponent)")]
    NotADecimal(String),
    /// The text has no currency where one is required.
    #[error("`{0}` has no currency; write it as `100 SYNOR`")]
    NoCurrency(String),
    /// The text names another currency.
    #[error("`{currency}` in `{text}` is not a currency known here; write it as `100 SYNOR`")]
    UnknownCurrency {
        /// The whole text.
        text: String,
        /// The part that was taken for the currency.
        currency: String,
    },
    /// More decimals than the smallest unit has.
    #[error("`{0}` is finer than 0.000001 SYNOR, the smallest amount")]
    TooFine(String),
    /// An amount that must be above zero is not.
    #[error("`{0}` is not above zero")]
    NotPositive(String),
    /// A split was asked for without any weight above zero.
    #[error("cannot split an amount over weights that sum to zero or are negative")]
    NoWeights,
}

/// An amount in µSYNOR (1 SYNOR = 1,000,000 µSYNOR). Signed, because journal postings and
/// adjustments are; there is no `+`, only checked operations.
///
/// ```
/// use synor_economics::money::MicroSynor;
/// let fee: MicroSynor = "12.5 SYNOR".parse()?;
/// assert_eq!(fee.micro(), 12_500_000);
/// assert_eq!(fee.to_string(), "12.500000 SYNOR");
/// # Ok::<(), synor_economics::money::MoneyError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MicroSynor(i64);

impl MicroSynor {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// An amount of whole µSYNOR.
    pub const fn new(micro: i64) -> Self {
        Self(micro)
    }

    /// The amount in µSYNOR.
    pub const fn micro(self) -> i64 {
        self.0
    }

    /// `self + other` in µSYNOR; `Overflow` if it does not fit.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.0
            .checked_add(other.0)
            .map(Self)
            .ok_or(MoneyError::Overflow)
    }

    /// `self - other` in µSYNOR; `Overflow` if it does not fit.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.0
            .checked_sub(other.0)
            .map(Self)
            .ok_or(MoneyError::Overflow)
    }

    /// `-self` in µSYNOR; `Overflow` for the one integer that has no opposite.
    pub fn checked_neg(self) -> Result<Self, MoneyError> {
        self.0.checked_neg().map(Self).ok_or(MoneyError::Overflow)
    }

    /// The sum of amounts in µSYNOR; `Overflow` if it does not fit.
    pub fn sum(amounts: impl IntoIterator<Item = Self>) -> Result<Self, MoneyError> {
        amounts.into_iter().try_fold(Self::ZERO, Self::checked_add)
    }

    /// Whether the amount is below zero.
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// Whether the amount is above zero.
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }

    /// Whether the amount is zero.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Whether the amount is zero, in the form that serde's `skip_serializing_if` asks for.
    pub const fn is_zero_ref(&self) -> bool {
        self.0 == 0
    }

    /// Reads an amount in SYNOR that must be above zero, with its currency, as people type it:
    /// `100 SYNOR`, `0.5 SYNOR`. Refuses `100`, `100 SYN`, `1e3 SYNOR`, `-5 SYNOR` and what is
    /// finer than a µSYNOR.
    pub fn parse_positive(text: &str) -> Result<Self, MoneyError> {
        let amount: Self = text.parse()?;
        if amount.is_positive() {
            Ok(amount)
        } else {
            Err(MoneyError::NotPositive(text.trim().to_owned()))
        }
    }

    /// Reads a bare decimal number of SYNOR, for the places where the unit is given by the name of
    /// the option (`--max 500`).
    pub fn parse_bare(number: &str) -> Result<Self, MoneyError> {
        let exact = Exact::parse_decimal(number)?;
        let micro = exact.checked_mul(Exact::from_integer(i128::from(MICRO_PER_SYNOR)))?;
        match micro.to_integer() {
            Some(whole) => i64::try_from(whole)
                .map(Self)
                .map_err(|_| MoneyError::Overflow),
            None => Err(MoneyError::TooFine(number.trim().to_owned())),
        }
    }

    /// The number of SYNOR with all six decimals and no currency: `12.500000`.
    pub fn to_decimal(self) -> String {
        let magnitude = self.0.unsigned_abs();
        let unit = MICRO_PER_SYNOR.unsigned_abs();
        let sign = if self.0 < 0 { "-" } else { "" };
        // A division by a constant above zero.
        let (whole, rest) = (
            magnitude.checked_div(unit).unwrap_or_default(),
            magnitude.checked_rem(unit).unwrap_or_default(),
        );
        format!("{sign}{whole}.{rest:06}")
    }
}

impl fmt::Display for MicroSynor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} SYNOR", self.to_decimal()))
    }
}

impl FromStr for MicroSynor {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let text = text.trim();
        let (number, currency) = text
            .rsplit_once(char::is_whitespace)
            .ok_or_else(|| MoneyError::NoCurrency(text.to_owned()))?;
        if currency != "SYNOR" {
            return Err(MoneyError::UnknownCurrency {
                text: text.to_owned(),
                currency: currency.to_owned(),
            });
        }
        Self::parse_bare(number)
    }
}

impl Serialize for MicroSynor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        wire::serialize_integer(i128::from(self.0), serializer)
    }
}

impl<'de> Deserialize<'de> for MicroSynor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = wire::deserialize_integer(deserializer)?;
        i64::try_from(value)
            .map(Self)
            .map_err(|_| serde::de::Error::custom("amount does not fit 64 bits"))
    }
}

/// Rounds an exact price in µSYNOR to whole µSYNOR, half to even. The only rounding of money.
///
/// ```
/// use synor_economics::money::{Exact, settle};
/// assert_eq!(settle(Exact::new(5, 2).unwrap())?.micro(), 2);
/// assert_eq!(settle(Exact::new(7, 2).unwrap())?.micro(), 4);
/// # Ok::<(), synor_economics::money::MoneyError>(())
/// ```
pub fn settle(exact: Exact) -> Result<MicroSynor, MoneyError> {
    i64::try_from(exact.round_half_even()?)
        .map(MicroSynor)
        .map_err(|_| MoneyError::Overflow)
}

/// Splits an amount over weights so that the parts sum to it exactly: every part gets the floor of
/// its share, and the units left over go to the largest remainders, ties to the earlier recipient
/// (Hamilton's method). Weights must not be negative and must not all be zero.
///
/// ```
/// use synor_economics::money::{Exact, MicroSynor, split};
/// let equal = [Exact::from_integer(1); 4];
/// let parts = split(MicroSynor::new(34), &equal)?;
/// assert_eq!(parts, [9, 9, 8, 8].map(MicroSynor::new));
/// # Ok::<(), synor_economics::money::MoneyError>(())
/// ```
pub fn split(amount: MicroSynor, weights: &[Exact]) -> Result<Vec<MicroSynor>, MoneyError> {
    let total = weights
        .iter()
        .try_fold(Exact::ZERO, |sum, w| sum.checked_add(*w))?;
    if weights.iter().any(Exact::is_negative) || !total.is_positive() {
        return Err(MoneyError::NoWeights);
    }
    let whole = Exact::from_integer(i128::from(amount.0));
    let mut parts = Vec::with_capacity(weights.len());
    let mut remainders = Vec::with_capacity(weights.len());
    let mut left = i128::from(amount.0);
    for (at, weight) in weights.iter().enumerate() {
        let share = whole.checked_mul(weight.checked_div(total)?)?;
        let floor = share.numerator().div_euclid(share.denominator());
        remainders.push((share.checked_sub(Exact::from_integer(floor))?, at));
        left = left.checked_sub(floor).ok_or(MoneyError::Overflow)?;
        parts.push(floor);
    }
    remainders.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    let extra = usize::try_from(left).map_err(|_| MoneyError::Overflow)?;
    for (_, at) in remainders.into_iter().take(extra) {
        if let Some(part) = parts.get_mut(at) {
            *part = part.checked_add(1).ok_or(MoneyError::Overflow)?;
        }
    }
    parts
        .into_iter()
        .map(|part| {
            i64::try_from(part)
                .map(MicroSynor)
                .map_err(|_| MoneyError::Overflow)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_people_mistype_are_refused_by_name() {
        for (text, why) in [
            ("100", "has no currency"),
            ("100 SYN", "`SYN` in `100 SYN` is not a currency"),
            ("1e3 SYNOR", "`1e3` is not a plain decimal"),
            ("0.0000001 SYNOR", "finer than 0.000001 SYNOR"),
            ("-5 SYNOR", "`-5 SYNOR` is not above zero"),
            ("0 SYNOR", "not above zero"),
            ("1,000 SYNOR", "not a plain decimal"),
            (". SYNOR", "not a plain decimal"),
            ("1. SYNOR", "not a plain decimal"),
            ("99999999999999 SYNOR", "too large"),
        ] {
            let error = MicroSynor::parse_positive(text).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn amounts_read_back_as_printed() {
        for micro in [0, 1, -1, 999_999, 1_000_000, -12_345_678, i64::MAX] {
            let amount = MicroSynor::new(micro);
            assert_eq!(amount.to_string().parse(), Ok(amount));
        }
    }

    #[test]
    fn halves_go_to_the_even_neighbour() {
        for (numer, expected) in [(1, 0), (3, 2), (5, 2), (-1, 0), (-3, -2), (-5, -2)] {
            assert_eq!(
                settle(Exact::new(numer, 2).unwrap()),
                Ok(MicroSynor(expected))
            );
        }
    }

    /// Numscript's allocation of 15 over 80/8/12 % gives 13/1/1 (remainder to the earliest); the
    /// largest remainder is 12 % of 15 = 1.8, so ours is 12/1/2. Both sum to 15.
    #[test]
    fn largest_remainder_wins() {
        let shares = ["0.80", "0.08", "0.12"].map(|s| Exact::parse_decimal(s).unwrap());
        let parts = split(MicroSynor(15), &shares).unwrap();
        assert_eq!(parts, [12, 1, 2].map(MicroSynor));
    }

    proptest! {
        #[test]
        fn a_split_loses_nothing(amount in any::<i64>(), weights in prop::collection::vec(0u32..1000, 1..20)) {
            prop_assume!(weights.iter().any(|w| *w > 0));
            let exact: Vec<_> = weights.iter().map(|w| Exact::from_integer(i128::from(*w))).collect();
            let parts = split(MicroSynor(amount), &exact).unwrap();
            let sum: i128 = parts.iter().map(|p| i128::from(p.0)).sum();
            prop_assert_eq!(sum, i128::from(amount));
        }

        #[test]
        fn rounding_moves_by_at_most_a_half(numer in any::<i64>(), denom in 1i64..1_000_000) {
            let exact = Exact::new(i128::from(numer), i128::from(denom)).unwrap();
            let rounded = Exact::from_integer(exact.round_half_even().unwrap());
            let off = rounded.checked_sub(exact).unwrap();
            let half = Exact::new(1, 2).unwrap();
            prop_assert!(off <= half && off >= Exact::new(-1, 2).unwrap());
        }
    }
}
