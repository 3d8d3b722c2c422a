//! Quantities as PostgreSQL's `numeric`, digit by digit: the driver has no type of 128 bits, and a
//! detour through text would cost more than the rest of a row.

use std::error::Error;

use bytes::BytesMut;
use synor_economics::quantity::Quantity;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};

/// The base that `numeric` counts in.
const BASE: u128 = 10_000;
const POSITIVE: u16 = 0x0000;
const NEGATIVE: u16 = 0x4000;

/// A whole number of up to 128 bits; none if a sum has become larger than that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Numeric(pub(super) Option<i128>);

impl From<Quantity> for Numeric {
    fn from(quantity: Quantity) -> Self {
        Self(Some(quantity.get()))
    }
}

/// The digits to base 10,000, most significant first.
fn digits(number: i128) -> Vec<u16> {
    let mut rest = number.unsigned_abs();
    let mut digits = Vec::new();
    while rest > 0 {
        digits.push(u16::try_from(rest % BASE).unwrap_or_default());
        rest /= BASE;
    }
    digits.reverse();
    digits
}

impl ToSql for Numeric {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        let number = self.0.ok_or("a number of more than 128 bits")?;
        let digits = digits(number);
        let count = u16::try_from(digits.len())?;
        let sign = if number < 0 { NEGATIVE } else { POSITIVE };
        // The weight is the power of the base of the first digit.
        let weight = count.saturating_sub(1);
        for word in [count, weight, sign, 0].into_iter().chain(digits) {
            out.extend_from_slice(&word.to_be_bytes());
        }
        Ok(IsNull::No)
    }

    accepts!(NUMERIC);
    to_sql_checked!();
}

impl<'r> FromSql<'r> for Numeric {
    fn from_sql(_: &Type, raw: &'r [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let mut words = raw.chunks_exact(2).map(|pair| match pair {
            [high, low] => u16::from_be_bytes([*high, *low]),
            _ => 0,
        });
        let mut next = || words.next().ok_or("a number that is cut off");
        let (count, weight, sign, _scale) = (next()?, next()?, next()?, next()?);
        if sign != POSITIVE && sign != NEGATIVE {
            return Err("not a number".into());
        }
        let weight = i16::from_be_bytes(weight.to_be_bytes());
        let digits: Vec<u16> = words.collect();
        if digits.len() != usize::from(count) {
            return Err("a number that is cut off".into());
        }
        let places = usize::try_from(i32::from(weight) + 1).unwrap_or_default();
        if digits.len() > places && digits.iter().skip(places).any(|&digit| digit != 0) {
            return Err("not a whole number".into());
        }
        Ok(Self(whole(&digits, places, sign == NEGATIVE)))
    }

    accepts!(NUMERIC);
}

/// The number that the first `places` digits are; digits that are not sent are zeros.
fn whole(digits: &[u16], places: usize, is_negative: bool) -> Option<i128> {
    // Counted below zero, where 128 bits reach one further.
    let mut number = 0_i128;
    for place in 0..places {
        let digit = digits.get(place).copied().unwrap_or_default();
        number = number.checked_mul(10_000)?.checked_sub(digit.into())?;
    }
    if is_negative {
        Some(number)
    } else {
        number.checked_neg()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(number: i128) -> Vec<u8> {
        let mut out = BytesMut::new();
        Numeric(Some(number))
            .to_sql(&Type::NUMERIC, &mut out)
            .unwrap();
        out.to_vec()
    }

    /// What `numeric_send` of PostgreSQL 15 gives for these.
    #[test]
    fn numbers_are_written_as_the_server_writes_them() {
        let hex = |number| -> String {
            let bytes = written(number).into_iter();
            bytes.map(|byte| format!("{byte:02x}")).collect()
        };
        assert_eq!(hex(1), "00010000000000000001");
        assert_eq!(hex(-123_456), "0002000140000000000c0d80");
        assert_eq!(hex(0), "0000000000000000");
    }

    #[test]
    fn zeros_at_the_end_need_not_be_sent() {
        // 100,000,000 as the server sends it: the digit 1 with the weight of 10,000 squared.
        let raw = [0, 1, 0, 2, 0, 0, 0, 0, 0, 1];
        let read = Numeric::from_sql(&Type::NUMERIC, &raw).unwrap();
        assert_eq!(read.0, Some(100_000_000));
    }

    #[test]
    fn what_is_no_whole_number_is_refused() {
        let half = [0, 1, 0xff, 0xff, 0, 0, 0, 1, 0x13, 0x88];
        assert!(Numeric::from_sql(&Type::NUMERIC, &half).is_err());
        let nan = [0, 0, 0, 0, 0xc0, 0, 0, 0];
        assert!(Numeric::from_sql(&Type::NUMERIC, &nan).is_err());
    }

    #[test]
    fn a_number_beyond_128_bits_is_none() {
        let raw = [0, 1, 0, 10, 0, 0, 0, 0, 0, 1];
        let read = Numeric::from_sql(&Type::NUMERIC, &raw).unwrap();
        assert_eq!(read.0, None, "10^40");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(number: i128) {
            let read = Numeric::from_sql(&Type::NUMERIC, &written(number)).unwrap();
            prop_assert_eq!(read.0, Some(number));
        }
    }
}
