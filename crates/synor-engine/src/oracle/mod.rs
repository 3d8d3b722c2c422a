//! The price oracle at work: rounds that ask the sources (`round`), what is known of prices
//! (`history`), and the rates that prices in USD are billed at (`rates`).

mod check;
mod history;
mod rates;
mod round;

use std::time::Duration;

use synor_economics::oracle::{AggregateLimits, BreakerLimits, PriceFeedAggregator};
use synor_feeds::NamedFeed;
use thiserror::Error;

pub use history::{OraclePrice, TwapKind};
pub use rates::NewRate;
pub(crate) use rates::PricedLists;

use crate::engine::Engine;
use crate::error::EngineError;

/// What an operator decides about the oracle.
#[derive(Debug, Clone)]
pub struct OracleConfig {
    /// Whom to ask.
    pub feeds: Vec<NamedFeed>,
    /// What a round is held to.
    pub aggregate: AggregateLimits,
    /// What prices are held to from round to round.
    pub breaker: BreakerLimits,
    /// Seconds between rounds.
    pub interval_secs: i64,
    /// How long a source may take for its answer.
    pub timeout: Duration,
}

/// What is wrong with an oracle's configuration.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[allow(missing_docs)]
pub enum OracleConfigError {
    #[error("oracle: it has no sources")]
    NoSources,
    #[error(
        "oracle: quorum {quorum} of {sources} sources; it must be more than half of them, so that \
         no minority makes the price, and not more than all"
    )]
    Quorum { quorum: usize, sources: usize },
    #[error("oracle: {field} must be {least} to {most}")]
    OutOfRange {
        field: &'static str,
        least: i64,
        most: i64,
    },
}

impl OracleConfig {
    /// Refuses what could not work, or would let a minority of sources make the price.
    pub fn check(&self) -> Result<(), OracleConfigError> {
        let sources = self.feeds.len();
        if sources == 0 {
            return Err(OracleConfigError::NoSources);
        }
        let quorum = self.aggregate.quorum;
        if quorum * 2 <= sources || quorum > sources {
            return Err(OracleConfigError::Quorum { quorum, sources });
        }
        let bps = |bps: u64| i64::try_from(bps).unwrap_or(i64::MAX);
        let ranges = [
            ("interval_secs", self.interval_secs, 1, 3_600),
            (
                "stale_after_secs",
                self.aggregate.stale_after_secs,
                1,
                86_400,
            ),
            (
                "spread_max_percent (in hundredths)",
                bps(self.aggregate.spread_max_bps),
                1,
                10_000,
            ),
            (
                "jump_max_percent (in hundredths)",
                bps(self.breaker.jump_max_bps),
                1,
                10_000,
            ),
            ("jump_window_secs", self.breaker.jump_window_secs, 1, 86_400),
            (
                "hold_secs",
                self.breaker.hold_secs,
                self.interval_secs,
                7 * 86_400,
            ),
        ];
        for (field, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                return Err(OracleConfigError::OutOfRange { field, least, most });
            }
        }
        Ok(())
    }

    pub(crate) const fn aggregator(&self) -> PriceFeedAggregator {
        PriceFeedAggregator {
            limits: self.aggregate,
        }
    }
}

impl Engine {
    /// The oracle's configuration, where there must be one.
    pub(crate) fn oracle(&self) -> Result<&OracleConfig, EngineError> {
        self.oracle.as_ref().ok_or(EngineError::NoOracle)
    }
}
