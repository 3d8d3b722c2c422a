//! The spot market: providers offer spare capacity, customers bid for it, and once per interval a
//! sealed double auction decides who gets what, all of it at one price.
//!
//! # The rule
//!
//! A [`Market`] is a resource with its dimensions. For each interval (an hour unless the operator
//! says otherwise) [`clear`] takes the orders that were placed before the interval starts and that
//! stand for all of it.
//!
//! 1. **Order.** The lowest ask and the highest bid come first; then the earlier `placed_at`, then
//!    the lower `sequence`, then the lower id.
//! 2. **Reserve.** An ask below the reserve price takes part as if it had asked the reserve price.
//!    Lifting never changes who comes first: among lifted asks the lower own price still does. A
//!    bid below the reserve price buys nothing.
//! 3. **Volume.** Bids and asks are matched from the front for as long as the bid is at least the
//!    ask. An exact tie trades. The last order matched on either side may be filled in part.
//! 4. **Price.** Everyone pays and is paid the *lowest price that clears the market*: the higher of
//!    the last ask that sold and the first bid, or part of one, that was left out.
//! 5. **Who serves whom** has no influence on what anyone pays; see [`Clearing::keeping`].
//!
//! # Why this price
//!
//! Let M be the number of units on offer. In the list of all units asked and bid, from the dearest
//! to the cheapest, every price from the (M+1)-st to the M-th balances supply and demand (Wurman,
//! Walsh and Wellman, "Flexible double auctions for electronic commerce: theory and
//! implementation", Decision Support Systems 24, 1998), and a k-double auction takes one between
//! them. Rule 4 is the (M+1)-st price. All of them trade the same units, the most that any single
//! price can trade, and none makes a filled bid pay above its limit or a filled ask sell below its
//! price. Of these the lowest is taken because
//!
//! - it is somebody's price or the reserve, so it is a whole number of µSYNOR without a rounding,
//!   where the midpoint (k = ½) is not;
//! - it exceeds the last seller's ask only if a customer was turned away at that price, so an
//!   invoice can say what made it so;
//! - a customer who bids for one unit gains nothing by bidding less than it is worth to them, since
//!   the price is set by an ask or by a unit left out, never by the unit they get. (For a provider of
//!   one unit that holds at the other end, the M-th price.)
//!
//! No auction has that last property on both sides, loses no trade, and neither keeps nor needs
//! money (Myerson and Satterthwaite 1983). McAfee's ("A dominant strategy double auction", Journal of
//! Economic Theory 56, 1992) has it on both sides, but may give up the least valuable trade, and
//! then customers pay more than providers get. Here no trade is lost and what is paid is what is
//! earned.
//!
//! # Why whole µSYNOR per price unit
//!
//! An order's price is a [`MicroSynor`] per [`PriceUnit`], not a rational. Clearing only compares
//! prices and returns one of them, so it is exact either way; whole numbers give the market a tick,
//! without which the ties that time decides would be broken by a billionth. Where a µSYNOR is too
//! coarse, the market is quoted per more units (`1M queries`). The cost of a quantity is then an exact
//! rational ([`Clearing::cost`]) and is rounded once, on the invoice line, like every other price.

mod bill;
mod clear;
mod clearing;
mod displaced;
mod history;
mod holding;
mod order;
mod outcome;
mod pair;

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use bill::{SPOT_VERSION, SpotBill};
pub use clear::clear;
pub use clearing::Clearing;
pub use displaced::{Interruption, displaced};
pub use history::{PricePoint, last, mean};
pub use holding::Holding;
pub use order::{Ask, Bid, OrderId};
pub use outcome::{AskOutcome, BidOutcome, Filled};
pub use pair::Fill;

use super::price_unit::PriceUnit;
use crate::metering::{BaseUnit, Dimensions, ResourceType, UnitError};
use crate::money::{MicroSynor, MoneyError};
use crate::period::{Period, Timestamp};
use crate::quantity::Quantity;

/// The length of an interval in seconds, unless the operator sets another: an hour.
pub const INTERVAL_SECS: i64 = 3_600;

/// Why an order was refused or an interval could not be cleared.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SpotError {
    /// The quantity of an order is not between 1 and [`Quantity::EVENT_MAX`] base units.
    #[error(
        "{order} is for {quantity} base units; it must be for 1 to {}",
        Quantity::EVENT_MAX
    )]
    Quantity {
        /// The order.
        order: OrderId,
        /// Its quantity in base units.
        quantity: Quantity,
    },
    /// The price of an order is below zero.
    #[error("{order} has a price of {price}, which is below zero")]
    Price {
        /// The order.
        order: OrderId,
        /// Its price per price unit.
        price: MicroSynor,
    },
    /// An order is priced in another unit than its market.
    #[error("{order} is priced per {per}, its market per {wanted}")]
    OrderUnit {
        /// The order.
        order: OrderId,
        /// The order's unit.
        per: Box<PriceUnit>,
        /// The market's unit.
        wanted: Box<PriceUnit>,
    },
    /// Two orders have the same id.
    #[error("{order} is in the book twice")]
    Duplicate {
        /// The order.
        order: OrderId,
    },
    /// The resource is not measured in the market's unit.
    #[error("{resource} is billed in {base_unit}, which {per} is no multiple of")]
    MarketUnit {
        /// The resource.
        resource: ResourceType,
        /// What it is billed in.
        base_unit: BaseUnit,
        /// The unit it was to be priced in.
        per: PriceUnit,
    },
    /// The resource cannot be priced without a dimension that the market lacks.
    #[error("a market for {resource} needs the dimension {dimension}")]
    NoDimension {
        /// The resource.
        resource: ResourceType,
        /// The dimension.
        dimension: &'static str,
    },
    /// The reserve price is below zero.
    #[error("the reserve price {0} is below zero")]
    Reserve(MicroSynor),
    /// An interval must be at least a second long.
    #[error("an interval of {0} seconds is not above zero")]
    Length(i64),
    /// The interval's start is not a whole number of intervals after 1970.
    #[error("the interval from {start} to {end} does not start at a multiple of its length")]
    Unaligned {
        /// Start, inclusive.
        start: Timestamp,
        /// End, exclusive.
        end: Timestamp,
    },
    /// The interval reaches past the integers that time is kept in.
    #[error("the interval of {secs} seconds around {at} is outside the calendar")]
    OutOfRange {
        /// An instant in it.
        at: Timestamp,
        /// Its length in seconds.
        secs: i64,
    },
    /// Two clearings are not of one market and of adjacent intervals of one length.
    #[error("the clearing of {market} from {start} does not follow the one of {previous} to {end}")]
    NotConsecutive {
        /// The earlier clearing's market.
        previous: Market,
        /// The earlier clearing's end.
        end: Timestamp,
        /// The later clearing's market.
        market: Market,
        /// The later clearing's start.
        start: Timestamp,
    },
    /// Nothing was traded, so there is no price.
    #[error("nothing was traded in {market} from {start}, so there is no price")]
    NotTraded {
        /// The market.
        market: Market,
        /// The start of the interval.
        start: Timestamp,
    },
    /// The unit of the price cannot be applied.
    #[error(transparent)]
    Unit(#[from] UnitError),
    /// The amount does not fit.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// What is traded: a resource with the dimensions that make it one good, such as a GPU model. Only
/// orders with exactly these meet.
///
/// ```
/// use synor_economics::metering::{Dimensions, ResourceType};
/// use synor_economics::pricing::spot::Market;
/// let dimensions = Dimensions::from([("gpu_model".to_owned(), "rtx4090".to_owned())]);
/// let market = Market { resource: ResourceType::ComputeGpu, dimensions };
/// assert_eq!(market.to_string(), "compute.gpu (gpu_model rtx4090)");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Market {
    /// What is traded.
    pub resource: ResourceType,
    /// With which dimensions.
    #[serde(skip_serializing_if = "Dimensions::is_empty", default)]
    pub dimensions: Dimensions,
}

impl fmt::Display for Market {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self
            .dimensions
            .iter()
            .map(|(k, v)| format!("{k} {v}"))
            .collect();
        if words.is_empty() {
            self.resource.fmt(f)
        } else {
            f.pad(&format!("{} ({})", self.resource, words.join(", ")))
        }
    }
}

/// The interval of `secs` seconds that contains an instant, aligned to whole multiples of its length
/// since 1970. The next one contains this one's end.
///
/// ```
/// use synor_economics::period::Timestamp;
/// use synor_economics::pricing::spot::{INTERVAL_SECS, interval_containing};
/// let interval = interval_containing(Timestamp::parse("2026-03-01T10:59:59Z")?, INTERVAL_SECS)?;
/// assert_eq!(interval.start(), Timestamp::parse("2026-03-01T10:00:00Z")?);
/// assert_eq!(interval.end(), Timestamp::parse("2026-03-01T11:00:00Z")?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn interval_containing(at: Timestamp, secs: i64) -> Result<Period, SpotError> {
    if secs <= 0 {
        return Err(SpotError::Length(secs));
    }
    let start = at
        .secs()
        .div_euclid(secs)
        .checked_mul(secs)
        .ok_or(SpotError::OutOfRange { at, secs })?;
    let end = start
        .checked_add(secs)
        .ok_or(SpotError::OutOfRange { at, secs })?;
    Period::new(Timestamp::from_secs(start), Timestamp::from_secs(end))
        .map_err(|_| SpotError::OutOfRange { at, secs })
}

/// One auction: a market, the unit its prices are for, an interval and a reserve price that go
/// together.
///
/// ```
/// use synor_economics::metering::{Dimensions, ResourceType};
/// use synor_economics::money::MicroSynor;
/// use synor_economics::period::Timestamp;
/// use synor_economics::pricing::spot::{INTERVAL_SECS, Market, Round, SpotError, interval_containing};
/// let market = Market { resource: ResourceType::ComputeCpu, dimensions: Dimensions::new() };
/// let interval = interval_containing(Timestamp::parse("2026-03-01T10:00:00Z")?, INTERVAL_SECS)?;
/// let reserve = MicroSynor::new(5_000); // µSYNOR per core-hour
/// let round = Round::new(market.clone(), "core-hour".parse()?, interval, reserve)?;
/// assert_eq!(round.reserve().to_string(), "0.005000 SYNOR");
/// // Cores are not sold by the gigabyte.
/// let refused = Round::new(market, "GB".parse()?, interval, reserve);
/// assert!(matches!(refused, Err(SpotError::MarketUnit { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    market: Market,
    per: PriceUnit,
    interval: Period,
    reserve: MicroSynor,
}

impl Round {
    /// An auction of `market` for an aligned interval, with prices and the reserve price in µSYNOR
    /// per `per`. Refuses a unit that does not measure the resource, a market without the dimension
    /// its resource needs, a reserve price below zero (zero is none), and an interval that does not
    /// start at a multiple of its length.
    pub fn new(
        market: Market,
        per: PriceUnit,
        interval: Period,
        reserve: MicroSynor,
    ) -> Result<Self, SpotError> {
        let resource = market.resource;
        let spec = resource.spec();
        if per.unit().base() != spec.base_unit {
            let base_unit = spec.base_unit;
            return Err(SpotError::MarketUnit {
                resource,
                base_unit,
                per,
            });
        }
        if let Some(dimension) = spec.required_dimension
            && !market.dimensions.contains_key(dimension)
        {
            return Err(SpotError::NoDimension {
                resource,
                dimension,
            });
        }
        if reserve.is_negative() {
            return Err(SpotError::Reserve(reserve));
        }
        let (start, end) = (interval.start(), interval.end());
        if interval_containing(start, interval.secs())? != interval {
            return Err(SpotError::Unaligned { start, end });
        }
        Ok(Self {
            market,
            per,
            interval,
            reserve,
        })
    }

    /// What is traded.
    pub const fn market(&self) -> &Market {
        &self.market
    }

    /// What all prices are for.
    pub const fn per(&self) -> &PriceUnit {
        &self.per
    }

    /// When the capacity is used.
    pub const fn interval(&self) -> Period {
        self.interval
    }

    /// The price in µSYNOR per price unit below which nothing is sold.
    pub const fn reserve(&self) -> MicroSynor {
        self.reserve
    }
}
