//! What a Uniswap pool says a SYNOR is worth: from the reserves of V2, and from the ticks that V3
//! remembers. Any decimals, either order of the tokens.

use ruint::aliases::{U256, U512};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::price::{Price, PriceError};
use super::tick_math::{TickOutOfRange, mean_tick, sqrt_price_at_tick};

/// More decimals than this no token of either side has.
pub const DECIMALS_MAX: u8 = 36;

/// Why a pool gives no price.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[allow(missing_docs)]
pub enum PoolError {
    #[error("the pool is empty")]
    Empty,
    #[error("a token of the pool has {0} decimals, more than 36")]
    Decimals(u8),
    #[error("the pool was observed twice at the same time")]
    NoTime,
    #[error(transparent)]
    Tick(#[from] TickOutOfRange),
    #[error(transparent)]
    Price(#[from] PriceError),
}

/// How a pool's two tokens stand to SYNOR and USD.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolTokens {
    /// Whether SYNOR is the pool's first token; the other is worth a USD.
    pub synor_is_token0: bool,
    /// The decimals of SYNOR.
    pub synor_decimals: u8,
    /// The decimals of the token that is worth a USD.
    pub usd_decimals: u8,
}

impl PoolTokens {
    /// The price of a V2 pool that holds so much of its two tokens, each in its smallest unit.
    ///
    /// ```
    /// use synor_economics::oracle::uniswap::PoolTokens;
    /// let tokens = PoolTokens { synor_is_token0: false, synor_decimals: 18, usd_decimals: 6 };
    /// let price = tokens.v2_price(250_000_000, 1_000_000_000_000_000_000_000)?; // 250 USDC, 1,000 SYNOR
    /// assert_eq!(price.to_string(), "0.25");
    /// # Ok::<(), synor_economics::oracle::uniswap::PoolError>(())
    /// ```
    pub fn v2_price(&self, reserve0: u128, reserve1: u128) -> Result<Price, PoolError> {
        if reserve0 == 0 || reserve1 == 0 {
            return Err(PoolError::Empty);
        }
        let (synor, usd) = if self.synor_is_token0 {
            (reserve0, reserve1)
        } else {
            (reserve1, reserve0)
        };
        self.scaled(U512::from(usd), U512::from(synor))
    }

    /// The price of a V3 pool at a square root price of Q64.96, token 1 for token 0.
    pub fn v3_price(&self, sqrt_price_x96: U256) -> Result<Price, PoolError> {
        if sqrt_price_x96.is_zero() {
            return Err(PoolError::Empty);
        }
        let root = U512::from(sqrt_price_x96);
        let square = root.checked_mul(root).ok_or(PriceError::TooLarge)?;
        let one = U512::from(1).wrapping_shl(192);
        if self.synor_is_token0 {
            self.scaled(square, one)
        } else {
            self.scaled(one, square)
        }
    }

    /// The price at a V3 tick.
    pub fn tick_price(&self, tick: i32) -> Result<Price, PoolError> {
        self.v3_price(sqrt_price_at_tick(tick)?)
    }

    /// The time-weighted price of a V3 pool whose cumulative tick went from `before` to `after` in
    /// `secs` seconds: the price at the mean tick, which is the geometric mean of the prices.
    pub fn v3_twap(&self, before: i64, after: i64, secs: u32) -> Result<Price, PoolError> {
        // The contract's 56 bits wrap, which a pool of our time never reaches.
        let delta = after.checked_sub(before).ok_or(PoolError::NoTime)?;
        let mean = mean_tick(delta, secs).ok_or(PoolError::NoTime)?;
        let tick = i32::try_from(mean).map_err(|_| TickOutOfRange(mean))?;
        self.tick_price(tick)
    }

    /// A ratio of smallest units (USD for SYNOR) as a price.
    fn scaled(&self, usd: U512, synor: U512) -> Result<Price, PoolError> {
        let most = self.synor_decimals.max(self.usd_decimals);
        if most > DECIMALS_MAX {
            return Err(PoolError::Decimals(most));
        }
        let up = self.synor_decimals.saturating_sub(self.usd_decimals);
        let down = self.usd_decimals.saturating_sub(self.synor_decimals);
        let scale = |by: u8| U512::from(10).saturating_pow(U512::from(by));
        // A ratio is at most 320 bits and a power of ten 120, before the 60 bits of 18 decimals.
        let numer = usd.checked_mul(scale(up)).ok_or(PriceError::TooLarge)?;
        let denom = synor.checked_mul(scale(down)).ok_or(PriceError::TooSmall)?;
        Ok(Price::from_ratio(numer, denom)?)
    }
}

/// What a V3 pool wrote down at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observation {
    /// When, in seconds.
    pub at: u32,
    /// The sum of tick × seconds until then.
    pub tick_cumulative: i64,
}

/// The cumulative tick at a time, as the contract's `observeSingle` works it out: between two
/// observations in a straight line, after the last one at the current tick. The observations are in
/// order of time; `None` for a time before the first.
///
/// ```
/// use synor_economics::oracle::uniswap::{Observation, observe};
/// let written = [Observation { at: 5, tick_cumulative: 0 }, Observation { at: 18, tick_cumulative: 26 }];
/// assert_eq!(observe(&written, 6, 23), Some(56)); // five seconds at tick 6
/// assert_eq!(observe(&written, 6, 15), Some(20));
/// ```
pub fn observe(written: &[Observation], current_tick: i32, at: u32) -> Option<i64> {
    let place = written.iter().rposition(|o| o.at <= at)?;
    let before = written.get(place)?;
    let since = i64::from(at.checked_sub(before.at)?);
    let per_sec = match written.get(place.saturating_add(1)) {
        None => i64::from(current_tick),
        Some(after) => {
            let secs = i64::from(after.at.checked_sub(before.at)?);
            let moved = after.tick_cumulative.checked_sub(before.tick_cumulative)?;
            // Toward zero, as the EVM divides.
            moved.checked_div(secs)?
        }
    };
    before
        .tick_cumulative
        .checked_add(per_sec.checked_mul(since)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn tokens(synor_is_token0: bool, synor_decimals: u8, usd_decimals: u8) -> PoolTokens {
        PoolTokens {
            synor_is_token0,
            synor_decimals,
            usd_decimals,
        }
    }

    /// v3-core's `Oracle.spec.ts`: tick 2 at 5 s, 13 s later tick 6, observed 5 s later.
    #[test]
    fn observations_are_those_of_the_contract() {
        let written = [(5, 0), (18, 26)].map(|(at, tick_cumulative)| Observation {
            at,
            tick_cumulative,
        });
        let ago = [(0, 56), (3, 38), (8, 20), (13, 10), (15, 6), (18, 0)];
        for (secs_ago, expected) in ago {
            assert_eq!(observe(&written, 6, 23 - secs_ago), Some(expected));
        }
        assert_eq!(observe(&written, 6, 4), None);
    }

    #[test]
    fn an_empty_pool_and_absurd_decimals_are_refused() {
        assert_eq!(tokens(true, 18, 6).v2_price(0, 1), Err(PoolError::Empty));
        assert_eq!(tokens(true, 18, 6).v2_price(1, 0), Err(PoolError::Empty));
        assert_eq!(
            tokens(true, 37, 6).v2_price(1, 1),
            Err(PoolError::Decimals(37))
        );
        assert_eq!(tokens(true, 18, 6).v3_twap(0, 5, 0), Err(PoolError::NoTime));
        let far = tokens(true, 18, 6).v3_twap(0, i64::MAX, 1);
        assert!(matches!(far, Err(PoolError::Tick(_))), "{far:?}");
    }

    proptest! {
        /// Whichever token comes first, the price is the same but for the rounding of the root.
        #[test]
        fn both_orders_say_the_same(synor in 1u128..1 << 100, usd in 1u128..1 << 90) {
            let first = tokens(true, 18, 6).v2_price(synor, usd);
            let second = tokens(false, 18, 6).v2_price(usd, synor);
            prop_assert_eq!(first, second);
        }

        #[test]
        fn a_tick_and_its_opposite_are_mirror_images(tick in -200_000i32..200_000) {
            let first = tokens(true, 18, 18).tick_price(tick).unwrap();
            let second = tokens(false, 18, 18).tick_price(-tick).unwrap();
            // Each is rounded once at the 18th decimal, and the root once at 2^-96.
            let slack = first.atto() / 10_000_000_000 + 2;
            prop_assert!(first.atto().abs_diff(second.atto()) <= slack);
        }

        /// A window's mean is never outside what the tick was in it.
        #[test]
        fn a_mean_lies_among_its_ticks(ticks in prop::collection::vec(-100_000i32..100_000, 1..50)) {
            let sum: i64 = ticks.iter().map(|t| i64::from(*t)).sum();
            let mean = mean_tick(sum, u32::try_from(ticks.len()).unwrap()).unwrap();
            prop_assert!(i64::from(*ticks.iter().min().unwrap()) <= mean);
            prop_assert!(mean <= i64::from(*ticks.iter().max().unwrap()));
        }
    }
}
