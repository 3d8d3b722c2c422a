//! The spot lines of a bill: each interval at its own price, one line and one rounding a market.

use std::collections::BTreeMap;

use super::{Holding, Market};
use crate::billing::{LineItem, ServedBy};
use crate::id::ProviderId;
use crate::metering::UsageRow;
use crate::metering::summary::SPOT_DIMENSION;
use crate::money::{Exact, MicroSynor, MoneyError, settle};
use crate::period::Period;
use crate::pricing::{PriceUnit, PricingError, Step};
use crate::quantity::Quantity;

/// What stands in place of a price list's version on lines that the spot market priced.
pub const SPOT_VERSION: &str = "spot";

/// What an account used of what it held, gathered over the intervals of a month in their order.
#[derive(Debug, Default)]
pub struct SpotBill(BTreeMap<Market, OfMarket>);

#[derive(Debug)]
struct OfMarket {
    per: PriceUnit,
    parts: Vec<Part>,
    served: BTreeMap<Option<ProviderId>, Quantity>,
}

#[derive(Debug)]
struct Part {
    interval: Period,
    price: MicroSynor,
    quantity: Quantity,
}

impl SpotBill {
    /// Adds what a holding covered. `Overflow` if a sum does not fit.
    ///
    /// ```
    /// # use std::collections::BTreeMap;
    /// # use synor_economics::metering::{Dimensions, ResourceType, UsageKey, UsageRow};
    /// # use synor_economics::{money::MicroSynor, period::Timestamp, quantity::Quantity};
    /// # use synor_economics::pricing::spot::{Holding, Market, SpotBill, interval_containing};
    /// # let hour = Quantity::new(3_600_000); // core-milliseconds
    /// # let holding = Holding {
    /// #   held: hour,
    /// #   account: "acme".parse()?,
    /// #   market: Market { resource: ResourceType::ComputeCpu, dimensions: Dimensions::new() },
    /// #   per: "core-hour".parse()?,
    /// #   interval: interval_containing(Timestamp::from_secs(0), 3_600)?,
    /// #   price_micro_synor: MicroSynor::new(9_000),
    /// #   providers: BTreeMap::new(),
    /// # };
    /// # let key = UsageKey::new(ResourceType::ComputeCpu, &Dimensions::new(), None);
    /// let half = UsageRow { key, quantity: Quantity::new(1_800_000) }; // core-milliseconds
    /// let mut bill = SpotBill::default();
    /// bill.add(&holding, &[half.clone()])?;
    /// bill.add(&holding, &[half])?; // the same interval: one step
    /// let lines = bill.into_lines(31 * 86_400)?;
    /// assert_eq!(lines[0].steps.len(), 1);
    /// assert_eq!(lines[0].amount_micro_synor.micro(), 9_000); // a core-hour
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn add(&mut self, holding: &Holding, taken: &[UsageRow]) -> Result<(), MoneyError> {
        if taken.is_empty() {
            return Ok(());
        }
        let market = self
            .0
            .entry(holding.market.clone())
            .or_insert_with(|| OfMarket {
                per: holding.per.clone(),
                parts: Vec::new(),
                served: BTreeMap::new(),
            });
        for row in taken {
            let served = market.served.entry(row.key.provider.clone()).or_default();
            *served = served.checked_add(row.quantity)?;
            match market.parts.last_mut() {
                Some(part) if part.interval == holding.interval => {
                    part.quantity = part.quantity.checked_add(row.quantity)?;
                }
                _ => market.parts.push(Part {
                    interval: holding.interval,
                    price: holding.price_micro_synor,
                    quantity: row.quantity,
                }),
            }
        }
        Ok(())
    }

    /// One line for each market, in their order, in a month of `month_secs` seconds: a step for
    /// each interval, named by its start, and one rounding of their sum to whole µSYNOR. Its
    /// version is [`SPOT_VERSION`]. Fails with `Overflow`, or if the market's unit cannot be applied.
    ///
    /// ```
    /// # use std::collections::BTreeMap;
    /// # use synor_economics::metering::{Dimensions, ResourceType, UsageKey, UsageRow};
    /// # use synor_economics::{money::MicroSynor, period::Timestamp, quantity::Quantity};
    /// # use synor_economics::pricing::spot::{Holding, Market, SpotBill, interval_containing};
    /// # let hour = Quantity::new(3_600_000); // core-milliseconds
    /// # let holding = Holding {
    /// #   held: hour,
    /// #   account: "acme".parse()?,
    /// #   market: Market { resource: ResourceType::ComputeCpu, dimensions: Dimensions::new() },
    /// #   per: "core-hour".parse()?,
    /// #   interval: interval_containing(Timestamp::from_secs(0), 3_600)?,
    /// #   price_micro_synor: MicroSynor::new(9_000),
    /// #   providers: BTreeMap::new(),
    /// # };
    /// # let key = UsageKey::new(ResourceType::ComputeCpu, &Dimensions::new(), None);
    /// let mut bill = SpotBill::default();
    /// bill.add(&holding, &[UsageRow { key, quantity: hour }])?;
    /// let lines = bill.into_lines(31 * 86_400)?; // seconds of the month
    /// assert_eq!(lines[0].description, "Spot CPU");
    /// assert_eq!(lines[0].steps[0].label, "1970-01-01T00:00:00Z");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn into_lines(self, month_secs: i64) -> Result<Vec<LineItem>, PricingError> {
        let lines = self.0.into_iter();
        lines
            .map(|(market, used)| line(market, used, month_secs))
            .collect()
    }
}

fn line(market: Market, used: OfMarket, month_secs: i64) -> Result<LineItem, PricingError> {
    let mut total = Quantity::ZERO;
    let mut exact = Exact::ZERO;
    let mut steps = Vec::with_capacity(used.parts.len());
    for part in &used.parts {
        let units = used.per.count_of(part.quantity, month_secs)?;
        let amount = Exact::from_integer(i128::from(part.price.micro()));
        let cost = units.checked_mul(amount)?;
        total = total.checked_add(part.quantity)?;
        exact = exact.checked_add(cost)?;
        steps.push(Step {
            label: part.interval.start().to_string(),
            units,
            amount,
            cost,
        });
    }
    let spec = market.resource.spec();
    let model = market.dimensions.get("gpu_model");
    let model = model.map_or_else(String::new, |model| format!(" {model}"));
    let mut dimensions = market.dimensions;
    dimensions.insert(SPOT_DIMENSION.to_owned(), "true".to_owned());
    let served = used.served.into_iter().filter(|(_, q)| !q.is_zero());
    let line = LineItem {
        service: market.resource.service(),
        resource: market.resource,
        dimensions,
        description: format!("Spot {}{model}", spec.title),
        quantity: total,
        unit: spec.base_unit.into(),
        unit_price_micro_synor: None,
        priced_quantity: used.per.count_of(total, month_secs)?.rounded(6)?,
        price_unit: used.per,
        exact_micro_synor: exact,
        steps,
        price_list_version: SPOT_VERSION.to_owned(),
        adjusts: None,
        amount_micro_synor: MicroSynor::ZERO,
        credit_micro_synor: MicroSynor::ZERO,
        served_by: served
            .map(|(provider, quantity)| ServedBy { provider, quantity })
            .collect(),
    };
    Ok(line.with_net(settle(exact)?)?)
}
