//! Clearing an interval: sort both sides, match from the front, price at the margin. O(n log n).

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::pair::pair;
use super::{Ask, AskOutcome, Bid, BidOutcome, Clearing, OrderId, Round, SpotError};
use crate::money::{MicroSynor, MoneyError};
use crate::quantity::Quantity;

/// Decides who gets what in the round's interval, and at which price; the rule is at the top of
/// [this module](super). Orders that do not [take part](Ask::takes_part) are passed over, so a whole
/// book may be handed in. The order of the slices makes no difference.
///
/// Fails if an order that takes part does not pass its [check](Ask::check) or comes twice, or with
/// `Overflow`.
///
/// ```
/// # use synor_economics::{id::{AskId, BidId}, metering::{Dimensions, ResourceType}};
/// # use synor_economics::{money::MicroSynor, period::{Period, Timestamp}, quantity::Quantity};
/// # use synor_economics::pricing::spot::{Ask, Bid, Market, Round, clear};
/// # let at = Timestamp::from_secs;
/// # let market = Market { resource: ResourceType::ComputeCpu, dimensions: Dimensions::new() };
/// # let valid = Period::new(at(0), at(7_200))?;
/// # let round = Round::new(market.clone(), "core-hour".parse()?, valid.until(at(3_600)).unwrap(), MicroSynor::ZERO)?;
/// # let placed_at = at(-1);
/// let hours = |n: i128| Quantity::new(n * 3_600_000); // core-milliseconds
/// let ask = Ask {
///     ask_id: AskId::derived(&["node-1", "1"]),
///     provider: "node-1".parse()?,
///     quantity: hours(4),
///     price_micro_synor: MicroSynor::new(8_000), // µSYNOR per core-hour
///     // …
/// #   market: market.clone(), per: "core-hour".parse()?, placed_at, sequence: 1, valid,
/// };
/// let first = Bid {
///     bid_id: BidId::derived(&["acme", "1"]),
///     account: "acme".parse()?,
///     quantity: hours(3),
///     limit_micro_synor: MicroSynor::new(12_000),
///     // …
/// #   market: market.clone(), per: "core-hour".parse()?, placed_at, sequence: 2, valid,
/// };
/// let second = Bid {
///     bid_id: BidId::derived(&["bolt", "1"]),
///     account: "bolt".parse()?,
///     limit_micro_synor: MicroSynor::new(9_000),
///     sequence: 3,
///     ..first.clone()
/// };
/// let clearing = clear(&round, &[ask], &[second, first])?;
/// // Six core-hours are wanted and four are there: the bid that is cut short sets the price.
/// assert_eq!(clearing.price_micro_synor, Some(MicroSynor::new(9_000)));
/// assert_eq!(clearing.traded, hours(4));
/// assert_eq!(clearing.bids[0].held, hours(3)); // acme
/// assert_eq!(clearing.bids[1].held, hours(1)); // bolt
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn clear(round: &Round, asks: &[Ask], bids: &[Bid]) -> Result<Clearing, SpotError> {
    let asks = sorted_asks(round, asks)?;
    let bids = sorted_bids(round, bids)?;
    let mut supply: Vec<_> = asks.iter().map(|ask| AskOutcome::unsold(ask)).collect();
    let mut demand: Vec<_> = bids.iter().map(|bid| BidOutcome::unfilled(bid)).collect();
    let crossing = cross(round.reserve(), &mut supply, &mut demand)?;
    let fills = pair(&supply, &demand, BTreeMap::new())?;
    Ok(Clearing {
        market: round.market().clone(),
        per: round.per().clone(),
        interval: round.interval(),
        price_micro_synor: crossing.price,
        traded: crossing.traded,
        fills,
        asks: supply,
        bids: demand,
    })
}

struct Crossing {
    price: Option<MicroSynor>,
    traded: Quantity,
}

/// Fills both sides from the front for as long as the bid is at least the lifted ask.
fn cross(
    reserve: MicroSynor,
    supply: &mut [AskOutcome],
    demand: &mut [BidOutcome],
) -> Result<Crossing, MoneyError> {
    let mut traded = Quantity::ZERO;
    let mut last_ask = None;
    let (mut asks, mut bids) = (supply.iter_mut(), demand.iter_mut());
    let (mut next_ask, mut next_bid) = (asks.next(), bids.next());
    while let (Some(ask), Some(bid)) = (&mut next_ask, &mut next_bid) {
        let lifted = ask.price_micro_synor.max(reserve);
        if bid.limit_micro_synor < lifted {
            break;
        }
        let quantity = ask.left()?.min(bid.left()?);
        ask.sold = ask.sold.checked_add(quantity)?;
        bid.held = bid.held.checked_add(quantity)?;
        traded = traded.checked_add(quantity)?;
        last_ask = Some(lifted);
        let (sold_out, served) = (ask.left()?.is_zero(), bid.left()?.is_zero());
        if sold_out {
            next_ask = asks.next();
        }
        if served {
            next_bid = bids.next();
        }
    }
    // What is left of a bid that was cut short counts as left out, at its own limit.
    let left_out = next_bid.map(|bid| bid.limit_micro_synor);
    let price = last_ask.map(|ask| left_out.map_or(ask, |bid| ask.max(bid)));
    Ok(Crossing { price, traded })
}

fn sorted_asks<'a>(round: &Round, asks: &'a [Ask]) -> Result<Vec<&'a Ask>, SpotError> {
    let mut asks: Vec<_> = asks.iter().filter(|ask| ask.takes_part(round)).collect();
    asks.sort_unstable_by_key(|ask| ask.ask_id);
    for (ask, next) in asks.iter().zip(asks.iter().skip(1)) {
        if ask.ask_id == next.ask_id {
            let order = OrderId::Ask(ask.ask_id);
            return Err(SpotError::Duplicate { order });
        }
    }
    asks.iter().try_for_each(|ask| ask.check(round.per()))?;
    asks.sort_by_key(|ask| (ask.price_micro_synor, ask.placed_at, ask.sequence));
    Ok(asks)
}

fn sorted_bids<'a>(round: &Round, bids: &'a [Bid]) -> Result<Vec<&'a Bid>, SpotError> {
    let mut bids: Vec<_> = bids.iter().filter(|bid| bid.takes_part(round)).collect();
    bids.sort_unstable_by_key(|bid| bid.bid_id);
    for (bid, next) in bids.iter().zip(bids.iter().skip(1)) {
        if bid.bid_id == next.bid_id {
            let order = OrderId::Bid(bid.bid_id);
            return Err(SpotError::Duplicate { order });
        }
    }
    bids.iter().try_for_each(|bid| bid.check(round.per()))?;
    bids.sort_by_key(|bid| (Reverse(bid.limit_micro_synor), bid.placed_at, bid.sequence));
    Ok(bids)
}
