//! Arithmetic of reduced fractions on 128 bits. It gives what `num_rational`'s checked operations
//! give, overflow included, and divides less: results that are reduced already are not reduced
//! again, whole numbers and ones cost no greatest common divisor, and that of two numbers that fit
//! 64 bits is found in 64.

use num_rational::Ratio;

type Fraction = Ratio<i128>;

/// `a + b`.
pub fn add(a: Fraction, b: Fraction) -> Option<Fraction> {
    let (a_denom, b_denom) = (*a.denom(), *b.denom());
    if a_denom == 1 && b_denom == 1 {
        return Some(whole(a.numer().checked_add(*b.numer())?));
    }
    let common = gcd(a_denom, b_denom)?;
    let a_scale = divided(b_denom, common)?;
    let b_scale = divided(a_denom, common)?;
    let denom = b_scale.checked_mul(b_denom)?;
    let a_numer = a_scale.checked_mul(*a.numer())?;
    let numer = a_numer.checked_add(b_scale.checked_mul(*b.numer())?)?;
    // Whatever else numerator and denominator share, the denominators shared.
    let rest = gcd(numer, common)?;
    Some(Ratio::new_raw(divided(numer, rest)?, divided(denom, rest)?))
}

/// `a × b`.
pub fn mul(a: Fraction, b: Fraction) -> Option<Fraction> {
    product(*a.numer(), *a.denom(), *b.numer(), *b.denom())
}

/// `a ÷ b`.
pub fn div(a: Fraction, b: Fraction) -> Option<Fraction> {
    let (numer, denom) = (*b.numer(), *b.denom());
    if numer > 0 {
        product(*a.numer(), *a.denom(), denom, numer)
    } else {
        let numer = numer.checked_neg().filter(|numer| *numer > 0)?;
        product(*a.numer(), *a.denom(), denom.checked_neg()?, numer)
    }
}

/// `a/b × c/d`, both in lowest terms, with `b` and `d` above zero.
fn product(a: i128, b: i128, c: i128, d: i128) -> Option<Fraction> {
    let (a_and_d, c_and_b) = (gcd(a, d)?, gcd(c, b)?);
    let numer = divided(a, a_and_d)?.checked_mul(divided(c, c_and_b)?)?;
    let denom = divided(b, c_and_b)?.checked_mul(divided(d, a_and_d)?)?;
    Some(Ratio::new_raw(numer, denom))
}

const fn whole(number: i128) -> Fraction {
    Ratio::new_raw(number, 1)
}

/// `number ÷ divisor`, which leaves nothing.
fn divided(number: i128, divisor: i128) -> Option<i128> {
    if divisor == 1 {
        return Some(number);
    }
    match (i64::try_from(number), i64::try_from(divisor)) {
        (Ok(number), Ok(divisor)) => number.checked_div(divisor).map(i128::from),
        _ => number.checked_div(divisor),
    }
}

/// The greatest common divisor of a number and one above zero, which it does not exceed.
fn gcd(number: i128, positive: i128) -> Option<i128> {
    if positive == 1 || number == 1 {
        return Some(1);
    }
    let (mut a, mut b) = (number.unsigned_abs(), positive.unsigned_abs());
    loop {
        if let (Ok(a), Ok(b)) = (u64::try_from(a), u64::try_from(b)) {
            return Some(i128::from(gcd_64(a, b)));
        }
        let Some(rest) = a.checked_rem(b) else {
            return i128::try_from(a).ok();
        };
        (a, b) = (b, rest);
    }
}

/// By halving and subtracting; 0 and a number have the number in common.
fn gcd_64(mut a: u64, mut b: u64) -> u64 {
    if a == 0 || b == 0 {
        return a | b;
    }
    let twos = (a | b).trailing_zeros();
    a >>= a.trailing_zeros();
    while b != 0 {
        b >>= b.trailing_zeros();
        (a, b) = (a.min(b), a.abs_diff(b));
    }
    a << twos
}

#[cfg(test)]
mod tests {
    use num_traits::{CheckedAdd, CheckedDiv, CheckedMul};
    use proptest::prelude::*;

    use super::*;

    /// Of all sizes, whole ones as often as broken ones.
    fn fraction() -> impl Strategy<Value = Fraction> {
        let sized = (any::<i128>(), 1u32..127).prop_map(|(n, shift)| n >> shift);
        let denom = prop_oneof![
            Just(1),
            (1i128..i128::MAX, 0u32..126).prop_map(|(n, shift)| (n >> shift).max(1))
        ];
        (sized, denom).prop_map(|(numer, denom)| Ratio::new(numer, denom))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn the_results_are_those_of_the_library(a in fraction(), b in fraction()) {
            prop_assert_eq!(add(a, b), a.checked_add(&b));
            prop_assert_eq!(mul(a, b), a.checked_mul(&b));
            prop_assert_eq!(div(a, b), a.checked_div(&b));
        }
    }
}
