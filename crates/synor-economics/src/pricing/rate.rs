//! Rating: usage in, priced lines out. Everything stays an exact rational until the line's one
//! rounding.

use std::collections::BTreeMap;

use thiserror::Error;

use super::price_list::{Price, PriceList};
use crate::billing::LineItem;
use crate::id::ProviderId;
use crate::metering::{Dimensions, ResourceType, UnitError, UsageRow};
use crate::money::MoneyError;
use crate::quantity::Quantity;

/// Why usage could not be priced.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PricingError {
    /// The price list does not know it.
    #[error("price list {version} has no price for {resource}{}", of(dimensions))]
    NoPrice {
        /// The list that was asked.
        version: String,
        /// What was used.
        resource: ResourceType,
        /// With which dimensions.
        dimensions: Dimensions,
    },
    /// The unit of the price cannot be applied.
    #[error(transparent)]
    Unit(#[from] UnitError),
    /// The amount does not fit.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

fn of(dimensions: &Dimensions) -> String {
    let words: Vec<_> = dimensions.iter().map(|(k, v)| format!("{k} {v}")).collect();
    if words.is_empty() {
        String::new()
    } else {
        format!(" ({})", words.join(", "))
    }
}

/// Rates the rows of a calendar month of `month_secs` seconds: one line for each price that
/// applies, in the order of resources, with who served how much of it.
pub fn rate_usage(
    list: &PriceList,
    rows: &[UsageRow],
    month_secs: i64,
) -> Result<Vec<LineItem>, PricingError> {
    let mut groups: BTreeMap<(ResourceType, &Dimensions), Group<'_>> = BTreeMap::new();
    for UsageRow { key, quantity } in rows {
        let price = list
            .price_of(key.resource, &key.dimensions)
            .ok_or_else(|| PricingError::NoPrice {
                version: list.version.clone(),
                resource: key.resource,
                dimensions: key.dimensions.clone(),
            })?;
        groups
            .entry((key.resource, &price.dimensions))
            .or_insert_with(|| Group {
                price,
                total: Quantity::ZERO,
                served: BTreeMap::new(),
            })
            .add(key.provider.as_ref(), *quantity)?;
    }
    groups
        .into_values()
        .map(|group| {
            LineItem::rated(
                &list.version,
                group.price,
                group.total,
                month_secs,
                group.served,
            )
        })
        .collect()
}

struct Group<'a> {
    price: &'a Price,
    total: Quantity,
    served: BTreeMap<Option<ProviderId>, Quantity>,
}

impl Group<'_> {
    fn add(&mut self, provider: Option<&ProviderId>, quantity: Quantity) -> Result<(), MoneyError> {
        self.total = self.total.checked_add(quantity)?;
        let served = self.served.entry(provider.cloned()).or_default();
        *served = served.checked_add(quantity)?;
        Ok(())
    }
}
