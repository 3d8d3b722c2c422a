//! The history of good prices, and what the last 24 hours were.

use serde::{Deserialize, Serialize};

use super::aggregate::Confidence;
use super::price::Price;
use crate::money::MicroSynor;
use crate::period::{DAY_SECS, Timestamp};

/// A good price. It holds until the next one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryPoint {
    /// When it was found.
    pub at: Timestamp,
    /// USD for one SYNOR.
    #[serde(rename = "price_usd")]
    pub price: Price,
    /// From 0 to 100.
    pub confidence: Confidence,
    /// How much was traded in the 24 hours before, in µSYNOR, where the sources say.
    #[serde(
        rename = "volume_24h_micro_synor",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub volume_24h: Option<MicroSynor>,
    /// The sources that it follows from.
    pub sources: Vec<String>,
}

/// What the price was in 24 hours.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayStats {
    /// The highest; none if there was none.
    #[serde(
        rename = "high_24h_usd",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub high: Option<Price>,
    /// The lowest.
    #[serde(
        rename = "low_24h_usd",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub low: Option<Price>,
    /// How much was traded, in µSYNOR, by the sources of the last price that say.
    #[serde(
        rename = "volume_24h_micro_synor",
        skip_serializing_if = "Option::is_none",
        default
    )]
    pub volume: Option<MicroSynor>,
    /// How many prices were found.
    #[serde(rename = "samples_24h")]
    pub samples: usize,
}

/// What the 24 hours up to `now` were.
///
/// ```
/// use synor_economics::oracle::{Confidence, HistoryPoint, day_stats};
/// use synor_economics::period::Timestamp;
/// let point = |secs, price: &str| HistoryPoint {
///     at: Timestamp::from_secs(secs),
///     price: price.parse().unwrap(),
///     confidence: Confidence(90),
///     volume_24h: None,
///     sources: Vec::new(),
/// };
/// let points = [point(0, "9"), point(100_000, "2"), point(150_000, "3")];
/// let day = day_stats(&points, Timestamp::from_secs(150_000));
/// assert_eq!(day.high, "3".parse().ok()); // the first is more than a day ago
/// ```
pub fn day_stats(points: &[HistoryPoint], now: Timestamp) -> DayStats {
    let from = now.plus_secs(DAY_SECS.saturating_neg());
    let day = points.iter().filter(|p| p.at > from && p.at <= now);
    let last = day.clone().max_by_key(|p| p.at);
    DayStats {
        high: day.clone().map(|p| p.price).max(),
        low: day.clone().map(|p| p.price).min(),
        volume: last.and_then(|p| p.volume_24h),
        samples: day.count(),
    }
}
