//! Who serves whom, once it is decided how much every order gets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{AskOutcome, BidOutcome};
use crate::id::{AskId, BidId};
use crate::money::MoneyError;
use crate::quantity::Quantity;

/// Capacity of one ask that goes to one bid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fill {
    /// Who gets it.
    pub bid: BidId,
    /// Whose it is.
    pub ask: AskId,
    /// How much in the interval, in base units, above zero.
    pub quantity: Quantity,
}

/// Who serves whom: first the pairs to keep, by the place of their bid and ask, as far as both still
/// trade; then the rest from the front.
pub(super) fn pair(
    asks: &[AskOutcome],
    bids: &[BidOutcome],
    kept: BTreeMap<(usize, usize), Quantity>,
) -> Result<Vec<Fill>, MoneyError> {
    let mut sold: Vec<_> = asks.iter().map(|ask| ask.sold).collect();
    let mut held: Vec<_> = bids.iter().map(|bid| bid.held).collect();
    let mut pairs: BTreeMap<(usize, usize), Quantity> = BTreeMap::new();
    let mut take = |(bid, ask): (usize, usize), most: Quantity| -> Result<bool, MoneyError> {
        let (Some(held), Some(sold)) = (held.get_mut(bid), sold.get_mut(ask)) else {
            return Ok(false);
        };
        let quantity = most.min(*held).min(*sold);
        if quantity > Quantity::ZERO {
            *held = held.checked_sub(quantity)?;
            *sold = sold.checked_sub(quantity)?;
            let pair = pairs.entry((bid, ask)).or_default();
            *pair = pair.checked_add(quantity)?;
        }
        Ok(held.is_zero())
    };
    for (places, most) in kept {
        take(places, most)?;
    }
    let (mut bid, mut ask) = (0usize, 0usize);
    while bid < bids.len() && ask < asks.len() {
        // One of the two is used up afterwards.
        if take((bid, ask), Quantity::new(i128::MAX))? {
            bid = bid.saturating_add(1);
        } else {
            ask = ask.saturating_add(1);
        }
    }
    let fill = |((bid, ask), quantity): ((usize, usize), Quantity)| {
        Some(Fill {
            bid: bids.get(bid)?.bid,
            ask: asks.get(ask)?.ask,
            quantity,
        })
    };
    Ok(pairs.into_iter().filter_map(fill).collect())
}
