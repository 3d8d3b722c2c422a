//! The spot market's documents: markets, orders, what was decided, and what follows from it for
//! each account.

use serde::{Deserialize, Serialize};
use synor_economics::money::{MicroSynor, MoneyError};
use synor_economics::period::{Period, Timestamp};
use synor_economics::pricing::PriceUnit;
use synor_economics::pricing::spot::{
    Ask, Bid, Clearing, Holding, Interruption, Market, PricePoint,
};
use synor_economics::quantity::Quantity;

use crate::document::{Document, Keys, Kind};

/// The name of a market: `compute.gpu/gpu_model=rtx4090`.
pub fn spot_market_id(market: &Market) -> String {
    let mut id = market.resource.to_string();
    for (name, value) in &market.dimensions {
        id = format!("{id}/{name}={value}");
    }
    id
}

/// The name of a market's interval: `compute.cpu@1767225600+3600`.
pub fn spot_interval_id(market: &Market, interval: Period) -> String {
    let (market, start) = (spot_market_id(market), interval.start().secs());
    format!("{market}@{start}+{}", interval.secs())
}

/// A market, with what its orders share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpotMarket {
    /// What is traded.
    #[serde(flatten)]
    pub market: Market,
    /// What all its prices are for; it never changes.
    pub per: PriceUnit,
    /// The price in µSYNOR per price unit below which nothing is sold; zero is none.
    pub reserve_micro_synor: MicroSynor,
    /// How many orders were placed in it.
    pub orders: u64,
    /// Since when there is one.
    pub opened_at: Timestamp,
    /// The end of the last interval that was decided; none before the first.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cleared_until: Option<Timestamp>,
}

/// An ask in the book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpotAsk {
    /// The ask.
    #[serde(flatten)]
    pub ask: Ask,
    /// Whether it may take part in an interval that has not been decided yet.
    pub is_open: bool,
}

/// A bid in the book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpotBid {
    /// The bid.
    #[serde(flatten)]
    pub bid: Bid,
    /// Whether it may take part in an interval that has not been decided yet.
    pub is_open: bool,
}

/// What was decided for an interval, once and for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpotClearing {
    /// The decision.
    pub clearing: Clearing,
    /// The reserve price that it was made with, in µSYNOR per price unit.
    pub reserve_micro_synor: MicroSynor,
    /// Who held capacity in the interval before and holds less in this one.
    pub interruptions: Vec<Interruption>,
    /// When it was made.
    pub cleared_at: Timestamp,
}

/// A customer's work that was stopped because others paid more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpotInterruption {
    /// What is lost.
    #[serde(flatten)]
    pub market: Market,
    /// Whose, when, and how much.
    #[serde(flatten)]
    pub interruption: Interruption,
}

impl Document for SpotMarket {
    const KIND: Kind = Kind::SpotMarket;
    fn keys(&self) -> Keys {
        Keys {
            id: spot_market_id(&self.market),
            sort_key: self.opened_at.secs(),
            ..Keys::default()
        }
    }
    fn check(&self) -> Result<(), String> {
        let holds = !self.reserve_micro_synor.is_negative();
        holds
            .then_some(())
            .ok_or_else(|| "its reserve price is below zero".to_owned())
    }
}

impl Document for SpotAsk {
    const KIND: Kind = Kind::SpotAsk;
    fn keys(&self) -> Keys {
        Keys {
            id: self.ask.ask_id.to_string(),
            sort_key: self.ask.placed_at.secs(),
            is_open: self.is_open,
            ..Keys::default()
        }
    }
    fn check(&self) -> Result<(), String> {
        self.ask.check(&self.ask.per).map_err(|e| e.to_string())
    }
}

impl Document for SpotBid {
    const KIND: Kind = Kind::SpotBid;
    fn keys(&self) -> Keys {
        Keys {
            id: self.bid.bid_id.to_string(),
            account: Some(self.bid.account.clone()),
            lookup: None,
            sort_key: self.bid.placed_at.secs(),
            is_open: self.is_open,
        }
    }
    fn check(&self) -> Result<(), String> {
        self.bid.check(&self.bid.per).map_err(|e| e.to_string())
    }
}

impl Document for SpotClearing {
    const KIND: Kind = Kind::SpotClearing;
    fn keys(&self) -> Keys {
        Keys {
            id: spot_interval_id(&self.clearing.market, self.clearing.interval),
            sort_key: self.clearing.interval.start().secs(),
            ..Keys::default()
        }
    }
    fn check(&self) -> Result<(), String> {
        let clearing = &self.clearing;
        let sums = [
            sum(clearing.fills.iter().map(|fill| fill.quantity)),
            sum(clearing.asks.iter().map(|ask| ask.sold)),
            sum(clearing.bids.iter().map(|bid| bid.held)),
        ];
        let holds = sums.iter().all(|sum| *sum == Ok(clearing.traded));
        holds
            .then_some(())
            .ok_or_else(|| "what was sold, what is held and what was traded differ".to_owned())
    }
}

impl Document for Holding {
    const KIND: Kind = Kind::SpotHolding;
    fn keys(&self) -> Keys {
        let interval = spot_interval_id(&self.market, self.interval);
        Keys {
            id: format!("{interval}/{}", self.account),
            account: Some(self.account.clone()),
            sort_key: self.interval.start().secs(),
            ..Keys::default()
        }
    }
    fn check(&self) -> Result<(), String> {
        (sum(self.providers.values().copied()) == Ok(self.held))
            .then_some(())
            .ok_or_else(|| "its parts are not the whole".to_owned())
    }
}

fn sum(parts: impl IntoIterator<Item = Quantity>) -> Result<Quantity, MoneyError> {
    let mut parts = parts.into_iter();
    parts.try_fold(Quantity::ZERO, Quantity::checked_add)
}

impl Document for PricePoint {
    const KIND: Kind = Kind::SpotPrice;
    fn keys(&self) -> Keys {
        Keys {
            id: spot_interval_id(&self.market, self.interval),
            sort_key: self.interval.start().secs(),
            ..Keys::default()
        }
    }
}

impl Document for SpotInterruption {
    const KIND: Kind = Kind::SpotInterruption;
    fn keys(&self) -> Keys {
        let Interruption { bid, at, .. } = &self.interruption;
        Keys {
            id: format!("{bid}@{}", at.secs()),
            account: Some(self.interruption.account.clone()),
            sort_key: at.secs(),
            ..Keys::default()
        }
    }
}
