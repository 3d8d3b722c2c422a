//! Numbers of a bill. FOCUS allows an exponent (`3.5E-7`), which is read exactly too.

use synor_economics::metering::EventError;
use synor_economics::money::{Exact, MoneyError};

use super::super::excerpt;

/// The largest exponent that is read, in either direction.
const EXPONENT_MAX: u32 = 30;

/// Reads a decimal number, with or without an exponent.
pub(super) fn parse(field: &'static str, text: &str) -> Result<Exact, EventError> {
    exact(text).map_err(|error| EventError::new(field, excerpt(text), error))
}

fn exact(text: &str) -> Result<Exact, MoneyError> {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else {
        return Exact::parse_decimal(text);
    };
    let bad = || MoneyError::NotADecimal(text.to_owned());
    let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(bad());
    }
    let power: u32 = digits.parse().map_err(|_| bad())?;
    if power > EXPONENT_MAX {
        return Err(MoneyError::Overflow);
    }
    let scale = Exact::from_integer(10_i128.checked_pow(power).ok_or(MoneyError::Overflow)?);
    let mantissa = Exact::parse_decimal(mantissa).map_err(|_| bad())?;
    if exponent.starts_with('-') {
        mantissa.checked_div(scale)
    } else {
        mantissa.checked_mul(scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(text: &str, expected: Expect) {
        let shown = match parse("BilledCost", text) {
            Ok(exact) => exact.to_string(),
            Err(error) => format!("error: {error}"),
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn exponents_are_exact() {
        check("0.00000080000", expect!["1/1250000"]);
        check("8.0E-7", expect!["1/1250000"]);
        check("-1.5e+3", expect!["-1500"]);
        check("12e2", expect!["1200"]);
    }

    #[test]
    fn what_is_not_a_number_is_refused() {
        check(
            "1,5",
            expect![
                "error: BilledCost `1,5`: `1,5` is not a plain decimal number (digits, at most one point, no exponent)"
            ],
        );
        check(
            "1e",
            expect![
                "error: BilledCost `1e`: `1e` is not a plain decimal number (digits, at most one point, no exponent)"
            ],
        );
        check(
            "e5",
            expect![
                "error: BilledCost `e5`: `e5` is not a plain decimal number (digits, at most one point, no exponent)"
            ],
        );
        check(
            "1e31",
            expect!["error: BilledCost `1e31`: the amount is too large to be represented exactly"],
        );
        check(
            "NaN",
            expect![
                "error: BilledCost `NaN`: `NaN` is not a plain decimal number (digits, at most one point, no exponent)"
            ],
        );
    }
}
