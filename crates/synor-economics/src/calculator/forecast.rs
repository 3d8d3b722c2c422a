//! The rest of a month from the days behind: the mean of the last full days goes on, and its band
//! is as wide as they varied.
//!
//! With `n` daily amounts of mean `m` and sample standard deviation `s` that are independent of each
//! other, `r` days to come differ from `r·m` by their own chance, variance `r·s²`, and by that of
//! the mean, `r²·s²/n`. So the standard deviation is `s·√(r + r²/n)`, and 1.28 of those on either
//! side hold 80 % of a normal distribution (the mean method and the multipliers of Hyndman and
//! Athanasopoulos, Forecasting: Principles and Practice, 3rd edition, §5.5, for a sum of days).
//! Days that resemble each other make the true band wider.

use serde::{Deserialize, Serialize};

use crate::metering::{Dimensions, ResourceType};
use crate::money::{Exact, MoneyError};
use crate::period::DAY_SECS;
use crate::quantity::Quantity;

/// How many bits of a daily amount the band is worked out with.
const BAND_BITS: u32 = 30;
/// (128/100)², of the 80 % band.
const WIDTH_SQUARED: (u128, u128) = (16_384, 10_000);

/// What is still to come, in base units.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rest {
    /// The lower end of the band, not below zero.
    pub low: Quantity,
    /// What is expected.
    pub expected: Quantity,
    /// The upper end of the band.
    pub high: Quantity,
}

/// A month's usage of one kind, projected to its end, in base units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Projection {
    /// What is used.
    pub resource: ResourceType,
    /// What its price may depend on.
    #[serde(default, skip_serializing_if = "Dimensions::is_empty")]
    pub dimensions: Dimensions,
    /// Until now.
    pub so_far: Quantity,
    /// By the end of the month, at the lower end of the band.
    pub low: Quantity,
    /// By the end of the month.
    pub expected: Quantity,
    /// By the end of the month, at the upper end of the band.
    pub high: Quantity,
    /// Whether it is a level that stays where it is, rather than amounts that go on.
    pub is_level: bool,
}

/// What is used in the `rest_secs` seconds to come if the days go on as the ones given. With one
/// day there is no band, with none nothing is expected.
///
/// ```
/// use synor_economics::calculator::project;
/// use synor_economics::quantity::Quantity;
/// let days = [90, 110, 100].map(Quantity::new); // mean 100, s = 10
/// let rest = project(&days, 4 * 86_400)?;
/// assert_eq!(rest.expected.get(), 400);
/// // 1.28 × 10 × √(4 + 4²/3) = 39.1, whole units
/// assert_eq!((rest.low.get(), rest.high.get()), (361, 439));
/// # Ok::<(), synor_economics::money::MoneyError>(())
/// ```
pub fn project(days: &[Quantity], rest_secs: i64) -> Result<Rest, MoneyError> {
    let count = i128::try_from(days.len()).map_err(|_| MoneyError::Overflow)?;
    if count == 0 || rest_secs <= 0 {
        return Ok(Rest {
            low: Quantity::ZERO,
            expected: Quantity::ZERO,
            high: Quantity::ZERO,
        });
    }
    let sum = days
        .iter()
        .try_fold(Quantity::ZERO, |sum, day| sum.checked_add(*day))?;
    let days_left = Exact::new(i128::from(rest_secs), i128::from(DAY_SECS));
    let mean = sum.exact().checked_div(Exact::from_integer(count))?;
    let expected = mean.checked_mul(days_left.ok_or(MoneyError::Overflow)?)?;
    let expected = Quantity::measured(expected)?.max(Quantity::ZERO);
    let band = band(days, rest_secs)?;
    Ok(Rest {
        low: expected.checked_sub(band)?.max(Quantity::ZERO),
        expected,
        high: expected.checked_add(band)?,
    })
}

/// 1.28 · s · √(r + r²/n), whole units rounded down. Of large amounts, the first 30 bits count.
fn band(days: &[Quantity], rest_secs: i64) -> Result<Quantity, MoneyError> {
    let largest = days
        .iter()
        .map(|day| day.get().unsigned_abs())
        .max()
        .unwrap_or(0);
    let bits = u128::BITS.saturating_sub(largest.leading_zeros());
    let shift = bits.saturating_sub(BAND_BITS);
    let scale = 1i128.checked_shl(shift).ok_or(MoneyError::Overflow)?;
    let (mut sum, mut squares) = (0i128, 0i128);
    for day in days {
        let scaled = day.get().checked_div(scale).ok_or(MoneyError::Overflow)?;
        sum = sum.checked_add(scaled).ok_or(MoneyError::Overflow)?;
        let square = scaled.checked_mul(scaled).ok_or(MoneyError::Overflow)?;
        squares = squares.checked_add(square).ok_or(MoneyError::Overflow)?;
    }
    let band = spread(days.len(), sum, squares, rest_secs).ok_or(MoneyError::Overflow)?;
    let band = i128::try_from(band).map_err(|_| MoneyError::Overflow)?;
    Quantity::new(band).checked_mul(scale)
}

/// `√(1.28² · (n·Σx² − (Σx)²) / (n·(n−1)) · r · (1 + r/n))`
fn spread(count: usize, sum: i128, squares: i128, rest_secs: i64) -> Option<u128> {
    let count = i128::try_from(count).ok()?;
    let pairs = u128::try_from(count.checked_mul(count.checked_sub(1)?)?).ok()?;
    if pairs == 0 {
        return Some(0);
    }
    let deviation = count
        .checked_mul(squares)?
        .checked_sub(sum.checked_mul(sum)?)?;
    let day = u128::from(DAY_SECS.unsigned_abs());
    let rest = u128::from(rest_secs.unsigned_abs());
    let behind = u128::try_from(count).ok()?.checked_mul(day)?;
    let (up, down) = WIDTH_SQUARED;
    let numerator = u128::try_from(deviation)
        .ok()?
        .checked_mul(rest)?
        .checked_mul(behind.checked_add(rest)?)?
        .checked_mul(up)?;
    let denominator = pairs
        .checked_mul(day)?
        .checked_mul(behind)?
        .checked_mul(down)?;
    Some(numerator.checked_div(denominator)?.isqrt())
}
