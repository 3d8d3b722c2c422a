//! Rating: usage in, priced lines out. Everything stays an exact rational until the line's one
//! rounding.

use std::collections::BTreeMap;

use thiserror::Error;

use super::price_list::{Price, PriceList};
use crate::billing::{LineItem, ServedBy};
use crate::id::{AccountId, ProviderId};
use crate::metering::{Dimensions, ResourceType, UnitError, UsageRow};
use crate::money::{Exact, MoneyError};
use crate::period::Period;
use crate::plan::Plan;
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
    /// The prices are in USD, and nobody said what a SYNOR is worth.
    #[error("price list {version} is in USD at the period's rate, and there is none")]
    NoRate {
        /// The list.
        version: String,
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

/// A stretch of a month in which neither prices nor plan change, and what was used in it.
#[derive(Debug, Clone)]
pub struct Segment<'a> {
    /// When.
    pub period: Period,
    /// The prices.
    pub list: &'a PriceList,
    /// The plan.
    pub plan: Plan,
    /// The usage.
    pub rows: Vec<UsageRow>,
}

/// Lines, and what each plan takes of each of them.
#[derive(Debug, Default)]
pub struct Rated {
    /// One line for each price that applies, in the order of time and of resources.
    pub lines: Vec<LineItem>,
    /// By plan: per cent × cost in exact µSYNOR, for each line by its place.
    pub plan_parts: BTreeMap<Plan, Vec<Exact>>,
}

/// Rates the rows of a calendar month of `month_secs` seconds: one line for each price that
/// applies, in the order of resources, with who served how much of it.
pub fn rate_usage(
    list: &PriceList,
    rows: &[UsageRow],
    month_secs: i64,
) -> Result<Vec<LineItem>, PricingError> {
    let mut rated = Rated::default();
    let usage = [(Plan::Free, rows)];
    rate_run(
        list,
        None,
        &usage,
        month_secs,
        Exact::from_integer(1),
        &mut rated,
    )?;
    Ok(rated.lines)
}

/// Rates the adjacent segments of a month of `month_secs` seconds for an account. Segments of one
/// price list run on from each other: a tier that was reached before a change of plan stays
/// reached. A price list that holds for a part of the month has its allowances, bounds, fees and
/// limits in proportion.
pub fn rate_segments(
    account: &AccountId,
    segments: &[Segment<'_>],
    month_secs: i64,
) -> Result<Rated, PricingError> {
    let mut rated = Rated::default();
    for run in segments.chunk_by(|a, b| a.list.version == b.list.version) {
        let Some(first) = run.first() else { continue };
        let secs: i64 = run
            .iter()
            .map(|s| s.period.secs())
            .fold(0, i64::saturating_add);
        let share =
            Exact::new(i128::from(secs), i128::from(month_secs)).ok_or(MoneyError::Overflow)?;
        let usage: Vec<_> = run.iter().map(|s| (s.plan, s.rows.as_slice())).collect();
        rate_run(
            first.list,
            Some(account),
            &usage,
            month_secs,
            share,
            &mut rated,
        )?;
    }
    let count = rated.lines.len();
    for parts in rated.plan_parts.values_mut() {
        parts.resize(count, Exact::ZERO);
    }
    Ok(rated)
}

/// Rates consecutive usage under one price list.
fn rate_run(
    list: &PriceList,
    account: Option<&AccountId>,
    usage: &[(Plan, &[UsageRow])],
    month_secs: i64,
    share: Exact,
    rated: &mut Rated,
) -> Result<(), PricingError> {
    let rows_most = usage.iter().map(|(_, rows)| rows.len()).max();
    let mut groups: Vec<Group<'_>> =
        Vec::with_capacity(rows_most.unwrap_or(0).min(list.prices().len()));
    for (segment, (_, rows)) in usage.iter().enumerate() {
        if list.needs_rate() && !rows.is_empty() {
            let version = list.version.clone();
            return Err(PricingError::NoRate { version });
        }
        for UsageRow { key, quantity } in *rows {
            let price = list
                .price_for(account, key.resource, &key.dimensions)
                .ok_or_else(|| PricingError::NoPrice {
                    version: list.version.clone(),
                    resource: key.resource,
                    dimensions: key.dimensions.clone(),
                })?;
            // Rows come in order, so that the group is mostly the last one.
            let known = groups.iter().rposition(|g| std::ptr::eq(g.price, price));
            let place = known.unwrap_or_else(|| {
                groups.push(Group::new(price, usage.len()));
                groups.len().saturating_sub(1)
            });
            if let Some(group) = groups.get_mut(place) {
                group.add(segment, key.provider.as_ref(), *quantity)?;
            }
        }
    }
    // For an account, each resource with its dimensions has one price.
    groups.sort_by(|a, b| a.key().cmp(&b.key()));
    rated.lines.reserve(groups.len());
    for mut group in groups {
        let served = std::mem::take(&mut group.served);
        let total = group.total()?;
        let line = LineItem::rated(&list.version, group.price, total, month_secs, share, served)?;
        let cost = line.exact_micro_synor;
        group.add_plan_parts(usage, month_secs, share, cost, rated)?;
        rated.lines.push(line);
    }
    Ok(())
}

/// The usage that one price applies to.
struct Group<'a> {
    price: &'a Price,
    by_segment: Vec<Quantity>,
    /// In order of providers.
    served: Vec<ServedBy>,
}

impl<'a> Group<'a> {
    fn new(price: &'a Price, segments: usize) -> Self {
        Self {
            price,
            by_segment: vec![Quantity::ZERO; segments],
            served: Vec::with_capacity(1),
        }
    }

    fn add(
        &mut self,
        segment: usize,
        provider: Option<&ProviderId>,
        quantity: Quantity,
    ) -> Result<(), MoneyError> {
        if let Some(sum) = self.by_segment.get_mut(segment) {
            *sum = sum.checked_add(quantity)?;
        }
        let place = self
            .served
            .binary_search_by(|part| part.provider.as_ref().cmp(&provider));
        match place {
            Ok(at) => {
                if let Some(part) = self.served.get_mut(at) {
                    part.quantity = part.quantity.checked_add(quantity)?;
                }
            }
            Err(at) => {
                let provider = provider.cloned();
                self.served.insert(at, ServedBy { provider, quantity });
            }
        }
        Ok(())
    }

    fn key(&self) -> (ResourceType, &'a Dimensions) {
        (self.price.resource, &self.price.dimensions)
    }

    fn total(&self) -> Result<Quantity, MoneyError> {
        self.by_segment
            .iter()
            .try_fold(Quantity::ZERO, |sum, part| sum.checked_add(*part))
    }

    /// What each segment adds to the line's cost, times what its plan takes off.
    fn add_plan_parts(
        &self,
        usage: &[(Plan, &[UsageRow])],
        month_secs: i64,
        share: Exact,
        line_cost: Exact,
        rated: &mut Rated,
    ) -> Result<(), PricingError> {
        if usage.iter().all(|(plan, _)| *plan == Plan::Free) {
            return Ok(());
        }
        let place = rated.lines.len();
        let (mut so_far, mut cost_so_far) = (Quantity::ZERO, Exact::ZERO);
        for (segment, ((plan, _), quantity)) in usage.iter().zip(&self.by_segment).enumerate() {
            so_far = so_far.checked_add(*quantity)?;
            let cost = if segment.saturating_add(1) == usage.len() {
                line_cost
            } else {
                self.price.cost(so_far, month_secs, share)?.exact
            };
            let added = cost.checked_sub(cost_so_far)?;
            cost_so_far = cost;
            if *plan == Plan::Free {
                continue;
            }
            let off = added
                .checked_mul(plan.discount_percent())?
                .checked_div(Exact::from_integer(100))?;
            let parts = rated.plan_parts.entry(*plan).or_default();
            parts.resize(place.saturating_add(1), Exact::ZERO);
            if let Some(part) = parts.get_mut(place) {
                *part = part.checked_add(off)?;
            }
        }
        Ok(())
    }
}
