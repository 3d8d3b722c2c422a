//! Numbers and times as people read them.

use synor_economics::money::{Exact, MicroSynor};
use synor_economics::period::{Timestamp, Zone};

/// An amount without its currency, thousands separated: `1,234.500000`.
pub fn amount(amount: MicroSynor) -> String {
    let text = amount.to_decimal();
    let (sign, digits) = text
        .strip_prefix('-')
        .map_or(("", text.as_str()), |rest| ("-", rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "000000"));
    format!("{sign}{}.{fraction}", thousands(whole))
}

/// An amount with its currency.
pub fn money(value: MicroSynor) -> String {
    format!("{} SYNOR", amount(value))
}

/// An amount in µUSD as USD, exact: `1,234.5`.
pub fn usd(micro: i64) -> String {
    let exact = Exact::new(i128::from(micro), 1_000_000);
    decimal(&exact.unwrap_or(Exact::ZERO).to_decimal(6))
}

/// A decimal number with its whole part's thousands separated.
pub fn decimal(text: &str) -> String {
    let (sign, digits) = text
        .strip_prefix('-')
        .map_or(("", text), |rest| ("-", rest));
    match digits.split_once('.') {
        Some((whole, fraction)) => format!("{sign}{}.{fraction}", thousands(whole)),
        None => format!("{sign}{}", thousands(digits)),
    }
}

/// Digits in groups of three.
pub fn thousands(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        let left = digits.len() - at;
        if at > 0 && left.is_multiple_of(3) && digit.is_ascii_digit() {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count with its thousands separated.
pub fn count(number: u64) -> String {
    thousands(&number.to_string())
}

/// A date in UTC.
pub fn date(at: Timestamp) -> String {
    at.date_in(&Zone::utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        let shown = [0, 999, 1_000_000_000, -1_234_567_890_123].map(|m| amount(MicroSynor::new(m)));
        assert_eq!(
            shown,
            ["0.000000", "0.000999", "1,000.000000", "-1,234,567.890123"]
        );
        assert_eq!(decimal("12345.5…"), "12,345.5…");
    }
}
