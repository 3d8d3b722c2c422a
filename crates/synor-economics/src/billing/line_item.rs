//! A line of an invoice: how much of what, at which price of which version.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::ProviderId;
use crate::metering::summary::is_spot;
use crate::metering::{BaseUnit, Dimensions, MeteringUnit, ResourceType, ServiceType};
use crate::money::{Exact, MicroSynor, MoneyError, settle};
use crate::period::Month;
use crate::pricing::{Price, PriceUnit, PricingError, Step};
use crate::quantity::Quantity;

/// How much of a line one operator served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServedBy {
    /// Who; absent where the usage did not say.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub provider: Option<ProviderId>,
    /// How much, in the line's unit.
    pub quantity: Quantity,
}

/// One line. Its amount is `quantity × unit price`, exact, rounded once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineItem {
    /// The service.
    pub service: ServiceType,
    /// The resource.
    pub resource: ResourceType,
    /// The dimensions that the price is for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub dimensions: Dimensions,
    /// What people read.
    pub description: String,
    /// How much, in `unit`. Below zero where corrections outweigh usage.
    pub quantity: Quantity,
    /// The base unit of the quantity.
    pub unit: MeteringUnit,
    /// The price in µSYNOR per `price_unit`, exact; absent where it depends on the quantity.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unit_price_micro_synor: Option<Exact>,
    /// What the price is for.
    pub price_unit: PriceUnit,
    /// The quantity in price units, rounded to six decimals for people.
    pub priced_quantity: String,
    /// What the line costs in µSYNOR before its one rounding.
    pub exact_micro_synor: Exact,
    /// How that came to be; the steps sum to it. Empty for adjustments, whose two bills have theirs.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub steps: Vec<Step>,
    /// The version of the price list that priced it.
    pub price_list_version: String,
    /// The month whose bill this line corrects; absent for usage of the invoice's own period.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub adjusts: Option<Month>,
    /// What is charged, not below zero.
    pub amount_micro_synor: MicroSynor,
    /// What a line below zero gives back as credit, not below zero.
    #[serde(skip_serializing_if = "MicroSynor::is_zero_ref", default)]
    pub credit_micro_synor: MicroSynor,
    /// Who served it.
    pub served_by: Vec<ServedBy>,
}

impl LineItem {
    /// The line for a quantity at a price, in a month of `month_secs` seconds of which the price
    /// holds for `share`.
    pub fn rated(
        version: &str,
        price: &Price,
        quantity: Quantity,
        month_secs: i64,
        share: Exact,
        served_by: Vec<ServedBy>,
    ) -> Result<Self, PricingError> {
        let units = price.per.count_of(quantity, month_secs)?;
        let cost = price.charge.cost(units, share)?;
        let net = settle(cost.exact)?;
        let spec = price.resource.spec();
        let title = match price.dimensions.get("gpu_model") {
            Some(model) => format!("{} {model}", spec.title),
            None => spec.title.to_owned(),
        };
        let line = Self {
            service: price.resource.service(),
            resource: price.resource,
            dimensions: price.dimensions.clone(),
            description: title,
            quantity,
            unit: spec.base_unit.into(),
            unit_price_micro_synor: price.charge.unit_price(),
            price_unit: price.per.clone(),
            priced_quantity: units.rounded(6)?,
            exact_micro_synor: cost.exact,
            steps: cost.steps,
            price_list_version: version.to_owned(),
            adjusts: None,
            amount_micro_synor: MicroSynor::ZERO,
            credit_micro_synor: MicroSynor::ZERO,
            served_by,
        };
        Ok(line.with_net(net)?)
    }

    /// What the line comes to: charged, or (below zero) given back.
    pub fn net(&self) -> Result<MicroSynor, MoneyError> {
        self.amount_micro_synor.checked_sub(self.credit_micro_synor)
    }

    pub(crate) fn with_net(mut self, net: MicroSynor) -> Result<Self, MoneyError> {
        (self.amount_micro_synor, self.credit_micro_synor) = if net.is_negative() {
            (MicroSynor::ZERO, net.checked_neg()?)
        } else {
            (net, MicroSynor::ZERO)
        };
        Ok(self)
    }

    /// What tells lines of one period apart: resource, dimensions of the price, price version.
    pub fn key(&self) -> (ResourceType, &Dimensions, &str) {
        (self.resource, &self.dimensions, &self.price_list_version)
    }

    /// The difference between what a month's usage comes to now and what has been billed for it:
    /// one line for each key that changed, by the difference rule. Re-running it after its lines
    /// were billed gives nothing.
    pub fn adjustments(
        month: Month,
        now: Vec<Self>,
        billed: &[&Self],
    ) -> Result<Vec<Self>, MoneyError> {
        let mut open: Vec<&Self> = billed.to_vec();
        let mut lines = Vec::new();
        for line in now {
            let (same, rest): (Vec<_>, Vec<_>) =
                open.into_iter().partition(|b| b.key() == line.key());
            open = rest;
            lines.push(line.minus(&same, month)?);
        }
        while let Some(gone) = open.first().copied() {
            let (same, rest): (Vec<_>, Vec<_>) =
                open.into_iter().partition(|b| b.key() == gone.key());
            open = rest;
            lines.push(gone.emptied().minus(&same, month)?);
        }
        lines.retain(|line| !line.quantity.is_zero() || line.net().is_ok_and(|n| !n.is_zero()));
        Ok(lines)
    }

    fn emptied(&self) -> Self {
        Self {
            quantity: Quantity::ZERO,
            exact_micro_synor: Exact::ZERO,
            amount_micro_synor: MicroSynor::ZERO,
            credit_micro_synor: MicroSynor::ZERO,
            served_by: Vec::new(),
            ..self.clone()
        }
    }

    fn minus(self, billed: &[&Self], month: Month) -> Result<Self, MoneyError> {
        let mut net = self.net()?;
        let mut quantity = self.quantity;
        let mut served: BTreeMap<_, _> = self
            .served_by
            .iter()
            .map(|s| (s.provider.clone(), s.quantity))
            .collect();
        for line in billed {
            net = net.checked_sub(line.net()?)?;
            quantity = quantity.checked_sub(line.quantity)?;
            for part in &line.served_by {
                let sum = served
                    .entry(part.provider.clone())
                    .or_insert(Quantity::ZERO);
                *sum = sum.checked_sub(part.quantity)?;
            }
        }
        let served_by = served
            .into_iter()
            .filter(|(_, quantity)| !quantity.is_zero())
            .map(|(provider, quantity)| ServedBy { provider, quantity })
            .collect();
        let title = self.resource.spec().title;
        let spot = if is_spot(&self.dimensions) {
            "Spot "
        } else {
            ""
        };
        let line = Self {
            quantity,
            served_by,
            adjusts: Some(month),
            exact_micro_synor: Exact::from_integer(i128::from(net.micro())),
            steps: Vec::new(),
            description: format!("{spot}{title}, late usage of {month}"),
            priced_quantity: difference_text(quantity, self.unit.base()),
            ..self
        };
        line.with_net(net)
    }
}

/// A difference is shown in base units: its month, not the invoice's, says what a month is.
fn difference_text(quantity: Quantity, unit: BaseUnit) -> String {
    format!("{quantity} {unit}")
}
