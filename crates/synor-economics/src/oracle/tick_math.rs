//! Uniswap V3's `TickMath`: the square root of a tick's price, bit for bit as the pool has it.
//!
//! The constants are 2^128 / √1.0001^(2^k), as published in v3-core's `TickMath.sol`; the product
//! over the bits of the tick is Q128.128, rounded up to Q64.96 at the end.

use ruint::aliases::U256;
use ruint::uint;
use thiserror::Error;

/// The largest tick, and minus the smallest.
pub const MAX_TICK: i32 = 887_272;

/// A tick that no pool has.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("tick {0} is outside -887272 to 887272")]
pub struct TickOutOfRange(pub i64);

uint! {
/// For each bit of the tick's size, from the lowest.
const FACTORS: [U256; 20] = [
    0xfffcb933bd6fad37aa2d162d1a594001_U256,
    0xfff97272373d413259a46990580e213a_U256,
    0xfff2e50f5f656932ef12357cf3c7fdcc_U256,
    0xffe5caca7e10e4e61c3624eaa0941cd0_U256,
    0xffcb9843d60f6159c9db58835c926644_U256,
    0xff973b41fa98c081472e6896dfb254c0_U256,
    0xff2ea16466c96a3843ec78b326b52861_U256,
    0xfe5dee046a99a2a811c461f1969c3053_U256,
    0xfcbe86c7900a88aedcffc83b479aa3a4_U256,
    0xf987a7253ac413176f2b074cf7815e54_U256,
    0xf3392b0822b70005940c7a398e4b70f3_U256,
    0xe7159475a2c29b7443b29c7fa6e889d9_U256,
    0xd097f3bdfd2022b8845ad8f792aa5825_U256,
    0xa9f746462d870fdf8a65dc1f90e061e5_U256,
    0x70d869a156d2a1b890bb3df62baf32f7_U256,
    0x31be135f97d08fd981231505542fcfa6_U256,
    0x9aa508b5b7a84e1c677de54f3e99bc9_U256,
    0x5d6af8dedb81196699c329225ee604_U256,
    0x2216e584f5fa1ea926041bedfe98_U256,
    0x48a170391f7dc42444e8fa2_U256,
];
}

/// `getSqrtRatioAtTick`: √(1.0001^tick) × 2^96, rounded up.
///
/// ```
/// use synor_economics::oracle::tick_math::sqrt_price_at_tick;
/// assert_eq!(sqrt_price_at_tick(0)?.to_string(), (1u128 << 96).to_string());
/// # Ok::<(), synor_economics::oracle::tick_math::TickOutOfRange>(())
/// ```
pub fn sqrt_price_at_tick(tick: i32) -> Result<U256, TickOutOfRange> {
    let size = tick.unsigned_abs();
    if size > MAX_TICK.unsigned_abs() {
        return Err(TickOutOfRange(i64::from(tick)));
    }
    let mut ratio: U256 = U256::from(1).wrapping_shl(128);
    for (bit, factor) in FACTORS.iter().enumerate() {
        if size
            .checked_shr(u32::try_from(bit).unwrap_or(31))
            .unwrap_or(0)
            & 1
            == 1
        {
            // Both are at most 2^128, so that the product fits.
            ratio = ratio.wrapping_mul(*factor).wrapping_shr(128);
        }
    }
    if tick > 0 {
        ratio = U256::MAX.checked_div(ratio).unwrap_or(U256::MAX);
    }
    let cut: U256 = ratio.wrapping_shr(32);
    let is_cut = !(ratio & U256::from(u32::MAX)).is_zero();
    Ok(if is_cut {
        cut.saturating_add(U256::from(1))
    } else {
        cut
    })
}

/// `OracleLibrary.consult`: the mean tick over `secs` seconds in which the cumulative tick moved by
/// `delta`, toward negative infinity. `None` if no time passed.
///
/// ```
/// use synor_economics::oracle::tick_math::mean_tick;
/// assert_eq!(mean_tick(-5, 3), Some(-2));
/// ```
pub fn mean_tick(delta: i64, secs: u32) -> Option<i64> {
    delta.checked_div_euclid(i64::from(secs))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From v3-core's `TickMath.spec.ts` and its snapshot, and `MIN_SQRT_RATIO`, `MAX_SQRT_RATIO`.
    #[test]
    fn square_roots_are_those_of_the_contract() {
        for (tick, expected) in [
            (-MAX_TICK, "4295128739"),
            (-MAX_TICK + 1, "4295343490"),
            (-50, "79030349367926598376800521322"),
            (50, "79426470787362580746886972461"),
            (
                MAX_TICK - 1,
                "1461373636630004318706518188784493106690254656249",
            ),
            (
                MAX_TICK,
                "1461446703485210103287273052203988822378723970342",
            ),
        ] {
            assert_eq!(sqrt_price_at_tick(tick).unwrap().to_string(), expected);
        }
        assert_eq!(
            sqrt_price_at_tick(MAX_TICK + 1),
            Err(TickOutOfRange(887_273))
        );
        assert!(sqrt_price_at_tick(i32::MIN).is_err());
    }

    /// Against √1.0001 itself: each tick's ratio to the one before lies within 10^-15 of it, far
    /// from the ends, where whole numbers are coarse.
    #[test]
    fn each_tick_is_the_root_of_1_0001_above_the_last() {
        for tick in (-400_000..400_000).step_by(997) {
            let low = sqrt_price_at_tick(tick).unwrap();
            let high = sqrt_price_at_tick(tick + 1).unwrap();
            let scale = U256::from(10u128.pow(18));
            let ratio = (high * scale / low).to::<u128>();
            // √1.0001 = 1.00004999875006249…
            let off = ratio.abs_diff(1_000_049_998_750_062_496);
            assert!(off < 1_000_000_000, "{tick}: {ratio}");
        }
    }

    /// v3-periphery's `OracleLibrary.spec.ts`.
    #[test]
    fn the_mean_tick_rounds_toward_negative_infinity() {
        assert_eq!(mean_tick(5, 3), Some(1));
        assert_eq!(mean_tick(-12 - -7, 3), Some(-2));
        assert_eq!(mean_tick(-12 - -10, 4), Some(-1));
        assert_eq!(mean_tick(12, 0), None);
    }
}
