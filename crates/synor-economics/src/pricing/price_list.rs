//! The price list: a TOML document that an operator writes, read with the line of every mistake.

use std::collections::BTreeMap;

use serde::Deserialize;
use thiserror::Error;
use toml::Spanned;

use super::model::{Charge, Cost};
use super::price_unit::PriceUnit;
use super::rate::PricingError;
use super::raw_price::RawPrice;
use crate::id::AccountId;
use crate::metering::{Dimensions, ResourceType};
use crate::money::{Exact, MicroSynor};
use crate::period::Timestamp;
use crate::quantity::Quantity;

/// The price list that is built in.
const DEFAULT: &str = include_str!("../../price_lists/default.toml");

/// What a list says instead of a rate, where the rate is the period's.
const ORACLE: &str = "oracle";

/// A mistake in a price list: where, and what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {reason}")]
pub struct PriceListError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong and what would be right.
    pub reason: String,
}

/// The price of one resource, perhaps only for some values of its dimensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    /// What is priced.
    pub resource: ResourceType,
    /// The account that this price is for; all if absent. An account's own price wins.
    pub account: Option<AccountId>,
    /// The values that usage must carry for this price; the price with most of them wins.
    pub dimensions: Dimensions,
    /// What the amounts are for.
    pub per: PriceUnit,
    /// How the cost follows the quantity, in these units.
    pub charge: Charge,
}

impl Price {
    /// The cost of a quantity in base units, in a month of `month_secs` seconds; `share` is the part
    /// of the month that this price holds for.
    pub fn cost(
        &self,
        quantity: Quantity,
        month_secs: i64,
        share: Exact,
    ) -> Result<Cost, PricingError> {
        Ok(self
            .charge
            .cost(self.per.count_of(quantity, month_secs)?, share)?)
    }
}

/// A version of the prices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceList {
    /// The version's name, which every invoice line records.
    pub version: String,
    /// From when on it applies.
    pub effective_from: Timestamp,
    prices: Vec<Price>,
    /// The places of everyone's prices.
    everyones: BTreeMap<ResourceType, Vec<usize>>,
    /// The places of the prices that accounts have of their own.
    own: BTreeMap<AccountId, Vec<usize>>,
    volume_discounts: Vec<VolumeDiscount>,
    usd_per_synor: Option<Exact>,
    needs_rate: bool,
    text: String,
}

/// From an amount spent in a month on, so many per cent are taken off all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeDiscount {
    /// From how much on.
    pub from: MicroSynor,
    /// Per cent.
    pub percent: Exact,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: Spanned<String>,
    effective_from: Spanned<String>,
    #[serde(default)]
    usd_per_synor: Option<Spanned<String>>,
    price: Vec<Spanned<RawPrice>>,
    #[serde(default)]
    volume_discount: Vec<RawVolumeDiscount>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawVolumeDiscount {
    from: Spanned<String>,
    percent: Spanned<String>,
}

impl PriceList {
    /// The built-in price list.
    ///
    /// ```
    /// use synor_economics::metering::{Dimensions, ResourceType};
    /// use synor_economics::pricing::PriceList;
    /// let list = PriceList::built_in()?;
    /// let cpu = list.price_of(ResourceType::ComputeCpu, &Dimensions::new()).unwrap();
    /// assert_eq!(cpu.charge.unit_price().unwrap().to_integer(), Some(20_000)); // µSYNOR per core-hour
    /// # Ok::<(), synor_economics::pricing::PriceListError>(())
    /// ```
    pub fn built_in() -> Result<Self, PriceListError> {
        Self::parse(DEFAULT)
    }

    /// Reads a price list as it is written.
    pub fn parse(text: &str) -> Result<Self, PriceListError> {
        Self::read(text, None)
    }

    /// The same list with its prices in USD at a rate of USD for one SYNOR, if it awaits one; the
    /// list as it is if not.
    ///
    /// ```
    /// use synor_economics::money::Exact;
    /// use synor_economics::pricing::PriceList;
    /// let text = r#"
    /// version = "usd"
    /// effective_from = "2026-01-01T00:00:00Z"
    /// usd_per_synor = "oracle"
    /// [[price]]
    /// resource = "compute.cpu"
    /// per = "core-hour"
    /// amount = "0.02 USD"
    /// "#;
    /// let list = PriceList::parse(text)?;
    /// assert!(list.needs_rate());
    /// let priced = list.at_rate(Exact::new(1, 4).unwrap())?; // USD for one SYNOR
    /// let price = priced.prices()[0].charge.unit_price().unwrap();
    /// assert_eq!(price.to_integer(), Some(80_000)); // µSYNOR per core-hour
    /// # Ok::<(), synor_economics::pricing::PriceListError>(())
    /// ```
    pub fn at_rate(&self, usd_per_synor: Exact) -> Result<Self, PriceListError> {
        if self.needs_rate {
            Self::read(&self.text, Some(usd_per_synor))
        } else {
            Ok(self.clone())
        }
    }

    fn read(text: &str, oracle_rate: Option<Exact>) -> Result<Self, PriceListError> {
        let at = |offset: usize, reason: String| PriceListError {
            line: text
                .get(..offset)
                .map_or(1, |t| t.matches('\n').count().saturating_add(1)),
            reason,
        };
        let document: Document = toml::from_str(text).map_err(|e| {
            let reason = e.message().lines().collect::<Vec<_>>().join("; ");
            at(e.span().map_or(0, |span| span.start), reason)
        })?;
        let version = document.version.get_ref();
        if version.is_empty() || version.len() > 64 || version.chars().any(char::is_control) {
            let reason = "version must be 1 to 64 characters".to_owned();
            return Err(at(document.version.span().start, reason));
        }
        let effective_from = Timestamp::parse(document.effective_from.get_ref())
            .map_err(|e| at(document.effective_from.span().start, e.to_string()))?;
        let mut needs_rate = false;
        let usd_per_synor = match &document.usd_per_synor {
            None => None,
            Some(text) if text.get_ref() == ORACLE => {
                needs_rate = oracle_rate.is_none();
                // Until there is a rate, amounts are in µUSD, and nothing is priced by them.
                Some(oracle_rate.unwrap_or(Exact::from_integer(1)))
            }
            Some(text) => {
                let rate = Exact::parse_decimal(text.get_ref())
                    .ok()
                    .filter(Exact::is_positive);
                let wrong = || {
                    let reason = format!(
                        "`{}` is neither a rate above zero nor `oracle`",
                        text.get_ref()
                    );
                    at(text.span().start, reason)
                };
                Some(rate.ok_or_else(wrong)?)
            }
        };
        let mut prices: Vec<Price> = Vec::with_capacity(document.price.len());
        for raw in &document.price {
            let price = raw.get_ref().read(usd_per_synor, &at)?;
            let key = |p: &Price| (p.resource, p.dimensions.clone(), p.account.clone());
            let same = |p: &Price| key(p) == key(&price);
            if prices.iter().any(same) {
                let reason = format!("{} is priced twice", describe(&price));
                return Err(at(raw.span().start, reason));
            }
            prices.push(price);
        }
        let volume_discounts = read_volume_discounts(&document.volume_discount, &at)?;
        let mut everyones: BTreeMap<_, Vec<_>> = BTreeMap::new();
        let mut own: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (place, price) in prices.iter().enumerate() {
            match &price.account {
                None => everyones.entry(price.resource).or_default().push(place),
                Some(account) => own.entry(account.clone()).or_default().push(place),
            }
        }
        Ok(Self {
            everyones,
            own,
            volume_discounts,
            usd_per_synor,
            needs_rate,
            version: version.clone(),
            effective_from,
            prices,
            text: text.to_owned(),
        })
    }

    /// The document as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// All prices, in the order of the document.
    pub fn prices(&self) -> &[Price] {
        &self.prices
    }

    /// The price of usage for everyone: of those whose dimensions the usage carries, the one with
    /// most of them.
    pub fn price_of(&self, resource: ResourceType, dimensions: &Dimensions) -> Option<&Price> {
        self.price_for(None, resource, dimensions)
    }

    /// The price of usage for an account: its own if it has one, else everyone's; of those whose
    /// dimensions the usage carries, the one with most of them.
    pub fn price_for(
        &self,
        account: Option<&AccountId>,
        resource: ResourceType,
        dimensions: &Dimensions,
    ) -> Option<&Price> {
        let carried = |p: &&Price| {
            p.dimensions
                .iter()
                .all(|(k, v)| dimensions.get(k) == Some(v))
        };
        let best = |places: &Vec<usize>| {
            let prices = places.iter().filter_map(|at| self.prices.get(*at));
            prices
                .filter(|p| p.resource == resource)
                .filter(carried)
                .max_by_key(|p| p.dimensions.len())
        };
        let own = account.and_then(|account| self.own.get(account));
        own.and_then(best)
            .or_else(|| self.everyones.get(&resource).and_then(best))
    }

    /// What is taken off by how much is spent in a month, in ascending order.
    pub fn volume_discounts(&self) -> &[VolumeDiscount] {
        &self.volume_discounts
    }

    /// What a SYNOR is worth in USD by this list, if prices are in USD.
    pub const fn usd_per_synor(&self) -> Option<Exact> {
        if self.needs_rate {
            None
        } else {
            self.usd_per_synor
        }
    }

    /// Whether its prices in USD await the rate of the period that they are used for: it says
    /// `usd_per_synor = "oracle"`. Until [`Self::at_rate`] gives one, it prices nothing.
    pub const fn needs_rate(&self) -> bool {
        self.needs_rate
    }
}

fn describe(price: &Price) -> String {
    let dimensions: Vec<_> = price
        .dimensions
        .iter()
        .map(|(k, v)| format!("{k} {v}"))
        .chain(price.account.iter().map(|account| format!("for {account}")))
        .collect();
    format!("{} {}", price.resource, dimensions.join(" "))
        .trim_end()
        .to_owned()
}

fn read_volume_discounts(
    raw: &[RawVolumeDiscount],
    at: &impl Fn(usize, String) -> PriceListError,
) -> Result<Vec<VolumeDiscount>, PriceListError> {
    let mut discounts: Vec<VolumeDiscount> = Vec::with_capacity(raw.len());
    for discount in raw {
        let place = discount.from.span().start;
        let from = MicroSynor::parse_positive(discount.from.get_ref())
            .map_err(|e| at(place, e.to_string()))?;
        if let Some(before) = discounts.last().filter(|before| before.from >= from) {
            let reason = format!(
                "volume discounts must ascend: {from} follows {}",
                before.from
            );
            return Err(at(place, reason));
        }
        let place = discount.percent.span().start;
        let percent = Exact::parse_decimal(discount.percent.get_ref())
            .map_err(|e| at(place, e.to_string()))?;
        if !percent.is_positive() || percent > Exact::from_integer(100) {
            let reason = format!(
                "`{}` is not above 0 and at most 100",
                discount.percent.get_ref()
            );
            return Err(at(place, reason));
        }
        discounts.push(VolumeDiscount { from, percent });
    }
    Ok(discounts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn check(text: &str, expected: Expect) {
        let shown = match PriceList::parse(text) {
            Ok(list) => format!("{} prices", list.prices().len()),
            Err(error) => error.to_string(),
        };
        expected.assert_eq(&shown);
    }

    const HEAD: &str = "version = \"v1\"\neffective_from = \"2026-01-01T00:00:00Z\"\n";

    fn price(resource: &str, per: &str, amount: &str) -> String {
        format!("[[price]]\nresource = \"{resource}\"\nper = \"{per}\"\namount = \"{amount}\"\n")
    }

    #[test]
    fn every_resource_has_a_default_price() {
        let list = PriceList::built_in().unwrap();
        for spec in ResourceType::all() {
            let gpu = Dimensions::from([("gpu_model".to_owned(), "rtx4090".to_owned())]);
            assert!(
                list.price_of(spec.resource, &gpu).is_some(),
                "{}",
                spec.resource
            );
        }
    }

    #[test]
    fn a_mistake_is_reported_with_its_line() {
        let one = price("compute.cpu", "core-hour", "0.02 SYNOR");
        check(&format!("{HEAD}{one}"), expect!["1 prices"]);
        check(
            &format!("{HEAD}{one}{one}"),
            expect!["line 7: compute.cpu is priced twice"],
        );
        check(
            &format!("{HEAD}{}", price("compute.tpu", "core-hour", "1 SYNOR")),
            expect![
                "line 4: `tpu` is not a resource of compute; it has cpu, gpu, memory, invocations"
            ],
        );
        check(
            &format!("{HEAD}{}", price("compute.cpu", "GB", "1 SYNOR")),
            expect![
                "line 5: compute.cpu is billed in core-milliseconds, which `GB` is no multiple of; try `per = \"core-hours\"`"
            ],
        );
        check(
            &format!("{HEAD}{}", price("compute.cpu", "core-hour", "1 EUR")),
            expect!["line 6: `1 EUR` is not a price; write it as `0.02 SYNOR` or `0.02 USD`"],
        );
        check(
            &format!("{HEAD}{}", price("compute.cpu", "core-hour", "-1 SYNOR")),
            expect!["line 6: `-1 SYNOR` is below zero"],
        );
        check(
            "version = \"v1\"\n[[price]]\n",
            expect!["line 2: missing field `resource`"],
        );
        check(
            "version = v1",
            expect!["line 1: string values must be quoted, expected literal string"],
        );
    }
}
