//! What an account used in a period: the rows that an invoice is made of.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::resource::ResourceType;
use crate::id::{AccountId, ProviderId};
use crate::money::MoneyError;
use crate::period::Period;
use crate::quantity::Quantity;

/// The dimension that marks usage of spot capacity; its only value is `true`.
pub const SPOT_DIMENSION: &str = "spot";

/// The dimensions that summaries are kept apart by: what a price may depend on, and whether the
/// usage is of spot capacity, which the market prices.
pub const PRICED_DIMENSIONS: [&str; 3] = ["gpu_model", "region", SPOT_DIMENSION];

/// Whether usage with these dimensions is of spot capacity.
///
/// ```
/// use synor_economics::metering::{Dimensions, summary::is_spot};
/// assert!(is_spot(&Dimensions::from([("spot".to_owned(), "true".to_owned())])));
/// assert!(!is_spot(&Dimensions::new()));
/// ```
pub fn is_spot(dimensions: &Dimensions) -> bool {
    dimensions.contains_key(SPOT_DIMENSION)
}

/// Dimensions and their values.
pub type Dimensions = BTreeMap<String, String>;

/// What tells rows of a summary apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UsageKey {
    /// What was used.
    pub resource: ResourceType,
    /// Those of [`PRICED_DIMENSIONS`] that the usage carried.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub dimensions: Dimensions,
    /// Who served it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub provider: Option<ProviderId>,
}

impl UsageKey {
    /// The key of usage with these dimensions, of which only the priced ones stay.
    pub fn new(
        resource: ResourceType,
        dimensions: &Dimensions,
        provider: Option<ProviderId>,
    ) -> Self {
        let dimensions = PRICED_DIMENSIONS
            .iter()
            .filter_map(|name| dimensions.get_key_value(*name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        Self {
            resource,
            dimensions,
            provider,
        }
    }
}

/// One row: how much of one kind, served by one operator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageRow {
    /// What tells the row apart.
    #[serde(flatten)]
    pub key: UsageKey,
    /// How much, in the resource's base unit.
    pub quantity: Quantity,
}

/// What an account used in a period, in order of resource, dimensions and provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageSummary {
    /// Whose usage.
    pub account: AccountId,
    /// When.
    pub period: Period,
    /// How much of what.
    pub rows: Vec<UsageRow>,
    /// How far the usage log had been read: the summary holds every event up to this position and
    /// none after it.
    pub log_position: u64,
}

/// Adds up quantities by key.
#[derive(Debug, Default)]
pub struct Tally(BTreeMap<UsageKey, Quantity>);

impl Tally {
    /// Adds a quantity under its key.
    pub fn add(&mut self, key: UsageKey, quantity: Quantity) -> Result<(), MoneyError> {
        let sum = self.0.entry(key).or_default();
        *sum = sum.checked_add(quantity)?;
        Ok(())
    }

    /// The rows in order, without those that came to nothing.
    pub fn into_rows(self) -> Vec<UsageRow> {
        self.0
            .into_iter()
            .filter(|(_, quantity)| !quantity.is_zero())
            .map(|(key, quantity)| UsageRow { key, quantity })
            .collect()
    }
}
