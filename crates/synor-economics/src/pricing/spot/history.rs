//! What capacity has cost: one point for each interval in which it was traded.

use serde::{Deserialize, Serialize};

use super::Market;
use crate::money::{Exact, MicroSynor, MoneyError};
use crate::period::Period;
use crate::pricing::PriceUnit;
use crate::quantity::Quantity;

/// The price of an interval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PricePoint {
    /// What was traded.
    #[serde(flatten)]
    pub market: Market,
    /// What the price is for.
    pub per: PriceUnit,
    /// When.
    pub interval: Period,
    /// The clearing price in µSYNOR per price unit.
    pub price_micro_synor: MicroSynor,
    /// How much was traded, in base units.
    pub traded: Quantity,
}

/// The latest of a market's points, whatever their order.
///
/// ```
/// # use synor_economics::metering::{Dimensions, ResourceType};
/// # use synor_economics::{money::MicroSynor, period::Timestamp, quantity::Quantity};
/// # use synor_economics::pricing::spot::{Market, PricePoint, interval_containing, last};
/// # let point = |start, price| PricePoint {
/// #     market: Market { resource: ResourceType::ComputeCpu, dimensions: Dimensions::new() },
/// #     per: "core-hour".parse().unwrap(),
/// #     interval: interval_containing(Timestamp::from_secs(start), 3_600).unwrap(),
/// #     price_micro_synor: MicroSynor::new(price),
/// #     traded: Quantity::new(3_600_000),
/// # };
/// let points = [point(3_600, 9_000), point(0, 8_000)]; // µSYNOR per core-hour
/// assert_eq!(last(&points).unwrap().price_micro_synor.micro(), 9_000);
/// ```
pub fn last(points: &[PricePoint]) -> Option<&PricePoint> {
    points.iter().max_by_key(|point| point.interval.start())
}

/// The mean of a market's prices over the intervals that lie wholly in the window, in exact µSYNOR
/// per price unit; none if nothing was traded in it. Every interval counts alike, whatever its
/// volume, so a single large order weighs no more than a small one. The points must be of one market
/// and unit. `Overflow` if the sum does not fit.
///
/// ```
/// # use synor_economics::metering::{Dimensions, ResourceType};
/// # use synor_economics::period::{Period, Timestamp};
/// # use synor_economics::{money::{Exact, MicroSynor}, quantity::Quantity};
/// # use synor_economics::pricing::spot::{Market, PricePoint, interval_containing, mean};
/// # let at = Timestamp::from_secs;
/// # let point = |start, price| PricePoint {
/// #     market: Market { resource: ResourceType::ComputeCpu, dimensions: Dimensions::new() },
/// #     per: "core-hour".parse().unwrap(),
/// #     interval: interval_containing(at(start), 3_600).unwrap(),
/// #     price_micro_synor: MicroSynor::new(price),
/// #     traded: Quantity::new(3_600_000),
/// # };
/// let points = [point(0, 8_000), point(3_600, 9_001), point(7_200, 50_000)];
/// let two_hours = Period::new(at(0), at(7_200))?;
/// assert_eq!(mean(&points, two_hours)?, Exact::new(17_001, 2)); // µSYNOR per core-hour
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn mean(points: &[PricePoint], window: Period) -> Result<Option<Exact>, MoneyError> {
    let mut sum = Exact::ZERO;
    let mut count: i128 = 0;
    for point in points {
        let interval = point.interval;
        if window.start() <= interval.start() && interval.end() <= window.end() {
            let price = i128::from(point.price_micro_synor.micro());
            sum = sum.checked_add(Exact::from_integer(price))?;
            count = count.checked_add(1).ok_or(MoneyError::Overflow)?;
        }
    }
    if count == 0 {
        return Ok(None);
    }
    sum.checked_div(Exact::from_integer(count)).map(Some)
}
