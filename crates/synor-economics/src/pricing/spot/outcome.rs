//! What became of an order.

use serde::{Deserialize, Serialize};

use super::{Ask, Bid};
use crate::id::{AccountId, AskId, BidId, ProviderId};
use crate::money::{MicroSynor, MoneyError};
use crate::quantity::Quantity;

/// How much of what an order was for it got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filled {
    /// All of it.
    Full,
    /// Some of it; at most one order of each side, the last.
    Partial,
    /// Nothing.
    Unfilled,
}

impl Filled {
    fn of(got: Quantity, all: Quantity) -> Self {
        if got.is_zero() {
            Self::Unfilled
        } else if got < all {
            Self::Partial
        } else {
            Self::Full
        }
    }
}

/// What became of an ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskOutcome {
    /// The ask.
    pub ask: AskId,
    /// Who serves and is paid.
    pub provider: ProviderId,
    /// What was asked, in µSYNOR per price unit, before the reserve price lifted it.
    pub price_micro_synor: MicroSynor,
    /// How much was offered, in base units.
    pub offered: Quantity,
    /// How much of it was sold, in base units.
    pub sold: Quantity,
}

impl AskOutcome {
    pub(super) fn unsold(ask: &Ask) -> Self {
        Self {
            ask: ask.ask_id,
            provider: ask.provider.clone(),
            price_micro_synor: ask.price_micro_synor,
            offered: ask.quantity,
            sold: Quantity::ZERO,
        }
    }

    pub(super) fn left(&self) -> Result<Quantity, MoneyError> {
        self.offered.checked_sub(self.sold)
    }

    /// Whether all, some or none of it was sold.
    ///
    /// ```
    /// # use synor_economics::{id::AskId, money::MicroSynor, quantity::Quantity};
    /// use synor_economics::pricing::spot::{AskOutcome, Filled};
    /// let outcome = AskOutcome {
    ///     ask: AskId::derived(&["node-1", "1"]),
    ///     provider: "node-1".parse()?,
    ///     price_micro_synor: MicroSynor::new(8_000), // per core-hour
    ///     offered: Quantity::new(3_600_000), // core-milliseconds
    ///     sold: Quantity::new(1_800_000),
    /// };
    /// assert_eq!(outcome.filled(), Filled::Partial);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn filled(&self) -> Filled {
        Filled::of(self.sold, self.offered)
    }
}

/// What became of a bid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BidOutcome {
    /// The bid.
    pub bid: BidId,
    /// Who pays.
    pub account: AccountId,
    /// What was bid at most, in µSYNOR per price unit.
    pub limit_micro_synor: MicroSynor,
    /// How much was wanted, in base units.
    pub wanted: Quantity,
    /// How much of it the bid holds for the interval, in base units.
    pub held: Quantity,
}

impl BidOutcome {
    pub(super) fn unfilled(bid: &Bid) -> Self {
        Self {
            bid: bid.bid_id,
            account: bid.account.clone(),
            limit_micro_synor: bid.limit_micro_synor,
            wanted: bid.quantity,
            held: Quantity::ZERO,
        }
    }

    pub(super) fn left(&self) -> Result<Quantity, MoneyError> {
        self.wanted.checked_sub(self.held)
    }

    /// Whether the bid holds all, some or none of what it wanted.
    ///
    /// ```
    /// # use synor_economics::{id::BidId, money::MicroSynor, quantity::Quantity};
    /// use synor_economics::pricing::spot::{BidOutcome, Filled};
    /// let outcome = BidOutcome {
    ///     bid: BidId::derived(&["acme", "1"]),
    ///     account: "acme".parse()?,
    ///     limit_micro_synor: MicroSynor::new(9_000), // per core-hour
    ///     wanted: Quantity::new(3_600_000), // core-milliseconds
    ///     held: Quantity::ZERO,
    /// };
    /// assert_eq!(outcome.filled(), Filled::Unfilled);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn filled(&self) -> Filled {
        Filled::of(self.held, self.wanted)
    }
}
