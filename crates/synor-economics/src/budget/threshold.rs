//! Where an alert fires: at a part of the limit, or at an amount.

use std::fmt;
use std::str::FromStr;

use crate::money::Exact;

/// Decimals that a threshold is shown with.
const DECIMALS: u32 = 9;

/// A threshold, written `80%` of the limit, or `400`: SYNOR, or the unit of a budget on usage.
///
/// ```
/// use synor_economics::budget::Threshold;
/// let written: Vec<Threshold> = vec!["80%".parse()?, "0.5".parse()?];
/// let shown: Vec<_> = written.iter().map(ToString::to_string).collect();
/// assert_eq!(shown, ["80%", "0.5"]);
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Threshold {
    /// So many per cent of the limit.
    Percent(Exact),
    /// So much.
    Amount(Exact),
}

impl Threshold {
    /// Whether it is above zero.
    pub fn is_positive(&self) -> bool {
        match self {
            Self::Percent(number) | Self::Amount(number) => number.is_positive(),
        }
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Percent(number) => format!("{}%", number.to_decimal(DECIMALS)),
            Self::Amount(number) => number.to_decimal(DECIMALS),
        };
        f.pad(&text)
    }
}

impl FromStr for Threshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, of): (_, fn(Exact) -> Self) = match text.strip_suffix('%') {
            Some(number) => (number, Self::Percent),
            None => (text, Self::Amount),
        };
        let number = Exact::parse_decimal(number.trim());
        number
            .map(of)
            .map_err(|_| format!("`{text}` is not a threshold such as 80% or 400"))
    }
}

crate::wire::as_text!(Threshold);
