//! The price oracle: what a SYNOR is worth in USD, from several sources of which some may lie.
//!
//! A round asks every source (`price_feed`), drops what is stale, failed or outlying and takes the
//! median (`aggregate`), and passes it through a breaker (`breaker`). Good rounds make a history
//! (`history`), of which time-weighted averages are taken (`twap`), and of those the rate of a
//! period (`rate`). How a pool's or a feed's own numbers become a price is in `uniswap`,
//! `tick_math` and `chainlink`. All of it is in whole numbers.

pub mod aggregate;
pub mod breaker;
pub mod chainlink;
pub mod history;
mod price;
pub mod price_feed;
pub mod rate;
pub mod report;
pub mod tick_math;
pub mod twap;
pub mod uniswap;

pub use aggregate::{
    AggregateLimits, AggregatedPrice, Confidence, Outcome, PriceFeedAggregator, SourceReport,
};
pub use breaker::{Breaker, BreakerLimits, Standing, Trip};
pub use history::{DayStats, HistoryPoint, day_stats};
pub use price::{Price, PriceError};
pub use price_feed::{Answer, PriceSource, Quote};
pub use rate::{RateOrigin, UsdRate};
pub use twap::{Twap, TwapError, arithmetic, exponential};
