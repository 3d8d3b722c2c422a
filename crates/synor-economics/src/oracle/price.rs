//! A price: USD for one SYNOR, in whole 10^-18 USD.

use std::fmt;
use std::str::FromStr;

use ruint::aliases::U512;
use thiserror::Error;

use crate::money::Exact;
use crate::wire;

/// The decimals that a price is kept with.
pub const DECIMALS: u32 = 18;
const ONE_USD: u128 = 10u128.pow(DECIMALS);
/// A billion USD: nothing honest says more, and sums over years of seconds still fit.
const MAX: u128 = 1_000_000_000 * ONE_USD;
const MICRO: u128 = ONE_USD / 1_000_000;
/// How many digits that mean something a rate has at least.
const RATE_DIGITS: u32 = 8;
const RATE_DECIMALS_MIN: u32 = 6;

/// Why a number is not a price.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PriceError {
    /// Zero or below.
    #[error("a price must be above zero")]
    NotPositive,
    /// Below the smallest price there is.
    #[error("the price is below 10^-18 USD, the smallest there is")]
    TooSmall,
    /// Above the largest price there is.
    #[error("the price is above a billion USD, the largest there is")]
    TooLarge,
    /// Not a plain decimal.
    #[error("`{0}` is not a plain decimal number of USD")]
    NotADecimal(String),
}

/// USD for one SYNOR, from 10^-18 to 10^9, in whole 10^-18 USD.
///
/// ```
/// use synor_economics::oracle::Price;
/// let price: Price = "0.2512345".parse()?;
/// assert_eq!(price.micro_usd(), 251_234); // half to even, as everything is rounded
/// assert_eq!(price.to_string(), "0.2512345");
/// # Ok::<(), synor_economics::oracle::PriceError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Price(u128);

impl Price {
    /// A price of so many 10^-18 USD.
    pub const fn from_atto(atto_usd: u128) -> Result<Self, PriceError> {
        match atto_usd {
            0 => Err(PriceError::NotPositive),
            1..=MAX => Ok(Self(atto_usd)),
            _ => Err(PriceError::TooLarge),
        }
    }

    /// `mantissa × 10^exponent` USD, the form that oracles answer in.
    ///
    /// ```
    /// use synor_economics::oracle::Price;
    /// assert_eq!(Price::from_scaled(12_276_250, -5)?.to_string(), "122.7625");
    /// # Ok::<(), synor_economics::oracle::PriceError>(())
    /// ```
    pub fn from_scaled(mantissa: u128, exponent: i32) -> Result<Self, PriceError> {
        let (numer, denom) = match u32::try_from(exponent) {
            Ok(up) => (power_of_ten(up)?, U512::from(1)),
            Err(_) => (U512::from(1), power_of_ten(exponent.unsigned_abs())?),
        };
        let numer = numer
            .checked_mul(U512::from(mantissa))
            .ok_or(PriceError::TooLarge)?;
        Self::from_ratio(numer, denom)
    }

    /// `numer / denom` USD, rounded half to even at the 18th decimal.
    pub(crate) fn from_ratio(numer: U512, denom: U512) -> Result<Self, PriceError> {
        if numer.is_zero() || denom.is_zero() {
            return Err(PriceError::NotPositive);
        }
        let scaled = numer
            .checked_mul(U512::from(ONE_USD))
            .ok_or(PriceError::TooLarge)?;
        let rounded = divided_half_even(scaled, denom);
        match u128::try_from(rounded) {
            Ok(0) => Err(PriceError::TooSmall),
            Ok(atto) => Self::from_atto(atto),
            Err(_) => Err(PriceError::TooLarge),
        }
    }

    /// The price in 10^-18 USD.
    pub const fn atto(self) -> u128 {
        self.0
    }

    /// The price in µUSD, half to even: what is reported.
    pub fn micro_usd(self) -> u64 {
        let micro = divided_half_even(U512::from(self.0), U512::from(MICRO));
        // At most 10^15.
        u64::try_from(micro).unwrap_or(u64::MAX)
    }

    /// The price as an exact number of USD.
    pub fn exact(self) -> Exact {
        let atto = i128::try_from(self.0).unwrap_or(i128::MAX);
        let one = i128::try_from(ONE_USD).unwrap_or(i128::MAX);
        Exact::new(atto, one).unwrap_or(Exact::ZERO)
    }

    /// The price as bills are made with: six decimals, more where that would leave fewer than eight
    /// digits that mean something. Half to even.
    pub fn as_rate(self) -> Self {
        let digits = self.0.checked_ilog10().unwrap_or_default();
        let keep = digits.saturating_add(1).saturating_sub(RATE_DIGITS);
        let cut = keep.min(DECIMALS.saturating_sub(RATE_DECIMALS_MIN));
        let step = 10u128.checked_pow(cut).unwrap_or(1);
        let whole = divided_half_even(U512::from(self.0), U512::from(step));
        let atto = u128::try_from(whole).ok().and_then(|w| w.checked_mul(step));
        Self(atto.unwrap_or(self.0).clamp(1, MAX))
    }

    /// The price halfway between two, half to even.
    pub(crate) fn between(self, other: Self) -> Self {
        let sum = U512::from(self.0).saturating_add(U512::from(other.0));
        let half = divided_half_even(sum, U512::from(2));
        Self(u128::try_from(half).unwrap_or(self.0))
    }

    /// How far this is from a reference, in parts of ten thousand of it, rounded up, so that a
    /// bound is never passed by a fraction.
    pub fn off_bps(self, reference: Self) -> u64 {
        let distance = self.0.abs_diff(reference.0);
        // At most 10^27 × 10^4.
        let scaled = distance.saturating_mul(10_000);
        u64::try_from(scaled.div_ceil(reference.0)).unwrap_or(u64::MAX)
    }
}

fn power_of_ten(exponent: u32) -> Result<U512, PriceError> {
    if exponent > 77 {
        return Err(PriceError::TooLarge);
    }
    U512::from(10)
        .checked_pow(U512::from(exponent))
        .ok_or(PriceError::TooLarge)
}

/// `numer / denom`, half to even; `denom` is above zero.
pub(crate) fn divided_half_even(numer: U512, denom: U512) -> U512 {
    let (whole, rest) = numer.div_rem(denom);
    let gap = denom.saturating_sub(rest);
    if rest > gap || (rest == gap && whole.bit(0)) {
        whole.saturating_add(U512::from(1))
    } else {
        whole
    }
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = self.0.checked_div(ONE_USD).unwrap_or_default();
        let rest = self.0.checked_rem(ONE_USD).unwrap_or_default();
        if rest == 0 {
            return f.pad(&whole.to_string());
        }
        let text = format!("{whole}.{rest:018}");
        f.pad(text.trim_end_matches('0'))
    }
}

impl FromStr for Price {
    type Err = PriceError;

    /// A plain decimal, an exponent allowed, since exchanges write some: `0.25`, `2.5e-1`. Finer
    /// than 10^-18 is rounded.
    fn from_str(text: &str) -> Result<Self, PriceError> {
        let bad = || PriceError::NotADecimal(text.chars().take(40).collect());
        let (number, exponent) = match text.split_once(['e', 'E']) {
            Some((number, exponent)) => (number, exponent.parse::<i32>().map_err(|_| bad())?),
            None => (text, 0),
        };
        if let Some(rest) = number.strip_prefix('-') {
            let is_number = rest.bytes().all(|b| b.is_ascii_digit() || b == b'.');
            let wrong = if is_number {
                PriceError::NotPositive
            } else {
                bad()
            };
            return Err(wrong);
        }
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let fraction = fraction.trim_end_matches('0');
        let digits = format!("{whole}{fraction}");
        let plain = digits.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !plain || digits.len() > 38 || !(-60..=60).contains(&exponent) {
            return Err(bad());
        }
        let mantissa: u128 = digits.parse().map_err(|_| bad())?;
        let decimals = i32::try_from(fraction.len()).map_err(|_| bad())?;
        if mantissa == 0 {
            return Err(PriceError::NotPositive);
        }
        match Self::from_scaled(mantissa, exponent.saturating_sub(decimals)) {
            Err(PriceError::TooLarge) if exponent < 0 => Err(PriceError::TooSmall),
            price => price,
        }
    }
}

wire::as_text!(Price);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_price_is_refused_by_name() {
        for (text, why) in [
            ("0", "above zero"),
            ("-1.5", "above zero"),
            ("0.0000000000000000001", "smallest"),
            ("1000000001", "billion"),
            ("NaN", "not a plain decimal"),
            ("1,5", "not a plain decimal"),
            ("", "not a plain decimal"),
            (".5", "not a plain decimal"),
            ("-x", "not a plain decimal"),
            ("1e999", "not a plain decimal"),
        ] {
            let error = text.parse::<Price>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
        let exponent: Price = "2.5e-1".parse().unwrap();
        assert_eq!(exponent, "0.25".parse().unwrap());
    }

    #[test]
    fn a_rate_keeps_eight_digits_and_at_least_six_decimals() {
        for (price, rate) in [
            ("12345.6789012345", "12345.678901"),
            ("1.2345678949", "1.2345679"),
            ("0.25", "0.25"),
            ("0.000012345678949", "0.000012345679"),
            ("0.000000000000000123", "0.000000000000000123"),
        ] {
            let price: Price = price.parse().unwrap();
            assert_eq!(price.as_rate().to_string(), rate);
        }
    }

    proptest! {
        #[test]
        fn prices_read_back_as_printed(atto in 1u128..=MAX) {
            let price = Price::from_atto(atto).unwrap();
            prop_assert_eq!(price.to_string().parse(), Ok(price));
        }

        #[test]
        fn a_rate_is_off_by_less_than_a_ten_millionth(atto in 100_000_000u128..=MAX) {
            let price = Price::from_atto(atto).unwrap();
            let rate = price.as_rate();
            prop_assert!(rate.atto().abs_diff(atto) <= atto / 10_000_000);
        }
    }
}
