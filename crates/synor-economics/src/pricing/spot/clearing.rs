//! What an auction decided, and what it means for the bill.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::displaced::consecutive;
use super::pair::pair;
use super::{AskOutcome, BidOutcome, Fill, Filled, Market, PricePoint, SpotError};
use crate::id::BidId;
use crate::money::{Exact, MicroSynor};
use crate::period::Period;
use crate::pricing::PriceUnit;
use crate::quantity::Quantity;

/// What an auction decided for one interval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clearing {
    /// What was traded.
    #[serde(flatten)]
    pub market: Market,
    /// What the price is for.
    pub per: PriceUnit,
    /// When the capacity is used.
    pub interval: Period,
    /// What everyone pays and is paid, in µSYNOR per price unit; none if nothing was traded.
    pub price_micro_synor: Option<MicroSynor>,
    /// How much was traded, in base units: the sum of the fills, of what the asks sold, and of what
    /// the bids hold.
    pub traded: Quantity,
    /// Who serves whom, in the order of the bids, then of the asks; a pair comes once.
    pub fills: Vec<Fill>,
    /// Every ask that took part, the first to sell first.
    pub asks: Vec<AskOutcome>,
    /// Every bid that took part, the first to be filled first.
    pub bids: Vec<BidOutcome>,
}

impl Clearing {
    /// What a quantity in base units costs at the clearing price, in exact µSYNOR, in a month of
    /// `month_secs` seconds (which only units such as GB-month depend on). `NotTraded` if there is
    /// no price, `Overflow` if the cost does not fit.
    ///
    /// ```
    /// # use synor_economics::{metering::{Dimensions, ResourceType}, quantity::Quantity};
    /// # use synor_economics::money::{Exact, MicroSynor};
    /// # use synor_economics::{period::Timestamp, pricing::spot::{Clearing, Market, interval_containing}};
    /// # let empty = Clearing {
    /// #     market: Market { resource: ResourceType::ComputeCpu, dimensions: Dimensions::new() },
    /// #     per: "core-hour".parse()?,
    /// #     interval: interval_containing(Timestamp::from_secs(0), 3_600)?,
    /// #     price_micro_synor: None,
    /// #     traded: Quantity::ZERO,
    /// #     fills: vec![],
    /// #     asks: vec![],
    /// #     bids: vec![],
    /// # };
    /// let price_micro_synor = Some(MicroSynor::new(9_000)); // per core-hour
    /// let clearing = Clearing { price_micro_synor, ..empty };
    /// let quarter_second = Quantity::new(250); // core-milliseconds
    /// let cost = clearing.cost(quarter_second, 31 * 86_400)?;
    /// assert_eq!(Some(cost), Exact::new(5, 8)); // µSYNOR
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn cost(&self, quantity: Quantity, month_secs: i64) -> Result<Exact, SpotError> {
        let price = self.price_micro_synor.ok_or_else(|| SpotError::NotTraded {
            market: self.market.clone(),
            start: self.interval.start(),
        })?;
        let units = self.per.count_of(quantity, month_secs)?;
        Ok(units.checked_mul(Exact::from_integer(i128::from(price.micro())))?)
    }

    /// The part of `ran` that the bid may be charged for by this clearing: what lies in the
    /// interval, if the bid holds capacity in it. A displaced customer whose work runs on is not
    /// charged past the interval's end.
    ///
    /// ```
    /// # use synor_economics::{id::BidId, metering::{Dimensions, ResourceType}, quantity::Quantity};
    /// # use synor_economics::{money::MicroSynor, period::{Period, Timestamp}};
    /// # use synor_economics::pricing::spot::{BidOutcome, Clearing, Market, interval_containing};
    /// # let at = Timestamp::from_secs;
    /// # let bid = BidId::derived(&["acme", "1"]);
    /// # let clearing = Clearing {
    /// #     market: Market { resource: ResourceType::ComputeCpu, dimensions: Dimensions::new() },
    /// #     per: "core-hour".parse()?,
    /// #     interval: interval_containing(at(0), 3_600)?,
    /// #     price_micro_synor: Some(MicroSynor::new(9_000)),
    /// #     traded: Quantity::new(3_600_000),
    /// #     fills: vec![],
    /// #     asks: vec![],
    /// #     bids: vec![BidOutcome {
    /// #         bid,
    /// #         account: "acme".parse()?,
    /// #         limit_micro_synor: MicroSynor::new(9_000),
    /// #         wanted: Quantity::new(3_600_000),
    /// #         held: Quantity::new(3_600_000),
    /// #     }],
    /// # };
    /// // Stopped thirty seconds after the hour in which the capacity was held.
    /// let ran = Period::new(at(600), at(3_630))?;
    /// assert_eq!(clearing.chargeable(bid, ran), Some(Period::new(at(600), at(3_600))?));
    /// assert_eq!(clearing.chargeable(BidId::derived(&["another"]), ran), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn chargeable(&self, bid: BidId, ran: Period) -> Option<Period> {
        let outcome = self.bids.iter().find(|outcome| outcome.bid == bid)?;
        let start = ran.start().max(self.interval.start());
        let end = ran.end().min(self.interval.end());
        (outcome.filled() != Filled::Unfilled)
            .then(|| Period::new(start, end).ok())
            .flatten()
    }

    /// The interval's entry in the price history; none if nothing was traded.
    ///
    /// ```
    /// # use synor_economics::{metering::{Dimensions, ResourceType}, quantity::Quantity};
    /// # use synor_economics::{money::MicroSynor, period::Timestamp};
    /// # use synor_economics::pricing::spot::{Clearing, Market, interval_containing};
    /// # let mut clearing = Clearing {
    /// #     market: Market { resource: ResourceType::ComputeCpu, dimensions: Dimensions::new() },
    /// #     per: "core-hour".parse()?,
    /// #     interval: interval_containing(Timestamp::from_secs(0), 3_600)?,
    /// #     price_micro_synor: None,
    /// #     traded: Quantity::ZERO,
    /// #     fills: vec![],
    /// #     asks: vec![],
    /// #     bids: vec![],
    /// # };
    /// assert!(clearing.price_point().is_none());
    /// clearing.price_micro_synor = Some(MicroSynor::new(9_000)); // per core-hour
    /// assert_eq!(clearing.price_point().unwrap().price_micro_synor.micro(), 9_000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn price_point(&self) -> Option<PricePoint> {
        self.price_micro_synor.map(|price_micro_synor| PricePoint {
            market: self.market.clone(),
            per: self.per.clone(),
            interval: self.interval,
            price_micro_synor,
            traded: self.traded,
        })
    }

    /// The same decision with the fills of the interval before kept as far as both orders still
    /// trade, those of the first bids first, so that work which goes on stays where it is. Without
    /// it, one new bid at the front would move everyone behind it to another provider. Price and
    /// quantities stay as they are.
    ///
    /// `NotConsecutive` if `previous` is not the same market's interval before this one.
    ///
    /// ```
    /// # use synor_economics::{id::{AskId, BidId}, metering::{Dimensions, ResourceType}};
    /// # use synor_economics::{money::MicroSynor, period::{Period, Timestamp}, quantity::Quantity};
    /// # use synor_economics::pricing::spot::{Ask, Bid, Market, Round, clear};
    /// # let at = Timestamp::from_secs;
    /// # let market = Market { resource: ResourceType::ComputeCpu, dimensions: Dimensions::new() };
    /// # let valid = Period::new(at(0), at(7_200))?;
    /// # let round = |interval| Round::new(market.clone(), "core-hour".parse().unwrap(), interval, MicroSynor::ZERO);
    /// # let (one, two) = (Period::new(at(0), at(3_600))?, Period::new(at(3_600), at(7_200))?);
    /// # let ask = |node: &str, price| Ask {
    /// #     ask_id: AskId::derived(&[node]),
    /// #     provider: node.parse().unwrap(),
    /// #     market: market.clone(),
    /// #     quantity: Quantity::new(3_600_000),
    /// #     price_micro_synor: MicroSynor::new(price),
    /// #     per: "core-hour".parse().unwrap(),
    /// #     placed_at: at(-1),
    /// #     sequence: 1,
    /// #     valid,
    /// # };
    /// # let bid = |account: &str, limit, placed_at| Bid {
    /// #     bid_id: BidId::derived(&[account]),
    /// #     account: account.parse().unwrap(),
    /// #     market: market.clone(),
    /// #     quantity: Quantity::new(3_600_000),
    /// #     limit_micro_synor: MicroSynor::new(limit),
    /// #     per: "core-hour".parse().unwrap(),
    /// #     placed_at,
    /// #     sequence: 1,
    /// #     valid,
    /// # };
    /// let asks = [ask("node-1", 7_000), ask("node-2", 8_000)]; // µSYNOR per core-hour
    /// let bids = [bid("acme", 9_000, at(-1)), bid("bolt", 12_000, at(1_800))];
    /// let before = clear(&round(one)?, &asks, &bids)?; // bolt is not there yet
    /// let now = clear(&round(two)?, &asks, &bids)?;
    /// let kept = now.clone().keeping(&before)?;
    /// assert_ne!(now.fills[1], before.fills[0]);
    /// assert_eq!(kept.fills[1], before.fills[0]); // acme stays on node-1
    /// assert_eq!(kept.bids, now.bids);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn keeping(self, previous: &Self) -> Result<Self, SpotError> {
        consecutive(previous, &self)?;
        let asks: HashMap<_, _> = (0..).zip(&self.asks).map(|(i, a)| (a.ask, i)).collect();
        let bids: HashMap<_, _> = (0..).zip(&self.bids).map(|(i, b)| (b.bid, i)).collect();
        let kept = previous
            .fills
            .iter()
            .filter_map(|fill| {
                let places = (*bids.get(&fill.bid)?, *asks.get(&fill.ask)?);
                Some((places, fill.quantity))
            })
            .collect();
        let fills = pair(&self.asks, &self.bids, kept)?;
        Ok(Self { fills, ..self })
    }
}
