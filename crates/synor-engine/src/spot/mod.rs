//! The spot market as a service: a book of orders for each market, decided once for each interval
//! when it starts, and usage priced by what was decided. The rule of the auction is
//! [`synor_economics::pricing::spot`]; `docs/spot-market.md` says what it means for people.

mod check;
mod clear;
mod market;
mod orders;
mod rate;

pub use market::SpotPrices;
pub use orders::NewSpotOrder;

use synor_economics::period::{DAY_SECS, Period, Timestamp};
use synor_economics::pricing::spot::{Market, SpotError, interval_containing};
use synor_store::{Scope, spot_market_id};

use crate::engine::Engine;
use crate::error::EngineError;

/// The shortest interval that an operator may set, in seconds: a withdrawn order is left standing
/// for a second, which must not be a whole interval.
pub const SPOT_INTERVAL_SECS_MIN: i64 = 2;
/// The longest interval that an operator may set, in seconds: a day.
pub const SPOT_INTERVAL_SECS_MAX: i64 = DAY_SECS;

impl Engine {
    /// The interval that contains an instant.
    fn interval_at(&self, at: Timestamp) -> Result<Period, SpotError> {
        interval_containing(at, self.spot_interval_secs)
    }
}

fn scope_of(market: &Market) -> Scope {
    Scope::SpotMarket(spot_market_id(market))
}

fn invalid(field: &'static str, reason: impl Into<String>) -> EngineError {
    let reason = reason.into();
    EngineError::Invalid { field, reason }
}
