//! Numbers and times as pages show them.

use std::fmt;

use askama::filters::HtmlSafe;
use synor_economics::money::MicroSynor;
use synor_economics::period::{Timestamp, Zone};

/// Decimals of an amount that are shown as strongly as its whole part.
const STRONG_DECIMALS: usize = 2;

/// An amount in SYNOR without its currency: exact, with its finest decimals lighter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Money(pub MicroSynor);

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = plain(self.0);
        if self.0.is_zero() {
            return f.write_str("<span class=\"money\">0</span>");
        }
        let (whole, decimals) = text.split_once('.').unwrap_or((&text, ""));
        let at = STRONG_DECIMALS.min(decimals.len());
        let (strong, light) = decimals.split_at(at);
        write!(
            f,
            "<span class=\"money\">{whole}.{strong}<span class=\"tail\">{light}</span></span>"
        )
    }
}

// Digits, separators and our own markup.
impl HtmlSafe for Money {}

/// An amount as text, thousands separated: `1,234.500000`.
pub fn plain(amount: MicroSynor) -> String {
    decimal(&amount.to_decimal())
}

/// A decimal number with the thousands of its whole part separated.
pub fn decimal(text: &str) -> String {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("−", digits),
        None => ("", text),
    };
    match digits.split_once('.') {
        Some((whole, fraction)) => format!("{sign}{}.{fraction}", thousands(whole)),
        None => format!("{sign}{}", thousands(digits)),
    }
}

/// A count with its thousands separated.
pub fn count(number: u64) -> String {
    thousands(&number.to_string())
}

fn thousands(digits: &str) -> String {
    let mut text = String::with_capacity(digits.len().saturating_mul(2));
    for (at, digit) in digits.chars().enumerate() {
        let left = digits.len().saturating_sub(at);
        if at > 0 && left.is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A date in a time zone.
pub fn date(at: Timestamp, zone: &Zone) -> String {
    at.date_in(zone)
}

/// An id with its middle left out: `inv_01a2…9f3c`.
pub fn short(id: &str) -> String {
    let chars: Vec<_> = id.chars().collect();
    match (chars.get(..10), chars.len().checked_sub(6)) {
        (Some(head), Some(at)) if chars.len() > 20 => {
            let tail = chars.get(at..).unwrap_or_default();
            head.iter().chain(['…'].iter()).chain(tail).collect()
        }
        _ => id.to_owned(),
    }
}

/// µUSD as dollars and cents, as text: `≈ 12.34 USD`.
pub fn usd(micro: i64) -> String {
    let cents = micro.saturating_add(5_000).div_euclid(10_000);
    let (whole, part) = (cents.div_euclid(100), cents.rem_euclid(100));
    format!("≈ {}.{part:02} USD", decimal(&whole.to_string()))
}

/// Text for between tags and in attributes.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_and_never_ambiguous() {
        let shown = [0, 1_234_567_890_123, -5].map(|m| Money(MicroSynor::new(m)).to_string());
        assert_eq!(shown[0], "<span class=\"money\">0</span>");
        assert!(shown[1].contains(">1,234,567.89<span class=\"tail\">0123</span>"));
        assert!(shown[2].contains(">−0.00<span class=\"tail\">0005</span>"));
        assert_eq!(usd(12_344_999), "≈ 12.34 USD");
        assert_eq!(usd(1_234_567_895_000), "≈ 1,234,567.90 USD");
    }

    #[test]
    fn ids_are_cut_in_the_middle() {
        assert_eq!(short("inv_0123456789abcdef01"), "inv_012345…cdef01");
        assert_eq!(short("short"), "short");
    }
}
