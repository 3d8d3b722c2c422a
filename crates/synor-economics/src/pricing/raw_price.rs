//! A price as it is written in a price list: resource, unit, model, tiers, allowance, bounds.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use super::model::{Charge, Model, PackageRounding, Tier};
use super::price_list::{Price, PriceListError};
use super::price_unit::PriceUnit;
use crate::id::AccountId;
use crate::metering::summary::{PRICED_DIMENSIONS, SPOT_DIMENSION};
use crate::metering::{ResourceType, UnitError, UnknownResource};
use crate::money::{Exact, MICRO_PER_SYNOR};

/// A price, unread.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPrice {
    resource: Spanned<String>,
    #[serde(default)]
    account: Option<AccountId>,
    #[serde(default)]
    dimensions: BTreeMap<String, String>,
    per: Spanned<String>,
    #[serde(default)]
    model: Option<Spanned<String>>,
    #[serde(default)]
    amount: Option<Spanned<String>>,
    #[serde(default)]
    tiers: Option<Spanned<Vec<RawTier>>>,
    #[serde(default)]
    round: Option<Spanned<String>>,
    #[serde(default)]
    free: Option<Spanned<Count>>,
    #[serde(default)]
    minimum: Option<Spanned<String>>,
    #[serde(default)]
    maximum: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTier {
    #[serde(default)]
    up_to: Option<Spanned<Count>>,
    #[serde(default)]
    amount: Option<Spanned<String>>,
    #[serde(default)]
    flat: Option<Spanned<String>>,
}

/// A number of price units (`5`, `"2.5"`), or a quantity with its own unit (`"10 GB"`).
#[derive(Deserialize)]
#[serde(untagged)]
enum Count {
    Whole(u64),
    Text(String),
}

/// Makes an error at an offset of the document.
type At<'a> = &'a dyn Fn(usize, String) -> PriceListError;

/// Reads the amounts of a price, in SYNOR or, at a rate, in USD.
#[derive(Clone, Copy)]
struct Amounts<'a> {
    usd_per_synor: Option<Exact>,
    at: At<'a>,
}

impl RawPrice {
    /// The price, with every mistake at its line.
    pub(super) fn read(
        &self,
        usd_per_synor: Option<Exact>,
        at: At<'_>,
    ) -> Result<Price, PriceListError> {
        let place = self.resource.span().start;
        let resource: ResourceType = self
            .resource
            .get_ref()
            .parse()
            .map_err(|e: UnknownResource| at(place, e.to_string()))?;
        let per_place = self.per.span().start;
        let per: PriceUnit = self
            .per
            .get_ref()
            .parse()
            .map_err(|e: UnitError| at(per_place, e.to_string()))?;
        let spec = resource.spec();
        if per.unit().base() != spec.base_unit {
            let reason = format!(
                "{resource} is billed in {}, which `{per}` is no multiple of; try `per = \"{}\"`",
                spec.base_unit, spec.display_unit
            );
            return Err(at(per_place, reason));
        }
        // Spot capacity has the market's price, or else that of the same usage without the mark.
        let listed: Vec<_> = PRICED_DIMENSIONS
            .into_iter()
            .filter(|name| *name != SPOT_DIMENSION)
            .collect();
        let is_priced = |key: &String| listed.contains(&key.as_str());
        if let Some(other) = self.dimensions.keys().find(|key| !is_priced(key)) {
            let known = listed.join(", ");
            let reason = format!("prices cannot depend on `{other}`; they can on {known}");
            return Err(at(place, reason));
        }
        let charge = self.read_charge(&per, per_place, Amounts { usd_per_synor, at })?;
        Ok(Price {
            account: self.account.clone(),
            resource,
            dimensions: self.dimensions.clone(),
            per,
            charge,
        })
    }

    fn read_charge(
        &self,
        per: &PriceUnit,
        start: usize,
        amounts: Amounts<'_>,
    ) -> Result<Charge, PriceListError> {
        let at = amounts.at;
        let model = self.read_model(per, start, amounts)?;
        let free = match &self.free {
            None => Exact::ZERO,
            Some(free) => read_count(free.get_ref(), per).map_err(|e| at(free.span().start, e))?,
        };
        let bound = |bound: &Option<Spanned<String>>| -> Result<Option<Exact>, PriceListError> {
            bound.as_ref().map(|text| amounts.read(text)).transpose()
        };
        let (minimum, maximum) = (bound(&self.minimum)?, bound(&self.maximum)?);
        if let (Some(least), Some(most), Some(text)) = (minimum, maximum, &self.maximum)
            && most < least
        {
            return Err(at(
                text.span().start,
                "the maximum is below the minimum".to_owned(),
            ));
        }
        Ok(Charge {
            model,
            free,
            minimum,
            maximum,
        })
    }

    fn read_model(
        &self,
        per: &PriceUnit,
        start: usize,
        amounts: Amounts<'_>,
    ) -> Result<Model, PriceListError> {
        let at = amounts.at;
        let name = self.model.as_ref().map_or("per_unit", |m| m.get_ref());
        let place = self.model.as_ref().map_or(start, |m| m.span().start);
        let amount = || match &self.amount {
            Some(text) => amounts.read(text),
            None => Err(at(
                place,
                format!("{name} needs an amount, such as `0.02 SYNOR`"),
            )),
        };
        let tiers = || match &self.tiers {
            Some(tiers) => read_tiers(tiers.get_ref(), tiers.span(), per, amounts),
            None => Err(at(place, format!("{name} needs tiers"))),
        };
        let unwanted = |field: &str, span: Option<Range<usize>>| match span {
            Some(span) => Err(at(span.start, format!("{name} takes no {field}"))),
            None => Ok(()),
        };
        let is_tiered = matches!(name, "graduated" | "volume" | "stairstep");
        if is_tiered {
            unwanted(
                "amount; its tiers have theirs",
                self.amount.as_ref().map(Spanned::span),
            )?;
        } else {
            unwanted("tiers", self.tiers.as_ref().map(Spanned::span))?;
        }
        if name != "package" {
            unwanted("round; packages do", self.round.as_ref().map(Spanned::span))?;
        }
        match name {
            "per_unit" => Ok(Model::PerUnit { amount: amount()? }),
            "graduated" => Ok(Model::Graduated { tiers: tiers()? }),
            "volume" => Ok(Model::Volume { tiers: tiers()? }),
            "stairstep" => {
                let tiers = tiers()?;
                if tiers.iter().any(|tier| !tier.amount.is_zero()) {
                    let reason = "a stairstep's tiers have a flat fee and no amount".to_owned();
                    return Err(at(place, reason));
                }
                Ok(Model::Stairstep { tiers })
            }
            "package" => Ok(Model::Package {
                amount: amount()?,
                round: self.read_round(at)?,
            }),
            other => Err(at(
                place,
                format!(
                    "`{other}` is not a model; there are per_unit, graduated, volume, stairstep, \
                     package"
                ),
            )),
        }
    }

    fn read_round(&self, at: At<'_>) -> Result<PackageRounding, PriceListError> {
        match &self.round {
            None => Ok(PackageRounding::Up),
            Some(text) => match text.get_ref().as_str() {
                "up" => Ok(PackageRounding::Up),
                "down" => Ok(PackageRounding::Down),
                other => Err(at(
                    text.span().start,
                    format!("`{other}` is neither up nor down"),
                )),
            },
        }
    }
}

fn read_tiers(
    raw: &[RawTier],
    span: Range<usize>,
    per: &PriceUnit,
    amounts: Amounts<'_>,
) -> Result<Vec<Tier>, PriceListError> {
    let at = amounts.at;
    let mut tiers: Vec<Tier> = Vec::with_capacity(raw.len());
    for (index, tier) in raw.iter().enumerate() {
        let is_last = index.checked_add(1) == Some(raw.len());
        let up_to = match &tier.up_to {
            None if is_last => None,
            None => {
                let reason = "only the last tier goes without up_to".to_owned();
                return Err(at(span.start, reason));
            }
            Some(text) if is_last => {
                let reason = "the last tier must go without up_to, or usage above it has no price";
                return Err(at(text.span().start, reason.to_owned()));
            }
            Some(text) => {
                let place = text.span().start;
                let bound = read_count(text.get_ref(), per).map_err(|e| at(place, e))?;
                let before = tiers.last().and_then(|t| t.up_to).unwrap_or(Exact::ZERO);
                if bound <= before {
                    let reason = format!(
                        "tiers must be in order and not overlap: {bound} does not come after {before}"
                    );
                    return Err(at(place, reason));
                }
                Some(bound)
            }
        };
        let amount = |text: &Option<Spanned<String>>| -> Result<Exact, PriceListError> {
            text.as_ref()
                .map_or(Ok(Exact::ZERO), |text| amounts.read(text))
        };
        tiers.push(Tier {
            up_to,
            amount: amount(&tier.amount)?,
            flat: amount(&tier.flat)?,
        });
    }
    if tiers.is_empty() {
        return Err(at(span.start, "there must be at least one tier".to_owned()));
    }
    Ok(tiers)
}

/// A number of price units.
fn read_count(count: &Count, per: &PriceUnit) -> Result<Exact, String> {
    let text = match count {
        Count::Whole(number) => return Ok(Exact::from_integer(i128::from(*number))),
        Count::Text(text) => text.trim(),
    };
    let Some((number, unit)) = text.split_once(' ') else {
        return positive(text);
    };
    let number = positive(number)?;
    let unit: PriceUnit = unit.parse().map_err(|e: UnitError| e.to_string())?;
    if unit.unit().base() != per.unit().base()
        || unit.unit().is_monthly() != per.unit().is_monthly()
    {
        return Err(format!("`{unit}` cannot be counted in `{per}`"));
    }
    // Both are of a month's length or neither, so that the month cancels out.
    let base = |unit: &PriceUnit| {
        unit.base_units(1)
            .map(|q| q.exact())
            .map_err(|e| e.to_string())
    };
    let ratio = base(&unit)?
        .checked_div(base(per)?)
        .map_err(|e| e.to_string())?;
    number.checked_mul(ratio).map_err(|e| e.to_string())
}

fn positive(text: &str) -> Result<Exact, String> {
    let number = Exact::parse_decimal(text).map_err(|e| e.to_string())?;
    if number.is_negative() {
        Err(format!("`{text}` is below zero"))
    } else {
        Ok(number)
    }
}

impl Amounts<'_> {
    /// `0.02 SYNOR` or `0.02 USD`: any number of decimals, because a price is not yet an amount. In
    /// µSYNOR.
    fn read(self, text: &Spanned<String>) -> Result<Exact, PriceListError> {
        self.exact(text.get_ref())
            .map_err(|e| (self.at)(text.span().start, e))
    }

    fn exact(self, text: &str) -> Result<Exact, String> {
        let not_a_price =
            || format!("`{text}` is not a price; write it as `0.02 SYNOR` or `0.02 USD`");
        let (number, currency) = text.split_once(' ').ok_or_else(not_a_price)?;
        if number.starts_with('-') {
            return Err(format!("`{text}` is below zero"));
        }
        let amount = positive(number)?;
        let synor = match (currency, self.usd_per_synor) {
            ("SYNOR", _) => Ok(amount),
            ("USD", Some(rate)) => amount.checked_div(rate),
            ("USD", None) => {
                return Err(format!(
                    "`{text}` is in USD, so the list must say `usd_per_synor`"
                ));
            }
            _ => return Err(not_a_price()),
        };
        synor
            .and_then(|s| s.checked_mul(Exact::from_integer(i128::from(MICRO_PER_SYNOR))))
            .map_err(|e| e.to_string())
    }
}
