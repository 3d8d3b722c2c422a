//! What the spot commands share: how a market and an order are written.

use clap::Args;
use serde_json::{Value, json};
use synor_economics::metering::ResourceType;
use synor_economics::money::{Exact, MicroSynor, MoneyError};
use synor_economics::period::Timestamp;
use synor_economics::pricing::PriceUnit;
use synor_economics::quantity::Quantity;
use uuid::Uuid;

use crate::output::Field;

/// Which market.
#[derive(Debug, Args)]
pub struct MarketArguments {
    /// What is traded.
    #[arg(long, default_value = "compute.gpu")]
    resource: ResourceType,
    /// The GPU model, such as rtx4090.
    #[arg(long, value_name = "MODEL")]
    gpu: Option<String>,
    /// The region, where the market is of one.
    #[arg(long)]
    region: Option<String>,
}

impl MarketArguments {
    fn dimensions(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let named = [("gpu_model", &self.gpu), ("region", &self.region)];
        named
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_ref()?)))
    }

    /// Whether a market was named at all.
    pub const fn is_named(&self) -> bool {
        self.gpu.is_some() || !matches!(self.resource, ResourceType::ComputeGpu)
    }

    /// As a body says it.
    pub fn body(&self) -> Value {
        let dimensions: serde_json::Map<_, _> = self
            .dimensions()
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .collect();
        json!({"resource": self.resource, "dimensions": dimensions})
    }

    /// As a query says it.
    pub fn query(&self) -> anyhow::Result<String> {
        let mut pairs = vec![("resource", self.resource.to_string())];
        let dimensions = self.dimensions();
        pairs.extend(dimensions.map(|(name, value)| (name, value.clone())));
        let url = reqwest::Url::parse_with_params("http://localhost", pairs)?;
        Ok(url.query().unwrap_or_default().to_owned())
    }
}

/// An order.
#[derive(Debug, Args)]
pub struct OrderArguments {
    #[command(flatten)]
    pub market: MarketArguments,
    /// How much in each interval, in the market's unit: 2 GPU hours an hour are two GPUs.
    quantity: String,
    /// For each of them, in SYNOR: the least that is taken, or the most that is paid.
    #[arg(long, value_name = "SYNOR", value_parser = price)]
    price: MicroSynor,
    /// From when on it stands, such as 2026-01-31T08:00:00Z [default: now].
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    from: Option<Timestamp>,
    /// Until when it stands [default: for a year].
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse)]
    until: Option<Timestamp>,
    /// Names the order, so that repeating the command does not place two.
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

impl OrderArguments {
    /// As a body says it.
    pub fn body(&self) -> Value {
        let mut body = self.market.body();
        body["quantity"] = json!(self.quantity);
        body["price_micro_synor"] = json!(self.price);
        body["valid_from"] = json!(self.from);
        body["valid_until"] = json!(self.until);
        body
    }

    /// The name of the command.
    pub fn key(&self) -> String {
        let fresh = || Uuid::now_v7().to_string();
        self.idempotency_key.clone().unwrap_or_else(fresh)
    }
}

/// A price as people write it: `0.25` or `0.25 SYNOR`, zero among them.
pub fn price(text: &str) -> Result<MicroSynor, MoneyError> {
    let number = text.trim();
    let number = number.strip_suffix("SYNOR").unwrap_or(number).trim();
    let price = MicroSynor::parse_bare(number)?;
    if price.is_negative() {
        return MicroSynor::parse_positive(text);
    }
    Ok(price)
}

/// A quantity in base units as a number of price units.
pub fn units(quantity: Quantity, per: &PriceUnit) -> Field {
    // No resource of the spot market is measured by the month.
    let shown = per
        .count_of(quantity, 30 * 86_400)
        .and_then(|units: Exact| Ok(units.rounded(6)?));
    let shown = shown.unwrap_or_else(|_| quantity.to_string());
    let shown = match shown.split_once('.') {
        Some(_) => shown.trim_end_matches('0').trim_end_matches('.'),
        None => &shown,
    };
    Field::new(shown, quantity)
}
