//! The rate of a billed period: at what a SYNOR counts where prices are in USD, and where that is
//! from.
//!
//! A period's rate is the time-weighted average of the last day before its end: near to when it is
//! paid, and a day is what a manipulator would have to hold.

use serde::{Deserialize, Serialize};

use super::history::HistoryPoint;
use super::price::Price;
use super::twap::{TwapError, arithmetic};
use crate::money::Exact;
use crate::period::{DAY_SECS, Period, Timestamp};

/// How long before a period's end the average begins.
pub const RATE_WINDOW_SECS: i64 = DAY_SECS;

/// Where a rate is from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "origin", rename_all = "snake_case")]
pub enum RateOrigin {
    /// The average of the oracle's prices.
    Twap {
        /// Over which window.
        window: Period,
        /// For how many seconds of it there was a price.
        covered_secs: u64,
        /// For how many seconds a price held in it without a next one.
        hold_secs: i64,
        /// Of how many prices.
        samples: usize,
        /// The sources that they follow from.
        sources: Vec<String>,
    },
    /// The price of the moment, for what is not billed yet.
    Spot {
        /// When it was found.
        at: Timestamp,
    },
    /// An operator's word.
    Manual {
        /// Why.
        reason: String,
    },
}

/// What a SYNOR counts at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsdRate {
    /// USD for one SYNOR: six decimals, or eight digits where that is more.
    pub usd_per_synor: Price,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// Where it is from.
    #[serde(flatten)]
    pub origin: RateOrigin,
}

impl UsdRate {
    /// The rate of a period that ends at `end`, from the history of prices in order of time.
    pub fn of_period(
        points: &[HistoryPoint],
        end: Timestamp,
        hold_secs: i64,
        now: Timestamp,
    ) -> Result<Self, TwapError> {
        let start = end.plus_secs(RATE_WINDOW_SECS.saturating_neg());
        let thin = TwapError::Thin {
            covered_secs: 0,
            window_secs: RATE_WINDOW_SECS.unsigned_abs(),
        };
        let window = Period::new(start, end).map_err(|_| thin)?;
        let twap = arithmetic(points, window, hold_secs)?;
        Ok(Self {
            usd_per_synor: twap.price.as_rate(),
            decided_at: now,
            origin: RateOrigin::Twap {
                window,
                covered_secs: twap.covered_secs,
                hold_secs,
                samples: twap.samples,
                sources: twap.sources,
            },
        })
    }

    /// The rate at a price of the moment.
    pub fn spot(price: Price, at: Timestamp, now: Timestamp) -> Self {
        Self {
            usd_per_synor: price.as_rate(),
            decided_at: now,
            origin: RateOrigin::Spot { at },
        }
    }

    /// The rate as an exact number.
    pub fn exact(&self) -> Exact {
        self.usd_per_synor.exact()
    }

    /// Where the rate is from, in a few words.
    pub fn describe(&self) -> String {
        match &self.origin {
            RateOrigin::Twap {
                window,
                covered_secs,
                samples,
                sources,
                ..
            } => format!(
                "the average from {} to {} of {samples} prices ({covered_secs} s covered) from {}",
                window.start(),
                window.end(),
                sources.join(", ")
            ),
            RateOrigin::Spot { at } => format!("the price at {at}; the bill's will be another"),
            RateOrigin::Manual { reason } => {
                format!("set by an operator at {}: {reason}", self.decided_at)
            }
        }
    }
}
