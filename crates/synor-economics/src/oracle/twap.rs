//! Time-weighted average price: what a manipulator must hold for a whole window to move.
//!
//! A price holds from when it was found until the next one, but not longer than a stated time, so
//! that an outage counts as what it is: time without a price.

use ruint::aliases::{U256, U512};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::history::HistoryPoint;
use super::price::{Price, divided_half_even};
use crate::period::Period;

/// The part of a window, in ten thousandths, for which there must have been a price.
pub const COVERAGE_MIN_BPS: u64 = 5_000;

/// Why a window has no average.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TwapError {
    /// There was a price for too little of it.
    #[error(
        "there was a good price for {covered_secs} of the {window_secs} s, and half of them are needed"
    )]
    Thin {
        /// For how long there was one, in seconds.
        covered_secs: u64,
        /// The window's length, in seconds.
        window_secs: u64,
    },
    /// The half-life is not above zero.
    #[error("a half-life must be above zero")]
    HalfLife,
}

/// An average over a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Twap {
    /// The average.
    #[serde(rename = "price_usd")]
    pub price: Price,
    /// Of which window.
    #[serde(rename = "window")]
    pub window: Period,
    /// For how many seconds of it there was a price.
    pub covered_secs: u64,
    /// How many prices it is of.
    pub samples: usize,
    /// The sources that they follow from.
    pub sources: Vec<String>,
}

/// A stretch of the window with one price: from how long to how long before its end.
struct Stretch {
    price: Price,
    from_ago: u64,
    to_ago: u64,
}

/// The average that weighs each price by how long it held. The points are in order of time.
///
/// ```
/// use synor_economics::oracle::{Confidence, HistoryPoint, arithmetic};
/// use synor_economics::period::{Period, Timestamp};
/// let at = Timestamp::from_secs;
/// let point = |secs, price: &str| HistoryPoint {
///     at: at(secs),
///     price: price.parse().unwrap(),
///     confidence: Confidence(90),
///     volume_24h: None,
///     sources: vec!["pool".to_owned()],
/// };
/// let points = [point(0, "1"), point(90, "2")];
/// let twap = arithmetic(&points, Period::new(at(0), at(100))?, 600)?;
/// assert_eq!(twap.price.to_string(), "1.1");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn arithmetic(
    points: &[HistoryPoint],
    window: Period,
    hold_secs: i64,
) -> Result<Twap, TwapError> {
    average(points, window, hold_secs, |stretch| {
        U256::from(stretch.from_ago.saturating_sub(stretch.to_ago))
    })
}

/// The average in which a second counts half as much as one that is a half-life later.
pub fn exponential(
    points: &[HistoryPoint],
    window: Period,
    hold_secs: i64,
    half_life_secs: u64,
) -> Result<Twap, TwapError> {
    if half_life_secs == 0 {
        return Err(TwapError::HalfLife);
    }
    let roots = half_roots();
    let weight = |ago| decayed(ago, half_life_secs, &roots);
    average(points, window, hold_secs, |stretch| {
        // The integral of 2^(-t/h) over the stretch, but for a factor that all share.
        weight(stretch.to_ago).saturating_sub(weight(stretch.from_ago))
    })
}

fn average(
    points: &[HistoryPoint],
    window: Period,
    hold_secs: i64,
    weight: impl Fn(&Stretch) -> U256,
) -> Result<Twap, TwapError> {
    let mut sum = U512::ZERO;
    let mut weights = U512::ZERO;
    let mut covered_secs: u64 = 0;
    let mut samples: usize = 0;
    let mut sources: Vec<String> = Vec::new();
    for (place, point) in points.iter().enumerate() {
        let next = points.get(place.saturating_add(1)).map(|next| next.at);
        let Some(stretch) = stretch(point, next, window, hold_secs) else {
            continue;
        };
        let by = U512::from(weight(&stretch));
        // A price has 90 bits, a weight at most 128.
        let part = by.saturating_mul(U512::from(stretch.price.atto()));
        sum = sum.saturating_add(part);
        weights = weights.saturating_add(by);
        let secs = stretch.from_ago.saturating_sub(stretch.to_ago);
        covered_secs = covered_secs.saturating_add(secs);
        samples = samples.saturating_add(1);
        for name in &point.sources {
            if let Err(at) = sources.binary_search(name) {
                sources.insert(at, name.clone());
            }
        }
    }
    let window_secs = u64::try_from(window.secs()).unwrap_or(u64::MAX);
    let thin = TwapError::Thin {
        covered_secs,
        window_secs,
    };
    let needed = u128::from(window_secs).saturating_mul(u128::from(COVERAGE_MIN_BPS));
    if u128::from(covered_secs).saturating_mul(10_000) < needed || weights.is_zero() {
        return Err(thin);
    }
    let mean = divided_half_even(sum, weights);
    let atto = u128::try_from(mean).map_err(|_| thin.clone())?;
    Ok(Twap {
        price: Price::from_atto(atto).map_err(|_| thin)?,
        window,
        covered_secs,
        samples,
        sources,
    })
}

/// The part of the window in which a point is the price.
fn stretch(
    point: &HistoryPoint,
    next: Option<crate::period::Timestamp>,
    window: Period,
    hold_secs: i64,
) -> Option<Stretch> {
    let until = point.at.plus_secs(hold_secs);
    let until = next.map_or(until, |next| next.min(until)).min(window.end());
    let from = point.at.max(window.start());
    let ago = |at| u64::try_from(window.end().secs_since(at)).ok();
    (from < until).then_some(())?;
    Some(Stretch {
        price: point.price,
        from_ago: ago(from)?,
        to_ago: ago(until)?,
    })
}

/// How many bits of the exponent's fraction count: the weights are right to eighteen digits.
const FRACTION_BITS: usize = 64;

/// 2^(-1/2), 2^(-1/4) … as Q0.127.
fn half_roots() -> [U256; FRACTION_BITS] {
    let one: U256 = U256::from(1).wrapping_shl(127);
    let mut root: U256 = one.wrapping_shr(1);
    [(); FRACTION_BITS].map(|()| {
        root = root.saturating_mul(one).root(2);
        root
    })
}

/// 2^(-ago / half life) as Q0.127.
fn decayed(ago: u64, half_life: u64, roots: &[U256; FRACTION_BITS]) -> U256 {
    let whole = ago.checked_div(half_life).unwrap_or(u64::MAX);
    let rest = ago.checked_rem(half_life).unwrap_or(0);
    let Ok(shift) = usize::try_from(whole.min(128)) else {
        return U256::ZERO;
    };
    let mut value: U256 = U256::from(1).wrapping_shl(127).wrapping_shr(shift);
    let mut rest = u128::from(rest);
    for root in roots {
        // The next bit of rest / half life.
        rest = rest.saturating_mul(2);
        if let Some(left) = rest.checked_sub(u128::from(half_life)) {
            rest = left;
            value = value.saturating_mul(*root).wrapping_shr(127);
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::aggregate::Confidence;
    use crate::period::Timestamp;
    use proptest::prelude::*;

    fn point(secs: i64, atto: u128) -> HistoryPoint {
        HistoryPoint {
            at: Timestamp::from_secs(secs),
            price: Price::from_atto(atto).unwrap(),
            confidence: Confidence(100),
            volume_24h: None,
            sources: vec!["b".to_owned(), "a".to_owned()],
        }
    }

    fn window(start: i64, end: i64) -> Period {
        Period::new(Timestamp::from_secs(start), Timestamp::from_secs(end)).unwrap()
    }

    const USD: u128 = 1_000_000_000_000_000_000;

    #[test]
    fn time_without_a_price_does_not_count_and_too_much_of_it_refuses() {
        let points = [point(-50, USD), point(80, 3 * USD)];
        // 1 USD from 0 to 50 (held 100 s), nothing from 50 to 80, 3 USD from 80 to 100.
        let twap = arithmetic(&points, window(0, 100), 100).unwrap();
        assert_eq!((twap.covered_secs, twap.samples), (70, 2));
        assert_eq!(twap.price.atto(), (50 * USD + 20 * 3 * USD + 35) / 70);
        assert_eq!(twap.sources, ["a", "b"]);
        let thin = arithmetic(&points, window(0, 100), 69).unwrap_err();
        let (covered_secs, window_secs) = (39, 100);
        assert_eq!(
            thin,
            TwapError::Thin {
                covered_secs,
                window_secs
            }
        );
        assert!(arithmetic(&[], window(0, 100), 100).is_err());
    }

    #[test]
    fn a_half_life_ago_counts_half() {
        // From 200 to 100 s ago at 1 USD, the last 100 s at 4 USD, half-life 100 s: the weights are
        // ½ − ¼ and 1 − ½, so that the average is (1 + 2 × 4) / 3.
        let points = [point(0, USD), point(100, 4 * USD)];
        let twap = exponential(&points, window(0, 200), 1_000, 100).unwrap();
        assert_eq!(twap.price.atto(), 3 * USD);
        assert_eq!(
            exponential(&points, window(0, 200), 1_000, 0),
            Err(TwapError::HalfLife)
        );
    }

    #[test]
    fn halves_of_halves_multiply() {
        let roots = half_roots();
        let half = decayed(50, 100, &roots);
        // 2^(-1/2) = 0.70710678118654752440
        let digits: U256 = (half * U256::from(10u128.pow(18))) >> 127;
        assert!(digits.to::<u128>().abs_diff(707_106_781_186_547_524) <= 1);
        let quarter = decayed(25, 100, &roots);
        let squared: U256 = (quarter * quarter) >> 127;
        assert!(squared.abs_diff(half) < U256::from(1u64 << 60));
        assert_eq!(decayed(12_800, 100, &roots), U256::ZERO);
    }

    proptest! {
        #[test]
        fn an_average_lies_among_its_prices(
            steps in prop::collection::vec((1i64..500, 1u128..10 * USD), 1..40),
            half_life in 1u64..10_000,
        ) {
            let mut at = 0;
            let points: Vec<_> = steps.iter().map(|(secs, atto)| { at += secs; point(at, *atto) }).collect();
            let over = window(points[0].at.secs(), at + 100);
            let low = steps.iter().map(|s| s.1).min().unwrap();
            let high = steps.iter().map(|s| s.1).max().unwrap();
            for twap in [arithmetic(&points, over, 1_000), exponential(&points, over, 1_000, half_life)] {
                let atto = twap.unwrap().price.atto();
                prop_assert!(low <= atto && atto <= high);
            }
        }

        /// A long half-life is no half-life.
        #[test]
        fn a_long_half_life_is_the_plain_average(steps in prop::collection::vec((1i64..500, USD / 100..10 * USD), 2..20)) {
            let mut at = 0;
            let points: Vec<_> = steps.iter().map(|(secs, atto)| { at += secs; point(at, *atto) }).collect();
            let over = window(points[0].at.secs(), at + 100);
            let plain = arithmetic(&points, over, 1_000).unwrap().price.atto();
            let slow = exponential(&points, over, 1_000, 1_000_000_000).unwrap().price.atto();
            prop_assert!(plain.abs_diff(slow) < plain / 10_000, "{plain} {slow}");
        }
    }
}
