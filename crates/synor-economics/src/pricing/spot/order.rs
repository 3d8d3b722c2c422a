//! What providers and customers hand in: asks and bids.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Market, Round, SpotError};
use crate::id::{AccountId, AskId, BidId, ProviderId};
use crate::money::MicroSynor;
use crate::period::{Period, Timestamp};
use crate::pricing::PriceUnit;
use crate::quantity::Quantity;

/// An offer of spare capacity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// The offer.
    pub ask_id: AskId,
    /// Who serves it and is paid for it.
    pub provider: ProviderId,
    /// What is offered.
    #[serde(flatten)]
    pub market: Market,
    /// How much of it in each interval, in base units: two GPUs for an hour are 7,200,000
    /// gpu-milliseconds.
    pub quantity: Quantity,
    /// The least that the provider takes, in µSYNOR per price unit.
    pub price_micro_synor: MicroSynor,
    /// The price unit.
    pub per: PriceUnit,
    /// When the ask was accepted. It takes part in intervals that start later.
    pub placed_at: Timestamp,
    /// Decides between asks of the same price and second: the lower comes first.
    pub sequence: u64,
    /// The ask takes part in intervals that lie wholly within. Withdrawing it cuts this short.
    pub valid: Period,
}

/// A customer's demand for spare capacity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bid {
    /// The bid.
    pub bid_id: BidId,
    /// Who pays.
    pub account: AccountId,
    /// What is wanted.
    #[serde(flatten)]
    pub market: Market,
    /// How much of it in each interval, in base units. A part of it is accepted.
    pub quantity: Quantity,
    /// The most that the customer pays, in µSYNOR per price unit.
    pub limit_micro_synor: MicroSynor,
    /// The price unit.
    pub per: PriceUnit,
    /// When the bid was accepted. It takes part in intervals that start later.
    pub placed_at: Timestamp,
    /// Decides between bids of the same limit and second: the lower comes first.
    pub sequence: u64,
    /// The bid takes part in intervals that lie wholly within. Withdrawing it cuts this short.
    pub valid: Period,
}

/// An ask or a bid, where an error may be about either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderId {
    /// An ask.
    Ask(AskId),
    /// A bid.
    Bid(BidId),
}

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ask(id) => id.fmt(f),
            Self::Bid(id) => id.fmt(f),
        }
    }
}

impl Ask {
    /// Whether the ask is for the round's market, was placed before its interval starts and stands
    /// for all of it. Orders that came later cannot change a past interval, however often it is
    /// cleared again.
    ///
    /// ```
    /// # use synor_economics::{id::AskId, metering::{Dimensions, ResourceType}, money::MicroSynor};
    /// # use synor_economics::{period::{Period, Timestamp}, quantity::Quantity};
    /// # use synor_economics::pricing::spot::{Ask, Market, Round};
    /// let at = Timestamp::from_secs;
    /// let market = Market { resource: ResourceType::ComputeCpu, dimensions: Dimensions::new() };
    /// let mut ask = Ask {
    ///     ask_id: AskId::derived(&["node-1", "1"]),
    ///     provider: "node-1".parse()?,
    ///     market: market.clone(),
    ///     quantity: Quantity::new(4 * 3_600_000), // core-milliseconds: 4 cores for an hour
    ///     price_micro_synor: MicroSynor::new(8_000), // µSYNOR per core-hour
    ///     per: "core-hour".parse()?,
    ///     placed_at: at(3_599),
    ///     sequence: 1,
    ///     valid: Period::new(at(0), at(7_200))?,
    /// };
    /// let hour = Period::new(at(3_600), at(7_200))?;
    /// let round = Round::new(market, "core-hour".parse()?, hour, MicroSynor::ZERO)?;
    /// assert!(ask.takes_part(&round));
    /// ask.placed_at = hour.start(); // a second too late
    /// assert!(!ask.takes_part(&round));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn takes_part(&self, round: &Round) -> bool {
        takes_part(round, &self.market, self.placed_at, self.valid)
    }

    /// Refuses what no round of this market could take: a quantity that is not between 1 and
    /// [`Quantity::EVENT_MAX`] base units, a price below zero, a price in another unit. Asked when
    /// the ask is placed, and again when it is cleared.
    ///
    /// ```
    /// # use synor_economics::{id::AskId, metering::{Dimensions, ResourceType}, money::MicroSynor};
    /// # use synor_economics::{period::{Period, Timestamp}, quantity::Quantity};
    /// # use synor_economics::pricing::spot::{Ask, Market};
    /// # let at = Timestamp::from_secs;
    /// # let ask = Ask {
    /// #     ask_id: AskId::derived(&["node-1", "1"]),
    /// #     provider: "node-1".parse()?,
    /// #     market: Market { resource: ResourceType::ComputeCpu, dimensions: Dimensions::new() },
    /// #     quantity: Quantity::new(3_600_000),
    /// #     price_micro_synor: MicroSynor::new(8_000),
    /// #     per: "core-hour".parse()?,
    /// #     placed_at: at(0),
    /// #     sequence: 1,
    /// #     valid: Period::new(at(0), at(7_200))?,
    /// # };
    /// let per = "core-hour".parse()?;
    /// ask.check(&per)?;
    /// let free_money = Ask { price_micro_synor: MicroSynor::new(-1), ..ask };
    /// assert!(free_money.check(&per).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn check(&self, wanted: &PriceUnit) -> Result<(), SpotError> {
        let order = OrderId::Ask(self.ask_id);
        let price = self.price_micro_synor;
        check(order, self.quantity, price, &self.per, wanted)
    }
}

impl Bid {
    /// Whether the bid is for the round's market, was placed before its interval starts and stands
    /// for all of it.
    ///
    /// ```
    /// # use synor_economics::{id::BidId, metering::{Dimensions, ResourceType}, money::MicroSynor};
    /// # use synor_economics::{period::{Period, Timestamp}, quantity::Quantity};
    /// # use synor_economics::pricing::spot::{Bid, Market, Round};
    /// let at = Timestamp::from_secs;
    /// let market = Market { resource: ResourceType::ComputeCpu, dimensions: Dimensions::new() };
    /// let mut bid = Bid {
    ///     bid_id: BidId::derived(&["acme", "1"]),
    ///     account: "acme".parse()?,
    ///     market: market.clone(),
    ///     quantity: Quantity::new(3_600_000), // core-milliseconds: a core for an hour
    ///     limit_micro_synor: MicroSynor::new(9_000), // µSYNOR per core-hour
    ///     per: "core-hour".parse()?,
    ///     placed_at: at(3_599),
    ///     sequence: 1,
    ///     valid: Period::new(at(0), at(7_200))?,
    /// };
    /// let hour = Period::new(at(3_600), at(7_200))?;
    /// let round = Round::new(market, "core-hour".parse()?, hour, MicroSynor::ZERO)?;
    /// assert!(bid.takes_part(&round));
    /// bid.valid = Period::new(at(0), at(7_199))?; // withdrawn a second before the end
    /// assert!(!bid.takes_part(&round));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn takes_part(&self, round: &Round) -> bool {
        takes_part(round, &self.market, self.placed_at, self.valid)
    }

    /// Refuses what no round of this market could take, as [`Ask::check`] does.
    ///
    /// ```
    /// # use synor_economics::{id::BidId, metering::{Dimensions, ResourceType}, money::MicroSynor};
    /// # use synor_economics::{period::{Period, Timestamp}, quantity::Quantity};
    /// # use synor_economics::pricing::spot::{Bid, Market};
    /// # let at = Timestamp::from_secs;
    /// # let bid = Bid {
    /// #     bid_id: BidId::derived(&["acme", "1"]),
    /// #     account: "acme".parse()?,
    /// #     market: Market { resource: ResourceType::ComputeCpu, dimensions: Dimensions::new() },
    /// #     quantity: Quantity::new(3_600_000),
    /// #     limit_micro_synor: MicroSynor::new(9_000),
    /// #     per: "core-hour".parse()?,
    /// #     placed_at: at(0),
    /// #     sequence: 1,
    /// #     valid: Period::new(at(0), at(7_200))?,
    /// # };
    /// bid.check(&"core-hour".parse()?)?;
    /// assert!(bid.check(&"core-second".parse()?).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn check(&self, wanted: &PriceUnit) -> Result<(), SpotError> {
        let order = OrderId::Bid(self.bid_id);
        let price = self.limit_micro_synor;
        check(order, self.quantity, price, &self.per, wanted)
    }
}

fn takes_part(round: &Round, market: &Market, placed_at: Timestamp, valid: Period) -> bool {
    let interval = round.interval();
    placed_at < interval.start()
        && valid.start() <= interval.start()
        && interval.end() <= valid.end()
        && market == round.market()
}

fn check(
    order: OrderId,
    quantity: Quantity,
    price: MicroSynor,
    per: &PriceUnit,
    wanted: &PriceUnit,
) -> Result<(), SpotError> {
    if quantity <= Quantity::ZERO || quantity > Quantity::EVENT_MAX {
        return Err(SpotError::Quantity { order, quantity });
    }
    if price.is_negative() {
        return Err(SpotError::Price { order, price });
    }
    if per != wanted {
        return Err(SpotError::OrderUnit {
            order,
            per: Box::new(per.clone()),
            wanted: Box::new(wanted.clone()),
        });
    }
    Ok(())
}
