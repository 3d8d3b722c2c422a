//! Levels over time: a sample holds until the next one, over the end of a period too.

use crate::money::MoneyError;
use crate::period::{Period, Timestamp};
use crate::quantity::Quantity;

/// One sample: from `at` on, the level is this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// When the level was read.
    pub at: Timestamp,
    /// The level, in the sample's base unit.
    pub level: Quantity,
}

/// The level integrated over the period, in base units times seconds. Samples come in order of
/// time; those before the period say what it opens with, those after it do not matter. Before the
/// first sample the level is zero.
///
/// ```
/// use synor_economics::metering::level::{Sample, integrate};
/// use synor_economics::period::{Period, Timestamp};
/// use synor_economics::quantity::Quantity;
/// let at = Timestamp::from_secs;
/// let held = [Sample { at: at(0), level: Quantity::new(5) }, Sample { at: at(70), level: Quantity::new(1) }];
/// let period = Period::new(at(50), at(100)).unwrap();
/// assert_eq!(integrate(&held, period)?.get(), 5 * 20 + 1 * 30);
/// # Ok::<(), synor_economics::money::MoneyError>(())
/// ```
pub fn integrate(samples: &[Sample], period: Period) -> Result<Quantity, MoneyError> {
    let mut total = Quantity::ZERO;
    for (index, sample) in samples.iter().enumerate() {
        let until = index
            .checked_add(1)
            .and_then(|next| samples.get(next))
            .map_or(period.end(), |s| s.at);
        let (from, to) = (sample.at.max(period.start()), until.min(period.end()));
        if let Ok(held) = Period::new(from, to) {
            total = total.checked_add(sample.level.checked_mul(i128::from(held.secs()))?)?;
        }
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: i64 = 86_400;

    fn held(days: &[(i64, i128)], from: i64, to: i64) -> i128 {
        let samples: Vec<_> = days
            .iter()
            .map(|&(day, level)| Sample {
                at: Timestamp::from_secs(day * DAY),
                level: Quantity::new(level),
            })
            .collect();
        let period = Period::new(
            Timestamp::from_secs(from * DAY),
            Timestamp::from_secs(to * DAY),
        );
        integrate(&samples, period.unwrap()).unwrap().get()
    }

    /// Amazon S3 documentation: 100 GiB for 15 days, then 100 TiB for 16 days of a 744-hour month
    /// are 42,259,901,212,262,400 byte-hours, 52,900 GiB-months.
    #[test]
    fn the_s3_documentation_example() {
        let gib = 1i128 << 30;
        let byte_secs = held(&[(0, 100 * gib), (15, 102_400 * gib)], 0, 31);
        assert_eq!(byte_secs / 3_600, 42_259_901_212_262_400);
        assert_eq!(byte_secs / gib / 3_600 / 744, 52_900);
    }

    /// Lago's weighted-sum scenarios: level 2500 from the 5th of a 31-day month is
    /// 2177.4193548387; April opens at 2500, falls by 2000 on the 4th and by 200 on the 6th:
    /// 533.3333333333.
    #[test]
    fn the_lago_weighted_sum_examples() {
        assert_eq!(held(&[(4, 2500)], 0, 31), 27 * 2500 * i128::from(DAY));
        // 2177.4193548387 × 31 days and 533.3333333333 × 30 days, to the tenth decimal.
        let day = i128::from(DAY);
        assert_eq!(
            held(&[(4, 2500)], 0, 31) * 10_000_000_000 / (31 * day),
            21_774_193_548_387
        );
        let april = held(&[(-9, 2500), (3, 500), (5, 300)], 0, 30);
        assert_eq!(april * 10_000_000_000 / (30 * day), 5_333_333_333_333);
    }

    proptest! {
        #[test]
        fn adjacent_periods_lose_and_double_nothing(
            mut days in prop::collection::vec((0i64..100, 0i128..1_000_000), 0..30),
            cut in 1i64..99,
        ) {
            days.sort_by_key(|d| d.0);
            prop_assert_eq!(held(&days, 0, cut) + held(&days, cut, 100), held(&days, 0, 100));
        }
    }
}
