//! Whose work stops when an interval ends.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{Clearing, SpotError};
use crate::id::{AccountId, BidId};
use crate::period::Timestamp;
use crate::quantity::Quantity;

/// Capacity that a bid held and that went to others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interruption {
    /// The bid.
    pub bid: BidId,
    /// Whose work is stopped.
    pub account: AccountId,
    /// When: the end of the last interval that is charged for what is lost.
    pub at: Timestamp,
    /// How much is lost, in base units per interval, above zero.
    pub lost: Quantity,
    /// How much the bid keeps, in base units per interval.
    pub kept: Quantity,
}

/// Which bids held capacity in one interval and still want it but hold less in the next, the first
/// in the earlier interval first. A bid that expired or was withdrawn is not displaced: it ends by its
/// own wish, and like any other its capacity ends with the interval.
///
/// `NotConsecutive` unless the clearings are of one market and of adjacent intervals of one length.
///
/// ```
/// # use synor_economics::{id::BidId, metering::{Dimensions, ResourceType}, quantity::Quantity};
/// # use synor_economics::{money::MicroSynor, period::Timestamp};
/// # use synor_economics::pricing::spot::{BidOutcome, Clearing, Market, displaced, interval_containing};
/// # let clearing = |start, held: i128| Clearing {
/// #     market: Market { resource: ResourceType::ComputeCpu, dimensions: Dimensions::new() },
/// #     per: "core-hour".parse().unwrap(),
/// #     interval: interval_containing(Timestamp::from_secs(start), 3_600).unwrap(),
/// #     price_micro_synor: None,
/// #     traded: Quantity::new(held * 3_600_000),
/// #     fills: vec![],
/// #     asks: vec![],
/// #     bids: vec![BidOutcome {
/// #         bid: BidId::derived(&["acme", "1"]),
/// #         account: "acme".parse().unwrap(),
/// #         limit_micro_synor: MicroSynor::new(9_000),
/// #         wanted: Quantity::new(4 * 3_600_000),
/// #         held: Quantity::new(held * 3_600_000),
/// #     }],
/// # };
/// // acme held four cores in the first hour and holds one in the second.
/// let (previous, current) = (clearing(0, 4), clearing(3_600, 1));
/// let interruptions = displaced(&previous, &current)?;
/// assert_eq!(interruptions[0].at, previous.interval.end());
/// assert_eq!(interruptions[0].lost, Quantity::new(3 * 3_600_000)); // core-milliseconds
/// assert!(displaced(&current, &previous).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn displaced(previous: &Clearing, current: &Clearing) -> Result<Vec<Interruption>, SpotError> {
    consecutive(previous, current)?;
    let now: HashMap<_, _> = current.bids.iter().map(|b| (b.bid, b.held)).collect();
    let mut interruptions = Vec::new();
    for before in &previous.bids {
        let Some(&kept) = now.get(&before.bid) else {
            continue;
        };
        if kept < before.held {
            interruptions.push(Interruption {
                bid: before.bid,
                account: before.account.clone(),
                at: previous.interval.end(),
                lost: before.held.checked_sub(kept)?,
                kept,
            });
        }
    }
    Ok(interruptions)
}

/// Refuses clearings that are not of one market and of adjacent intervals of one length.
pub(super) fn consecutive(previous: &Clearing, current: &Clearing) -> Result<(), SpotError> {
    let adjacent = previous.interval.end() == current.interval.start()
        && previous.interval.secs() == current.interval.secs();
    if adjacent && previous.market == current.market {
        return Ok(());
    }
    Err(SpotError::NotConsecutive {
        previous: previous.market.clone(),
        end: previous.interval.end(),
        market: current.market.clone(),
        start: current.interval.start(),
    })
}
