//! What an account holds in an interval, and the usage that it covers.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use super::{Clearing, Market};
use crate::id::{AccountId, ProviderId};
use crate::metering::UsageRow;
use crate::metering::summary::is_spot;
use crate::money::{MicroSynor, MoneyError};
use crate::period::Period;
use crate::pricing::PriceUnit;
use crate::quantity::Quantity;

/// What all of an account's bids hold in one interval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// Who pays.
    pub account: AccountId,
    /// What is held.
    #[serde(flatten)]
    pub market: Market,
    /// What the price is for.
    pub per: PriceUnit,
    /// When it is used.
    pub interval: Period,
    /// The clearing price in µSYNOR per price unit.
    pub price_micro_synor: MicroSynor,
    /// How much, in base units.
    pub held: Quantity,
    /// How much of it at whom, in base units.
    pub providers: BTreeMap<ProviderId, Quantity>,
}

impl Clearing {
    /// What each account holds by this clearing, in order of their ids; accounts that hold nothing
    /// are left out. `Overflow` if a sum does not fit.
    ///
    /// ```
    /// # use synor_economics::{id::{AskId, BidId}, metering::{Dimensions, ResourceType}};
    /// # use synor_economics::{money::MicroSynor, period::{Period, Timestamp}, quantity::Quantity};
    /// # use synor_economics::pricing::spot::{Ask, Bid, Market, Round, clear};
    /// # let at = Timestamp::from_secs;
    /// # let market = Market { resource: ResourceType::ComputeCpu, dimensions: Dimensions::new() };
    /// # let per: synor_economics::pricing::PriceUnit = "core-hour".parse()?;
    /// # let hour = Period::new(at(0), at(3_600))?;
    /// # let (placed_at, sequence, valid) = (at(-1), 1, hour);
    /// # let quantity = Quantity::new(3_600_000); // core-milliseconds
    /// # let ask = Ask {
    /// #     ask_id: AskId::derived(&["a"]), provider: "node-1".parse()?, market: market.clone(),
    /// #     quantity, price_micro_synor: MicroSynor::new(8_000), per: per.clone(), placed_at, sequence, valid,
    /// # };
    /// # let bid = Bid {
    /// #     bid_id: BidId::derived(&["b"]), account: "acme".parse()?, market: market.clone(),
    /// #     quantity, limit_micro_synor: MicroSynor::new(9_000), per: per.clone(), placed_at, sequence, valid,
    /// # };
    /// # let round = Round::new(market, per, hour, MicroSynor::ZERO)?;
    /// let clearing = clear(&round, &[ask], &[bid])?; // a core-hour of node-1 for acme
    /// let holdings = clearing.holdings()?;
    /// assert_eq!(holdings[0].account.as_str(), "acme");
    /// assert_eq!(holdings[0].held, Quantity::new(3_600_000)); // core-milliseconds
    /// assert_eq!(holdings[0].providers[&"node-1".parse()?], holdings[0].held);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn holdings(&self) -> Result<Vec<Holding>, MoneyError> {
        let Some(price_micro_synor) = self.price_micro_synor else {
            return Ok(Vec::new());
        };
        let owners: HashMap<_, _> = self.bids.iter().map(|b| (b.bid, &b.account)).collect();
        let sellers: HashMap<_, _> = self.asks.iter().map(|a| (a.ask, &a.provider)).collect();
        let mut holdings: BTreeMap<&AccountId, Holding> = BTreeMap::new();
        for fill in &self.fills {
            let (Some(account), Some(provider)) = (owners.get(&fill.bid), sellers.get(&fill.ask))
            else {
                continue;
            };
            let holding = holdings.entry(account).or_insert_with(|| Holding {
                account: (*account).clone(),
                market: self.market.clone(),
                per: self.per.clone(),
                interval: self.interval,
                price_micro_synor,
                held: Quantity::ZERO,
                providers: BTreeMap::new(),
            });
            holding.held = holding.held.checked_add(fill.quantity)?;
            let part = holding.providers.entry((*provider).clone()).or_default();
            *part = part.checked_add(fill.quantity)?;
        }
        Ok(holdings.into_values().collect())
    }
}

impl Holding {
    /// Takes what the holding covers out of `rows`, the account's usage in a part of the interval,
    /// and returns it; what is held becomes less by as much. Rows that are not marked spot or are
    /// of another market stay as they are.
    ///
    /// If more was used than is held, usage that a provider served is covered first as far as
    /// capacity is held there, then the rest in the order of the rows. `Overflow` if a sum does not
    /// fit.
    ///
    /// ```
    /// # use std::collections::BTreeMap;
    /// # use synor_economics::metering::{Dimensions, ResourceType, UsageKey, UsageRow};
    /// # use synor_economics::{money::MicroSynor, period::Timestamp, quantity::Quantity};
    /// # use synor_economics::pricing::spot::{Holding, Market, interval_containing};
    /// let hours = |n: i128| Quantity::new(n * 3_600_000); // core-milliseconds
    /// let mut holding = Holding {
    ///     held: hours(2),
    ///     // …
    /// #   account: "acme".parse()?,
    /// #   market: Market { resource: ResourceType::ComputeCpu, dimensions: Dimensions::new() },
    /// #   per: "core-hour".parse()?,
    /// #   interval: interval_containing(Timestamp::from_secs(0), 3_600)?,
    /// #   price_micro_synor: MicroSynor::new(9_000),
    /// #   providers: BTreeMap::from([("node-1".parse()?, hours(2))]),
    /// };
    /// let spot = Dimensions::from([("spot".to_owned(), "true".to_owned())]);
    /// let key = UsageKey::new(ResourceType::ComputeCpu, &spot, Some("node-1".parse()?));
    /// let mut rows = [UsageRow { key, quantity: hours(3) }];
    /// let taken = holding.take(&mut rows)?;
    /// assert_eq!(taken[0].quantity, hours(2));
    /// assert_eq!(rows[0].quantity, hours(1)); // used beyond what was held
    /// assert_eq!(holding.held, hours(0));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn take(&mut self, rows: &mut [UsageRow]) -> Result<Vec<UsageRow>, MoneyError> {
        let covers = |row: &UsageRow| {
            let carried = |(name, value)| row.key.dimensions.get(name) == Some(value);
            is_spot(&row.key.dimensions)
                && row.key.resource == self.market.resource
                && self.market.dimensions.iter().all(carried)
        };
        let mut mine: Vec<(&mut UsageRow, Quantity)> = rows
            .iter_mut()
            .filter(|row| covers(row))
            .map(|row| (row, Quantity::ZERO))
            .collect();
        // Corrections first: what they give back can be used again.
        for (row, taken) in &mut mine {
            if row.quantity.is_negative() {
                move_to(taken, row, row.quantity, &mut self.held)?;
            }
        }
        for (row, taken) in &mut mine {
            let provider = row.key.provider.as_ref();
            let Some(part) = provider.and_then(|p| self.providers.get_mut(p)) else {
                continue;
            };
            let most = row.quantity.min(self.held).min(*part);
            if most > Quantity::ZERO {
                *part = part.checked_sub(most)?;
                move_to(taken, row, most, &mut self.held)?;
            }
        }
        for (row, taken) in &mut mine {
            let most = row.quantity.min(self.held);
            if most > Quantity::ZERO {
                move_to(taken, row, most, &mut self.held)?;
            }
        }
        let taken = mine.into_iter().filter(|(_, taken)| !taken.is_zero());
        Ok(taken
            .map(|(row, quantity)| UsageRow {
                key: row.key.clone(),
                quantity,
            })
            .collect())
    }
}

fn move_to(
    taken: &mut Quantity,
    row: &mut UsageRow,
    quantity: Quantity,
    held: &mut Quantity,
) -> Result<(), MoneyError> {
    *taken = taken.checked_add(quantity)?;
    row.quantity = row.quantity.checked_sub(quantity)?;
    *held = held.checked_sub(quantity)?;
    Ok(())
}
